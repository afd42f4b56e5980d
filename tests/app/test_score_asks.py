"""What the canvas asks of a score network: its field on grids, walks with the network itself, likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.views.score.asks import (
    CALL_WORK,
    COMPONENT_WORK,
    MOST_WORK,
    PARTICLE_WORK,
    SIDE,
    FieldAsk,
    OdeAsk,
    WalkAsk,
    band_of,
    dial_of,
    exact_field,
    level_box,
    look_at_field,
    n_particles,
    spread_levels,
    target_of,
)
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.metrics.modes import mode_shares
from engines.metrics.two_samples import energy_distance
from engines.probes import cell_centres
from engines.samplers import Range
from engines.samplers.walks import WALKS, WalkSettings, count_calls, start_points, walk
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store

SMALL = {"width": 16, "n_hidden": 1}
PLACE = {"run": "r", "step": None}
SHORT = WalkSettings(n_levels=3, level_steps=4, steps=10, sigma=0.5, step=0.05)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Run]:
    """Small networks after 300 steps: of all levels, and of a single one."""
    folder = tmp_path_factory.mktemp("scores")
    changes: dict[str, dict[str, Any]] = {"all": SMALL, "one": SMALL | {"n_levels": 1, "sigma_min": 0.1}}
    found = {n: Experiment.default("score_field", "two_modes", steps=300, settings=s) for n, s in changes.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.score.measures.N_SAMPLES", 100)  # of the samplers' qualities, which are not looked at
        return {n: train_and_store(Trainer(e, device="cpu"), folder / e.digest) for n, e in found.items()}


def answer(run: Run, kind: Any, message: Mapping[str, Any]) -> dict[str, np.ndarray]:
    ask: Any = read_ask(PLACE | dict(message))
    assert isinstance(ask, kind)
    model = run.model()
    ask.check(model, run)
    with torch.inference_mode():  # as the live lane asks
        return kind.answer(model, run, [ask])[ask]


# ---- the field ----


def test_the_field_holds_what_the_network_says(small: Mapping[str, Run]) -> None:
    run = small["all"]
    model, found = run.model(), answer(run, FieldAsk, {"what": "field"})
    assert found["field"].shape == (16, SIDE, SIDE, 2)
    assert found["field"].nbytes < 420_000
    assert found["sigmas"] == pytest.approx(spread_levels(Range(0.05, 20.0)))
    x0, x1, y0, y1 = target_of(run.experiment).window
    for i in (0, 7, 15):
        sigma, box = float(found["sigmas"][i]), found["boxes"][i]
        assert box == pytest.approx([x0 - 3 * sigma, x1 + 3 * sigma, y0 - 3 * sigma, y1 + 3 * sigma], rel=1e-5)
        x = torch.tensor([[box[0] + 20.5 * (box[1] - box[0]) / SIDE, box[2] + 61.5 * (box[3] - box[2]) / SIDE]])
        with torch.no_grad():
            own = sigma * model.score(x, sigma)[0]
        assert found["field"][i, 61, 20].astype(float) == pytest.approx(own.numpy(), abs=2e-3, rel=2e-3)


def bilinear(grid: np.ndarray, box: np.ndarray, x: np.ndarray) -> np.ndarray:
    place = (x - box[[0, 2]]) / (box[[1, 3]] - box[[0, 2]]) * SIDE - 0.5
    place = np.clip(place, 0, SIDE - 1.001)
    i, a = place.astype(int), place - place.astype(int)
    u, v = a[:, :1], a[:, 1:]
    low = grid[i[:, 1], i[:, 0]] * (1 - u) + grid[i[:, 1], i[:, 0] + 1] * u
    high = grid[i[:, 1] + 1, i[:, 0]] * (1 - u) + grid[i[:, 1] + 1, i[:, 0] + 1] * u
    return low * (1 - v) + high * v


def interpolated(found: Mapping[str, np.ndarray], x: np.ndarray, sigma: float) -> np.ndarray:
    sigmas, grids = found["sigmas"], found["field"].astype(float)
    place = np.log(sigmas[0] / sigma) / np.log(sigmas[0] / sigmas[-1]) * (len(sigmas) - 1)
    i = min(int(place), len(sigmas) - 2)
    parts = [bilinear(grids[k], found["boxes"][k], x) for k in (i, i + 1)]
    return (1 - (place - i)) * parts[0] + (place - i) * parts[1]


@pytest.mark.parametrize("target", ["ring", "spirals", "two_modes"])
def test_between_cells_and_levels_the_browser_is_near_the_truth(target: str) -> None:
    """The same rule as in app/views/score/field.js: it costs far less than a network's own error."""
    density: Any = DATASETS[target].density
    levels = Range(0.05, 20.0) if target == "two_modes" else Range(0.02, 5.0)
    found = exact_field(target, tuple(sorted(DATASETS[target].settings().to_dict().items())), levels)
    rng, errors = make_rng(2), []
    for share in (0.03, 0.23, 0.47, 0.71, 0.97):
        sigma = levels.sigma_min * (levels.sigma_max / levels.sigma_min) ** share
        x = density.sample(2000, rng=rng).double()
        x = x + sigma * torch.randn(2000, 2, generator=rng).double()
        exact = sigma * density.noised(sigma).score(x)
        errors.append(float(np.square(interpolated(found, x.numpy(), sigma) - exact.numpy()).sum(1).mean()))
    print(f"{target}: {np.mean(errors):.5f} in the mean, {max(errors):.5f} at most")
    assert np.mean(errors) < 0.0008
    assert max(errors) < 0.0025


