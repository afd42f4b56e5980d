"""The question of the page of shortcuts: a way from noise to data, held against the models themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.views.fast_sampling.asks import MOST_STATES, N_POINTS, WAYS, WaysAsk, frame_of, noise_of, take_way
from app.views.score.asks import target_of
from engines.errors import SettingError
from engines.metrics.two_samples import energy_distance
from engines.probes import fixed_noise
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

SMALL = {"width": 16, "n_hidden": 1}
MESSAGE: Mapping[str, Any] = {"what": "ways", "run": "r", "step": None, "way": "heun", "n_calls": 5}


@cache
def untrained(model: str) -> tuple[Any, Experiment]:
    """A small model with random weights: every way must already lead somewhere."""
    experiment = Experiment.default(model, "moons", settings=SMALL)
    return Trainer(experiment, device="cpu").model.eval(), experiment


def taken(way: str, n_calls: int, n: int = 200, seed: int = 0) -> dict[str, np.ndarray]:
    model, experiment = untrained(WAYS[way].model)
    with torch.inference_mode():
        return take_way(model, experiment, WaysAsk(experiment.digest, None, way, n_calls, n, seed))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_begins_with_the_same_noise(way: str) -> None:
    mean, scale = frame_of(target_of(untrained(WAYS[way].model)[1]))
    found = taken(way, WAYS[way].clip(4))
    assert found["states"].dtype == np.float16
    np.testing.assert_allclose(found["states"][0], mean + scale * fixed_noise(N_POINTS)[:200], atol=4e-3)
    assert found["calls"][0] == 0
    assert len(found["states"]) == len(found["calls"]) <= MOST_STATES


@pytest.mark.parametrize("way", WAYS)
def test_a_way_makes_no_more_calls_than_it_says(way: str) -> None:
    model, _ = untrained(WAYS[way].model)
    for n_calls in {WAYS[way].fewest, 2, 3, WAYS[way].clip(20)}:
        noise, count = noise_of(0)[:20], [0]
        handles = [
            part.register_forward_hook(lambda *_, count=count: count.__setitem__(0, count[0] + 1))
            for name, part in model.named_modules()
            if type(part).__name__ == "NoiseMlp"
        ]
        with torch.inference_mode():
            last = list(WAYS[way].path(model, noise, n_calls, make_rng(0)))[-1]
        for handle in handles:
            handle.remove()
        assert count[0] == last.n_calls <= n_calls, way


def test_the_end_is_what_the_model_itself_makes() -> None:
    model, experiment = untrained("flow_matching")
    with torch.inference_mode():
        x = noise_of(0)[:200]
        for i in range(5):  # Euler's method, written out
            x = x + model.velocity(x, i / 5, is_straight=True) / 5
    end = taken("reflow", 5)["states"][-1]
    mean, scale = frame_of(target_of(experiment))
    np.testing.assert_allclose(end, mean + scale * x, atol=8e-3)
    model, _ = untrained("consistency")
    with torch.inference_mode():
        np.testing.assert_allclose(
            taken("consistency", 1)["states"][-1], model.decode_noise(noise_of(0)[:200]), atol=8e-3
        )


def test_between_jumps_the_new_noise_is_shown() -> None:
    found = taken("consistency", 3)
    assert found["calls"].tolist() == [0, 1, 1, 2, 2, 3]


def test_the_distance_is_that_of_the_points_that_are_shown() -> None:
    found = taken("flow", 8, n=500)
    truth = target_of(untrained("flow_matching")[1]).sample(2000, rng=make_rng(77)).float()
    energy, middle, high, milliseconds, of_langevin = found["facts"].tolist()
    assert energy == pytest.approx(energy_distance(torch.tensor(found["states"][-1]).float(), truth), abs=0.05)
    assert middle < high < energy
    assert 0 < milliseconds < of_langevin


def test_many_calls_are_thinned_out_and_carry_fewer_points() -> None:
    found = taken("annealed", 301, n=N_POINTS)
    assert found["states"].shape == (MOST_STATES, 500, 2)
    assert found["calls"][-1] == 301
    assert np.all(np.diff(found["calls"]) > 0)


def test_another_seed_is_other_noise_and_the_same_seed_the_same() -> None:
    one, two, again = (taken("ancestral", 4, seed=seed)["states"] for seed in (1, 2, 1))
    assert not np.array_equal(one[0], two[0])
    np.testing.assert_array_equal(one, again)


def test_an_ask_is_read_with_its_defaults() -> None:
    assert read_ask(MESSAGE) == WaysAsk("r", None, "heun", 5)


@pytest.mark.parametrize(
    "wrong",
    [{"way": "nonsense"}, {"way": 3}, {"n_calls": 0}, {"n_calls": 10**6}, {"n_calls": "5"}, {"n": 1}, {"n": 10**9}]
    + [
        {"seed": -1},
        {"seed": 1.5},
        {"way": "annealed", "n_calls": 1},
        {"way": "consistency", "n_calls": 5},
        {"run": 7},
    ],
)
def test_an_impossible_ask_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(SettingError):
        read_ask({**MESSAGE, **wrong})


def test_a_way_of_another_model_is_refused_with_a_sentence() -> None:
    model, experiment = untrained("flow_matching")
    run: Any = SimpleNamespace(experiment=experiment)
    with pytest.raises(SettingError, match="calls the network of"):
        WaysAsk("r", None, "heun", 5).check(model, run)


def test_the_live_picture_and_the_answer_show_the_same_noise() -> None:
    """What a run in training shows is named in WAYS, and is drawn from the noise that seed 0 means."""
    from engines.probes import build_probe

    for way in WAYS.values():
        if way.live:
            model, experiment = untrained(way.model)
            seen = model.observe(build_probe(target_of(experiment).window, resolution=0))
            assert seen[way.live].shape == (N_POINTS, 2), way.title
