"""Measures against closed forms: Gaussians whose divergence and mass are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS, GaussianMixture, datasets_of
from engines.metrics.divergences import kl_from_data, plane_integral
from engines.tensors import make_rng

N = 40_000


class Scaled:
    """A density of a known mass that is not one."""

    def __init__(self, density: GaussianMixture, mass: float) -> None:
        self.density, self.mass = density, mass

    def log_prob(self, x: Tensor) -> Tensor:
        return self.density.log_prob(x) + math.log(self.mass)


class Box:
    """Uniform on a square: the hardest for quadrature, with a jump all around."""

    def __init__(self, half: float) -> None:
        self.half = half

    def log_prob(self, x: Tensor) -> Tensor:
        inside = (x.abs() < self.half).all(1)
        return torch.where(inside, -math.log(4 * self.half**2), -math.inf)


def gaussian(mean: tuple[float, float] = (0.0, 0.0), std: float | tuple[float, float] = 1.0) -> GaussianMixture:
    variances = torch.tensor([std, std] if isinstance(std, float) else std, dtype=torch.float64).square()
    return GaussianMixture(torch.tensor([mean], dtype=torch.float64), variances.diag()[None])


def estimate(truth: GaussianMixture, model: object) -> tuple[float, float]:
    points = truth.sample(N, rng=make_rng(0)).double()
    return kl_from_data(model, truth.log_prob(points), points)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("truth", "model"),
    [
        (gaussian(), gaussian((1.0, -0.5))),
        (gaussian(std=0.5), gaussian(std=1.0)),
        (gaussian(std=1.0), gaussian(std=0.7)),
        (gaussian((3.0, 1.0), (0.2, 2.0)), gaussian((3.1, 0.0), (0.3, 1.5))),
    ],
)
def test_kl_between_gaussians_is_the_closed_form(truth: GaussianMixture, model: GaussianMixture) -> None:
    p, q = (
        torch.distributions.MultivariateNormal(each.means[0], covariance_matrix=each.covariances[0])
        for each in (truth, model)
    )
    exact = float(torch.distributions.kl_divergence(p, q))
    kl, error = estimate(truth, model)
    assert 0 < error < 0.05
    assert kl == pytest.approx(exact, abs=4 * error)  # false alarm 6e-5 each, at the first seed only


def test_kl_of_a_density_to_itself_is_zero_exactly() -> None:
    assert estimate(gaussian(), gaussian()) == (0.0, 0.0)


def test_kl_counts_missing_mass() -> None:
    kl, error = estimate(gaussian(), Scaled(gaussian(), 0.5))
    assert kl == pytest.approx(math.log(2), abs=1e-9) and error < 1e-9


def test_the_stated_error_is_the_spread_over_repeats() -> None:
    truth, model = gaussian(), gaussian((1.0, 0.0))
    results = []
    for seed in range(200):
        points = truth.sample(500, rng=make_rng(seed)).double()
        results.append(kl_from_data(model, truth.log_prob(points), points))
    estimates, errors = torch.tensor(results).unbind(1)
    # The spread of 200 repeats is known to 5 %: 4 of these.
    assert float(estimates.std()) == pytest.approx(float(errors.mean()), rel=0.2)


@pytest.mark.parametrize("mass", [1.0, 0.5, 1.7])
@pytest.mark.parametrize("std", [1.0, 0.3, 0.05, (0.05, 1.5), (0.01, 0.02)])
def test_integral_is_the_mass(mass: float, std: float | tuple[float, float]) -> None:
    density = gaussian((0.513, -0.27), std)
    smallest = min(std) if isinstance(std, tuple) else std
    found = plane_integral(Scaled(density, mass), (-3.0, 3.0, -3.0, 3.0), scale=smallest, n_points=200_000)
    assert found == pytest.approx(mass, rel=1e-3)


def test_integral_finds_mass_outside_the_window() -> None:
    density = gaussian((4.0, 4.0), 0.3)
    assert plane_integral(density, (-3.0, 3.0, -3.0, 3.0), scale=0.3) == pytest.approx(1, abs=1e-3)


def test_integral_of_a_box() -> None:
    assert plane_integral(Box(1.0), (-2.0, 2.0, -2.0, 2.0), scale=0.05, n_points=200_000) == pytest.approx(1, abs=0.02)


def test_integral_of_nothing_is_zero() -> None:
    assert plane_integral(Scaled(gaussian((1e6, 0.0)), 1.0), (-1.0, 1.0, -1.0, 1.0), scale=1.0) == 0.0


@pytest.mark.parametrize("key", datasets_of("plane"))
def test_integral_of_each_target_is_one(key: str) -> None:
    density = DATASETS[key].density
    assert isinstance(density, GaussianMixture)
    smallest = float(torch.linalg.eigvalsh(density.covariances).min().sqrt())
    assert plane_integral(density, density.window, scale=smallest, n_points=200_000) == pytest.approx(1, abs=2e-3)
