"""A pad to draw a target on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told
from app.theme import both_themes
from engines.blobs import pack

MAX_STROKES, MAX_POINTS = 200, 4000
_mount = lane_component("canvas/sketchpad", states=("strokes",), triggers=())


def draw_sketchpad(strokes: Sequence[np.ndarray], brush: float, *, key: str) -> None:
    """Mount the pad; what is drawn stands in its state under "strokes" (see `read_strokes`).

    Args:
        strokes: What to show at first, each (n, 2) in [-1, 1], y upwards.
        brush: Width of a stroke as a share of the pad.
        key: Widget key.
    """
    shown = [np.round(stroke, 3).tolist() for stroke in strokes]
    numbers = {"strokes": shown, "brush": brush, "themes": both_themes()}
    _mount(data=pack({}, numbers), key=key)


def read_strokes(state: object) -> list[np.ndarray] | None:
    """The strokes of the pad's session state, checked; None if nothing was drawn or cleared yet."""
    found = told(state, "strokes")
    if not isinstance(found, list) or len(found) > MAX_STROKES:
        return None
    try:
        strokes = [np.asarray(stroke, dtype=float) for stroke in found]
    except (TypeError, ValueError):
        return None
    if any(s.ndim != 2 or s.shape[1] != 2 or not np.isfinite(s).all() for s in strokes):
        return None
    return strokes if sum(map(len, strokes)) <= MAX_POINTS else None
