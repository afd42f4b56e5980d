"""Samplers against closed forms: a Gaussian stays Gaussian under every one of them, and its moments are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import SettingError
from engines.metrics.modes import mode_shares
from engines.samplers import SAMPLERS, Range, last_state
from engines.samplers.diffusion import ddim, heun, predictor_corrector
from engines.samplers.langevin import annealed_langevin, langevin, metropolis_langevin
from engines.samplers.levels import (
    geometric_levels,
    karras_levels,
    langevin_share,
    largest_level,
    level_count,
    level_ratio,
)
from engines.tensors import make_rng

LEVELS = Range(0.02, 10.0)
STD = 0.7
each_sampler = pytest.mark.parametrize("key", SAMPLERS)


def gaussian_score(x: Tensor, sigma: float) -> Tensor:
    """Score of N(0, STD² + sigma²)."""
    return -x / (STD**2 + sigma**2)


def noise(n: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(n, 2, generator=make_rng(seed), dtype=dtype)


# ---- levels ----


def test_levels_fall_from_the_largest_to_the_least() -> None:
    for levels in (geometric_levels(10, 0.01, 1.0), karras_levels(18, 0.002, 80.0)):
        assert levels == sorted(levels, reverse=True)
    geometric = geometric_levels(10, 0.01, 1.0)
    assert geometric[0] == 1 and geometric[-1] == pytest.approx(0.01)
    assert geometric[3] / geometric[2] == pytest.approx(geometric[8] / geometric[7])
    karras = karras_levels(18, 0.002, 80.0)
    assert karras[0] == pytest.approx(80) and karras[-1] == pytest.approx(0.002)
    assert karras[1] == pytest.approx(57.586, abs=1e-3)  # rho = 7, 18 steps: the published code's second level


def test_ncsnv2_rules_give_the_published_numbers() -> None:
    assert level_ratio(3072) == pytest.approx(1.040, abs=5e-4)
    assert level_count(64, 0.01, 9.63) == 24
    assert level_ratio(2) is None and level_count(2, 0.01, 10) is None  # shells always overlap in the plane
    share, reached = langevin_share(level_ratio(3072) or 0, 5)
    assert share == pytest.approx(0.065, abs=1e-3) and reached == pytest.approx(1.058, abs=1e-3)
    assert largest_level(torch.tensor([[0.0, 0], [3, 4], [1, 1]])) == pytest.approx(5)


def test_the_step_rule_is_what_langevin_dynamics_does() -> None:
    ratio, n_steps, sigma = 1.3, 10, 0.5
    share, reached = langevin_share(ratio, n_steps)
    start = ratio * sigma * noise(100_000)
    path = langevin(lambda x, s: -x / s**2, start, step=share * sigma**2, n_steps=n_steps, rng=make_rng(1), sigma=sigma)
    # The variance of 200,000 numbers: standard error 0.3 %.
    assert float(last_state(path).x.var()) / sigma**2 == pytest.approx(reached, rel=0.015)


# ---- Langevin dynamics ----


@pytest.mark.parametrize("step", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_unadjusted_langevin_reaches_its_known_biased_variance(step: float, temperature: float) -> None:
    """x' = (1 - a / v) x + sqrt(2 a T) z has the stationary variance T v / (1 - a / (2 v))."""
    path = langevin(gaussian_score, noise(20_000), step=step, n_steps=150, rng=make_rng(2), temperature=temperature)
    expected = temperature * STD**2 / (1 - step / (2 * STD**2))
    remains = (1 - step / STD**2) ** 300 * (1 - expected)  # of the start's variance, after 150 steps
    # 40,000 numbers: standard error 0.7 %; 5 of them.
    assert float(last_state(path).x.var()) == pytest.approx(expected + remains, rel=0.035)


def test_metropolis_removes_the_bias() -> None:
    step = 0.4
    density = GaussianMixture(torch.zeros(1, 2), STD)
    path = metropolis_langevin(
        density.log_prob, gaussian_score, STD * noise(20_000), step=step, n_steps=60, rng=make_rng(3)
    )
    state, moved = list(path)[-1]
    assert 0.5 < float(moved.double().mean()) < 0.999
    assert float(state.x.var()) == pytest.approx(STD**2, rel=0.035)
    unadjusted = STD**2 / (1 - step / (2 * STD**2))
    assert unadjusted > 1.6 * STD**2  # what plain Langevin dynamics does with this step


