"""The gallery of stored flows: a table of learned densities, model by target, each with its KL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("views/flow_compare/gallery", states=("choice",), triggers=())


@dataclass(frozen=True)
class Cell:
    """One stored run: its model and target, its KL in nats with the standard error, and how many weights it has."""

    model: str
    target: str
    kl: float
    error: float
    n_parameters: int


def draw_flow_gallery(
    cells: Sequence[Cell],
    pictures: Mapping[str, np.ndarray],
    titles: Mapping[str, str],
    targets: Sequence[str],
    marked: Sequence[tuple[str, str]],
    *,
    key: str,
) -> None:
    """Mount the gallery; a click puts {"model", "target", "side", "count"} into its state under "choice".

    Args:
        cells: One for each stored run.
        pictures: "model/target" -> brightness 0 to 255 of the learned density, and "truth/target" of the exact one;
            lowest y first, shape (S, S), uint8.
        titles: Of models and targets, in the order of the rows.
        targets: Columns.
        marked: (model, target) on the left and on the right of the stage.
        key: Widget key.
    """
    numbers: dict[str, Any] = {"cells": [vars(cell) for cell in cells], "titles": dict(titles), "themes": both_themes()}
    numbers |= {"targets": list(targets), "marked": [list(pair) for pair in marked]}
    blob = pack({f"map_{name}": picture for name, picture in pictures.items()}, numbers)
    _mount(data=blob, key=key)
