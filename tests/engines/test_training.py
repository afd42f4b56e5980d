"""The one training loop: its schedule, its reproducibility, what it learns, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import RunFormatError, SettingError, TrainingDiverged, UnknownKeyError
from engines.probes import build_probe
from engines.training import Experiment, Plan, Snapshot, Trainer, train
from engines.training.sources import PlaneSource
from engines.training.trainer import snapshot_steps
from engines.training.worker import FramePump

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"n_couplings": 2, "width": 8, "n_hidden": 1}


def small(steps: int = 40, **changes: Any) -> Experiment:
    """An experiment of well under a second."""
    return Experiment.default("realnvp", "moons", **{"steps": steps, "batch_size": 32, "settings": SMALL, **changes})


def diverging() -> Experiment:
    """Deep, with a loose cap, at the highest learning rate: it explodes within a few steps."""
    return small(50, learning_rate=1.0, settings={"n_couplings": 24, "scale_cap": 5.0})


def plane_source(trainer: Trainer) -> PlaneSource:
    assert isinstance(trainer.source, PlaneSource)
    return trainer.source


def same_weights(first: Trainer, other: Trainer) -> bool:
    here, there = first.weights(), other.weights()
    return here.keys() == there.keys() and all(np.array_equal(here[name], there[name]) for name in here)


def finish(trainer: Trainer, after_each: Callable[[], object] = lambda: None) -> Trainer:
    while not trainer.is_done:
        trainer.advance()
        after_each()
    return trainer


@given(st.integers(1, 50_000))
def test_snapshots_are_dense_first_and_wide_later(steps: int) -> None:
    due = snapshot_steps(steps)
    gaps = np.diff(due)
    assert due[0] == 0 and due[-1] == steps
    assert len(due) <= 41
    assert (gaps > 0).all()
    assert (np.diff(gaps) >= -1).all()  # wider and wider, but for rounding
    if steps >= 1000:
        assert sum(step <= steps // 10 for step in due) >= 10


def test_train_yields_a_snapshot_at_each_step_that_is_due() -> None:
    snapshots = list(train(small(16), device="cpu"))
    assert tuple(snapshot.step for snapshot in snapshots) == snapshot_steps(16)
    seconds = [snapshot.seconds for snapshot in snapshots]
    assert seconds == sorted(seconds) and seconds[0] == 0
    for snapshot in snapshots:
        assert {"kl", "kl_error", "integral"} <= snapshot.metrics.keys()
        assert snapshot.arrays["log_prob"].shape == (64, 64)
        assert all(np.isfinite(array).all() for array in snapshot.arrays.values())
    assert snapshots[0].weights is not None and snapshots[-1].weights is not None


def test_train_stops_by_not_being_asked_again() -> None:
    run = train(small(50_000), device="cpu")
    assert [next(run).step for _ in range(3)] == list(snapshot_steps(50_000)[:3])


PRINT_RUN = """
import hashlib, json, sys
from engines.tensors import use_threads
from engines.training import Experiment, train
use_threads(1)
for snapshot in train(Experiment.from_dict(json.loads(sys.argv[1])), device="cpu"):
    arrays = {**snapshot.arrays, **(snapshot.weights or {})}
    hashes = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    print(snapshot.step, json.dumps([dict(snapshot.losses), dict(snapshot.metrics), hashes], sort_keys=True))
