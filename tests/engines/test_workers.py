"""Training in worker processes: a real cluster, real signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from engines.blobs import read_numbers
from engines.errors import RunFormatError, SettingError, UnknownKeyError
from engines.training import Experiment, Snapshot
from engines.training.run import Run
from engines.training.standing import RunEvent
from engines.training.store import RunStore, Shelves
from engines.training.trainer import snapshot_steps, train
from engines.training.workers import LOST, Workers

pytestmark = pytest.mark.slow

SMALL = {"n_couplings": 2, "width": 8, "n_hidden": 1}
PATIENCE = 60.0  # seconds on a machine that is busy with other things


def short(seed: int = 0, **changes: Any) -> Experiment:
    return Experiment.default(
        "realnvp", "gaussian", **{"steps": 20, "batch_size": 16, "seed": seed, "settings": SMALL, **changes}
    )


def endless(seed: int = 0, **changes: Any) -> Experiment:
    return short(seed, steps=50_000, **changes)


class Recorder:
    """Workers together with all that they said."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self.events: list[RunEvent] = []
        self._news = threading.Condition()
        workers.listen(self._on_event)

    def _on_event(self, event: RunEvent) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(self, is_met: Callable[[RunEvent], object], seconds: float = PATIENCE, *, since: int = 0) -> RunEvent:
        """The first event from a place in the record on that meets a condition."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                found = next((event for event in self.events[since:] if is_met(event)), None)
                if found is not None:
                    return found
                if not self._news.wait(end - time.monotonic()) and time.monotonic() > end:
                    raise AssertionError(f"Not seen in {seconds} s; last: {[e.standing for e in self.events[-3:]]}")

    def wait_for_state(self, digest: str, state: str, seconds: float = PATIENCE, *, since: int = 0) -> RunEvent:
        return self.wait(lambda e: e.run == digest and e.standing.state == state, seconds, since=since)

    def run(self, experiment: Experiment) -> Run:
        """Train to the end; the stored run."""
        since = len(self.events)
        name = self.workers.submit(experiment)
        self.wait(lambda e: e.run == name and e.standing.has_ended, since=since)
        run = self.workers.shelves.get(name)
        assert run is not None
        return run

    def pid_of(self, digest: str) -> int:
        address = self.workers._jobs[digest].address
        return self.workers._client.run(os.getpid)[address]

    def stop_all(self) -> None:
        """Leave no run behind for the next test."""
        for digest in list(self.workers._jobs):
            since = len(self.events)
            if self.workers.command(digest, "stop"):
                self.wait(lambda e, d=digest: e.run == d and e.standing.has_ended, since=max(0, since - 1))


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def recording(root: Path, n_workers: int = 1, address: str | None = None) -> Iterator[Recorder]:
    workers = Workers(Shelves([RunStore(root)]), n_workers=n_workers, device="cpu", address=address)
    workers.start()
    try:
        yield Recorder(workers)
    finally:
        workers.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recording(tmp_path_factory.mktemp("runs")) as recorder:
        yield recorder


@pytest.fixture
def one(cluster: Recorder) -> Iterator[Recorder]:
    """One worker; runs that a test leaves are stopped after it."""
    cluster.events.clear()
    yield cluster
    cluster.stop_all()


def test_a_run_is_told_from_queue_to_store(one: Recorder) -> None:
    digest = one.workers.submit(short())
    one.wait_for_state(digest, "finished")
    events = [event for event in one.events if event.run == digest]
    states = [event.standing.state for event in events]
    assert states == sorted(states, key=["queued", "running", "finished"].index)
    snapshots = [Snapshot.from_bytes(event.blob) for event in events if event.kind == "snapshot"]
    assert tuple(snapshot.step for snapshot in snapshots) == snapshot_steps(20)
    assert [event.step for event in events if event.kind == "snapshot"] == list(snapshot_steps(20))
    run = one.workers.shelves.get(digest)
    assert run is not None and run.info.state == "finished" and run.info.device.startswith("CPU, 1 thread")
    assert list(run.blobs()) == [event.blob for event in events if event.kind == "snapshot"]
    assert run.info.n_parameters == sum(parameter.numel() for parameter in run.model().parameters())
    assert one.workers.standing(digest) is None and one.workers.history(digest) == []


def test_a_worker_trains_what_the_plain_loop_trains(one: Recorder) -> None:
    here = list(train(short(3), device="cpu"))
    for mine, theirs in zip(here, one.run(short(3)).replay(), strict=True):
        assert (mine.step, dict(mine.losses), dict(mine.metrics)) == (theirs.step, theirs.losses, theirs.metrics)
        assert all(np.array_equal(mine.arrays[name], theirs.arrays[name]) for name in mine.arrays)


def test_the_same_experiment_twice_is_one_run(one: Recorder) -> None:
    experiment = endless(1)
    first, other = one.workers.submit(experiment), one.workers.submit(Experiment.from_dict(experiment.to_dict()))
    assert first == other
    one.wait(lambda e: e.kind == "frame")
    assert one.workers.submit(experiment) == first
    assert len(one.workers._jobs) == 1
    history = [read_numbers(blob) for blob in one.workers.history(first)]
    steps = [numbers["step"] for numbers in history if not numbers.get("is_frame")]
    assert steps and steps == list(snapshot_steps(50_000)[: len(steps)])


def test_live_pictures_come_between_snapshots(one: Recorder) -> None:
    digest = one.workers.submit(endless(2))
    one.wait(lambda e: e.kind == "frame" and e.standing.step > 200)
    steps = [event.step for event in one.events if event.kind in ("frame", "snapshot") and event.run == digest]
    assert steps == sorted(steps)


def test_pause_step_resume_stop(one: Recorder) -> None:
    digest = one.workers.submit(endless(3))
    one.wait(lambda e: e.kind == "frame")
    assert one.workers.command(digest, "pause")
    at = one.wait_for_state(digest, "paused").standing.step
    one.wait(lambda e: e.kind == "frame" and e.step == at)
    time.sleep(0.3)
    standing = one.workers.standing(digest)
    assert standing is not None and (standing.state, standing.step) == ("paused", at)
    for count in (1, 2, 3):
        since = len(one.events)
        one.workers.command(digest, "step")
        assert one.wait(lambda e: e.kind in ("frame", "snapshot"), since=since).step == at + count
    time.sleep(0.3)
    standing = one.workers.standing(digest)
    assert standing is not None and (standing.state, standing.step) == ("paused", at + 3)
    one.workers.command(digest, "resume")
    one.wait(lambda e: e.standing.state == "running" and e.standing.step > at + 20)
    one.workers.command(digest, "stop")
    end = one.wait_for_state(digest, "stopped").standing
    run = one.workers.shelves.get(digest)
    assert run is not None and run.info.state == "stopped" and run.info.step == end.step
    assert run.snapshots[-1].step == end.step
    model_kl = run.snapshots[-1].metrics["kl"]
    assert np.isfinite(model_kl)


def test_stop_while_paused(one: Recorder) -> None:
    digest = one.workers.submit(endless(4))
    one.wait(lambda e: e.kind == "frame")
    one.workers.command(digest, "pause")
    one.wait_for_state(digest, "paused")
    one.workers.command(digest, "stop")
    one.wait_for_state(digest, "stopped")


def test_stepping_over_the_last_step_finishes(one: Recorder) -> None:
    digest = one.workers.submit(short(4, steps=300, batch_size=4096))
    one.wait(lambda e: e.kind == "snapshot")
    one.workers.command(digest, "pause")
    at = one.wait_for_state(digest, "paused").standing.step
    assert at < 300
    for _ in range(300 - at + 5):
        one.workers.command(digest, "step")
    one.wait_for_state(digest, "finished")
    run = one.workers.shelves.get(digest)
    assert run is not None and run.info.step == 300


def test_the_queue_is_visible(one: Recorder) -> None:
    busy, second, third = (one.workers.submit(endless(seed)) for seed in (5, 6, 7))
    one.wait_for_state(busy, "running")
    ahead = [standing and standing.ahead for standing in map(one.workers.standing, (busy, second, third))]
    assert ahead == [0, 1, 2]
    assert one.workers.command(third, "pause") is False
    assert one.workers.command(second, "stop")
    one.wait_for_state(second, "stopped", 5)
    one.wait(lambda e: e.run == third and e.standing.ahead == 1, 5)
    since = len(one.events)
    one.workers.command(busy, "stop")
    one.wait_for_state(third, "running", since=since)


def test_commands_to_nobody_are_harmless(one: Recorder) -> None:
    for digest in ("", "0" * 16, "../../etc"):
        assert not any(one.workers.command(digest, word) for word in ("stop", "pause", "nonsense"))


def test_an_impossible_experiment_is_refused_at_once(one: Recorder) -> None:
    good = short().to_dict()
    for changes, error in (
        ({"model": "nope"}, UnknownKeyError),
        ({"steps": 10**9}, SettingError),
        ({"origin": "0" * 16 + "@5"}, RunFormatError),
        ({"origin": "../../etc@5"}, RunFormatError),
        ({"origin": "nonsense"}, RunFormatError),
    ):
        with pytest.raises(error):
            one.workers.submit(Experiment.from_dict({**good, **changes}))
    assert one.workers._jobs == {}


def test_divergence_ends_the_run_with_a_reason(one: Recorder) -> None:
    experiment = short(settings={"n_couplings": 24, "scale_cap": 5.0}, learning_rate=1.0, steps=100)
    run = one.run(experiment)
    assert run.info.state == "diverged" and "learning rate" in run.info.reason
    assert all(np.isfinite(value).all() for value in run.weights().values())
    assert run.snapshots and run.snapshots[-1].step == run.info.step
    assert one.run(short(8)).info.state == "finished"


def test_a_fork_starts_from_kept_weights_with_other_settings(one: Recorder) -> None:
    origin = one.run(short(9, steps=60))
    step = origin.weight_steps[len(origin.weight_steps) // 2]
    fork = one.run(origin.experiment.fork(step, learning_rate=1e-5, steps=1))
    assert fork.info.state == "finished" and fork.experiment.digest != origin.experiment.digest
    first, theirs = fork.snapshots[0], next(s for s in origin.snapshots if s.step == step)
    assert first.metrics["kl"] == pytest.approx(theirs.metrics["kl"], abs=1e-9)
    assert np.array_equal(first.arrays["samples"], theirs.arrays["samples"])
    with pytest.raises(RunFormatError, match="keeps no weights of step 59"):
        one.workers.submit(origin.experiment.fork(59))


def test_a_fork_of_another_size_is_refused_with_a_sentence(one: Recorder) -> None:
    origin = one.run(short(9, steps=60))
    with pytest.raises(SettingError, match="keeps the model and its size"):
        one.workers.submit(origin.experiment.fork(60, settings={**origin.experiment.settings, "width": 16}))


def test_a_paused_run_does_not_hold_its_worker_for_ever(one: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    paused = one.workers.submit(endless(10))
    one.wait(lambda e: e.kind == "frame")
    one.workers.command(paused, "pause")
    one.wait_for_state(paused, "paused")
    one.workers.sweep()
    waiting = one.workers.submit(endless(11))
    monkeypatch.setattr("engines.training.workers.PAUSE_LEASE_IN_QUEUE", 0.0)
    one.workers.sweep()
    one.wait_for_state(paused, "stopped")
    one.wait_for_state(waiting, "running")


def test_a_run_that_nobody_watches_gives_way_and_goes_on_to_the_bit(
    one: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in the queue as it was while the newcomer trains in its worker, then trains what it would have."""
    monkeypatch.setattr("engines.training.jobs.UNWATCHED_LEASE", 2.0)
    left = one.workers.submit(endless(20))
    one.wait(lambda e: e.run == left and e.kind == "snapshot" and e.step > 0)
    one.workers._jobs[left].watched_at -= 60.0
    one.workers.sweep(set())
    time.sleep(0.2)
    assert one.workers._jobs[left].standing.state == "running"  # as long as nobody waits
    newcomer = one.workers.submit(short(21))
    one.workers.sweep({newcomer})
    parked = one.wait(lambda e: e.run == left and e.standing.state == "queued" and e.step > 0).standing
    one.wait_for_state(newcomer, "finished")
    since = one.events.index(one.wait_for_state(newcomer, "finished"))
    one.wait(lambda e: e.run == left and e.standing.state == "running", since=since)
    later = one.wait(lambda e: e.run == left and e.kind == "snapshot" and e.step > parked.step, since=since)
    found = Snapshot.from_bytes(later.blob)
    expected = next(each for each in train(endless(20), device="cpu") if each.step == later.step)
    assert dict(found.losses) == dict(expected.losses)
    assert all(np.array_equal(found.arrays[name], value) for name, value in expected.arrays.items())


