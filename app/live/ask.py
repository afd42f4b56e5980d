"""What every question of a canvas has: a run, a step that keeps its weights, and a way to be answered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

from engines.blobs import Arrays
from engines.errors import SettingError
from engines.training.run import Run

MANY = 200  # questions that one pass through a model may answer


class Ask(Protocol):
    """A question: hashable, so that equal ones share an answer.

    Attributes:
        together: How many questions one pass may answer; 1 where they are answered one after the other.
    """

    together: ClassVar[int]

    @property
    def run(self) -> str: ...
    @property
    def step(self) -> int | None: ...
    @property
    def member(self) -> int: ...
    def __hash__(self) -> int: ...

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self: ...
    def check(self, model: Any, run: Run) -> None:
        """Raise SettingError unless this model can answer: called for each question before it joins others."""
        ...

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[Any]) -> dict[Any, Arrays]: ...


def need(model: Any, kind: type | tuple[type, ...], wanted: str) -> None:
    """Raise SettingError unless a model is of some kind, or has a capability; `wanted` says which in words."""
    if not isinstance(model, kind):
        raise SettingError(f"Only {wanted} can be asked that, and this run is of another kind.")


def read_place(message: Mapping[str, Any]) -> tuple[str, int | None]:
    """Run and step of a message.

    Raises:
        SettingError: If they are none.
    """
    run, step = message.get("run"), message.get("step")
    if not isinstance(run, str) or not (step is None or (type(step) is int and 0 <= step < 10**9)):
        raise SettingError("Expected a run and a step.")
    return run, step


def read_member(message: Mapping[str, Any], most: int = 64) -> int:
    """Which model of a run of several; 0 if none is named."""
    return read_int(message, "member", 0, most - 1, default=0)


def read_int(message: Mapping[str, Any], name: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number of a message.

    Raises:
        SettingError: If it is none, or out of range.
    """
    value = message.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise SettingError(f"Expected {name} from {low} to {high}, got {str(value)[:20]!r}.")
    return value


def read_rows(value: object, *, most_rows: int, most_columns: int, limit: float) -> tuple[tuple[float, ...], ...]:
    """Rows of numbers, all of the same length; each number is cut to -limit ... limit.

    Raises:
        SettingError: If they are none, or too many.
    """
    is_rows = isinstance(value, list) and 0 < len(value) <= most_rows and all(isinstance(row, list) for row in value)
    rows: list[list[Any]] = value if is_rows else []  # pyright: ignore[reportAssignmentType]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or not 0 < min(lengths) <= most_columns:
        raise SettingError(f"Expected 1 to {most_rows} rows of 1 to {most_columns} numbers each.")
    if not all(isinstance(v, int | float) and math.isfinite(v) for row in rows for v in row):
        raise SettingError("Expected finite numbers in every row.")
    return tuple(tuple(min(max(float(v), -limit), limit) for v in row) for row in rows)
