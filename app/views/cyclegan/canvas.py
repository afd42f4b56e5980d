"""The two stages of CycleGAN: points that fly between two densities, and pictures that change and change back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack

_mount_points = lane_component("views/cyclegan/points", styles=("canvas/stage", "views/cyclegan/canvas"))
_mount_pictures = lane_component("views/cyclegan/pictures", styles=("canvas/stage", "views/cyclegan/canvas"))
WAYS = ("there", "back")


@dataclass(frozen=True)
class CyclePlace:
    """Where the visitor is.

    Attributes:
        time: 0 at home, 1 translated, 2 there and back.
        way: "there" from A to B, "back" from B to A; of points only.
        step: Of the training that is shown; None: its end.
    """

    time: float = 1.0
    way: str = "there"
    step: int | None = None

    def texts(self) -> dict[str, str]:
        """What a link says of it: what differs from the usual."""
        usual = CyclePlace()
        texts = {"time": f"{self.time:g}", "way": self.way, "at": str(self.step)}
        held = {"time": self.time, "way": self.way, "at": self.step}
        wont = {"time": usual.time, "way": usual.way, "at": usual.step}
        return {name: text for name, text in texts.items() if held[name] != wont[name]}


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
        about |= {"place": vars(self.place), "usual": vars(CyclePlace())}
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
    """Mount the stage of points. Where the visitor is stands in its state; see `read_cycle_place`."""
    _mount_points(data=view.to_bytes(), key=key)


def draw_cycle_pictures(view: CyclePicturesView, *, key: str) -> None:
    """Mount the stage of pictures; likewise."""
    _mount_pictures(data=view.to_bytes(), key=key)


def read_cycle_place(state: object, visit: str, run: str, attempt: int) -> CyclePlace | None:
    """A stage's place from its session state, checked; None if there is none, or it is of another visit.

    A step that was told of another run says nothing about this one.
    """
    moment = told_moment(state, visit=visit)
    if moment is None:
        return None
    step = moment.get("step") if moment.get("of") == f"{run}/{attempt}" else None
    way = moment.get("way")
    return CyclePlace(
        _time_of(moment.get("time")) or 0.0,
        way if isinstance(way, str) and way in WAYS else "there",
        step if type(step) is int and step >= 0 else None,
    )


def place_of_link(query: Mapping[str, str], problems: list[str]) -> CyclePlace:
    """Where a link opens a stage; a sentence for each thing in it that is impossible."""
    usual = CyclePlace()
    time: float | None = usual.time
    if "time" in query:
        try:
            time = _time_of(float(query["time"]))
        except ValueError:
            time = None
        if time is None:
            problems.append(f"Expected a time from 0 (home) to 2 (back) after time=, got {query['time'][:20]!r}.")
    way = query.get("way", usual.way)
    if way not in WAYS:
        problems.append(f"Expected way=there or way=back, got {way[:20]!r}.")
    step = query.get("at", "")
    is_step = step.isascii() and step.isdigit() and len(step) < 9
    if step and not is_step:
        problems.append(f"Expected a whole number of steps after at=, got {step[:20]!r}.")
    return CyclePlace(
        usual.time if time is None else time, way if way in WAYS else usual.way, int(step) if is_step else None
    )


def _time_of(value: object) -> float | None:
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return round(float(value), 3) if is_time and 0 <= value <= 2 else None  # pyright: ignore[reportArgumentType, reportOperatorIssue]
