"""The two stages of CycleGAN: points that fly between two densities, and pictures that change and change back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from engines.blobs import pack
from engines.settings import setting

_mount_points = lane_component("views/cyclegan/points", styles=("canvas/stage", "views/cyclegan/canvas"))
_mount_pictures = lane_component("views/cyclegan/pictures", styles=("canvas/stage", "views/cyclegan/canvas"))
WAYS = ("there", "back")
MOST_STEPS = 10**8


@dataclass(frozen=True)
class CyclePlace(Place):
    """Where the visitor is."""

    IN_LINKS: ClassVar[Mapping[str, str]] = {"step": "at"}

    time: float = setting(1.0, "Time", "0 at home, 1 translated, 2 there and back.", low=0.0, high=2.0, digits=3)
    way: str = setting("there", "Way", "From A to B, or from B to A; of points only.", choices=WAYS)
    step: int | None = setting(
        None, "Step", "Of the training that is shown; without one, its end.", low=0, high=MOST_STEPS
    )


@dataclass(frozen=True)
class Domain:
    """A density of the plane as the stage shows it: title, window, log density on cells, and the points that fly."""

    title: str
    window: tuple[float, float, float, float]
    truth: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class CycleView:
    """What both stages show.

    Attributes:
        run: Digest of the run, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        place: Where to open.
        visit: Name of this opening of the page; a new one sets the stage to `place`.
    """

    run: str
    attempt: int
    steps: int
    place: CyclePlace
    visit: str

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        names = ("run", "attempt", "steps", "visit")
        about = {name: getattr(self, name) for name in names}
        about |= {"place": self.place.numbers(), "usual": CyclePlace().numbers()}
        return about | {"themes": both_themes()}


@dataclass(frozen=True)
class CyclePointsView(CycleView):
    """Points between two densities.

    Attributes:
        domains: A and B.
        weight: λ of the run.
        beside: Digest of a stored run to stand beside it; empty: none.
        beside_weight: λ of that.
    """

    domains: tuple[Domain, Domain] | None = None
    weight: float = 10.0
    beside: str = ""
    beside_weight: float = 0.0

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        assert self.domains is not None  # noqa: S101
        names = ("weight", "beside", "beside_weight")
        numbers = self.numbers() | {name: getattr(self, name) for name in names}
        numbers["domains"] = [{"title": each.title, "window": each.window} for each in self.domains]
        arrays = {}
        for name, each in zip("ab", self.domains, strict=True):
            arrays |= {f"truth_{name}": each.truth, f"points_{name}": each.points}
        return pack(arrays, numbers)


@dataclass(frozen=True)
class CyclePicturesView(CycleView):
    """Pictures of two domains.

    Attributes:
        words: What the domains are called.
        idea: One sentence on the task.
        event_shape: C, H, W.
        own: The visitor's own picture, bytes (C, H, W), or None.
        own_id: Names the upload.
    """

    words: tuple[str, str] = ("A", "B")
    idea: str = ""
    event_shape: tuple[int, ...] = (3, 32, 32)
    own: np.ndarray | None = None
    own_id: str = ""

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("words", "idea", "event_shape", "own_id")
        numbers = self.numbers() | {name: getattr(self, name) for name in names}
        return pack({} if self.own is None else {"own": self.own}, numbers)


def draw_cycle_points(view: CyclePointsView, *, key: str) -> None:
    """Mount the stage of points. Where the visitor is stands in its state; see `CyclePlace`."""
    _mount_points(data=view.to_bytes(), key=key)


def draw_cycle_pictures(view: CyclePicturesView, *, key: str) -> None:
    """Mount the stage of pictures; likewise."""
    _mount_pictures(data=view.to_bytes(), key=key)