def test_between_cells_and_levels_the_browser_is_near_the_network(small: Mapping[str, Run]) -> None:
    """A barely trained network is rough; what is lost stays far below its own error."""
    run, rng = small["all"], make_rng(3)
    model, density = run.model(), target_of(run.experiment)
    with torch.no_grad():
        found = look_at_field(model, density.window)
        for sigma in (0.06, 0.4, 3.0, 17.0):
            x = density.sample(2000, rng=rng) + sigma * torch.randn(2000, 2, generator=rng)
            own = (sigma * model.score(x, sigma)).numpy()
            off = np.square(interpolated(found, x.numpy(), sigma) - own).sum(1).mean()
            exact = (sigma * density.noised(sigma).score(x)).numpy()
            error = np.square(own - exact).sum(1).mean()
            print(f"σ {sigma}: {off:.5f} of an error of {error:.5f}")
            assert off < 0.001 + 0.1 * error


def test_the_exact_field_is_the_targets(small: Mapping[str, Run]) -> None:
    levels, density = Range(0.05, 20.0), target_of(small["all"].experiment)
    found = exact_field("two_modes", tuple(sorted(DATASETS["two_modes"].settings().to_dict().items())), levels)
    sigma = float(found["sigmas"][9])
    x = cell_centres(level_box(density.window, sigma), SIDE).double()
    noised = density.noised(sigma)
    assert found["log_prob"][9].astype(float).ravel() == pytest.approx(noised.log_prob(x).numpy(), rel=2e-3, abs=2e-3)
    own = (sigma * noised.score(x)).numpy()
    assert found["field"][9].astype(float).reshape(-1, 2) == pytest.approx(own, rel=2e-3, abs=2e-3)
    assert np.isfinite(found["log_prob"]).all()


def test_a_network_of_one_level_has_one_grid_and_the_dial_turns_beyond_it(small: Mapping[str, Run]) -> None:
    run = small["one"]
    found = answer(run, FieldAsk, {"what": "field"})
    assert found["field"].shape == (1, 3 * SIDE, 3 * SIDE, 2)
    assert found["sigmas"] == pytest.approx([0.1])
    x0, x1, *_ = target_of(run.experiment).window
    assert found["boxes"][0, :2] == pytest.approx([x0 - 0.3 - (x1 - x0), x1 + 0.3 + (x1 - x0)])
    assert dial_of(run.experiment) == pytest.approx((0.05, 20.0))
    assert dial_of(small["all"].experiment) == pytest.approx((0.05, 20.0))


# ---- walks ----


