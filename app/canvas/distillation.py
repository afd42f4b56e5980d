"""The two stages of distillation: teacher and student in the plane, and as waves that can be heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.stage import StageView
from app.theme import role_colours
from engines.training.snapshot import pack

_mount_points = lane_component("distillation_points", styles=("stage", "distillation"))
_mount_sound = lane_component("distillation_sound", styles=("stage", "distillation"))


@dataclass(frozen=True)
class DistillationStageView(StageView):
    """Teacher and student in the plane.

    Attributes:
        handover: Step from which the student learns.
    """

    handover: int = 0

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        return super().numbers() | {"handover": self.handover}


@dataclass(frozen=True)
class SoundView:
    """Waves of the data, and a run whose waves stand beside them.

    Attributes:
        run: Digest of the run, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        handover: Step from which the student learns.
        at: Step to open a stored run at; None: its end.
        entropy: Of the data, nats per wave, with its standard error.
        rate: Samples a second.
        waves: Held-out waves, shape (N, T).
    """

    run: str
    attempt: int
    steps: int
    handover: int
    at: int | None
    entropy: tuple[float, float]
    rate: int
    waves: np.ndarray

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "handover", "at", "rate")
        numbers = {name: getattr(self, name) for name in names}
        numbers |= {"entropy": self.entropy[0], "entropy_error": self.entropy[1]}
        numbers |= {"themes": {"light": role_colours("light"), "dark": role_colours("dark")}}
        return pack({"waves": self.waves.astype(np.float32)}, numbers)


def draw_distillation_stage(view: DistillationStageView, *, key: str) -> None:
    """Mount the stage of the plane. Its moment is read with `app.canvas.stage.read_moment`."""
    _mount(_mount_points, view.to_bytes(), key)


def draw_sound_stage(view: SoundView, *, key: str) -> None:
    """Mount the stage of sound; its step is read with `read_sound_step`."""
    _mount(_mount_sound, view.to_bytes(), key)


def _mount(mount: Any, data: bytes, key: str) -> None:
    nothing = lambda: None  # noqa: E731
    mount(
        key=key,
        data=data,
        default={"moment": None, "lane": None},
        on_moment_change=nothing,
        on_lane_change=nothing,
        on_ended_change=nothing,
    )


def read_sound_step(state: object, run: str, attempt: int) -> int | None:
    """The step at which the stage of sound stands; None: the end, or nothing was told of this run."""
    moment = state.get("moment") if isinstance(state, Mapping) else getattr(state, "moment", None)
    if not isinstance(moment, Mapping) or moment.get("of") != f"{run}/{attempt}":
        return None
    step = moment.get("step")
    return step if type(step) is int and step >= 0 else None
