"""A disk that is full or cannot be written, and what becomes of runs beside a finished one of the same experiment."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.blobs import pack, unpack
from engines.errors import RunFormatError, SettingError
from engines.training import Experiment, Snapshot, Trainer
from engines.training.origin import origin_weights
from engines.training.run import Run
from engines.training.standing import RunEvent
from engines.training.store import RunStore, Shelves
from engines.training.storing import train_and_store
from engines.training.workers import Workers

SMALL = {"n_couplings": 2, "width": 8, "n_hidden": 1}


def short(seed: int = 0) -> Experiment:
    return Experiment.default("realnvp", "gaussian", steps=5, batch_size=16, seed=seed, settings=SMALL)


class Told:
    """Workers without processes, fed with the events that a process would send."""

    def __init__(self, root: Path) -> None:
        self.store = RunStore(root)
        self.workers = Workers(Shelves([self.store]))
        self.events: list[RunEvent] = []
        self.workers.listen(self.events.append)

    def begin(self, experiment: Experiment) -> Trainer:
        self.workers._queue.pop(self.workers.submit(experiment))  # as if handed out
        self.say(experiment, "started", device="cpu", n_parameters=1)
        return Trainer(experiment, device="cpu")

    def say(self, experiment: Experiment, kind: str, **more: Any) -> None:
        run = self.workers.running(experiment.digest)
        message = {"run": run, "attempt": self.workers._jobs[run].attempt, "kind": kind, "worker": "w"}
        self.workers._on_event((0.0, message | more))

    def train(self, experiment: Experiment, state: str = "finished") -> None:
        trainer = self.begin(experiment)
        while not trainer.is_done:
            trainer.advance()
            snapshot = trainer.snapshot()
            self.say(experiment, "snapshot", step=trainer.step, blob=snapshot.to_bytes(), weights=None)
        weights = pack(trainer.weights(), {})
        self.say(experiment, "ended", state=state, weights=weights, reason="", step=trainer.step)


@contextmanager
def full_disk(n_bytes: int = 2000) -> Iterator[None]:
    """The operating system lets no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_the_run_in_words_and_frees_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told(tmp_path / "runs")
    with full_disk(), caplog.at_level(logging.ERROR):
        told.train(short())
    last = told.events[-1].standing
    assert last.state == "finished" and "could not be stored: file too large" in last.reason
    assert not told.workers._jobs
    assert len([event for event in told.events if event.kind == "snapshot"]) == 5  # all that was made was shown
    assert len([record for record in caplog.records if "cannot be stored" in record.message]) == 1
    assert told.store.get(short().digest) is None and not list((tmp_path / "runs").glob("*/*"))
    assert "not kept" in told.store.trouble
    told.train(short(seed=1))  # there is room again
    assert told.events[-1].standing.reason == "" and told.store.get(short(seed=1).digest) is not None
    assert told.store.check() == ""


def test_a_store_that_cannot_be_written_ends_the_run_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    told = Told(tmp_path / "file" / "runs")
    assert "not a directory" in told.store.check()
    told.train(short())
    assert "could not be stored: not a directory" in told.events[-1].standing.reason
    assert not told.workers._jobs


def test_a_writable_store_has_no_trouble_and_keeps_no_probe(tmp_path: Path) -> None:
    assert RunStore(tmp_path).check() == "" and not list(tmp_path.iterdir())


def test_closing_with_a_full_disk_does_not_break(tmp_path: Path) -> None:
    told = Told(tmp_path / "runs")
    told.begin(short())
    with full_disk(10):
        told.workers.close()


def test_an_event_that_cannot_be_taken_in_ends_its_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, sent = Told(tmp_path / "runs"), []
    monkeypatch.setattr(told.workers, "_send", lambda *message: sent.append(message))
    told.begin(short())
    told.say(short(), "snapshot", step=1, blob=b"damaged", weights=None)
    assert told.events[-1].standing.state == "failed" and not told.workers._jobs
    assert sent == [("w", told.events[-1].run, "stop")]


# ---- a run beside a finished one ----


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Told, Run]:
    told = Told(tmp_path / "runs")
    told.train(short())
    run = told.store.get(short().digest)
    assert run is not None
    return told, run


@pytest.mark.parametrize("state", ["stopped", "diverged", "failed", "finished"])
def test_a_finished_run_stays_whatever_becomes_of_another_one(finished: tuple[Told, Run], state: str) -> None:
    """The other one has a name of its own, from its start on."""
    told, before = finished
    trainer = told.begin(short())
    name = told.workers.running(short().digest)
    assert told.store.get(short().digest) == before and name != before.name  # also while it is trained
    told.say(short(), "ended", state=state, weights=pack(trainer.weights(), {}), reason="", step=0)
    assert told.store.get(short().digest) == before
    assert len(before.snapshots) == 5 and before.weights()
    other = told.store.get(name)
    assert other is not None and (other.name, other.info.state) == (name, state)
    assert told.workers.shelves.is_common(before) and not told.workers.shelves.is_common(other)
    assert sorted(run.name for run in told.store.list()) == sorted([before.name, name])