def test_a_run_that_is_watched_or_waits_for_nobody_stays(one: Recorder) -> None:
    watched = one.workers.submit(endless(22))
    one.wait(lambda e: e.run == watched and e.kind == "frame")
    other = one.workers.submit(endless(23))
    one.workers._jobs[watched].watched_at -= 60.0
    one.workers.sweep({watched, other})
    one.workers._jobs[watched].watched_at -= 60.0
    one.workers._jobs[other].watched_at -= 60.0  # nobody waits for it
    one.workers.sweep(set())
    time.sleep(0.5)
    assert not one.workers._jobs[watched].is_parked


def test_what_is_parked_can_be_stopped_and_is_kept(one: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engines.training.jobs.UNWATCHED_LEASE", 2.0)
    left = one.workers.submit(endless(24))
    one.wait(lambda e: e.run == left and e.kind == "frame")
    newcomer = one.workers.submit(endless(25))
    one.workers._jobs[left].watched_at -= 60.0
    one.workers._jobs[newcomer].watched_at -= 60.0
    one.workers.note_watched([newcomer])  # as a page does that shows another run meanwhile
    one.workers.sweep(set())
    one.wait_for_state(newcomer, "running")
    assert one.workers._jobs[left].is_parked
    one.workers.command(left, "stop")
    one.wait_for_state(left, "stopped")
    run = one.workers.shelves.get(left)
    assert run is not None and run.info.state == "stopped" and run.info.step > 0
    one.wait(lambda e: e.run == newcomer and e.kind == "frame")


def test_a_killed_worker_is_told_within_three_seconds_and_the_next_run_works(one: Recorder) -> None:
    digest = one.workers.submit(endless(12))
    one.wait(lambda e: e.kind == "snapshot" and e.standing.step > 0)
    pid = one.pid_of(digest)
    os.kill(pid, signal.SIGKILL)
    event = one.wait_for_state(digest, "failed", 3.0)
    assert event.standing.reason == LOST
    run = one.workers.shelves.get(digest)
    assert run is not None and run.info.state == "failed" and run.info.reason == LOST and run.snapshots
    assert one.run(short(13)).info.state == "finished"
    assert not is_alive(pid)


def test_a_worker_that_dies_between_runs_is_replaced(one: Recorder) -> None:
    for pid in one.workers.worker_pids:
        os.kill(pid, signal.SIGKILL)
    assert one.run(short(14)).info.state == "finished"


def test_a_killed_worker_hurts_nobody_else(tmp_path: Path) -> None:
    with recording(tmp_path, n_workers=2) as two:
        victim, other = two.workers.submit(endless(1)), two.workers.submit(endless(2))
        for digest in (victim, other):
            two.wait(lambda e, d=digest: e.run == d and e.kind == "frame")
        os.kill(two.pid_of(victim), signal.SIGKILL)
        two.wait_for_state(victim, "failed", 3.0)
        since = len(two.events)
        two.wait(lambda e: e.run == other and e.kind == "frame", 5.0, since=since)
        assert two.run(short(3)).info.state == "finished"
        standing = two.workers.standing(other)
        assert standing is not None and standing.state == "running"


def test_closing_in_mid_run_stores_it_and_leaves_no_process(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        digest = recorder.workers.submit(endless(1))
        queued = recorder.workers.submit(endless(2))
        recorder.wait(lambda e: e.run == digest and e.kind == "frame")
        pids = recorder.workers.worker_pids
        shown = [event for event in recorder.events if event.kind == "snapshot"]
        start = time.monotonic()
    while any(map(is_alive, pids)) and time.monotonic() - start < 3.0:
        time.sleep(0.05)
    assert time.monotonic() - start < 3.0, [pid for pid in pids if is_alive(pid)]
    run = RunStore(tmp_path).get(digest)
    assert run is not None and run.info.state == "stopped" and len(run.snapshots) >= len(shown)
    assert RunStore(tmp_path).get(queued) is None


def test_a_cluster_of_someone_else_is_used_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "processes": True, "silence_logs": 50}
    cluster: Any = LocalCluster(n_workers=1, threads_per_worker=1, **options)
    with cluster as theirs:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", theirs.scheduler_address)
        with recording(tmp_path) as recorder:
            assert recorder.run(short(1)).info.state == "finished"
            digest = recorder.workers.submit(endless(2))
            recorder.wait(lambda e: e.run == digest and e.kind == "frame")
            pids = recorder.workers.worker_pids
        assert len(pids) == 1 and psutil.pid_exists(pids[0])
        run = RunStore(tmp_path).get(digest)
        assert run is not None and run.info.state == "stopped"
