"""Runs on disk: nothing that happens to a process or a file leaves a run that cannot be read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.blobs import read_numbers, write_atomically
from engines.errors import RunFormatError
from engines.training import Experiment, Snapshot, Trainer
from engines.training.run import Run, RunInfo, RunWriter, State, read_blobs
from engines.training.sources import PlaneSource
from engines.training.store import RunStore
from engines.training.thinning import thin

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = {"w": np.arange(4, dtype=np.float32)}


def experiment(seed: int = 0, **changes: Any) -> Experiment:
    return Experiment.default("realnvp", "gaussian", steps=10, seed=seed, **changes)


def make_snapshot(step: int) -> Snapshot:
    picture = np.full((4, 4), step, dtype=np.float16)
    weights = {"w": WEIGHTS["w"] * step} if step % 2 == 0 else None
    return Snapshot(step, step / 10, {"loss": 1.0 / (step + 1)}, {"kl": 0.5}, {"log_prob": picture}, weights)


def write_run(store: RunStore, seed: int = 0, *, n: int = 4, state: State | None = "finished") -> Run:
    writer = store.open(experiment(seed), device="CPU, 1 thread", n_parameters=4)
    for step in range(n):
        writer.add(make_snapshot(step))
    if state is None:
        writer._stream.close()
        return Run.load(writer.folder)
    return writer.end(state, WEIGHTS, reason="" if state == "finished" else "Because.")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_run_is_read_as_it_was_written(store: RunStore) -> None:
    run = write_run(store)
    again = store.get(run.experiment.digest)
    assert again is not None and again.info == run.info
    assert again.experiment == experiment()
    assert (again.info.state, again.info.device, again.info.n_parameters) == ("finished", "CPU, 1 thread", 4)
    assert (again.info.step, again.info.seconds) == (3, 0.3)
    assert set(again.info.versions) >= {"torch", "numpy"}
    assert abs(again.info.started - time.time()) < 60
    for step, snapshot in enumerate(again.replay()):
        expected = make_snapshot(step)
        assert (snapshot.step, snapshot.losses, snapshot.metrics) == (step, expected.losses, expected.metrics)
        assert np.array_equal(snapshot.arrays["log_prob"], expected.arrays["log_prob"])
    assert len(again.snapshots) == 4
    assert again.weight_steps == (0, 2, 3)
    assert np.array_equal(again.weights(2)["w"], WEIGHTS["w"] * 2)
    assert np.array_equal(again.weights(3)["w"], WEIGHTS["w"])  # the last step's are the final ones
    assert np.array_equal(again.weights()["w"], WEIGHTS["w"])
    assert again.n_bytes == sum(path.stat().st_size for path in again.folder.iterdir())


def test_a_step_without_weights_is_told(store: RunStore) -> None:
    with pytest.raises(RunFormatError, match="keeps no weights of step 1; kept: 0, 2, 3"):
        write_run(store).weights(1)


def test_a_trained_model_comes_back(store: RunStore) -> None:
    trainer = Trainer(experiment(settings={"n_couplings": 2, "width": 8}), device="cpu")
    writer = store.open(trainer.experiment, device="CPU", n_parameters=1)
    writer.add(trainer.snapshot())
    trainer.advance()
    run = writer.end("stopped", trainer.weights(), "Because.")
    assert isinstance(trainer.source, PlaneSource)
    points = trainer.source.density.sample(20, rng=trainer._rng)
    assert np.array_equal(run.model().log_prob(points), trainer.model.log_prob(points).detach())
    assert not np.array_equal(run.model(0).log_prob(points), run.model().log_prob(points))
    assert not any(parameter.requires_grad for parameter in run.model().parameters())


def test_weights_of_other_settings_are_told(store: RunStore) -> None:
    with pytest.raises(RunFormatError, match="do not fit"):
        write_run(store).model()


def test_an_unfinished_run_is_readable(store: RunStore) -> None:
    run = write_run(store, state=None)
    assert run.info.state == "running"
    assert [snapshot.step for snapshot in run.replay()] == [0, 1, 2, 3]
    assert np.array_equal(run.weights()["w"], WEIGHTS["w"] * 2)  # the latest that are kept


def test_each_training_has_a_run_of_its_own(store: RunStore) -> None:
    first, second = write_run(store, n=6, state="stopped"), write_run(store, n=2, state="diverged")
    assert first.name != second.name and {first.name[:16], second.name[:16]} == {experiment().digest}
    for run, n in ((first, 6), (second, 2)):
        found = store.get(run.name)
        assert found is not None and found.info == run.info and len(found.snapshots) == n


def test_a_writer_begins_anew_in_its_folder(tmp_path: Path) -> None:
    for n in (6, 2):
        writer = RunWriter(tmp_path / "run", RunInfo(experiment(), "CPU"))
        for step in range(n):
            writer.add(make_snapshot(step))
        run = writer.end("diverged", WEIGHTS)
    assert len(run.snapshots) == 2 and run.weight_steps == (0,) and run.info.state == "diverged"


def test_files_of_others_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder").mkdir()
    RunWriter(tmp_path, RunInfo(experiment(), "CPU")).end("stopped", WEIGHTS)
    assert (tmp_path / "notes.txt").read_text() == "mine" and (tmp_path / "folder").is_dir()


def test_a_torn_tail_is_left_out(store: RunStore) -> None:
    run = write_run(store, n=3)
    path = run.folder / "snapshots.blobs"
    whole = path.read_bytes()
    blobs = list(read_blobs(path))
    ends = np.cumsum([len(blob) + 8 for blob in blobs])
    for size in [*range(0, 20), *(int(end) + shift for end in ends for shift in (-1, 0, 1))]:
        path.write_bytes(whole[:size])
        assert list(run.blobs()) == blobs[: int((ends <= size).sum())]


@given(st.binary(max_size=100))
def test_any_bytes_are_read_to_an_end(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("blobs") / "snapshots.blobs"
    path.write_bytes(content)
    assert sum(len(blob) + 8 for blob in read_blobs(path)) <= len(content)


def test_missing_snapshots_are_none(store: RunStore) -> None:
    run = write_run(store)
    (run.folder / "snapshots.blobs").unlink()
    assert run.snapshots == []


def damaged_texts() -> Iterator[tuple[str, str]]:
    good = json.loads(RunInfo(experiment(), "CPU").to_json())
    yield "empty", ""
    yield "cut", json.dumps(good)[:100]
    yield "no json", "hello"
    yield "a list", "[]"
    yield "a number", "3"
    yield "no format", json.dumps({name: value for name, value in good.items() if name != "format"})
    yield "no experiment", json.dumps({name: value for name, value in good.items() if name != "experiment"})
    yield "newer format", json.dumps(good | {"format": 2})
    yield "unknown field", json.dumps(good | {"colour": "red"})
    for value in (
        None,
        3,
        "x",
        [],
        {},
        {"model": "realnvp"},
        {"model": "realnvp", "dataset": "ring", "settings": None},
    ):
        yield f"experiment {value}", json.dumps(good | {"experiment": value})
    yield "no device", json.dumps({name: value for name, value in good.items() if name != "device"})


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in damaged_texts()])
def test_a_damaged_description_is_told_and_passed_over(store: RunStore, text: str) -> None:
    good, bad = write_run(store, 0), write_run(store, 1)
    (bad.folder / "run.json").write_text(text)
    with pytest.raises(RunFormatError):
        Run.load(bad.folder)
    assert [run.experiment for run in store.list()] == [good.experiment]
    assert store.get(bad.experiment.digest) is None
    fresh = RunStore(store.root)
    assert fresh.get(bad.experiment.digest) is None and len(fresh.list()) == 1


def test_bytes_that_are_no_text_are_told(store: RunStore) -> None:
    run = write_run(store)
    (run.folder / "run.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunFormatError):
        Run.load(run.folder)
    assert store.list() == []


def test_damaged_weights_are_told(store: RunStore) -> None:
    run = write_run(store)
    for content in (b"", b"\x00" * 50, (run.folder / "weights.safetensors").read_bytes()[:-3]):
        (run.folder / "weights.safetensors").write_bytes(content)
        with pytest.raises(RunFormatError):
            run.weights()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(RunFormatError, match="no readable run.json"):
            Run.load(folder)


NONSENSE = (
    "",
    ".",
    "..",
    "../../etc",
    "/etc/passwd",
    "a" * 15,
    "a" * 17,
    "A" * 16,
    "a" * 16,
    "a" * 16 + "\n",
    "*" * 16,
)


@pytest.mark.parametrize("digest", NONSENSE)
def test_nonsense_is_no_run(store: RunStore, digest: str) -> None:
    write_run(store)
    assert store.get(digest) is None


WRITE_FOREVER = """
import sys
from pathlib import Path
from engines.training.store import RunStore
from tests.engines.test_run_store import WEIGHTS, experiment, make_snapshot
while True:
    writer = RunStore(Path(sys.argv[1])).open(experiment(), device="CPU", n_parameters=4)
    print("ready", flush=True)
    for step in range(40):
        writer.add(make_snapshot(step))
    writer.end("finished", {"w": WEIGHTS["w"] * 39})
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_writer_leaves_a_readable_run(store: RunStore) -> None:
    rng = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, str(store.root)], cwd=ROOT, stdout=subprocess.PIPE
        )
        with process, process.stdout or sys.stdin.buffer as out:
            assert out.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0.05, 0.3)))
            process.kill()
        for run in RunStore(store.root).list():
            assert [snapshot.step for snapshot in run.replay()] == list(range(len(run.snapshots)))
            for step in run.weight_steps:
                assert np.array_equal(run.weights(step)["w"], WEIGHTS["w"] * step)
            assert run.info.state in ("running", "finished")
    write_run(store)
    store.prune(10**12)  # as a server does when it starts
    assert not list(store.root.rglob("*.part"))


