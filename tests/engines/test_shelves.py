"""What several stores give as one, and how long a store of many runs takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.training.store import RunStore, Shelves
from tests.engines.test_run_store import experiment, write_run


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_shelves_give_what_ships_then_what_finished_first(store: RunStore, tmp_path: Path) -> None:
    shipped = RunStore(tmp_path / "shipped")
    shelves = Shelves([store, shipped])
    first, second = write_run(shipped, 1), write_run(store, 2)
    repeated = [write_run(store, 1), write_run(store, 2)]
    for run in (first, second):
        found = shelves.get(run.experiment.digest)
        assert found is not None and found.folder == run.folder and shelves.is_common(run)
    for run in repeated:
        found = shelves.get(run.name)
        assert found is not None and found.folder == run.folder and not shelves.is_common(run)
    assert shelves.own is store and shelves.get("0" * 16) is None


@pytest.mark.slow
def test_a_list_of_two_thousand_is_kept_ready(store: RunStore) -> None:
    """What was read is not read again, also when one more has come."""
    first = write_run(store).folder / "run.json"
    for i in range(1999):
        folder = store.root / f"{experiment().digest}-{i:08x}"
        folder.mkdir()
        os.link(first, folder / "run.json")
    time.sleep(0.06)  # a change so young could be followed by one of the same time
    assert len(store.list()) == 2000
    assert min(timed(store.list) for _ in range(5)) < 0.02
    assert min(timed(lambda: store.get(experiment(7).digest)) for _ in range(5)) < 0.005
    new = write_run(store, 1)
    assert len(store.list()) == 2001
    store.remove(new.name)
    assert len(store.list()) == 2000


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
