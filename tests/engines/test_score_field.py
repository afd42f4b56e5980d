"""Score networks of the plane: objectives, forms, likelihood and measures against the exact noised density."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import ShapeError
from engines.metrics.two_samples import energy_distance
from engines.samplers import Range
from engines.score import measures, objectives
from engines.score.likelihood import Estimate, checked_log_prob, normal_log_prob, ode_log_prob
from engines.score.measures import FieldMeasures
from engines.score.score_field import FORMS, OBJECTIVES, ScoreFieldSettings, build_score_field
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

RING: Any = DATASETS["ring"].density
MOONS: Any = DATASETS["moons"].density


@cache
def trained(steps: int = 1000, dataset: str = "ring", **settings: Any) -> Any:
    settings = {"width": 64} | settings
    experiment = Experiment.default("score_field", dataset, steps=steps, batch_size=128, settings=settings)
    trainer = Trainer(experiment, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    return trainer.model.eval()


def untrained(**settings: Any) -> Any:
    torch.manual_seed(0)
    return build_score_field(ScoreFieldSettings(**settings), RING)


class Exact:
    """The exact noised score in the place of a net."""

    def __init__(self, density: Any, levels: Range) -> None:
        self.density, self.levels, self.mean = density, levels, density.mean()

    def score(self, x: Tensor, sigma: float) -> Tensor:
        return self.density.noised(float(sigma)).score(x)


# ---- objectives ----


def linear(x: Tensor) -> Tensor:
    """A field whose trace is known: 0.3 - 0.5."""
    return x @ torch.tensor([[0.3, 1.0], [0.2, -0.5]]).to(x) + 0.1


def test_the_trace_is_that_of_the_jacobian() -> None:
    x = torch.randn(20, 2, generator=make_rng(0)).requires_grad_()
    torch.testing.assert_close(objectives.trace(linear(x), x), torch.full((20,), -0.2))


def test_all_objectives_differ_by_a_constant_only() -> None:
    """Two fields: the difference of their losses is that of their Fisher divergences (Hyvarinen 2005; Vincent 2011)."""
    sigma, n = 0.5, 400_000
    density = RING.noised(sigma)
    clean, noise = RING.sample(n, rng=make_rng(1)).double(), torch.randn(n, 2, generator=make_rng(2)).double()
    x, levels = clean + sigma * noise, torch.full((n,), sigma, dtype=torch.float64)
    exact = density.score(x)

    def losses(field: Any) -> dict[str, float]:
        scaled = sigma * field(x)
        return {
            "explicit": objectives.explicit(scaled, sigma * exact).mean().item(),
            "denoising": objectives.denoising(scaled, noise).mean().item(),
            "implicit": objectives.implicit(field, x.clone(), levels).mean().item(),
            "sliced": objectives.sliced(field, x.clone(), levels, make_rng(3)).mean().item(),
        }

    first, second = losses(linear), losses(lambda at: -at)
    gaps = {name: first[name] - second[name] for name in first}
    assert abs(gaps["explicit"]) > 0.1
    for name in ("denoising", "implicit", "sliced"):
        assert gaps[name] == pytest.approx(gaps["explicit"], abs=0.02), name  # about 5 standard errors


def test_the_exact_field_has_no_error_and_the_least_loss() -> None:
    found = FieldMeasures(RING, Range(0.05, 5.0)).score_errors(Exact(RING, Range(0.05, 5.0)), [5.0, 0.5, 0.05], 300)
    assert found["score_error"] < 1e-9
    assert found["losses"] == pytest.approx(found["least_losses"])


def test_the_zero_field_has_the_error_of_the_score_itself() -> None:
    """Of one Gaussian: sigma² E|s|² = 2 sigma² / (sigma² + std²)."""
    density, sigma, std = GaussianMixture(torch.zeros(1, 2), 0.8), 0.6, 0.8
    zero = Exact(density, Range(0.1, 5.0))
    zero.score = lambda x, sigma: torch.zeros_like(x)
    found = FieldMeasures(density, Range(0.1, 5.0)).score_errors(zero, [sigma], 40_000)
    assert found["score_error"] == pytest.approx(2 * sigma**2 / (sigma**2 + std**2), rel=0.03)
    assert found["losses"][0] == pytest.approx(2, rel=0.03)  # E|z|² in the plane


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(objective: str) -> None:
    before, after = untrained(width=64), trained(400, objective=objective)
    errors = [m.measures.score_errors(m, [0.3, 1.0], 1000)["score_error"] for m in (before, after)]
    # measured: denoising 0.11, explicit 0.04, implicit 0.21, sliced 0.24; an untrained net has 0.86
    assert errors[1] < 0.35 * errors[0], errors


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_a_score_that_is_the_denoiser_seen_otherwise(form: str) -> None:
    model, x = untrained(form=form, width=16), RING.sample(30, rng=make_rng(0))
    for sigma in (0.05, 0.7, 4.0):
        by_score = x + sigma**2 * model.score(x, sigma)
        torch.testing.assert_close(model.denoise(x, sigma), by_score)


# ---- the field ----


def test_a_trained_field_is_near_the_exact_one_and_beats_its_own_start() -> None:
    model = trained(1000)
    assert model.measures.score_errors(model, [0.1, 0.3, 1.0, 3.0], 1000)["score_error"] < 0.06


def test_one_level_gives_the_same_field_everywhere() -> None:
    model, x = trained(300, n_levels=1, sigma_min=0.2), RING.sample(20, rng=make_rng(0))
    assert model.levels == (0.2, 0.2)
    torch.testing.assert_close(model.score(x, 0.01), model.score(x, 7.0))


def test_levels_may_differ_from_point_to_point() -> None:
    model, x = untrained(), RING.sample(6, rng=make_rng(0))
    sigma = torch.tensor([0.02, 0.1, 0.3, 1.0, 2.0, 5.0])
    each = torch.cat([model.score(point[None], float(s)) for point, s in zip(x, sigma, strict=True)])
    torch.testing.assert_close(model.score(x, sigma), each)


def test_a_net_that_is_not_told_the_level_scales_one_field() -> None:
    """NCSNv2's third technique: the point is scaled by its level's width, and the rest is the same for all levels."""
    model = untrained(is_told=False, width=16)
    x = RING.sample(10, rng=make_rng(0))
    wide = [(sigma**2 + model.std.square()).sqrt() for sigma in (0.1, 2.0)]
    first = 0.1 * model.score(model.mean + wide[0] * x, 0.1)
    other = 2.0 * model.score(model.mean + wide[1] * x, 2.0)
    torch.testing.assert_close(first, other)


def test_far_away_the_field_stays_finite() -> None:
    far = torch.tensor([[1e4, 1e4], [-1e6, 0.0]])
    for form in FORMS:
        assert untrained(form=form).score(far, 0.02).isfinite().all()


def test_a_wrong_shape_is_told() -> None:
    with pytest.raises(ShapeError, match=r"shape \(B, 2\)"):
        untrained().score(torch.zeros(3, 3), 0.1)


# ---- likelihood ----


def base_of(density: GaussianMixture, sigma: float) -> Any:
    return density.noised(sigma).log_prob


def test_the_ode_finds_the_exact_density_with_the_exact_score() -> None:
    """The gold test of the solver: no net, 100 Heun steps, within 0.002 nats of the noised density."""
    levels = Range(0.02, 5.0)
    x = RING.noised(levels.sigma_min).sample(500, rng=make_rng(0)).double()
    found = ode_log_prob(Exact(RING, levels).score, x, levels, base_of(RING, levels.sigma_max), n_steps=100)
    exact = RING.noised(levels.sigma_min).log_prob(x)
    assert float((found - exact).mean().abs()) < 0.002
    assert float((found - exact).abs().max()) < 0.02


def test_few_steps_report_impossible_values_and_the_check_sees_it() -> None:
    levels = Range(0.02, 5.0)
    narrow: Any = DATASETS["ring_narrow"].density
    x = narrow.noised(levels.sigma_min).sample(300, rng=make_rng(1)).double()
    arguments = (Exact(narrow, levels).score, x, levels, base_of(narrow, levels.sigma_max))
    few = checked_log_prob(*arguments, n_steps=5)
    value, error = few.value, few.error
    exact = narrow.noised(levels.sigma_min).log_prob(x)
    assert float(value.mean() - exact.mean()) > 0.05  # better than perfect
    assert float(error.mean()) > 0.05
    assert float(checked_log_prob(*arguments, n_steps=100).error.mean()) < 0.02


@pytest.mark.parametrize("key", ["ring", "moons", "two_modes"])
def test_the_stated_error_covers_what_the_exact_score_errs_by(key: str) -> None:
    """Steps and the Gaussian at the largest level: with the exact score nothing else is wrong."""
    density: Any = DATASETS[key].density
    levels = Range(0.05, 20.0) if key == "two_modes" else Range(0.02, 5.0)
    x = density.noised(levels.sigma_min).sample(150, rng=make_rng(3)).double()
    wide = (levels.sigma_max**2 + density.covariance().diagonal()).sqrt()
    found = checked_log_prob(
        Exact(density, levels).score, x, levels, lambda at: normal_log_prob(at, density.mean(), wide),
        n_steps=100, exact_base=base_of(density, levels.sigma_max),
    )  # fmt: skip
    off = (found.value - density.noised(levels.sigma_min).log_prob(x)).abs()
    assert float((off <= found.error + 1e-4).double().mean()) > 0.95
    assert float(found.by_steps.abs().mean()) < float(off.mean()) or key == "ring"  # the steps alone did not cover it


def test_likelihood_of_one_gaussian_is_closed_form() -> None:
    density, levels = GaussianMixture(torch.tensor([[1.0, -2.0]]), 0.5), Range(0.1, 4.0)
    x = torch.tensor([[1.0, -2.0], [2.0, -1.0]]).double()
    found = ode_log_prob(Exact(density, levels).score, x, levels, base_of(density, 4.0), n_steps=200)
    variance = 0.25 + 0.01
    squares = torch.tensor([0.0, 2.0]).double()
    torch.testing.assert_close(found, -squares / (2 * variance) - math.log(2 * math.pi * variance), rtol=0, atol=1e-3)


def test_a_likelihood_that_cannot_be_trusted_is_not_a_measure() -> None:
    model, x = trained(1000), RING.sample(100, rng=make_rng(2))
    log_prob = RING.log_prob(x.double())
    assert {"kl", "kl_error", "likelihood_error"} == model.measures.likelihood(model, x, log_prob, 200).keys()

    class Rough:
        def checked_log_prob(self, x: Tensor, n_steps: int) -> Estimate:
            return model.checked_log_prob(x, 3)

    assert {"likelihood_error"} == model.measures.likelihood(Rough(), x, log_prob, 200).keys()


# ---- samples ----


@pytest.mark.parametrize("sampler", ["annealed", "heun"])
def test_samples_of_a_trained_field_are_near_the_data(sampler: str) -> None:
    model = trained(1000)
    n_calls = 301 if sampler == "annealed" else 35
    with torch.no_grad():
        states = list(model.sample_path(1000, rng=make_rng(0), sampler=sampler, n_calls=n_calls))
    truth = RING.sample(1000, rng=make_rng(1))
    assert energy_distance(states[-1].x, truth) < 0.05
    assert energy_distance(states[0].x, truth) > 1


def test_temperature_narrows_and_widens() -> None:
    model = trained(1000, dataset="two_modes", sigma_min=0.3, sigma_max=10.0)
    spreads = []
    for temperature in (0.2, 1.0, 2.0):
        x = model.sample(400, rng=make_rng(0), temperature=temperature)
        modes: Any = DATASETS["two_modes"].density
        spreads.append(float(torch.cdist(x.double(), modes.modes).amin(1).mean()))
    assert spreads == sorted(spreads) and spreads[2] > 1.5 * spreads[0]


# ---- measures ----


def test_measures_at_the_end_tell_of_every_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "N_SAMPLES", 700)
    monkeypatch.setattr(measures, "LIKELIHOOD_STEPS", 30)
    model = trained(1000)
    x = RING.sample(200, rng=make_rng(3))
    found = model.measure_in_plane(x, RING.log_prob(x.double()), is_last=True)
    assert len(found["sigmas"]) == len(found["score_errors"]) == len(found["losses"]) == 12
    assert found["score_error"] == pytest.approx(sum(found["score_errors"]) / 12)
    assert found["band_middle"] < found["band_high"] < 0.02
    for name in ("annealed", "predictor_corrector", "ancestral", "ddim", "heun"):
        calls, energies = found[f"calls_{name}"], found[f"energies_{name}"]
        assert calls == sorted(calls) and len(calls) == len(energies)
        assert energies[-1] < 0.05 and energies[-1] < energies[0], name
    # Denoising loss minus its least is the Fisher divergence: two estimates of one number, from the same points.
    gaps = [loss - least for loss, least in zip(found["losses"], found["least_losses"], strict=True)]
    assert gaps == pytest.approx(found["score_errors"], abs=0.03)
