"""The stage of a density model in the plane: data, model, difference, and the player."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told, told_moment
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("canvas/stage", states=("moment", "lane"))


@dataclass(frozen=True)
class StageView:
    """What the stage shows.

    Attributes:
        target: Name of target and settings together; a new one clears the picture.
        target_title: For screen readers.
        target_note: One line under the data panel.
        truth: Exact log density on cells, lowest y first, shape (R, R).
        samples: Exact samples, shape (N, 2).
        window: x0, x1, y0, y1.
        entropy: Nats, with its standard error.
        run: Digest of the run to show, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        temperature: Of the samples, at first.
        at: Step to open a stored run at; None plays it.
        autoplay: Whether a stored run plays by itself when it opens.
        replay: Snapshots of the run, each with its 8-byte length, for a browser without WebSockets; else empty.
        standing: How the run stands, with `replay`.
    """

    target: str
    target_title: str
    target_note: str
    truth: np.ndarray
    samples: np.ndarray
    window: tuple[float, float, float, float]
    entropy: tuple[float, float]
    run: str
    attempt: int
    steps: int
    temperature: float
    at: int | None
    autoplay: bool
    replay: bytes = b""
    standing: Mapping[str, Any] | None = None

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        names = ("target", "target_title", "target_note", "run", "attempt", "steps", "temperature", "at", "autoplay")
        numbers = {name: getattr(self, name) for name in names}
        numbers |= {"window": list(self.window), "entropy": self.entropy[0], "entropy_error": self.entropy[1]}
        return numbers | {"themes": both_themes()}

    def arrays(self) -> dict[str, np.ndarray]:
        """The pictures of the blob."""
        return {"truth": self.truth, "samples": self.samples}

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        numbers, arrays = self.numbers(), self.arrays()
        if self.replay:
            arrays["replay"] = np.frombuffer(self.replay, np.uint8)
            numbers["standing"] = dict(self.standing or {})
        return pack(arrays, numbers)


@dataclass(frozen=True)
class Moment:
    """Where the visitor is: a step of the run (None: its end or head) and the samples' temperature."""

    step: int | None
    temperature: float


def draw_stage(view: StageView, *, key: str) -> str:
    """Mount the stage. Its moment is read with `read_moment`; returns a text when a live run just ended, else ""."""
    result = _mount(data=view.to_bytes(), key=key)
    return str(getattr(result, "ended", None) or "")


def is_lane_blocked(state: object) -> bool:
    """Whether the stage has said that its WebSockets do not come through."""
    return told(state, "lane") == "blocked"


def read_moment(state: object, run: str, attempt: int, max_temperature: float = 1.5) -> Moment | None:
    """The stage's moment from its session state, checked; None if there is none or it is nonsense.

    A step that was told of another run, or of an earlier training of this one, says nothing about this one.
    """
    moment = told_moment(state)
    if moment is None:
        return None
    step, temperature = moment.get("step"), moment.get("temperature")
    if not (step is None or type(step) is int) or not isinstance(temperature, int | float):
        return None
    step = step if moment.get("of") == f"{run}/{attempt}" else None
    return Moment(step, min(max(float(temperature), 0.0), max_temperature))
