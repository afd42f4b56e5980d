"""The studio of a game about pictures: a wall of samples, one of them to be changed, the monitor, and the player."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from app.views.image_gan.asks import ALL_LEVELS, FARTHEST, MAX_TRUNCATION
from engines.blobs import pack

_mount = lane_component(
    "views/image_gan/canvas",
    styles=("canvas/stage", "canvas/image_panels", "views/image_gan/canvas"),
    triggers=("ended", "cure"),
)
TABS = ("latents", "plane", "between", "styles")
MOVED = re.compile(r"\d{1,2}:-?\d{1,2}(\.\d{1,2})?")


@dataclass(frozen=True)
class GamePlace:
    """Where the visitor is.

    Attributes:
        tab: What the third card shows.
        pick, second: Which samples of the wall are A and B.
        moved: Latents of A that were moved, as "3:1.5,7:-0.2".
        t: How far the way from A to B is gone.
        levels: Resolutions that take their style from B, as bits, the coarsest first.
        noises: Resolutions that hear noise.
        truncation: How far styles may lie from their mean.
        at: Step that is shown; -1: the last.
    """

    tab: str = "latents"
    pick: int = 0
    second: int = 1
    moved: str = ""
    t: float = 0.5
    levels: int = 0
    noises: int = 0
    truncation: float = 1.0
    at: int = -1


RANGES: Mapping[str, tuple[float, float]] = {
    "pick": (0, 47),
    "second": (0, 47),
    "t": (0, 1),
    "levels": (0, ALL_LEVELS),
    "noises": (0, ALL_LEVELS),
    "truncation": (0, MAX_TRUNCATION),
    "at": (-1, 1_000_000),
}


@dataclass(frozen=True)
class GameView:
    """What the studio shows.

    Attributes:
        run: Digest of the run to show, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        model, dataset: Keys.
        loss: Key of the game.
        event_shape: C, H, W.
        sides: Side of each resolution of a style-based model, the coarsest first; empty for others.
        classes: Names of the classes that the classifier of digits can tell, or none.
        true_shares: Share of each in the held-out digits, as the classifier sees them.
        is_stacked: Whether the pictures are stacked digits, whose modes are counted.
        place: Where to open.
    """

    run: str
    attempt: int
    steps: int
    model: str
    dataset: str
    loss: str
    event_shape: tuple[int, ...]
    sides: tuple[int, ...]
    classes: tuple[str, ...]
    true_shares: tuple[float, ...]
    is_stacked: bool
    place: GamePlace

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        numbers: dict[str, Any] = dict(vars(self))
        numbers |= {"place": vars(self.place), "usual": vars(GamePlace())}
        numbers["themes"] = both_themes()
        return pack({}, numbers)


def draw_game(view: GameView, *, key: str, on_cure: Callable[[], None]) -> None:
    """Mount the studio. Where the visitor is stands in its state; see `read_game_place`.

    Args:
        view: What it shows.
        key: Of its state.
        on_cure: Called when a cure of the monitor was chosen; its state then has "cure": "<run>/<name>/...".
    """
    _mount(data=view.to_bytes(), key=key, on_cure_change=on_cure)


def read_game_place(state: object, run: str, attempt: int) -> GamePlace | None:
    """The studio's place from its session state, checked; None if there is none, or it is of another run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    if moment is None:
        return None
    usual = vars(GamePlace())
    return GamePlace(**{name: _checked(name, moment.get(name), default) for name, default in usual.items()})


def game_place_of_link(query: Mapping[str, str], problems: list[str]) -> GamePlace:
    """Where a link opens the studio, and a sentence for each thing in it that is impossible."""
    found: dict[str, Any] = {}
    for name, default in vars(GamePlace()).items():
        if name not in query:
            continue
        value = _parsed(query[name], type(default))
        found[name] = _checked(name, value, default)
        if value is None or found[name] != value:
            problems.append(f"Expected {_expected(name)} after {name}=, got {query[name][:20]!r}. The usual is used.")
    return GamePlace(**found)


def moved_latents(text: str) -> dict[int, float] | None:
    """The latents that "3:1.5,7:-0.2" means; None if it means none."""
    parts = text.split(",") if text else []
    if len(parts) > 64 or not all(MOVED.fullmatch(part) for part in parts):
        return None
    moved = {int(part.split(":")[0]): float(part.split(":")[1]) for part in parts}
    return moved if all(i < 64 and abs(v) <= FARTHEST for i, v in moved.items()) else None


def _parsed(text: str, kind: type) -> Any:
    """A text as a number; None if it is none."""
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        return None


def _checked(name: str, value: object, default: Any) -> Any:
    """A value of a place if it is possible, else its default."""
    if name == "tab":
        return value if value in TABS else default
    if name == "moved":
        return value if isinstance(value, str) and moved_latents(value) is not None else default
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return value if low <= value <= high and (type(default) is float or value == int(value)) else default


def _expected(name: str) -> str:
    if name == "tab":
        return "one of " + ", ".join(TABS)
    if name == "moved":
        return "latents and their values, such as 3:1.5,7:-0.2,"
    return f"a number from {RANGES[name][0]:g} to {RANGES[name][1]:g}"
