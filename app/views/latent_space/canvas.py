"""The studio of a latent space: plane, decoded picture, latents, trade-off, rows of pictures, and the player."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from engines.blobs import pack
from engines.settings import setting

_mount = lane_component(
    "views/latent_space/canvas", styles=("canvas/stage", "canvas/image_panels", "views/latent_space/canvas")
)
TABS = ("sweep", "traversal", "rebuild", "path", "prior", "radius", "yours")
FARTHEST, MOST_LATENTS, MOST_MEMBERS = 1e6, 64, 100


@dataclass(frozen=True)
class Member:
    """One model of a run of several: its name ("β 4"), what stands under an axis ("4"), and its β."""

    name: str
    short: str
    beta: float


@dataclass(frozen=True)
class StudioPlace(Place):
    """Where the visitor is; no latent: at the first example."""

    member: int = setting(-1, "Model", "Of the run; -1: the plain VAE.", low=-1, high=MOST_MEMBERS - 1)
    z: tuple[float, ...] | None = setting(
        None, "Latent", "That is decoded.", low=-FARTHEST, high=FARTHEST, most=MOST_LATENTS, digits=5
    )
    tab: str = setting("", "Tab", "Which rows are open.", choices=("", *TABS))


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
    place: StudioPlace
    own: np.ndarray | None = None
    own_id: str = ""

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "axis_title", "probe_labels", "is_conditional", "own_id")
        numbers: dict[str, Any] = {name: getattr(self, name) for name in names}
        numbers |= {name: list(getattr(self, name)) for name in ("event_shape", "classes", "factors")}
        numbers["members"] = [vars(member) for member in self.members]
        numbers |= self.place.numbers() | {"themes": both_themes()}
        arrays = {"originals": self.originals} | ({} if self.own is None else {"own": self.own})
        return pack(arrays, numbers)


def draw_studio(view: StudioView, *, key: str) -> None:
    """Mount the studio. Where the visitor is stands in its state; see `StudioPlace`."""
    _mount(data=view.to_bytes(), key=key)
