"""A run folder from elsewhere: odd names among its files and values of a wrong kind are passed over or told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engines.errors import RunFormatError
from engines.training import Experiment
from engines.training.run import Run, RunInfo
from engines.training.store import RunStore


@pytest.fixture
def run(tmp_path: Path) -> Run:
    store = RunStore(tmp_path)
    return store.open(Experiment.default("realnvp", "moons", steps=3), device="cpu", n_parameters=1).end("stopped", {})


@pytest.mark.parametrize("name", ["abc", "", "-1", "12", "00000²", "1e3", "000001-copy"])
def test_a_file_that_is_no_step_is_passed_over(name: str, run: Run) -> None:
    (run.folder / "weights-000002.safetensors").write_bytes(b"")
    (run.folder / f"weights-{name}.safetensors").write_bytes(b"")
    assert Run.load(run.folder).weight_steps == (2,)


WRONG: list[tuple[str, Any]] = [
    *[("state", value) for value in (3, None, "done", ["running"], {})],
    *[("step", value) for value in ("3", -1, 1.5, None, True, 10**400)],
    *[("seconds", value) for value in ("1", -1, float("nan"), float("inf"), None, [])],
    *[("started", value) for value in ("today", 1e300, None)],
    *[("device", value) for value in (1, None)],
    *[("reason", value) for value in (0, {})],
    ("n_parameters", "many"),
    ("versions", "new"),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda part: str(part)[:20])
def test_a_value_of_a_wrong_kind_is_told(field: str, value: Any, run: Run) -> None:
    values = json.loads(run.info.to_json()) | {field: value}
    with pytest.raises(RunFormatError, match="damaged"):
        RunInfo.from_json(json.dumps(values))
    (run.folder / "run.json").write_text(json.dumps(values), encoding="utf-8")
    assert RunStore(run.folder.parent).list() == []
