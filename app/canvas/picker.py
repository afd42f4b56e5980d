"""A row of targets with true thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.canvas.component import lane_component
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("canvas/picker", states=("target",), triggers=())


@dataclass(frozen=True)
class Tile:
    """One choice: its key, title, one-sentence idea and group ("yours" stands apart at the end)."""

    key: str
    title: str
    idea: str
    group: str


def draw_picker(tiles: Sequence[Tile], thumbnails: dict[str, np.ndarray], selected: str, *, key: str) -> None:
    """Mount the picker; the choice stands in its state under "target".

    Args:
        tiles: Choices in display order.
        thumbnails: Key -> brightness 0 to 255, lowest y first, shape (S, S), uint8; or a picture, top row first,
            shape (S, S, 3).
        selected: Key of the present choice.
        key: Widget key.
    """
    numbers = {"items": [asdict(tile) for tile in tiles], "selected": selected, "themes": both_themes()}
    arrays = {f"thumb_{name}": picture for name, picture in thumbnails.items()}
    _mount(data=pack(arrays, numbers), key=key, default={"target": selected})
