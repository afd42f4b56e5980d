"""The lab of names: a slider between two names, a map of all, what is near, what the prior draws, and the player."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from engines.blobs import pack
from engines.settings import setting

_mount = lane_component("views/sentence_vae/canvas", styles=("canvas/stage", "views/sentence_vae/canvas"))
WAYS = ("straight", "round")
FARTHEST, MOST_LATENTS = 1e6, 64


@dataclass(frozen=True)
class NamePlace(Place):
    """Where the visitor is; without a share of the way not yet anywhere, so that the lab shows the way."""

    t: float | None = setting(None, "Share", "Of the way between the names.", low=0.0, high=1.0, digits=4)
    way: str = setting("straight", "Way", "Straight, or round along the sphere.", choices=WAYS)
    z: tuple[float, ...] | None = setting(
        None, "Latent", "Off the way.", low=-FARTHEST, high=FARTHEST, most=MOST_LATENTS, digits=5
    )


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
        numbers |= {"symbols": list(self.symbols)} | self.place.numbers()
        numbers["themes"] = both_themes()
        return pack({"probe": self.probe}, numbers)


def draw_namelab(view: NameLabView, *, key: str) -> None:
    """Mount the lab. Where the visitor is stands in its state; see `NamePlace`."""
    _mount(data=view.to_bytes(), key=key)
