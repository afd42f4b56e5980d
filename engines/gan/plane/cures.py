"""Which cures the stored sweep supports: each alarm's, for each game, with the number that says so.

The sweep (`benchmarks/bench_gan_sweep.py`) began from the collapsing preset on the ring of eight and switched one cure
on at a time, eight seeds each. What it did not try, or tried in vain, is not offered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

SWEEP = Path(__file__).resolve().parents[3] / "assets" / "measured" / "gan_sweep.json"
N_MODES = 8  # of the sweep's ring
MOST_FAILURES = 1  # seeds of eight that may miss a mode
GOOD = 0.3  # share of the samples near a mode, from which on a cure counts against scattered ones

Value = float | bool | str


@dataclass(frozen=True)
class Cure:
    """A setting to change.

    Attributes:
        name, value: The setting and what it becomes.
        support: What the sweep measured with it.
    """

    name: str
    value: Value
    support: str


@lru_cache(maxsize=64)
def supported_cures(alarm: str, loss: str) -> tuple[Cure, ...]:
    """The cures of an alarm in a game, the best first.

    Args:
        alarm: Key in `ALARMS`; against a discriminator that is too strong the sweep tried nothing.
        loss: Key in `LOSSES`.
    """
    judge = _JUDGES.get(alarm)
    rows = [row for row in _sweep()["rows"] if row["loss"] == loss and row["cure"] != "none"]
    found = [] if judge is None else [(row, *judge(row)) for row in rows]
    found = sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])
    return tuple(Cure(*_setting(row["cure"]), said) for row, _, said in found)


def tried_cures() -> tuple[tuple[str, Value], ...]:
    """All settings that the sweep switched on, with their values."""
    return tuple(_setting(name) for name, changes in _sweep()["protocol"]["cures"].items() if changes)


def _setting(cure: str) -> tuple[str, Value]:
    ((name, value),) = _sweep()["protocol"]["cures"][cure].items()
    return name, value


def _by_modes(row: Mapping[str, Any]) -> tuple[float, str]:
    """Seeds that ended with all modes, and good samples beside; 0 where too many failed."""
    n_seeds = len(row["modes_fair"])
    n_whole = sum(modes == N_MODES for modes in row["modes_fair"])
    supported = n_whole >= n_seeds - MOST_FAILURES
    return (n_whole + _quality(row)) * supported, f"all modes in {n_whole} of {n_seeds} seeds"


def _by_quality(row: Mapping[str, Any]) -> tuple[float, str]:
    """The share of good samples, where most seeds kept all modes."""
    quality = _quality(row)
    return quality * (quality >= GOOD and _by_modes(row)[0] > 0), f"{100 * quality:.0f} % near a mode"


def _quality(row: Mapping[str, Any]) -> float:
    return sum(row["high_quality"]) / len(row["high_quality"])


_JUDGES: Mapping[str, Callable[[Mapping[str, Any]], tuple[float, str]]] = {
    "rotating": _by_modes,
    "collapsed": _by_modes,
    "scattered": _by_quality,
}


@lru_cache(maxsize=1)
def _sweep() -> dict[str, Any]:
    return json.loads(SWEEP.read_text(encoding="utf-8"))
