"""The workbench of discrete codes: picture, its maps of codes, their palette and use, draws, and the player."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from engines.blobs import pack
from engines.errors import SettingError
from engines.settings import setting

_mount = lane_component("views/vq_vae/canvas", styles=("canvas/stage", "canvas/image_panels", "views/vq_vae/canvas"))
TABS = ("rebuilt", "drawn", "swap", "live", "yours")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MOST_EXAMPLES = 48
MAX_TEMPERATURE = 1.5
MOST_CELLS, MOST_DIGITS = 1024, 4096


def check_digits(text: str) -> str:
    """Codes as text, of whatever model.

    Raises:
        SettingError: If they are none.
    """
    if set(text) <= set(DIGITS):
        return text
    raise SettingError(f"Codes: expected two digits or small letters for each, got {text[:20]!r}.")


@dataclass(frozen=True)
class CodePlace(Place):
    """Where the visitor is.

    Codes are both maps as text if they were changed: two digits of base 36 a code, the coarse map first.
    """

    example: int = setting(0, "Example", "Which held-out one was opened.", low=0, high=MOST_EXAMPLES - 1)
    codes: str = setting("", "Codes", "Of a changed picture.", max_length=MOST_DIGITS, rule=check_digits)
    level: int = setting(1, "Map", "0: the coarse one is open, 1: the fine one.", low=0, high=1)
    cell: int = setting(0, "Cell", "The chosen one of that map.", low=0, high=MOST_CELLS - 1)
    tab: str = setting("", "Tab", "Which rows are open.", choices=("", *TABS))
    seed: int = setting(1, "Seed", "Of the draws.", low=0, high=10**6 - 1)
    temperature: float = setting(1.0, "Temperature", "Of the draws.", low=0.0, high=MAX_TEMPERATURE, digits=4)


@dataclass(frozen=True)
class CodebookView:
    """What the workbench shows.

    Attributes:
        run: Digest of the run to show, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        event_shape: C, H, W.
        padded: H and W of the pictures as the maps divide them.
        shapes: Rows and columns of the coarse and of the fine map.
        n_codes: Codes of each level.
        originals: First held-out examples, bytes (M, C, H, W).
        place: Where to open.
        own: The visitor's own picture, bytes (C, H, W), or None.
        own_id: Names the upload, so that the same one is not opened twice.
    """

    run: str
    attempt: int
    steps: int
    event_shape: tuple[int, ...]
    padded: tuple[int, ...]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    n_codes: int
    originals: np.ndarray
    place: CodePlace
    own: np.ndarray | None = None
    own_id: str = ""

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "event_shape", "padded", "shapes", "n_codes", "own_id")
        numbers = {name: getattr(self, name) for name in names} | {"place": self.place.numbers()}
        numbers["themes"] = both_themes()
        arrays = {"originals": self.originals} | ({} if self.own is None else {"own": self.own})
        return pack(arrays, numbers)


def draw_codebook(view: CodebookView, *, key: str) -> None:
    """Mount the workbench. Where the visitor is stands in its state; see `CodePlace`."""
    _mount(data=view.to_bytes(), key=key)


def check_codes(text: str, n_cells: int, n_codes: int) -> str:
    """What is wrong with the codes of a link, as a sentence; empty if nothing is."""
    if len(text) != 2 * n_cells or not set(text) <= set(DIGITS):
        return f"Expected {n_cells} codes of two digits each after codes=, got {text[:20]!r}."
    largest = max(int(text[i : i + 2], 36) for i in range(0, len(text), 2))
    return "" if largest < n_codes else f"Expected codes from 0 to {n_codes - 1} after codes=, got {largest}."
