"""The studio of a game about pictures: a wall of samples, one of them to be changed, the monitor, and the player."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from app.views.image_gan.asks import ALL_LEVELS, FARTHEST, MAX_TRUNCATION
from engines.blobs import pack
from engines.errors import SettingError
from engines.settings import setting

_mount = lane_component(
    "views/image_gan/canvas",
    styles=("canvas/stage", "canvas/image_panels", "views/image_gan/canvas"),
    triggers=("ended", "cure"),
)
TABS = ("latents", "plane", "between", "styles")
MOVED = re.compile(r"\d{1,2}:-?\d{1,2}(\.\d{1,2})?")
MOST_MOVED, MOST_PICTURES, MOST_STEPS = 64, 48, 1_000_000


def moved_latents(text: str) -> dict[int, float] | None:
    """The latents that "3:1.5,7:-0.2" means; None if it means none."""
    parts = text.split(",") if text else []
    if len(parts) > MOST_MOVED or not all(MOVED.fullmatch(part) for part in parts):
        return None
    moved = {int(part.split(":")[0]): float(part.split(":")[1]) for part in parts}
    return moved if all(i < MOST_MOVED and abs(v) <= FARTHEST for i, v in moved.items()) else None


def check_moved(text: str) -> str:
    """Latents that were moved, as text.

    Raises:
        SettingError: If they are none.
    """
    if moved_latents(text) is not None:
        return text
    raise SettingError(f"Moved: expected latents and their values, such as 3:1.5,7:-0.2, got {text[:20]!r}.")


@dataclass(frozen=True)
class GamePlace(Place):
    """Where the visitor is; resolutions are bits, the coarsest first."""

    tab: str = setting("latents", "Tab", "What the third card shows.", choices=TABS)
    pick: int = setting(0, "A", "Which sample of the wall.", low=0, high=MOST_PICTURES - 1)
    second: int = setting(1, "B", "Which sample of the wall.", low=0, high=MOST_PICTURES - 1)
    moved: str = setting(
        "", "Moved", "Latents of A that were moved, as 3:1.5,7:-0.2.", max_length=1000, rule=check_moved
    )
    t: float = setting(0.5, "Way", "How far the way from A to B is gone.", low=0.0, high=1.0, digits=4)
    levels: int = setting(0, "Styles of B", "Resolutions that take their style from B.", low=0, high=ALL_LEVELS)
    noises: int = setting(0, "Noises", "Resolutions that hear noise.", low=0, high=ALL_LEVELS)
    truncation: float = setting(
        1.0, "Truncation", "How far styles may lie from their mean.", low=0.0, high=MAX_TRUNCATION, digits=4
    )
    at: int = setting(-1, "Step", "That is shown; -1: the last.", low=-1, high=MOST_STEPS)


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
        numbers |= {"place": self.place.numbers(), "usual": GamePlace().numbers()}
        numbers["themes"] = both_themes()
        return pack({}, numbers)


def draw_game(view: GameView, *, key: str, on_cure: Callable[[], None]) -> None:
    """Mount the studio. Where the visitor is stands in its state; see `GamePlace`.

    Args:
        view: What it shows.
        key: Of its state.
        on_cure: Called when a cure of the monitor was chosen; its state then has "cure": "<run>/<name>/...".
    """
    _mount(data=view.to_bytes(), key=key, on_cure_change=on_cure)