"""


@pytest.mark.slow
def test_two_processes_make_the_same_snapshots_bit_by_bit() -> None:
    experiment = json.dumps(small(12, seed=7).to_dict())
    runs = [
        subprocess.Popen([sys.executable, "-c", PRINT_RUN, experiment], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    first, other = (run.communicate(timeout=60)[0] for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert first.count(b"\n") == len(snapshot_steps(12))
    assert first == other


def test_the_seed_decides() -> None:
    first, again, other = (finish(Trainer(small(5, seed=seed), device="cpu")) for seed in (1, 1, 2))
    assert same_weights(first, again) and not same_weights(first, other)


def test_no_global_source_is_used_or_touched() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = finish(Trainer(small(5), device="cpu"))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert same_weights(first, finish(Trainer(small(5), device="cpu"), lambda: torch.rand(3)))


def test_watching_changes_nothing() -> None:
    alone, watched = (Trainer(small(20), device="cpu") for _ in range(2))
    pump, probe = FramePump(watched, lambda *args, **kwargs: None), build_probe((-3, 3, -3, 3), resolution=8)

    def watch() -> None:
        watched.snapshot()
        watched.observe(probe)
        pump.show()

    watch()
    assert same_weights(finish(alone), finish(watched, watch))


def test_it_learns() -> None:
    snapshots = list(train(small(300, batch_size=128), device="cpu"))
    first, last = snapshots[0], snapshots[-1]
    assert last.losses["loss"] < snapshots[1].losses["loss"] - 0.2
    # The untrained model is a Gaussian of the data's moments; this small one should learn a third of the rest.
    assert last.metrics["kl"] < first.metrics["kl"] * 2 / 3
    assert last.metrics["kl"] > -5 * last.metrics["kl_error"]
    assert all(snapshot.metrics["integral"] == pytest.approx(1, abs=0.02) for snapshot in snapshots)


def test_the_learning_rate_warms_up_and_falls_to_zero_along_a_cosine() -> None:
    trainer, rates = Trainer(small(200, learning_rate=0.01), device="cpu"), []

    def note() -> None:
        rates.append(trainer._phases[0][1].rate)

    finish(trainer, note)
    top = rates.index(max(rates))
    assert top <= 20 and rates == sorted(rates[:top]) + sorted(rates[top:], reverse=True)
    assert rates[top] == pytest.approx(0.01, rel=0.05)
    assert rates[50] == pytest.approx(0.01 * 0.8535534)
    assert rates[100] == pytest.approx(0.005)
    assert 0 < rates[-1] < 1e-5


def test_a_learning_rate_that_is_too_high_ends_with_a_reason() -> None:
    run, seen = train(diverging(), device="cpu"), []
    with pytest.raises(TrainingDiverged, match=r"^At step \d+ .* not finite\..*learning rate.*here 1\)"):
        seen.extend(run)
    assert seen and all(np.isfinite(array).all() for snapshot in seen for array in snapshot.arrays.values())


def test_a_loss_that_explodes_but_stays_finite_is_told_too() -> None:
    trainer = Trainer(small(1000), device="cpu")
    trainer.snapshot()
    good = trainer.weights()
    trainer.advance()
    plane_source(trainer)._batches = [torch.full((32, 2), 1e7) for _ in range(200)]
    with pytest.raises(TrainingDiverged, match="exploded"):
        finish(trainer)
    assert trainer.step < 100
    assert all(np.array_equal(good[name], trainer.last_good[name]) for name in good)


def test_weights_whose_next_loss_has_exploded_were_not_good() -> None:
    trainer = Trainer(small(1000), device="cpu")
    trainer.snapshot()
    good = trainer.weights()
    trainer.advance()
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.mul_(30)  # as a step that is far too long leaves them
    trainer.snapshot()  # what it shows is finite
    plane_source(trainer)._batches = [torch.full((32, 2), 1e7) for _ in range(200)]
    with pytest.raises(TrainingDiverged, match="snapshot, of step 0, is kept"):
        finish(trainer)
    assert all(np.array_equal(good[name], trainer.last_good[name]) for name in good)


@pytest.mark.parametrize("where", ["parameters", "data"])
def test_a_number_that_is_none_ends_with_the_last_good_snapshot(where: str) -> None:
    trainer = Trainer(small(40), device="cpu")
    while trainer.step < 10:
        trainer.advance()
    trainer.snapshot()
    good = trainer.weights()
    if where == "parameters":
        with torch.no_grad():
            next(trainer.model.parameters()).fill_(float("nan"))
    else:
        plane_source(trainer)._batches = [torch.full((32, 2), float("nan"))]
    with pytest.raises(TrainingDiverged, match="At step 10 the loss is no longer a finite number") as caught:
        trainer.advance()
    assert caught.value.step == 10
    assert all(np.array_equal(good[name], trainer.last_good[name]) for name in good)


def test_a_picture_that_is_no_longer_finite_ends_it_too() -> None:
    trainer = Trainer(small(40), device="cpu")
    trainer.snapshot()
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("inf"))
    with pytest.raises(TrainingDiverged, match="the model's"):
        trainer.snapshot()
    assert all(np.isfinite(value).all() for value in trainer.last_good.values())


def test_a_fork_begins_where_its_origin_was() -> None:
    origin = finish(Trainer(small(10), device="cpu"))
    fork = small(10).fork(10, learning_rate=1e-5, steps=1)
    trainer = Trainer(fork, device="cpu", weights=origin.weights())
    assert same_weights(origin, trainer)
    assert trainer.snapshot().metrics["kl"] == pytest.approx(origin.snapshot().metrics["kl"], abs=0.1)


def test_weights_of_another_size_are_told() -> None:
    weights = Trainer(small(10), device="cpu").weights()
    with pytest.raises(RunFormatError, match="do not fit"):
        Trainer(small(10, settings={**SMALL, "width": 16}), device="cpu", weights=weights)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "nope"}, UnknownKeyError),
        ({"dataset": "nope"}, UnknownKeyError),
        ({"settings": {"nope": 1}}, SettingError),
        ({"settings": {"n_couplings": 1e9}}, SettingError),
        ({"dataset_settings": {"noise": "wide"}}, SettingError),
        ({"steps": 0}, SettingError),
        ({"learning_rate": float("nan")}, SettingError),
        ({"batch_size": 10**400}, SettingError),
        ({"seed": -1}, SettingError),
    ],
)
def test_impossible_experiments_are_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    experiment = Experiment.from_dict({**small().to_dict(), **changes})
    with pytest.raises(error):
        Trainer(experiment, device="cpu")


def test_the_digest_names_everything_that_matters() -> None:
    base = small()
    others = [
        small(41),
        small(seed=1),
        small(batch_size=48),
        small(learning_rate=0.1),
        small(settings={**SMALL, "width": 16}),
        small(dataset_settings={"noise": 0.3}),
        Experiment.default("realnvp", "ring", steps=40, batch_size=32, settings=SMALL),
        base.fork(10),
        base.fork(20),
    ]
    digests = {base.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1
    assert all(len(digest) == 16 and set(digest) <= set("0123456789abcdef") for digest in digests)


def test_the_digest_does_not_depend_on_order() -> None:
    base = small()
    turned = Experiment.from_dict(dict(reversed(list(base.to_dict().items()))))
    turned_inside = Experiment.from_dict({**base.to_dict(), "settings": dict(reversed(list(base.settings.items())))})
    assert base.digest == turned.digest == turned_inside.digest


def test_an_experiment_survives_json() -> None:
    for experiment in (small(), small(learning_rate=1e-5, seed=9999), small().fork(10, steps=5)):
        again = Experiment.from_dict(json.loads(json.dumps(experiment.to_dict())))
        assert again == experiment and again.digest == experiment.digest
    assert small().plan == Plan(steps=40, batch_size=32, learning_rate=7e-3)  # what RealNVP does best with on moons


@pytest.mark.parametrize(
    "changes", [{"colour": "red"}, {"settings": None}, {"dataset_settings": [1]}, {"model": 3}, {"steps": "many"}]
)
def test_a_damaged_experiment_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(RunFormatError):
        Experiment.from_dict({**small().to_dict(), **changes})


def test_a_snapshot_survives_its_bytes() -> None:
    arrays = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "empty": np.zeros((0, 2), np.float32)}
    snapshot = Snapshot(3, 0.5, {"loss": 1.25}, {"kl": 0.1}, arrays)
    again = Snapshot.from_bytes(snapshot.to_bytes())
    assert (again.step, again.seconds, again.losses, again.metrics) == (3, 0.5, {"loss": 1.25}, {"kl": 0.1})
    for name, array in arrays.items():
        assert np.array_equal(again.arrays[name], array) and again.arrays[name].dtype == array.dtype


@given(st.binary(max_size=200) | st.integers(1, 100).map(lambda n: Snapshot(1, 0.0, {"loss": 1.0}).to_bytes()[:-n]))
def test_bytes_that_are_no_snapshot_are_told(blob: bytes) -> None:
    with pytest.raises(RunFormatError):
        Snapshot.from_bytes(blob)
