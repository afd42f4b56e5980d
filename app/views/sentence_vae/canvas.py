"""The lab of names: a slider between two names, a map of all, what is near, what the prior draws, and the player."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("views/sentence_vae/canvas", styles=("canvas/stage", "views/sentence_vae/canvas"))
MOST_LATENTS = 64
Way = Literal["straight", "round"]


@dataclass(frozen=True)
class NamePlace:
    """Where the visitor is.

    Attributes:
        t: Share of the way from the first name to the second; None: not yet anywhere, so the lab shows the way.
        way: Straight, or round along the sphere.
        z: A latent off the way, or None.
    """

    t: float | None = None
    way: Way = "straight"
    z: tuple[float, ...] | None = None


@dataclass(frozen=True)
class NameLabView:
    """What the lab shows.

    Attributes:
        run: Digest of the run to show, or empty.
        visit: Names this visit to the page; a new one opens the place anew.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        a, b: The two names, as the model reads them.
        symbols: What each token stands for.
        probe: Tokens of the held-out names that snapshots show, uint8 (N, T).
        place: Where to open.
    """

    run: str
    visit: str
    attempt: int
    steps: int
    a: str
    b: str
    symbols: tuple[str, ...]
    probe: np.ndarray
    place: NamePlace

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        numbers: dict[str, Any] = {name: getattr(self, name) for name in ("run", "visit", "attempt", "steps", "a", "b")}
        numbers |= {"symbols": list(self.symbols)} | vars(self.place)
        numbers["themes"] = both_themes()
        return pack({"probe": self.probe}, numbers)


def draw_namelab(view: NameLabView, *, key: str) -> None:
    """Mount the lab. Where the visitor is stands in its state; see `read_name_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_name_place(state: object, run: str, attempt: int) -> NamePlace | None:
    """The lab's place from its session state, checked; None if there is none, or it is of another run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    if moment is None:
        return None
    t, z = moment.get("t"), moment.get("z")
    if t is not None and not _is_share(t):
        return None
    is_z = isinstance(z, list) and len(z) <= MOST_LATENTS and all(_is_number(v) for v in z)
    place = tuple(float(v) for v in z) if is_z else None  # pyright: ignore[reportOptionalIterable]
    return NamePlace(None if t is None else float(t), "round" if moment.get("way") == "round" else "straight", place)


def place_of_link(query: Mapping[str, str]) -> NamePlace:
    """Where a link opens the lab; what in it is no place is left out."""
    try:
        t = float(query["t"]) if "t" in query else None
        z = tuple(float(v) for v in query["z"].split())[:MOST_LATENTS] if "z" in query else None
    except ValueError:
        t, z = None, None
    t = t if t is None or _is_share(t) else None
    z = z if z and all(math.isfinite(v) for v in z) else None
    return NamePlace(t, "round" if query.get("way") == "round" else "straight", z)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1
