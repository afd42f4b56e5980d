"""Losses, penalties and the best discriminator, held against autograd, closed forms and quadrature."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.losses import LOSSES
from engines.gan.penalties import around, between, one_centred, squared_slopes, zero_centred
from engines.gan.plane.optimal import (
    LOWEST,
    blur_of,
    estimate_log_density,
    jensen_shannon,
    optimal_logits,
    relative_error,
)
from engines.probes import cell_centres
from engines.tensors import make_rng

WINDOW = (-4.0, 4.0, -4.0, 4.0)


def logits(seed: int) -> Tensor:
    return 2 * torch.randn(3, 50, generator=make_rng(seed))


@pytest.mark.parametrize("key", ["non_saturating", "minimax"])
def test_the_discriminator_minimises_cross_entropy(key: str) -> None:
    real, fake = logits(0), logits(1)
    both, labels = torch.cat([real, fake], 1), torch.cat([torch.ones_like(real), torch.zeros_like(fake)], 1)
    known = 2 * F.binary_cross_entropy_with_logits(both, labels, reduction="none").mean(1)
    torch.testing.assert_close(LOSSES[key].discriminator(real, fake), known)


def test_minimax_players_want_the_opposite() -> None:
    """Of the shared objective, only the generated part depends on the generator."""
    real, fake = logits(0), logits(1).requires_grad_()
    game = LOSSES["minimax"]
    (down,) = torch.autograd.grad(game.generator(real, fake).sum(), fake)
    (up,) = torch.autograd.grad(game.discriminator(real, fake).sum(), fake)
    torch.testing.assert_close(down, -up)


def test_the_saturating_game_loses_its_slope_where_the_other_keeps_it() -> None:
    fake = torch.full((1, 1), -8.0, requires_grad=True)  # the discriminator is sure
    slopes = {
        key: float(torch.autograd.grad(LOSSES[key].generator(fake.detach(), fake).sum(), fake)[0])
        for key in ("minimax", "non_saturating")
    }
    assert slopes["minimax"] == pytest.approx(-torch.sigmoid(torch.tensor(-8.0)).item(), rel=1e-4)
    assert slopes["non_saturating"] == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("key", LOSSES)
def test_losses_keep_leading_axes_and_swap_sides_as_they_should(key: str) -> None:
    game, real, fake = LOSSES[key], logits(0), logits(1)
    for player in (game.discriminator, game.generator):
        assert player(real, fake).shape == (3,)
        torch.testing.assert_close(player(real, fake)[1], player(real[1], fake[1]))
    # A discriminator is better off the higher it rates what is real, a generator the higher its own.
    assert (game.discriminator(real.clamp(max=0.5) + 0.5, fake) <= game.discriminator(real.clamp(max=0.5), fake)).all()
    assert (game.generator(real, fake.clamp(max=0) + 0.5) < game.generator(real, fake.clamp(max=0))).all()


@pytest.mark.parametrize("key", [key for key, game in LOSSES.items() if game.optimum != "none"])
def test_no_discriminator_beats_the_optimal_one(key: str) -> None:
    """On 40 points with known masses p and q, descent from the optimum finds nothing lower."""
    rng = make_rng(3)
    p, q = (torch.rand(40, generator=rng, dtype=torch.float64).softmax(0) for _ in range(2))
    game = LOSSES[key]
    optimum = optimal_logits(p.log(), q.log(), game.optimum)
    assert optimum is not None

    def loss(values: Tensor) -> Tensor:
        """The expected loss: each pair of points as often as it comes."""
        real, fake = values[:, None].expand(40, 40), values[None].expand(40, 40)
        pairs = zip(real.flatten(), fake.flatten(), strict=True)
        each = torch.stack([game.discriminator(r[None], f[None]) for r, f in pairs])
        return (each.view(40, 40) * p[:, None] * q[None]).sum()

    best = float(loss(optimum))
    for size in (0.01, 0.1, 1.0):
        moved = optimum + size * torch.randn(40, generator=rng, dtype=torch.float64)
        assert float(loss(moved)) >= best - 1e-12
    if key != "hinge":  # whose optimum has corners
        values = optimum.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(values), values)
        assert slope.abs().max() < 1e-12


def quadratic(x: Tensor) -> Tensor:
    return 1.5 * x.square().sum(-1)  # slope 3 x


def test_slopes_of_a_known_critic() -> None:
    x = torch.randn(2, 30, 2, generator=make_rng(0))
    torch.testing.assert_close(squared_slopes(quadratic, x), 9 * x.square().sum(-1))
    torch.testing.assert_close(zero_centred(quadratic, x), 4.5 * x.square().sum(-1).mean(1))
    torch.testing.assert_close(one_centred(quadratic, x), (3 * x.norm(dim=-1) - 1).square().mean(1), rtol=1e-4, atol=0)


def test_slopes_of_pictures() -> None:
    x = torch.randn(5, 3, 4, 4, generator=make_rng(0))
    found = squared_slopes(lambda x: 0.5 * x.square().flatten(1).sum(1), x)
    torch.testing.assert_close(found, x.square().flatten(1).sum(1))


def test_a_penalty_can_be_learned_from() -> None:
    first = nn.Linear(2, 8)
    critic = nn.Sequential(first, nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(1, 20, 2, generator=make_rng(0))
    one_centred(lambda x: critic(x)[..., 0], x).sum().backward()
    slope = first.weight.grad
    assert slope is not None and float(slope.abs().max()) > 0


def test_where_penalties_look() -> None:
    rng = make_rng(0)
    real, fake = torch.zeros(2, 50, 2), torch.ones(2, 50, 2)
    points = between(real, fake, rng)
    torch.testing.assert_close(points[..., 0], points[..., 1])  # on the line
    assert points.min() >= 0 and points.max() <= 1 and points.std() > 0.2
    pictures = between(torch.zeros(6, 1, 4, 4), torch.ones(6, 1, 4, 4), rng)
    assert (pictures.flatten(1).std(1) < 1e-6).all() and pictures.std() > 0.1  # one share a picture
    real = torch.randn(1, 4000, 2, generator=rng)
    moved = around(real, rng) - real
    assert moved.min() >= 0 and moved.max() <= 0.5 * 1.05


@pytest.mark.parametrize("dataset", ["moons", "ring"])
def test_the_estimated_density_is_the_blurred_one_within_its_error(dataset: str) -> None:
    density = DATASETS[dataset].density
    assert isinstance(density, GaussianMixture)
    side, n = 48, 40_000
    found = estimate_log_density(density.sample(n, rng=make_rng(1)), density.window, side)
    exact = density.noised(blur_of(density.window)).log_prob(cell_centres(density.window, side).double())
    exact = exact.float().view(side, side)
    error = relative_error(exact, n, density.window)
    is_sure = error < 0.3
    z = ((found - exact).exp() - 1)[is_sure] / error[is_sure]
    assert is_sure.sum() > 300
    assert abs(float(z.mean())) < 0.15 and float(z.std()) == pytest.approx(1, abs=0.15)
    cell = ((density.window[1] - density.window[0]) / side) ** 2
    assert float(found.exp().sum()) * cell == pytest.approx(1, abs=0.01)


def test_where_there_is_no_sample_there_is_no_density() -> None:
    found = estimate_log_density(torch.tensor([[0.1, 0.2], [100.0, 0.0]]), WINDOW, 32)
    assert found[0, 0] == LOWEST and found.argmax() == 16 * 32 + 16
    assert found.isfinite().all()


def test_jensen_shannon_against_its_extremes_and_quadrature() -> None:
    cells = cell_centres((-8.0, 8.0, -8.0, 8.0), 160).double()
    area = 0.1**2
    near, far = (GaussianMixture(torch.tensor([[m, 0.0]]), 0.5).log_prob(cells) for m in (-0.5, 0.5))
    assert jensen_shannon(near, near, area) == pytest.approx(0, abs=1e-9)
    apart = GaussianMixture(torch.tensor([[5.0, 5.0]]), 0.5).log_prob(cells)
    assert jensen_shannon(near, apart, area) == pytest.approx(math.log(2), abs=1e-3)
    # By Monte Carlo over the mixture, from the definition.
    p, q = (torch.distributions.Normal(torch.tensor([m, 0.0]), 0.5) for m in (-0.5, 0.5))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x, y = p.sample((100_000,)), q.sample((100_000,))

    def gap(points: Tensor, own: torch.distributions.Normal) -> Tensor:
        log = own.log_prob(points).sum(1)
        middle = torch.logaddexp(p.log_prob(points).sum(1), q.log_prob(points).sum(1)) - math.log(2)
        return (log - middle).mean()

    known = 0.5 * float(gap(x, p) + gap(y, q))
    assert jensen_shannon(near, far, area) == pytest.approx(known, abs=0.005)  # 5 standard errors