@pytest.mark.parametrize("kind", WALKS)
@pytest.mark.parametrize("view", ["learned", "exact"])
def test_each_walk_is_taken_with_the_network_itself(kind: str, view: str, small: Mapping[str, Run]) -> None:
    settings = WalkSettings.from_dict(SHORT.to_dict() | {"kind": kind, "view": view})
    found = answer(small["all"], WalkAsk, {"what": "walk", "walk": settings.to_dict(), "x": [0, 0]})
    assert found["points"].shape == (1000, 2)
    assert found["shares"].sum() == pytest.approx(1)
    energy, middle, high = found["energy"]
    assert middle < high
    assert energy > -0.05


def test_the_answer_is_measured_at_the_end_of_the_walk(small: Mapping[str, Run]) -> None:
    run = small["all"]
    found = answer(run, WalkAsk, {"what": "walk", "walk": SHORT.to_dict(), "x": [0, 0]})
    end, density = torch.tensor(found["points"]).float(), target_of(run.experiment)
    assert density.modes is not None
    assert found["shares"] == pytest.approx(mode_shares(end, density.modes).numpy(), abs=2e-3)
    others = [energy_distance(end, density.sample(1000, rng=make_rng(i))) for i in range(3)]
    assert found["energy"][0] == pytest.approx(np.mean(others), abs=0.1 * max(others) + 0.05)


def test_two_modes_mix_with_noise_levels_and_not_without(small: Mapping[str, Run]) -> None:
    """With the exact score: about as many at each mode as began there, against nearly the true 0.8.

    As many particles as a quarter of a second allows, from each of ten seeds: 1,000 at least, whose share has a
    standard error of 0.016, so that each bound is at least four away.
    """
    held = {"kind": "hold", "view": "exact", "sigma": 0.05, "step": 0.05, "steps": 1000, "start": "window"}
    annealed = {"view": "exact", "n_levels": 10, "level_steps": 100}

    def heavy(walk: Mapping[str, Any]) -> float:
        asks = [{"what": "walk", "walk": walk, "x": [0, 0], "seed": seed} for seed in range(10)]
        return float(np.mean([answer(small["all"], WalkAsk, ask)["shares"][0] for ask in asks]))

    assert heavy(held) == pytest.approx(0.5, abs=0.07)
    assert heavy(annealed) == pytest.approx(0.78, abs=0.07)


def test_a_walk_costs_a_bounded_time() -> None:
    for settings in (WalkSettings(), WalkSettings(n_levels=60, level_steps=200), WalkSettings(kind="heun", n_levels=5)):
        density: Any = DATASETS["spirals"].density
        for is_exact in (False, True):
            n, calls = n_particles(settings, density, is_exact), count_calls(settings)
            assert 100 <= n <= 1000
            each = COMPONENT_WORK * len(density.weights) if is_exact else PARTICLE_WORK
            assert calls * (CALL_WORK + n * each) <= MOST_WORK or n == 100


def test_a_step_that_explodes_becomes_a_sentence(small: Mapping[str, Run]) -> None:
    walk = {"kind": "hold", "view": "exact", "sigma": 0.05, "step": 10.0, "steps": 1000, "start": "window"}
    with pytest.raises(SettingError, match="too large where the slope is steep|left all bounds"):
        answer(small["all"], WalkAsk, {"what": "walk", "walk": walk, "x": [0, 0]})


def test_metropolis_without_a_density_is_refused() -> None:
    settings = WalkSettings(kind="metropolis")
    with pytest.raises(SettingError, match="needs the exact one"):
        walk(lambda x, _: -x, torch.zeros(3, 2), Range(0.1, 1.0), settings, rng=make_rng(0))