def test_metropolis_accepts_nearly_all_of_tiny_steps_and_refuses_flights() -> None:
    density = GaussianMixture(torch.zeros(1, 2), STD)
    shares = []
    for step in (1e-4, 100.0):
        path = metropolis_langevin(
            density.log_prob, gaussian_score, STD * noise(500), step=step, n_steps=5, rng=make_rng(4)
        )
        states = list(path)
        assert states[-1][0].x.isfinite().all()
        shares.append(float(torch.stack([moved for _, moved in states]).double().mean()))
    assert shares[0] > 0.99 and shares[1] < 0.05


def two_modes_share(path: Any) -> float:
    density: Any = DATASETS["two_modes"].density
    return float(mode_shares(last_state(path).x, density.modes)[0])


def test_plain_langevin_keeps_the_shares_it_began_with_and_annealing_restores_them() -> None:
    """Song and Ermon 2019, section 3.2.2, with the exact score: 0.8 and 0.2 come out as 0.5 and 0.5."""
    density: Any = DATASETS["two_modes"].density
    start = 16 * torch.rand(1000, 2, generator=make_rng(5)) - 8

    def score(x: Tensor, sigma: float) -> Tensor:
        return density.noised(sigma).score(x)

    plain = langevin(score, start, step=0.05, n_steps=1000, rng=make_rng(6))
    annealed = annealed_langevin(score, start, sigmas=geometric_levels(10, 1.0, 20.0), n_steps=100, rng=make_rng(7))
    began = float(mode_shares(start, density.modes)[0])
    # Standard error of a share of 1,000: 0.016.
    assert two_modes_share(plain) == pytest.approx(began, abs=0.06)
    assert two_modes_share(annealed) == pytest.approx(0.79, abs=0.06)


def test_a_step_that_is_too_large_is_told() -> None:
    start = noise(20)
    with pytest.raises(SettingError, match="flown off to infinity.*too large"):
        last_state(langevin(gaussian_score, start, step=3e3, n_steps=1000, rng=make_rng(0)))
    with pytest.raises(SettingError, match="above 0"):
        last_state(langevin(gaussian_score, start, step=0.0, n_steps=10, rng=make_rng(0)))
    with pytest.raises(SettingError, match="at least one step"):
        last_state(langevin(gaussian_score, start, step=0.1, n_steps=0, rng=make_rng(0)))
    with pytest.raises(SettingError, match="levels that fall"):
        last_state(annealed_langevin(gaussian_score, start, sigmas=[0.1, 1.0], n_steps=3, rng=make_rng(0)))


# ---- diffusion samplers ----


def flow_of_a_gaussian(x: Tensor, high: float, low: float) -> Tensor:
    """The probability-flow ODE of a Gaussian in closed form: x shrinks with the noised standard deviation."""
    return x * math.hypot(STD, low) / math.hypot(STD, high)


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("heun", 2)])
def test_ode_samplers_have_their_order_of_convergence(name: str, order: int) -> None:
    start = noise(50)
    errors = []
    for n in (20, 40, 80, 160):
        sigmas = [1.2 - i * (1.2 - 0.2) / n for i in range(n + 1)]
        path = (
            ddim(gaussian_score, start, sigmas=sigmas, rng=make_rng(0))
            if name == "ddim"
            else heun(gaussian_score, start, sigmas=sigmas)
        )
        errors.append(float((last_state(path).x - flow_of_a_gaussian(start, 1.2, 0.2)).norm()))
    found = [math.log2(before / after) for before, after in zip(errors, errors[1:], strict=False)]
    assert found[-1] == pytest.approx(order, abs=0.1), found


def test_ddim_without_noise_is_eulers_method() -> None:
    start = noise(30)
    (state,) = ddim(gaussian_score, start, sigmas=[2.0, 1.5], rng=make_rng(0))
    slope = -2.0 * gaussian_score(start, 2.0)
    torch.testing.assert_close(state.x, start + (1.5 - 2.0) * slope)


