"""Every name that other programs may rely on can be had where it is promised."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISED = {
    "engines": ("MODELS", "DATASETS"),
    "engines.datasets": ("DATASETS", "Density", "Examples", "GaussianMixture"),
    "engines.metrics": ("METRICS",),
    "engines.models": ("MODELS",),
    "engines.model_spec": ("ModelSpec", "Model", "Phase", "CAPABILITIES"),
    "engines.registry": ("Registry",),
    "engines.settings": ("Settings", "setting"),
    "engines.tensors": ("make_rng", "pick_device"),
    "engines.training": ("Experiment", "Plan", "Run", "RunStore", "Snapshot", "Trainer", "train"),
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in PROMISED.items() for name in names])
def test_a_promised_name_is_there(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


def test_training_can_be_imported_first() -> None:
    """In a process of its own: nothing else has been loaded before."""
    words = [sys.executable, "-c", "from engines.training import Run, RunStore, train; print(Run.__name__)"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "Run"


def test_a_run_has_what_is_promised_of_it() -> None:
    from engines.training import Run, RunStore

    assert all(callable(getattr(Run, name)) for name in ("load", "replay", "model"))
    assert all(callable(getattr(RunStore, name)) for name in ("get", "list", "add", "prune"))
