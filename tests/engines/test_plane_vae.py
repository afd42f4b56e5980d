"""The VAE of the plane against closed forms, adaptive and very fine quadrature, and Monte Carlo."""

from __future__ import annotations

import itertools
import math
import statistics
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from engines.datasets import DATASETS
from engines.errors import ShapeError
from engines.probes import build_probe, cell_centres
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.vae.latent_quadrature import FINE, QUICK
from engines.vae.plane_vae import REACH, PlaneVae, PlaneVaeSettings, build_plane_vae

MOONS: Any = DATASETS["moons"].density
REPEATS = ((1, 1000), (20, 20), (1000, 20))  # importance samples, and how often they are drawn

each_latents = pytest.mark.parametrize("n_latents", [1, 2])
# Noise as a share of the data's spread: the least that can be set, a usual one, and that of a collapsed model.
each_noise = pytest.mark.parametrize("noise", [0.03, 0.15, 1.0])


def build(n_latents: int = 2, noise: float = 0.15, seed: int = 0, **settings: Any) -> PlaneVae:
    """A VAE with random nets whose decoder bends as much as a trained one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_plane_vae(PlaneVaeSettings(n_latents=n_latents, least_noise=0.03, **settings), MOONS)
    with torch.no_grad():
        model.decoder[-1].weight.mul_(3)  # pyright: ignore[reportIndexIssue]
        model.log_noise.fill_(math.log(noise - 0.03 + 1e-9))
    return model.eval().requires_grad_(False)


def build_linear(n_latents: int, noise: float, slope: float = 1.0) -> PlaneVae:
    """A VAE whose decoder is one linear layer, so that everything is Gaussian."""
    model = build(n_latents, noise)
    model.decoder = nn.Linear(n_latents, 2).requires_grad_(False)
    weight = torch.tensor([[1.0, 0.4], [-0.3, 0.7]])[:, :n_latents]
    model.decoder.weight.copy_(slope * weight)
    model.decoder.bias.copy_(torch.tensor([0.2, -0.5]))
    return model


@cache
def trained(n_latents: int, **settings: Any) -> PlaneVae:
    """After a few hundred steps on the two moons."""
    wanted = Experiment.default("plane_vae", "moons", steps=400, settings={"n_latents": n_latents, **settings})
    trainer = Trainer(wanted, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    return trainer.model.eval().requires_grad_(False)


def points(n: int = 400, seed: int = 2) -> Tensor:
    """Points of the data, and as many from far around it."""
    inside = MOONS.sample(n // 2, rng=make_rng(seed)).float()
    return torch.cat([inside, 2.5 * torch.randn(n - n // 2, 2, generator=make_rng(seed + 1))])


def linear_parts(model: PlaneVae) -> tuple[Tensor, Tensor, Tensor]:
    """W, offset and noise variance of the linear decoder in data units, double precision."""
    weight = model.std[:, None] * model.decoder.weight  # pyright: ignore[reportOperatorIssue]
    offset = model.mean + model.std * model.decoder.bias  # pyright: ignore[reportOperatorIssue]
    return weight.double(), offset.double(), model.noise.double().square()  # pyright: ignore[reportAttributeAccessIssue]


# ---- log p(x) ----


@each_latents
@each_noise
@pytest.mark.parametrize("slope", [0.2, 1.0, 4.0])
def test_a_linear_decoder_has_the_density_of_its_gaussian(n_latents: int, noise: float, slope: float) -> None:
    model, x = build_linear(n_latents, noise, slope), points()
    weight, offset, variance = linear_parts(model)
    marginal = MultivariateNormal(offset, weight @ weight.T + variance * torch.eye(2))
    exact = marginal.log_prob(x.double()).float()
    value, error = model.log_prob_estimate(x)
    off = (value - exact).abs()
    near = exact > exact.max() - 10  # within the prior's reach of the decoder
    assert near.sum() > 3
    if (n_latents, noise, slope) == (2, 0.03, 4.0):  # its plane is 500 noise widths wide: beyond the budget of nodes
        assert 0.5 * off[near].mean() < error[near].mean() < 0.5
    else:
        assert (off <= 2 * error + 5e-4)[near].all()
        assert float(error[near].max()) < 2e-3


@each_noise
@pytest.mark.parametrize("seed", [0, 1])
def test_one_latent_agrees_with_adaptive_quadrature(noise: float, seed: int) -> None:
    x, model = points(8), build(1, noise, seed)
    value, error = model.log_prob_estimate(x)
    model = model.double()
    s = float(model.noise)
    for point, found, off in zip(x.double(), value, error, strict=True):

        def joint(z: float, point: Tensor = point, scale: float = float(found)) -> float:
            mean = model.decode(torch.tensor([[z]], dtype=torch.float64))[0]
            log = -0.5 * z * z - float((point - mean).square().sum()) / (2 * s * s) - 1.5 * math.log(2 * math.pi)
            return math.exp(log - 2 * math.log(s) - scale)

        pieces = [integrate.quad(joint, a, a + 1, epsabs=1e-7, limit=60)[0] for a in np.arange(-7.0, 7.0)]
        assert math.log(sum(pieces)) == pytest.approx(0, abs=1e-3 + 2 * float(off))


@cache
def fine_mixture(noise: float, seed: int) -> tuple[Tensor, Tensor, float]:
    """Log weights and images of 1,600 x 1,600 evenly spaced latents: the trapezoid rule."""
    model = build(2, noise, seed)
    ticks = torch.linspace(-7, 7, 1600)
    rows = []
    for tick in ticks.split(100):
        z = torch.cartesian_prod(tick, ticks)
        log_weight = -0.5 * z.square().sum(1) - math.log(2 * math.pi) + 2 * math.log(14 / 1599)
        rows.append((log_weight, model.decode(z)))
    return torch.cat([r[0] for r in rows]), torch.cat([r[1] for r in rows]), float(model.noise)


@pytest.mark.slow
@each_noise
def test_two_latents_agree_with_a_very_fine_grid(noise: float) -> None:
    x = points(12)
    log_weights, means, s = fine_mixture(noise, 0)
    value, error = build(2, noise, 0).log_prob_estimate(x)
    for point, found, off in zip(x, value, error, strict=True):
        log_normal = -0.5 * ((point - means) / s).square().sum(1) - math.log(2 * math.pi * s * s)
        exact = (log_weights + log_normal).double().logsumexp(0)
        assert float(found) == pytest.approx(float(exact), abs=5e-4 + 3 * float(off))


@each_latents
def test_log_prob_agrees_with_importance_sampling(n_latents: int) -> None:
    model, x = trained(n_latents), MOONS.sample(6, rng=make_rng(4)).float()
    value, _ = model.log_prob_estimate(x)
    q, n = model.encode(x), 100_000
    wide = type(q)(q.mean, 2 * q.std + 0.1)  # wider than the posterior, so that no weight is large
    noise = torch.randn(n, *q.mean.shape, generator=make_rng(5))
    z = wide.sample(noise)
    log_q = -0.5 * noise.square().sum(-1) - wide.std.log().sum(-1)
    means = model.decode(z.flatten(0, 1)).view(n, len(x), 2)
    log_joint = -0.5 * z.square().sum(-1) - (x - means).square().sum(-1) / (2 * model.noise**2)
    weights = (log_joint - log_q).double().exp()
    found = weights.mean(0).log() - math.log(2 * math.pi) - 2 * math.log(float(model.noise))
    spread = weights.std(0) / weights.mean(0) / math.sqrt(n)
    # 12 comparisons at 5 standard errors: false alarm 7e-6.
    assert ((found - value).abs() < 5 * spread + 1e-4).all(), (found - value, spread)


@each_latents
@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_density_integrates_to_one(n_latents: int, noise: float) -> None:
    model = build(n_latents, noise)
    reach, side = 12.0 * float(model.std.max()), 500
    window = (-reach, reach, -reach, reach)
    grid = cell_centres(window, side).view(side, side, 2)
    log_prob = model.nodes(FINE).log_prob_on_grid(grid[0, :, 0], grid[:, 0, 1])
    assert float(log_prob.double().exp().sum()) * (2 * reach / side) ** 2 == pytest.approx(1, abs=1e-3)


@each_latents
@each_noise
def test_the_picture_shows_the_density(n_latents: int, noise: float) -> None:
    """The factorised sum of the picture, row by row and upwards, and the finer sum over all nodes at once."""
    model, probe = build(n_latents, noise), build_probe((-2.0, 3.0, -1.0, 4.0), resolution=20, n_samples=0)
    assert probe.grid is not None
    exact = model.log_prob_estimate(probe.grid)[0].view(20, 20).numpy()
    shown = model.observe(probe)["log_prob"]
    seen = exact > exact.max() - 9
    np.testing.assert_allclose(shown[seen], exact[seen], atol=0.01)
    assert (shown >= -70).all()


# ---- the bound ----


@each_latents
def test_the_bound_is_below_everywhere(n_latents: int) -> None:
    for model in (build(n_latents), trained(n_latents)):
        x = points(200)
        rate, distortion = model.rate_and_distortion(x)
        value, error = model.log_prob_estimate(x)
        assert (-(rate.sum(-1) + distortion) <= value + error + 1e-4).all()


@each_latents
def test_the_bound_without_noise_is_the_mean_of_the_noisy_one(n_latents: int) -> None:
    model, x = trained(n_latents), points(10)
    rate, distortion = model.rate_and_distortion(x)
    tries = torch.stack([model.log_prob_bound(x, rng=make_rng(i)) for i in range(3000)])
    off = tries.mean(0) + rate.sum(-1) + distortion
    # 20 comparisons at 5 standard errors: false alarm 1e-5.
    assert (off.abs() < 5 * tries.std(0) / math.sqrt(3000) + 1e-4).all()


@each_latents
def test_more_importance_samples_come_closer(n_latents: int) -> None:
    """The first is the closed form within four standard errors of its 1,000 draws (false alarm 6e-5)."""
    model, x = trained(n_latents), MOONS.sample(100, rng=make_rng(6)).float()
    value = float(model.log_prob_estimate(x)[0].mean())
    draws = {n: [float(model.log_prob_bound(x, n, rng=make_rng(i)).mean()) for i in range(k)] for n, k in REPEATS}
    bounds = [statistics.mean(found) for found in draws.values()]
    elbo = -float(sum(part.sum() for part in model.rate_and_distortion(x))) / len(x)
    assert bounds[0] == pytest.approx(elbo, abs=4 * statistics.stdev(draws[1]) / len(draws[1]) ** 0.5)
    assert all(more > less - 0.003 for less, more in itertools.pairwise(bounds))  # what is left of their noise
    assert elbo < value - 0.01 < bounds[1]
    assert bounds[-1] == pytest.approx(value, abs=0.02)


def test_beta_one_minimises_the_bound_itself() -> None:
    x = MOONS.sample(50, rng=make_rng(7)).float()
    for beta in (0.0, 1.0, 4.0):
        model = build(2, beta=beta)
        loss = model.phases()[0].loss(x, make_rng(8))
        q = model.encode(x)
        rate, noise = q.kl().sum(-1).mean(), torch.randn(q.mean.shape, generator=make_rng(8))  # as the loss draws it
        images = model.decode(q.sample(noise))
        likelihood = torch.distributions.Normal(images, model.noise).log_prob(x).sum(-1)
        bound = (likelihood - q.kl().sum(-1)).mean()
        assert float(loss["loss"]) == pytest.approx(float(-bound + (beta - 1) * rate), rel=1e-5)
        assert float(loss["distortion"] + loss["rate"]) == pytest.approx(float(-bound), rel=1e-5)


# ---- the posterior ----


def test_the_gap_is_the_divergence_of_the_posteriors() -> None:
    """KL(q || p) as a sum over a latent grid, in which the bound has no part."""
    model = trained(2)
    x = MOONS.sample(40, rng=make_rng(9)).float()
    x = x[(model.encode(x).std > 0.08).all(1)][:8]  # wider than the cells of the sum
    side = 400
    log_p = model.posterior_grid(x, side).double().flatten(1)
    ticks = REACH * ((2 * torch.arange(side) + 1) / side - 1)
    z = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), -1).view(-1, 2)
    q = model.encode(x)
    scaled = (z - q.mean[:, None]) / q.std[:, None]
    log_q = (-0.5 * scaled.square().sum(-1) - q.std.log().sum(-1)[:, None] - math.log(2 * math.pi)).double()
    kl = (log_q.exp() * (log_q - log_p)).sum(1) * (2 * REACH / side) ** 2
    assert len(x) > 3
    torch.testing.assert_close(model.posterior_kl(x).double(), kl, rtol=2e-3, atol=2e-3)


@each_latents
def test_the_posterior_is_normalised(n_latents: int) -> None:
    """But for what lies beyond the latents that are shown: up to 0.2 % of it at the tips of the moons."""
    model, side = trained(n_latents), 300
    log_p = model.posterior_grid(MOONS.sample(8, rng=make_rng(3)).float(), side)
    assert log_p.shape == (8, *[side] * n_latents)
    mass = log_p.double().exp().flatten(1).sum(1) * (2 * REACH / side) ** n_latents
    assert float(mass.max()) < 1 + 1e-3 and float(mass.min()) > 1 - 3e-3


@each_latents
def test_a_linear_decoder_has_the_conjugate_posterior(n_latents: int) -> None:
    model, x, side = build_linear(n_latents, 0.5), points(6), 40
    weight, offset, variance = linear_parts(model)
    precision = torch.eye(n_latents) + weight.T @ weight / variance
    mean = (x.double() - offset) @ weight / variance @ torch.linalg.inv(precision)
    ticks = REACH * ((2 * torch.arange(side, dtype=torch.float64) + 1) / side - 1)
    z = torch.stack(torch.meshgrid(*[ticks] * n_latents, indexing="xy"), -1).reshape(-1, n_latents)
    exact = MultivariateNormal(mean[:, None], precision_matrix=precision).log_prob(z).float()
    torch.testing.assert_close(model.posterior_grid(x, side).flatten(1), exact, rtol=1e-4, atol=2e-3)


# ---- training ----


def test_a_high_price_collapses_the_posterior() -> None:
    x = MOONS.sample(500, rng=make_rng(1)).float()
    collapsed, usual = trained(2, beta=20.0), trained(2)
    measures = collapsed.measure_in_plane(x, MOONS.log_prob(x.double()), is_last=False)
    assert measures["rate"] < 0.01
    assert measures["active_units"] == 0
    assert measures["bound_gap"] == pytest.approx(0, abs=2e-3)
    assert float(usual.encode(x).kl().sum(-1).mean()) > 0.8


@each_latents
def test_measures_add_up(n_latents: int) -> None:
    model, x = trained(n_latents), MOONS.sample(800, rng=make_rng(1)).float()
    exact = MOONS.log_prob(x.double())
    found = model.measure_in_plane(x, exact, is_last=False)
    assert found["bound"] == pytest.approx(-(found["rate"] + found["distortion"]), abs=1e-5)
    assert found["bound_gap"] == pytest.approx(float(model.posterior_kl(x).mean()), abs=1e-3)
    assert found["kl"] == pytest.approx(float(exact.mean()) - found["log_prob"], abs=1e-5)
    assert found["kl"] > 3 * found["kl_error"] > 0
    assert found["noise"] == pytest.approx(float(model.noise))
    assert found["active_units"] == int((model.encode(x).mean.var(0) > 0.01).sum()) >= 1


def test_samples_follow_the_density() -> None:
    model = trained(2)
    samples = model.sample(20_000, rng=make_rng(0))
    nodes = model.nodes(QUICK)
    weights = nodes.log_weights.exp().double()
    mean = (weights[:, None] * nodes.means).sum(0)
    variance = (weights[:, None] * (nodes.means - mean).square()).sum(0) + nodes.noise**2
    # 4 numbers at 5 standard errors: false alarm 2e-6.
    assert ((samples.mean(0) - mean).abs() < 5 * (variance / 20_000).sqrt()).all()
    assert ((samples.var(0) / variance - 1).abs() < 5 * math.sqrt(3 / 20_000)).all()


def test_given_noise_gives_the_same_samples_alone_and_with_others() -> None:
    model = trained(1)
    noise = torch.randn(1000, 2, generator=make_rng(0))
    both = model.decode_noise(torch.cat([noise, 0.5 * noise]))
    assert torch.equal(both[1000:], model.decode_noise(noise, 0.5))
    still = model.decode_noise(0 * noise) - model.decode(torch.zeros(1, 1))
    assert float(still.std()) == pytest.approx(float(model.noise), rel=0.05)


@pytest.mark.parametrize("call", ["log_prob_estimate", "encode", "log_prob_bound"])
def test_a_wrong_shape_is_told(call: str) -> None:
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 2\), got"):
        getattr(build(), call)(torch.zeros(3, 3))
    with pytest.raises(ShapeError, match=r"Expected z of shape \(B, 2\), got"):
        build().decode(torch.zeros(3, 1))
