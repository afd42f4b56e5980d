"""The two stages of distillation: teacher and student in the plane, and as waves that can be heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.stage import StageView
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack

Mark = tuple[int, str]

_mount_points = lane_component(
    "views/distillation/points", styles=("canvas/stage", "views/distillation/canvas"), states=("moment", "lane")
)
_mount_sound = lane_component(
    "views/distillation/sound", styles=("canvas/stage", "views/distillation/canvas"), states=("moment", "lane")
)


@dataclass(frozen=True)
class DistillationStageView(StageView):
    """Teacher and student in the plane.

    Attributes:
        handover: Step from which the student learns.
        marks: Where the training takes a turn: steps, with a few words each.
    """

    handover: int = 0
    marks: tuple[Mark, ...] = ()

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        return super().numbers() | {"handover": self.handover, "marks": _as_dicts(self.marks)}


@dataclass(frozen=True)
class SoundView:
    """Waves of the data, and a run whose waves stand beside them.

    Attributes:
        run: Digest of the run, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        handover: Step from which the student learns.
        marks: Where the training takes a turn: steps, with a few words each.
        at: Step to open a stored run at; None: its end.
        entropy: Of the data, nats per wave, with its standard error.
        rate: Samples a second.
        waves: Held-out waves, shape (N, T).
    """

    run: str
    attempt: int
    steps: int
    handover: int
    marks: tuple[Mark, ...]
    at: int | None
    entropy: tuple[float, float]
    rate: int
    waves: np.ndarray

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "handover", "at", "rate")
        numbers = {name: getattr(self, name) for name in names}
        numbers |= {"entropy": self.entropy[0], "entropy_error": self.entropy[1]}
        numbers |= {"themes": both_themes(), "marks": _as_dicts(self.marks)}
        return pack({"waves": self.waves.astype(np.float32)}, numbers)


def _as_dicts(marks: tuple[Mark, ...]) -> list[dict[str, Any]]:
    """As the player takes them."""
    return [{"step": step, "text": text} for step, text in marks]


def draw_distillation_stage(view: DistillationStageView, *, key: str) -> None:
    """Mount the stage of the plane. Its moment is read with `app.canvas.stage.read_moment`."""
    _mount_points(data=view.to_bytes(), key=key)


def draw_sound_stage(view: SoundView, *, key: str) -> None:
    """Mount the stage of sound; its step is read with `read_sound_step`."""
    _mount_sound(data=view.to_bytes(), key=key)


def read_sound_step(state: object, run: str, attempt: int) -> int | None:
    """The step at which the stage of sound stands; None: the end, or nothing was told of this run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    step = moment.get("step") if moment else None
    return step if type(step) is int and step >= 0 else None
