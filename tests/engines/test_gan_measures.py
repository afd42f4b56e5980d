"""The monitor of modes and its alarm: definitions of the papers on known samples, and silence on a healthy run."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.gan.losses import LOSSES
from engines.gan.plane.alarm import AGREEING, ALARMS, PATIENCE, AlarmInputs, Watch, raise_alarm
from engines.gan.plane.cures import SWEEP, supported_cures
from engines.gan.plane.measures import TRACE_ROWS, GameMeasures, Trace
from engines.gan.plane.settings import PlaneGanSettings
from engines.metrics.modes import count_modes, reverse_kl
from engines.metrics.two_samples import median_distance, sliced_wasserstein, squared_mmd
from engines.settings import setting_fields
from engines.tensors import make_rng

RING: Any = DATASETS["ring_narrow"].density
EQUAL = torch.full((8,), 1 / 8, dtype=torch.float64)
HEALTHY = AlarmInputs(share=0.5, n_modes=8, n_found=8, n_moves=0, n_gained=0, high_quality=0.7, accuracy=0.6, pull=0.5)


def test_a_perfect_sampler_sets_the_line() -> None:
    """Within three standard deviations in the plane: 1 - exp(-9/2) = 98.9 %."""
    found = GameMeasures(RING).of_modes(RING.sample(40_000, rng=make_rng(0)))
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # 5 standard errors
    assert found["modes"] == found["modes_fair"] == 8
    assert found["reverse_kl"] < 0.001
    assert sum(found["mode_shares"]) == pytest.approx(1)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_reverse_kl_of_some_equal_modes(m: int) -> None:
    counts = torch.zeros(8, dtype=torch.long)
    counts[:m] = 100
    assert reverse_kl(counts, EQUAL) == pytest.approx(math.log(8 / m))


def test_reverse_kl_without_any_sample_is_the_worst() -> None:
    assert reverse_kl(torch.zeros(8, dtype=torch.long), EQUAL) == pytest.approx(math.log(8))


def test_a_mode_counts_only_what_is_strictly_near() -> None:
    modes = torch.tensor([[0.0, 0.0], [1.0, 0.0]]).double()
    x = torch.tensor([[0.25, 0.0], [0.375, 0.0], [0.45, 0.0], [0.875, 0.0], [5.0, 5.0]]).double()
    assert count_modes(x, modes, 0.125).tolist() == [1, 1]  # 0.375 is three standard deviations to the last bit
    assert count_modes(x, modes, 0.126).tolist() == [2, 1]


def test_a_collapsed_sampler_is_measured_as_such() -> None:
    measures, rng = GameMeasures(RING), make_rng(0)
    one = RING.modes[2] + 0.02 * torch.randn(2500, 2, generator=rng)
    found: dict[str, Any] = measures.of_modes(one) | measures.of_distances(one.float()[:1000])
    assert (found["modes"], found["modes_fair"]) == (1, 1)
    assert found["reverse_kl"] == pytest.approx(math.log(8))
    assert found["mode_shares"][2] == 1
    for name in ("squared_mmd", "sliced_wasserstein"):
        assert found[name] > 10 * measures.bands()[name].high, name


def test_js_of_true_samples_is_near_its_zero_and_of_others_near_log_2() -> None:
    measures = GameMeasures(RING)
    found = measures.of_distances(RING.sample(1000, rng=make_rng(4)))
    assert abs(found["js"]) < 3 * found["js_error"] + 0.005
    apart = measures.of_distances(torch.randn(1000, 2, generator=make_rng(0)) * 0.1)
    assert math.log(2) - 0.03 < apart["js"] < math.log(2)  # a lower limit, from 500 points of each half


def test_mmd_against_the_closed_form_of_gaussians() -> None:
    """Kernel and data Gaussian: E k = s²/(s² + v) exp(-|m|² / (2 (s² + v))) in the plane, v the variance of X - Y."""
    rng, width, shift = make_rng(1), 0.8, 0.5
    x, y = torch.randn(3000, 2, generator=rng), torch.randn(3000, 2, generator=rng)
    y[:, 0] += shift
    wide = width**2 + 2
    known = 2 * width**2 / wide * (1 - math.exp(-(shift**2) / (2 * wide)))
    assert squared_mmd(x, y, width) == pytest.approx(known, rel=0.25)  # 5 standard errors, by 20 repeats
    assert abs(squared_mmd(x, torch.randn(3000, 2, generator=rng), width)) < 0.002


def test_the_median_distance_of_two_normal_points() -> None:
    x = torch.randn(2000, 2, generator=make_rng(0))
    assert median_distance(x) == pytest.approx(2 * math.sqrt(math.log(2)), rel=0.03)  # a Rayleigh law


def test_sliced_wasserstein_of_a_shift_is_its_mean_length() -> None:
    """A shift by d moves each projection by d |cos|: 2 d / pi in the mean."""
    x = torch.randn(500, 2, generator=make_rng(0))
    moved = x + torch.tensor([0.3, 0.4])
    assert sliced_wasserstein(x, moved) == pytest.approx(0.5 * 2 / math.pi, rel=1e-3)
    assert sliced_wasserstein(x, x[torch.randperm(500, generator=make_rng(1))]) == pytest.approx(0, abs=1e-6)


def fakes_in(mode: int, n: int = 64) -> Tensor:
    return RING.modes[mode].float() + 0.01 * torch.randn(n, 2, generator=make_rng(mode))


def test_the_trace_says_which_mode_and_when() -> None:
    trace = Trace(RING)
    for step in range(90):
        trace.add(fakes_in(step // 30))
    rows = trace.arrays()["trace"]
    assert rows.shape == (90, 8)
    assert [int(row.argmax()) for row in rows[[0, 29, 30, 89]]] == [0, 0, 1, 2]
    assert trace.n_moves == 1  # in its later half


def test_a_long_trace_grows_coarser_and_keeps_its_shares() -> None:
    trace = Trace(RING)
    for step in range(1000):
        trace.add(fakes_in(0 if step < 500 else 1))
    rows = trace.arrays()["trace"] / 255
    assert TRACE_ROWS <= len(rows) < 2 * TRACE_ROWS
    assert rows[:, 0].mean() == pytest.approx(0.5, abs=0.02)
    assert rows.sum(1).min() > 0.98


def test_modes_gained_are_counted_from_two_thirds_of_the_way() -> None:
    ring: Any = DATASETS["ring"].density
    trace = Trace(ring)
    assert trace.n_gained == 0
    for step in range(90):
        trace.add(ring.modes[: 2 if step < 70 else 7].float().repeat(20, 1))
    assert trace.n_gained == 5
    for _ in range(90):
        trace.add(ring.modes[:7].float().repeat(20, 1))
    assert trace.n_gained == 0


def test_targets_without_modes_are_measured_by_distances_alone() -> None:
    moons: Any = DATASETS["moons"].density
    measures = GameMeasures(moons)
    assert measures.of_modes(torch.zeros(5, 2)) == {}
    assert {"squared_mmd", "sliced_wasserstein", "energy", "js"} <= measures.of_distances(torch.randn(900, 2)).keys()
    trace = Trace(moons)
    trace.add(torch.zeros(5, 2))
    assert trace.arrays() == {}


def test_a_mode_is_held_by_samples_near_it_or_good_ones() -> None:
    """Of tiny modes most samples miss, which is no collapse; points in one mode are one, however good."""
    measures = GameMeasures(RING)
    modes: Any = RING.modes
    beside = modes.float().repeat(50, 1) * 1.5  # far outside, evenly around
    assert measures.of_modes(beside)["modes_fair"] == 0
    assert measures.held(measures.of_modes(beside)) == len(modes)
    assert measures.held(measures.of_modes(modes[:1].float().repeat(400, 1))) == 1
    assert measures.held({}) == 0


def test_the_alarm_is_silent_on_a_healthy_run_and_at_the_start() -> None:
    assert raise_alarm(HEALTHY) is None
    assert raise_alarm(replace(HEALTHY, n_found=1, share=0.05)) is None
    assert raise_alarm(replace(HEALTHY, n_found=4, n_gained=3, share=0.2)) is None  # half way there
    assert raise_alarm(replace(HEALTHY, n_modes=0, n_found=0, high_quality=1.0)) is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"n_found": 2}, "collapsed"),
        ({"n_found": 2, "n_gained": 1}, "collapsed"),
        ({"n_found": 2, "n_gained": -3}, "collapsed"),
        ({"n_found": 1, "n_moves": 4}, "rotating"),
        ({"accuracy": 0.999, "pull": 0.01}, "saturated"),
        ({"high_quality": 0.01}, "scattered"),
        ({"n_found": 2, "accuracy": 0.999, "pull": 0.01}, "saturated"),
    ],
)
def test_each_trouble_raises_its_alarm(changes: dict[str, Any], key: str) -> None:
    alarm = raise_alarm(replace(HEALTHY, **changes))
    assert alarm is not None and alarm.key == key


def test_the_alarm_waits_for_looks_that_agree() -> None:
    trouble = replace(HEALTHY, n_found=2)
    watch = Watch()
    said = [watch.look(signs) for signs in (trouble, HEALTHY, trouble, trouble, HEALTHY)]
    assert [each and each.key for each in said] == [None, None, None, "collapsed", None] and AGREEING == 2
    assert raise_alarm(replace(trouble, share=PATIENCE - 0.01)) is None


@pytest.mark.parametrize("key", ["collapsed", "rotating"])
@pytest.mark.parametrize("loss", LOSSES)
def test_only_cures_that_the_sweep_supports_are_offered(key: str, loss: str) -> None:
    """Counted here from the file anew: at least seven of eight seeds ended with all eight modes."""
    offered = {cure.name for cure in supported_cures(key, loss)}
    sweep = json.loads(SWEEP.read_text(encoding="utf-8"))
    rows = {row["cure"]: row["modes_fair"] for row in sweep["rows"] if row["loss"] == loss}
    good = [cure for cure, modes in rows.items() if modes.count(8) >= 7]
    assert offered == {name for cure in good for name in sweep["protocol"]["cures"][cure]}
    assert "r1" not in offered and {"pack", "unroll"} <= offered
    assert not supported_cures("saturated", loss)


@pytest.mark.parametrize("key", ALARMS)
def test_each_cure_is_a_possible_setting(key: str) -> None:
    fields = {field.name: field for field in setting_fields(PlaneGanSettings)}
    for loss in LOSSES:
        for cure in supported_cures(key, loss):
            assert fields[cure.name].check(cure.value) == cure.value and cure.support
    assert ALARMS[key].sentence.format(found=1, modes=8, quality=3, accuracy=99).endswith(".")
