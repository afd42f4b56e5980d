"""A disk that is full or cannot be written, and what becomes of a run beside a finished one of the same experiment."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engines.blobs import pack
from engines.training import Experiment, Trainer
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
        self.workers.submit(experiment)
        self.workers._queue.pop(experiment.digest)  # as if handed out
        self.say(experiment, "started", device="cpu", n_parameters=1)
        return Trainer(experiment, device="cpu")

    def say(self, experiment: Experiment, kind: str, **more: Any) -> None:
        attempt = self.workers._jobs[experiment.digest].attempt
        message = {"digest": experiment.digest, "attempt": attempt, "kind": kind, "worker": "w"}
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
    assert sent == [("w", short().digest, "stop")]


# ---- a run beside a finished one ----


@pytest.fixture
def finished(tmp_path: Path) -> tuple[Told, Run]:
    told = Told(tmp_path / "runs")
    told.train(short())
    run = told.store.get(short().digest)
    assert run is not None
    return told, run


@pytest.mark.parametrize("state", ["stopped", "diverged", "failed"])
def test_a_finished_run_stays_when_its_successor_does_not_finish(finished: tuple[Told, Run], state: str) -> None:
    told, before = finished
    trainer = told.begin(short())
    assert told.store.get(short().digest) == before  # also while it is trained
    told.say(short(), "ended", state=state, weights=pack(trainer.weights(), {}), reason="", step=0)
    assert told.store.get(short().digest) == before
    assert len(before.snapshots) == 5 and before.weights()
    assert [path.name for path in told.store.root.iterdir()] == [short().digest]


def test_a_finished_run_gives_way_to_a_finished_one(finished: tuple[Told, Run]) -> None:
    told, before = finished
    told.train(short())
    after = told.store.get(short().digest)
    assert after is not None and after.info.started > before.info.started and len(after.snapshots) == 5
    assert [path.name for path in told.store.root.iterdir()] == [short().digest]


def test_a_stopped_run_gives_way_at_once(tmp_path: Path) -> None:
    told = Told(tmp_path / "runs")
    told.train(short(), state="stopped")
    told.begin(short())
    run = told.store.get(short().digest)
    assert run is not None and run.info.state == "running"
    told.workers.close()


@pytest.mark.parametrize("own_state", ["stopped", "diverged", "failed", "running", "finished"])
def test_a_finished_run_hides_behind_no_other(tmp_path: Path, own_state: Any) -> None:
    """Whatever the first store holds of an experiment; of two finished ones the newer is shown."""
    shipped = train_and_store(Trainer(short(), device="cpu"), tmp_path / "shipped" / "a")
    own = RunStore(tmp_path / "own")
    own.open(short(), device="cpu", n_parameters=1).end(own_state, {})
    found = Shelves([own, RunStore(tmp_path / "shipped")]).get(short().digest)
    assert found is not None
    assert (found.folder == shipped.folder) == (own_state != "finished")


def test_a_reader_finds_a_run_while_its_successor_moves_in(finished: tuple[Told, Run]) -> None:
    told, before = finished
    before.folder.rename(before.folder.with_name(f".{before.folder.name}.gone"))
    found = told.store.get(short().digest)
    assert found is not None and found.info == before.info


def test_a_server_killed_while_a_successor_moves_in_loses_nothing(finished: tuple[Told, Run]) -> None:
    told, before = finished
    before.folder.rename(before.folder.with_name(f".{before.folder.name}.gone"))
    anew = Told(told.store.root)
    assert [run.info for run in anew.store.list()] == [before.info]
    anew.train(short())
    assert [path.name for path in told.store.root.iterdir()] == [short().digest]


def test_what_a_killed_server_left_beside_a_run_goes(
    finished: tuple[Told, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, _ = finished
    (told.store.root / f".{short().digest}.next").mkdir()
    told.store.prune(10**9)
    assert len(list(told.store.root.iterdir())) == 2  # it may still be trained
    monkeypatch.setattr("engines.training.store.CUT_OFF_SECONDS", -1)
    told.store.prune(10**9)
    assert [path.name for path in told.store.root.iterdir()] == [short().digest]