def test_ancestral_steps_keep_the_noised_gaussian() -> None:
    """One step of DDPM from the exact density at a level has the closed-form variance of a linear map plus noise."""
    high, low = 2.0, 1.0
    start = math.hypot(STD, high) * noise(100_000)
    (state,) = ddim(gaussian_score, start, sigmas=[high, low], rng=make_rng(1), eta=1.0)
    shrink = 1 - (high**2 - low**2) / (STD**2 + high**2)
    fresh = low**2 * (high**2 - low**2) / high**2
    expected = shrink**2 * (STD**2 + high**2) + fresh
    assert float(state.x.var()) == pytest.approx(expected, rel=0.015)


def test_predictor_and_corrector_change_the_variance_as_they_should() -> None:
    high, low, snr = 3.0, 1.0, 0.3
    gap, noised = high**2 - low**2, STD**2 + low**2
    start = math.hypot(STD, high) * noise(100_000)
    end = last_state(predictor_corrector(gaussian_score, start, sigmas=[high, low], rng=make_rng(2), snr=snr))
    predicted = (1 - gap / (STD**2 + high**2)) ** 2 * (STD**2 + high**2) + gap
    step = snr**2 * low**2
    assert float(end.x.var()) == pytest.approx((1 - step / noised) ** 2 * predicted + 2 * step, rel=0.015)
    assert end.n_calls == 2


def test_annealed_langevin_follows_its_closed_form_and_forgets_the_start() -> None:
    """At each step the variance v of a Gaussian becomes (1 - a / (STD² + sigma²))² v + 2 a."""
    start, variance = 10 * noise(20_000), 100.0
    end = last_state(SAMPLERS["annealed"].run(gaussian_score, start, LEVELS, n_calls=301, rng=make_rng(3))).x
    for sigma in geometric_levels(10, *LEVELS):
        step, noised = 0.1 * sigma**2, STD**2 + sigma**2
        for _ in range(30):
            variance = (1 - step / noised) ** 2 * variance + 2 * step
    assert float(end.var()) == pytest.approx(variance * (STD**2 / (STD**2 + LEVELS.sigma_min**2)) ** 2, rel=0.035)
    assert 1.3 < variance / STD**2 < 1.4  # too wide: levels far below the data's width hardly move it any more


@pytest.mark.parametrize("key", [key for key in SAMPLERS if key != "annealed"])
def test_every_sampler_brings_noise_to_the_data(key: str) -> None:
    spec = SAMPLERS[key]
    start = math.hypot(STD, LEVELS.sigma_max) * noise(10_000)
    states = list(spec.run(gaussian_score, start, LEVELS, n_calls=150, rng=make_rng(3)))
    end = states[-1].x
    assert end.mean(0).abs().max() < 0.04  # 5 standard errors
    assert float(end.std()) == pytest.approx(STD, rel=0.05)
    sigmas = [state.sigma for state in states]
    assert sigmas == sorted(sigmas, reverse=True) and sigmas[-1] == 0


@each_sampler
@pytest.mark.parametrize("n_calls", [2, 3, 10, 31])
def test_calls_are_counted_and_never_exceeded(key: str, n_calls: int) -> None:
    made = 0

    def counting(x: Tensor, sigma: float) -> Tensor:
        nonlocal made
        made += 1
        return gaussian_score(x, sigma)

    end = last_state(SAMPLERS[key].run(counting, noise(5), LEVELS, n_calls=n_calls, rng=make_rng(0)))
    assert made == end.n_calls <= n_calls
    assert end.n_calls > n_calls - 11  # what does not divide into levels or steps is left out


@each_sampler
def test_randomness_is_an_argument(key: str) -> None:
    spec, start = SAMPLERS[key], noise(50)

    def end(seed: int) -> Tensor:
        return last_state(spec.run(gaussian_score, start, LEVELS, n_calls=11, rng=make_rng(seed))).x

    assert torch.equal(end(1), end(1))
    assert torch.equal(end(1), end(2)) != spec.is_random


@each_sampler
def test_too_few_calls_are_told(key: str) -> None:
    with pytest.raises(SettingError, match=f"at least {SAMPLERS[key].fewest} network calls, got 0"):
        SAMPLERS[key].run(gaussian_score, noise(5), LEVELS, n_calls=0, rng=make_rng(0))
    if SAMPLERS[key].is_random:
        with pytest.raises(SettingError, match="random source"):
            SAMPLERS[key].run(gaussian_score, noise(5), LEVELS, n_calls=9)
