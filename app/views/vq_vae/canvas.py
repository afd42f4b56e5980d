"""The workbench of discrete codes: picture, its maps of codes, their palette and use, draws, and the player."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("views/vq_vae/canvas", styles=("canvas/stage", "canvas/image_panels", "views/vq_vae/canvas"))
TABS = ("rebuilt", "drawn", "swap", "live", "yours")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MOST_EXAMPLES = 48
MAX_TEMPERATURE = 1.5


@dataclass(frozen=True)
class CodePlace:
    """Where the visitor is.

    Attributes:
        example: The held-out example that was opened.
        codes: Both maps as text if they were changed (two digits of base 36 a code, the coarse map first), else empty.
        level: 0: the coarse map is open, 1: the fine one.
        cell: The chosen cell of that map.
        tab: Which rows are open.
        seed, temperature: Of the draws.
    """

    example: int = 0
    codes: str = ""
    level: int = 1
    cell: int = 0
    tab: str = ""
    seed: int = 1
    temperature: float = 1.0


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
        numbers = {name: getattr(self, name) for name in names} | {"place": vars(self.place)}
        numbers["themes"] = both_themes()
        arrays = {"originals": self.originals} | ({} if self.own is None else {"own": self.own})
        return pack(arrays, numbers)


def draw_codebook(view: CodebookView, *, key: str) -> None:
    """Mount the workbench. Where the visitor is stands in its state; see `read_code_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_code_place(state: object, run: str, attempt: int) -> CodePlace | None:
    """The workbench's place from its session state, checked; None if there is none, or it is of another run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    if moment is None:
        return None
    known = CodePlace()
    tab, codes, temperature = moment.get("tab"), moment.get("codes"), moment.get("temperature")
    is_warm = isinstance(temperature, int | float) and 0 <= temperature <= MAX_TEMPERATURE
    return CodePlace(
        example=_whole(moment.get("example"), MOST_EXAMPLES, known.example),
        codes=codes if isinstance(codes, str) and set(codes) <= set(DIGITS) else "",
        level=_whole(moment.get("level"), 2, known.level),
        cell=_whole(moment.get("cell"), 1024, known.cell),
        tab=tab if tab in TABS else "",
        seed=_whole(moment.get("seed"), 10**6, known.seed),
        temperature=float(temperature) if is_warm else 1.0,  # pyright: ignore[reportArgumentType]
    )


def check_codes(text: str, n_cells: int, n_codes: int) -> str:
    """What is wrong with the codes of a link, as a sentence; empty if nothing is."""
    if len(text) != 2 * n_cells or not set(text) <= set(DIGITS):
        return f"Expected {n_cells} codes of two digits each after codes=, got {text[:20]!r}."
    largest = max(int(text[i : i + 2], 36) for i in range(0, len(text), 2))
    return "" if largest < n_codes else f"Expected codes from 0 to {n_codes - 1} after codes=, got {largest}."


def _whole(value: object, end: int, default: int) -> int:
    return value if type(value) is int and 0 <= value < end else default