@pytest.mark.parametrize("state", ["stopped", "diverged", "failed"])
def test_what_did_not_finish_answers_to_its_own_name_only(tmp_path: Path, state: str) -> None:
    told = Told(tmp_path / "runs")
    told.train(short(), state=state)
    run = told.store.get(told.events[-1].run)
    assert run is not None and run.info.state == state
    assert told.store.get(short().digest) is None
    told.train(short())
    found = told.store.get(short().digest)
    assert found is not None and found.info.state == "finished" and found.name == told.events[-1].run


@pytest.mark.parametrize("own_state", ["stopped", "diverged", "failed", "running", "finished"])
def test_what_ships_stays_what_everybody_opens(tmp_path: Path, own_state: Any) -> None:
    shipped = train_and_store(Trainer(short(), device="cpu"), tmp_path / "shipped" / "a")
    own = RunStore(tmp_path / "own")
    mine = own.open(short(), device="cpu", n_parameters=1).end(own_state, {})
    shelves = Shelves([own, RunStore(tmp_path / "shipped")])
    found, other = shelves.get(short().digest), shelves.get(mine.name)
    assert found is not None and found.folder == shipped.folder
    assert other is not None and other.folder == mine.folder


@pytest.mark.parametrize("state", ["stopped", "running"])
def test_a_run_of_an_older_version_that_did_not_finish_opens_for_nobody(tmp_path: Path, state: Any) -> None:
    """It lies in a folder that is named by the digest alone."""
    store = RunStore(tmp_path)
    run = train_and_store(Trainer(short(), device="cpu"), tmp_path / short().digest)
    assert store.get(short().digest) == run and run.name == short().digest
    (run.folder / "run.json").write_text(replace(run.info, state=state).to_json(), encoding="utf-8")
    assert store.get(short().digest) is None
    found = store.get(f"{short().digest}-00000000")
    assert found is not None and found.folder == run.folder


def test_a_stopped_run_can_be_forked(tmp_path: Path) -> None:
    told = Told(tmp_path / "runs")
    trainer = told.begin(short())
    trainer.advance()
    told.say(short(), "ended", state="stopped", weights=pack(trainer.weights(), {}), reason="", step=1)
    fork = short().fork(1, seed=3)
    held = unpack(origin_weights(told.workers.shelves, fork) or b"")[0]
    assert all(np.array_equal(held[name], value) for name, value in trainer.weights().items())
    with pytest.raises(RunFormatError, match="keeps no weights of step 2"):
        origin_weights(told.workers.shelves, short().fork(2))


def test_what_a_killed_server_left_goes_after_a_day(
    finished: tuple[Told, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, run = finished
    (told.store.root / f".{short().digest}.part").mkdir()
    told.store.prune(10**9)
    assert len(list(told.store.root.iterdir())) == 2  # it may still be copied
    monkeypatch.setattr("engines.training.store.CUT_OFF_SECONDS", -1)
    told.store.prune(10**9)
    assert [path.name for path in told.store.root.iterdir()] == [run.name]


# ---- the queue ----


def test_the_wait_is_what_the_run_before_it_still_takes(tmp_path: Path) -> None:
    """Five steps, two of them done in two seconds: three seconds are left. Of what has not begun nothing is known."""
    told = Told(tmp_path / "runs")
    told.begin(short())
    told.workers._jobs[told.workers.running(short().digest)].future = object()  # as if handed out
    second, third = told.workers.submit(short(1)), told.workers.submit(short(2))
    before = told.workers.standing(second)
    assert before is not None and (before.ahead, before.wait) == (1, None)
    blob = Snapshot(2, 2.0, {"loss": 1.0}).to_bytes()
    told.say(short(), "snapshot", step=2, blob=blob, weights=None)
    standings = [told.workers.standing(second), told.workers.standing(third)]
    assert [(each.ahead, each.wait) for each in standings if each] == [(1, pytest.approx(3.0)), (2, None)]
    told.workers.close()


def test_a_full_queue_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.training.workers.MOST_QUEUED", 2)
    workers = Told(tmp_path / "runs").workers
    names = [workers.submit(short(seed)) for seed in range(2)]
    with pytest.raises(SettingError, match="2 trainings wait already"):
        workers.submit(short(2))
    assert workers.submit(short(1)) == names[1]  # who asks for what waits already, joins it


def test_a_run_is_known_by_its_experiment_while_it_waits(tmp_path: Path) -> None:
    told = Told(tmp_path / "runs")
    name = told.workers.submit(short())
    assert told.workers.experiment(name) == told.workers.experiment(short().digest) == short()
    assert told.workers.running(short().digest) == name
    assert told.workers.experiment("") is None and told.workers.running(short(1).digest) == ""
