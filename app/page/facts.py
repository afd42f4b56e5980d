"""Numbers in texts by name: what a lesson quotes is read where it was measured, so that both cannot differ.

{run flow/realnvp-ring kl .2f}                       a measure of a stored run, as its last snapshot has it
{file benchmarks/results/names.json sure/0 .0%}      a number of a stored measurement
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from engines.errors import DataError
from engines.training.run import Run

ROOT = Path(__file__).resolve().parents[2]
_PLACE = re.compile(r"\{(run|file) ([^\s{}]+) ([^\s{}]+) ([^\s{}]+)\}")


def fill(text: str) -> str:
    """The text with each named number in its place.

    Raises:
        DataError: If there is no such number.
    """
    return _PLACE.sub(lambda found: _written(_value(*found.group(1, 2, 3)), found.group(4)), text)


def _value(kind: str, source: str, path: str) -> float:
    try:
        value: Any = _metrics(source) if kind == "run" else _content(source)
        for part in path.split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return float(value)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(
            f"Expected a number at {path} in {source}, which a text quotes; there is none ({error})."
        ) from None


def _written(value: float, spec: str) -> str:
    """By Python's format; .0% gives "60 %", with a space."""
    return f"{100 * value:{spec[:-1]}f} %" if spec.endswith("%") else f"{value:{spec}}".replace("-", "−")


@lru_cache(maxsize=64)
def _metrics(name: str) -> dict[str, Any]:
    """The last measures of a stored run; of a sweep, a list of one for each of its models."""
    return dict(Run.load(ROOT / "checkpoints" / name).snapshots[-1].metrics)


@lru_cache(maxsize=64)
def _content(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))