@pytest.mark.parametrize("start, spread", [("noise", 20.0), ("window", 5.6), ("point", 0.0), ("handful", 1.46)])
def test_particles_start_where_they_should(start: str, spread: float) -> None:
    density: Any = DATASETS["two_modes"].density
    mean, std = density.mean().float(), density.covariance().diagonal().sqrt().float()
    settings = WalkSettings(start=start)
    x = start_points(4000, settings, Range(0.05, 20.0), density.window, mean, std, rng=make_rng(1), point=(2.0, -1.0))
    wanted = mean if start == "noise" else torch.zeros(2) if start == "window" else torch.tensor([2.0, -1.0])
    assert x.mean(0).numpy() == pytest.approx(wanted.numpy(), abs=0.08 * spread + 1e-6)
    assert x.std(0).numpy() == pytest.approx([spread, spread], rel=0.08, abs=1e-6)


# ---- likelihood ----


def test_the_likelihood_is_the_engines_with_its_check(small: Mapping[str, Run]) -> None:
    run = small["all"]
    value, change, exact, base = answer(run, OdeAsk, {"what": "ode_log_prob", "x": [5, 4.5], "steps": 40})["nats"]
    own, off = run.model().log_prob_estimate(torch.tensor([[5.0, 4.5]]), 40)
    assert value == pytest.approx(float(own), abs=1e-4)
    assert change + base == pytest.approx(float(off), abs=1e-4)
    density = target_of(run.experiment).noised(0.05)
    assert exact == pytest.approx(float(density.log_prob(torch.tensor([[5.0, 4.5]]))), abs=1e-4)
    assert answer(run, OdeAsk, {"what": "ode_log_prob", "x": [5, 4.5], "steps": 5})["nats"][1] > change


def test_points_with_as_many_steps_are_answered_together(small: Mapping[str, Run]) -> None:
    run = small["all"]
    places = [([5, 4], 20), ([-5, -4], 20), ([0, 0], 10)]
    asks: list[Any] = [read_ask(PLACE | {"what": "ode_log_prob", "x": x, "steps": n}) for x, n in places]
    model = run.model()
    with torch.inference_mode():
        together = OdeAsk.answer(model, run, asks)
    for ask, (x, n) in zip(asks, places, strict=True):
        alone = answer(run, OdeAsk, {"what": "ode_log_prob", "x": x, "steps": n})["nats"]
        assert together[ask]["nats"] == pytest.approx(alone, abs=1e-3)


def test_one_level_has_no_likelihood(small: Mapping[str, Run]) -> None:
    with pytest.raises(SettingError, match="single noise level"):
        answer(small["one"], OdeAsk, {"what": "ode_log_prob", "x": [0, 0], "steps": 20})


# ---- nonsense ----


@pytest.mark.parametrize(
    "message",
    [
        {"what": "walk"},
        {"what": "walk", "walk": 3, "x": [0, 0]},
        {"what": "walk", "walk": {"step": -1.0}, "x": [0, 0]},
        {"what": "walk", "walk": {"steps": 0}, "x": [0, 0]},
        {"what": "walk", "walk": {"nonsense": 1}, "x": [0, 0]},
        {"what": "walk", "walk": {"kind": "fly"}, "x": [0, 0]},
        {"what": "walk", "walk": {}, "x": [0]},
        {"what": "walk", "walk": {}, "x": [0, 0], "seed": -1},
        {"what": "ode_log_prob", "x": [0, 0]},
        {"what": "ode_log_prob", "x": [0, 0], "steps": 4},
        {"what": "ode_log_prob", "x": [0, 0], "steps": 1000},
        {"what": "ode_log_prob", "x": [0, None], "steps": 20},
        {"what": "field", "run": 3},
        {"what": "field", "step": -1},
    ],
)
def test_a_question_that_is_none_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        read_ask(PLACE | message)


@pytest.mark.parametrize(
    "message",
    [{"what": "field"}, {"what": "walk", "walk": {}, "x": [0, 0]}, {"what": "ode_log_prob", "x": [0, 0], "steps": 20}],
)
def test_only_a_score_network_is_asked(message: dict[str, Any], stored: Run) -> None:
    ask: Any = read_ask(PLACE | message)
    with pytest.raises(SettingError, match="score network"):
        ask.check(stored.model(), stored)


def test_a_band_is_made_once() -> None:
    settings = tuple(sorted(DATASETS["ring"].settings().to_dict().items()))
    assert band_of("ring", settings, 100) is band_of("ring", settings, 100)
