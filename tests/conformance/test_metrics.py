"""What is said of a measure is complete, and stored runs have measured what the registry names."""

from __future__ import annotations

import pytest

from engines.build_checkpoints import SHIPPED
from engines.metrics import METRICS
from engines.training import Run

NOT_IN_RUNS = {"energy_distance", "mmd"}  # computed where they are shown

each_metric = pytest.mark.parametrize("key", METRICS)


@pytest.fixture(scope="module")
def measured() -> set[str]:
    """Names of all numbers that the last snapshot of some stored run holds."""
    runs = [Run.load(each.folder) for each in SHIPPED if (each.folder / "run.json").exists()]
    return {name for run in runs for name in run.snapshots[-1].metrics}


@each_metric
def test_an_entry_says_all(key: str) -> None:
    spec = METRICS[key]
    assert spec.title and spec.needs and spec.source
    assert spec.better in ("lower", "higher", "one", "none") and spec.kind in ("exact", "bound", "estimate")


@each_metric
def test_a_measure_is_found_in_stored_runs(key: str, measured: set[str]) -> None:
    assert (key in measured) != (key in NOT_IN_RUNS)
