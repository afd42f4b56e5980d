"""The Gaussian mixture against torch.distributions, autograd and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from engines.datasets import Density, GaussianMixture
from engines.datasets import gaussian_mixture as module
from engines.errors import DataError, ShapeError
from engines.tensors import make_rng

LOG_2_PI_E = math.log(2 * math.pi * math.e)


def random_parts(seed: int, count: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """Means, full covariances and weights that do not sum to one."""
    rng = make_rng(seed)
    means = 3 * torch.randn(count, 2, generator=rng, dtype=torch.float64)
    root = torch.randn(count, 2, 2, generator=rng, dtype=torch.float64)
    return means, root @ root.mT + 0.05 * torch.eye(2), torch.rand(count, generator=rng, dtype=torch.float64) + 0.1


def peer_of(means: Tensor, covariances: Tensor, weights: Tensor) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(weights), MultivariateNormal(means, covariances))


@pytest.fixture
def x() -> Tensor:
    return 4 * torch.randn(300, 2, generator=make_rng(9), dtype=torch.float64)


@pytest.mark.parametrize("seed", range(5))
def test_log_prob_and_score_are_those_of_torch_distributions(seed: int, x: Tensor) -> None:
    parts = random_parts(seed)
    mixture, peer = GaussianMixture(*parts), peer_of(*parts)
    x = x.requires_grad_()
    expected = peer.log_prob(x)
    (gradient,) = torch.autograd.grad(expected.sum(), x)
    torch.testing.assert_close(mixture.log_prob(x.detach()), expected.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mixture.score(x.detach()), gradient, rtol=1e-8, atol=1e-8)


def test_moments_are_those_of_torch_distributions() -> None:
    parts = random_parts(11)
    mixture, peer = GaussianMixture(*parts), peer_of(*parts)
    torch.testing.assert_close(mixture.mean(), peer.mean)
    torch.testing.assert_close(mixture.covariance().diagonal(), peer.variance)


def test_responsibilities_are_posterior_shares(x: Tensor) -> None:
    means, covariances, weights = random_parts(3)
    share = GaussianMixture(means, covariances, weights).responsibilities(x)
    joint = MultivariateNormal(means, covariances).log_prob(x[:, None]).exp() * weights
    torch.testing.assert_close(share, joint / joint.sum(1, keepdim=True), rtol=1e-8, atol=1e-12)


def test_noised_adds_the_variance_and_widens_the_modes(x: Tensor) -> None:
    means, covariances, weights = random_parts(4)
    noised = GaussianMixture(means, covariances, weights, modes=means, mode_std=0.3).noised(0.4)
    expected = peer_of(means, covariances + 0.16 * torch.eye(2, dtype=torch.float64), weights).log_prob(x)
    torch.testing.assert_close(noised.log_prob(x), expected, rtol=1e-9, atol=1e-9)
    assert noised.mode_std == pytest.approx(0.5)
    assert noised.modes is not None and torch.equal(noised.modes, means)


def test_no_noise_is_the_same_density(x: Tensor) -> None:
    mixture = GaussianMixture(*random_parts(5))
    assert torch.equal(mixture.noised(0).log_prob(x), mixture.log_prob(x))


def test_shorthands_mean_round_components_of_equal_weight(x: Tensor) -> None:
    means, _, _ = random_parts(6)
    full = GaussianMixture(means, 0.25 * torch.eye(2).expand(7, 2, 2), torch.ones(7))
    for short in (GaussianMixture(means, 0.5), GaussianMixture(means, torch.full((7,), 0.5))):
        torch.testing.assert_close(short.log_prob(x), full.log_prob(x))


def test_a_component_of_weight_zero_is_not_there(x: Tensor) -> None:
    means = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    mixture, alone = GaussianMixture(means, 1.0, torch.tensor([1.0, 0.0])), GaussianMixture(means[:1], 1.0)
    torch.testing.assert_close(mixture.log_prob(x), alone.log_prob(x))
    torch.testing.assert_close(mixture.score(x), alone.score(x))


def test_chunks_join_seamlessly(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = GaussianMixture(*random_parts(7))
    whole = mixture.log_prob(x), mixture.score(x), mixture.responsibilities(x)
    monkeypatch.setattr(module, "CHUNK", 7 * 13)
    parts = mixture.log_prob(x), mixture.score(x), mixture.responsibilities(x)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_results_come_in_the_dtype_of_the_input(x: Tensor) -> None:
    mixture = GaussianMixture(*random_parts(8))
    exact = mixture.log_prob(x)
    assert mixture.log_prob(x.float()).dtype == mixture.score(x.float()).dtype == torch.float32
    torch.testing.assert_close(mixture.log_prob(x.float()).double(), exact, rtol=1e-5, atol=1e-5)


def test_narrow_components_far_from_the_origin_keep_their_digits() -> None:
    centre = torch.tensor([[100.0, -100.0]], dtype=torch.float64)
    mixture = GaussianMixture(centre, 0.01)
    peak = -math.log(2 * math.pi * 0.01**2)
    assert float(mixture.log_prob(centre)) == pytest.approx(peak, abs=1e-6)
    assert float(mixture.score(centre).norm()) < 1e-6  # against 100 one deviation away


@pytest.mark.parametrize(("std", "correlation"), [(1.0, 0.0), (0.3, 0.0), (2.0, 0.9)])
def test_entropy_of_one_gaussian_is_the_closed_form(std: float, correlation: float) -> None:
    covariance = std**2 * torch.tensor([[1, correlation], [correlation, 1]], dtype=torch.float64)
    mixture = GaussianMixture(torch.zeros(1, 2), covariance[None])
    expected = LOG_2_PI_E + 2 * math.log(std) + math.log(1 - correlation**2) / 2
    # The surprise of a Gaussian in the plane has standard deviation 1; 4 standard errors: false alarm 6e-5 each.
    assert mixture.entropy_error() == pytest.approx(1 / math.sqrt(module.ENTROPY_POINTS), rel=0.02)
    assert abs(mixture.entropy() - expected) < 4 * mixture.entropy_error()


def test_samples_fall_to_components_by_weight() -> None:
    centres = torch.tensor([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    x = GaussianMixture(centres, 1.0, torch.tensor([5.0, 3.0, 2.0])).sample(10_000, rng=make_rng(0))
    share = torch.cdist(x, centres).argmin(1).bincount(minlength=3) / 10_000
    # 5 standard errors of at most 0.005: false alarm 2e-6.
    torch.testing.assert_close(share, torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.025)


def test_window_is_a_square_around_all_components() -> None:
    mixture = GaussianMixture(torch.tensor([[0.0, 0.0], [10.0, 2.0]]), torch.tensor([0.5, 1.0]))
    x0, x1, y0, y1 = mixture.window
    middle_x, middle_y, half = 6, 2, 8 * (1 + module.WINDOW_RIM)
    assert (x0, x1) == pytest.approx((middle_x - half, middle_x + half))
    assert (y0, y1) == pytest.approx((middle_y - half, middle_y + half))


def test_moving_to_a_device_keeps_everything(x: Tensor) -> None:
    means, covariances, weights = random_parts(10)
    mixture = GaussianMixture(means, covariances, weights, modes=means, mode_std=0.3)
    moved = mixture.to("cpu")
    assert torch.equal(moved.log_prob(x), mixture.log_prob(x))
    assert moved.mode_std == 0.3 and moved.modes is not None
    assert moved.device == torch.device("cpu")


def test_it_is_a_density() -> None:
    assert isinstance(GaussianMixture(torch.zeros(1, 2), 1.0), Density)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((torch.zeros(0, 2), 1.0), "at least one centre"),
        ((torch.zeros(3), 1.0), r"shape \(K, 2\), got \(3,\)"),
        ((torch.zeros(2, 3), 1.0), r"got \(2, 3\)"),
        ((torch.zeros(2, 2), torch.eye(2)), r"covariances of shape \(2, 2, 2\), got \(2, 2\)"),
        ((torch.zeros(2, 2), 0.0), "positive definite"),
        ((torch.zeros(1, 2), torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])), "positive definite"),
        ((torch.zeros(2, 2), 1.0, torch.ones(3)), "Expected 2 weights"),
        ((torch.zeros(2, 2), 1.0, torch.tensor([1.0, -1.0])), "none negative"),
        ((torch.zeros(2, 2), 1.0, torch.zeros(2)), "not all zero"),
        ((torch.zeros(2, 2), 1.0, torch.tensor([1.0, math.nan])), "weights"),
    ],
)
def test_impossible_parts_are_refused(arguments: tuple[Tensor, ...], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        GaussianMixture(*arguments)


@pytest.mark.parametrize("method", ["log_prob", "score", "responsibilities"])
def test_points_of_another_shape_are_refused(method: str) -> None:
    mixture = GaussianMixture(torch.zeros(1, 2), 1.0)
    with pytest.raises(ShapeError, match=r"\(B, 2\), got \(4, 3\)"):
        getattr(mixture, method)(torch.zeros(4, 3))
    with pytest.raises(ShapeError, match="batch axis"):
        getattr(mixture, method)(torch.zeros(2))
