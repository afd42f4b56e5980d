"""The studio of a latent space: plane, decoded picture, latents, trade-off, rows of pictures, and the player."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component(
    "views/latent_space/canvas", styles=("canvas/stage", "canvas/image_panels", "views/latent_space/canvas")
)
TABS = ("sweep", "traversal", "rebuild", "path", "prior", "radius", "yours")


@dataclass(frozen=True)
class Member:
    """One model of a run of several: its name ("β 4"), what stands under an axis ("4"), and its β."""

    name: str
    short: str
    beta: float


@dataclass(frozen=True)
class Place:
    """Where the visitor is: which model, at which latent (None: at the first example), with which tab open."""

    member: int = 0
    z: tuple[float, ...] | None = None
    tab: str = ""


@dataclass(frozen=True)
class StudioView:
    """What the studio shows.

    Attributes:
        run: Digest of the run to show, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        members: The models of the run.
        axis_title: What differs between them ("β").
        event_shape: C, H, W.
        originals: First held-out examples, bytes (M, C, H, W).
        probe_labels: Classes of the held-out examples that snapshots show, or None.
        classes: Names of the classes.
        factors: Names of the known factors.
        is_conditional: Whether the decoder is told the class.
        place: Where to open.
        own: The visitor's own picture, bytes (C, H, W), or None.
        own_id: Names the upload, so that the same one is not opened twice.
    """

    run: str
    attempt: int
    steps: int
    members: tuple[Member, ...]
    axis_title: str
    event_shape: tuple[int, ...]
    originals: np.ndarray
    probe_labels: list[int] | None
    classes: tuple[str, ...]
    factors: tuple[str, ...]
    is_conditional: bool
    place: Place
    own: np.ndarray | None = None
    own_id: str = ""

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "axis_title", "probe_labels", "is_conditional", "own_id")
        numbers: dict[str, Any] = {name: getattr(self, name) for name in names}
        numbers |= {name: list(getattr(self, name)) for name in ("event_shape", "classes", "factors")}
        numbers["members"] = [vars(member) for member in self.members]
        numbers |= {"member": self.place.member, "z": self.place.z, "tab": self.place.tab}
        numbers["themes"] = both_themes()
        arrays = {"originals": self.originals} | ({} if self.own is None else {"own": self.own})
        return pack(arrays, numbers)


def draw_studio(view: StudioView, *, key: str) -> None:
    """Mount the studio. Where the visitor is stands in its state; see `read_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_place(state: object, run: str, attempt: int) -> Place | None:
    """The studio's place from its session state, checked; None if there is none, or it is of another run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    if moment is None:
        return None
    member, z, tab = moment.get("member"), moment.get("z"), moment.get("tab")
    is_z = isinstance(z, list) and all(isinstance(v, int | float) and math.isfinite(v) for v in z)
    place = tuple(float(v) for v in z) if is_z else None  # pyright: ignore[reportOptionalIterable]
    return Place(member if type(member) is int else 0, place, tab if tab in TABS else "")