def test_writing_is_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_bytes = Path.write_bytes

    def full_disk(self: Path, content: bytes) -> int:
        write_bytes(self, content[:2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new content")
    assert path.read_bytes() == b"old"


def test_a_listing_resumes_after_what_was_seen(store: RunStore) -> None:
    names = sorted(write_run(store, seed).name for seed in range(7))
    assert [run.name for run in store.list()] == names
    seen: list[str] = []
    while page := store.list(after=seen[-1] if seen else "", limit=3):
        seen += [run.name for run in page]
        write_run(store, 100 + len(seen))  # a run that comes meanwhile shifts nothing
    assert set(names) <= set(seen) and seen == sorted(set(seen))


def test_a_store_sees_what_another_process_wrote_or_deleted(store: RunStore) -> None:
    other = RunStore(store.root)
    assert other.list() == []
    digest = write_run(store).experiment.digest
    assert other.get(digest) is not None
    store.remove(digest)
    assert other.get(digest) is None and other.list() == []


def test_an_empty_store_makes_no_folder(store: RunStore) -> None:
    assert store.list() == [] and store.get("0" * 16) is None
    assert not store.root.exists()


def test_runs_that_ship_lie_in_named_folders(store: RunStore) -> None:
    run = write_run(store)
    run.folder.rename(store.root / "family")
    (store.root / "outer").mkdir()
    (store.root / "family").rename(store.root / "outer" / "inner")
    found = RunStore(store.root).get(run.experiment.digest)
    assert found is not None and found.folder.name == "inner"


def test_adding_copies_a_run_in_one_piece(store: RunStore, tmp_path: Path) -> None:
    run = write_run(store)
    shelf = RunStore(tmp_path / "other")
    for _ in range(2):  # the second time it is replaced
        copy = shelf.add(run)
        assert copy.info == run.info and len(copy.snapshots) == 4 and copy.folder.parent == shelf.root
    assert len(shelf.list()) == 1 and not list(shelf.root.glob(".*"))


def test_pruning_deletes_the_oldest_that_ended(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """First those that did not finish, which nobody but their visitor opens."""
    now = iter(range(1000, 2000))
    monkeypatch.setattr("engines.training.run.time.time", lambda: next(now))
    oldest, running, middle, newest = (
        write_run(store, seed, state=state) for seed, state in enumerate(("finished", None, "diverged", "stopped"))
    )
    assert store.prune(10**9) == []
    size = sum(run.n_bytes for run in store.list())
    assert store.prune(size - 1) == [middle.name]
    assert store.prune(0) == [newest.name, oldest.name]
    assert [run.name for run in store.list()] == [running.name]


def test_a_whole_run_of_the_plane_stays_below_two_megabytes(store: RunStore) -> None:
    trainer = Trainer(Experiment.default("realnvp", "gaussian", steps=2000), device="cpu")
    due, first = trainer._due, trainer.snapshot()
    writer = store.open(trainer.experiment, device="CPU", n_parameters=1)
    for step in due:
        weights = trainer.weights() if step in trainer._keeps else None
        writer.add(Snapshot(step, 0.0, first.losses, first.metrics, first.arrays, weights))
    run = writer.end("finished", trainer.weights())
    assert len(run.weight_steps) >= 10
    assert run.n_bytes < 2 << 20


def test_a_thinned_run_keeps_its_ends_and_what_it_keeps_unchanged(store: RunStore) -> None:
    run = write_run(store, n=20)
    before = {snapshot.step: snapshot for snapshot in run.replay()}
    weights = {step: run.weights(step)["w"] for step in run.weight_steps}
    thin(run, n_snapshots=8, n_weights=3)
    again = Run.load(run.folder)
    steps = [snapshot.step for snapshot in again.replay()]
    assert len(steps) <= 8 and (steps[0], steps[-1]) == (0, 19)
    assert len(again.weight_steps) == 3 and set(again.weight_steps) <= set(steps)
    for snapshot, blob in zip(again.replay(), again.blobs(), strict=True):
        assert np.array_equal(snapshot.arrays["log_prob"], before[snapshot.step].arrays["log_prob"])
        assert snapshot.metrics == before[snapshot.step].metrics
        assert read_numbers(blob)["has_weights"] == (snapshot.step in again.weight_steps)
    for step in again.weight_steps:
        assert np.array_equal(again.weights(step)["w"], weights[step])
    assert np.array_equal(again.weights()["w"], WEIGHTS["w"])
    gone = [before[step].losses["loss"] for step in before if steps[2] < step <= steps[3]]
    kept = next(snapshot for snapshot in again.replay() if snapshot.step == steps[3])
    assert kept.losses["loss"] == pytest.approx(np.mean(gone))


def test_a_thinned_run_has_its_last_weights_once(store: RunStore) -> None:
    run = store.open(Experiment.default("realnvp", "gaussian", steps=3), device="CPU", n_parameters=1)
    arrays, weights = {"log_prob": np.zeros((2, 2), np.float32)}, {"w": np.arange(3, dtype=np.float32)}
    for step in range(4):
        run.add(Snapshot(step, 0.0, {"loss": 1.0}, {}, arrays, {"w": weights["w"] + step}))
    ended = run.end("finished", {"w": weights["w"] + 3})
    for _ in range(2):  # a second time nothing more goes
        thin(ended, n_snapshots=4, n_weights=2)
        again = Run.load(ended.folder)
        assert again.weight_steps == (0, 3)
        assert not (again.folder / "weights-000003.safetensors").exists()
        assert np.array_equal(again.weights(3)["w"], weights["w"] + 3) and np.array_equal(
            again.weights(0)["w"], weights["w"]
        )
    with pytest.raises(RunFormatError, match="kept: 0, 3"):
        Run.load(ended.folder).weights(2)
