"""The table of the human discriminator: a question at a time, a clock, and the score of all judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.told import told
from app.theme import both_themes
from engines.blobs import pack

SECONDS = 60

_mount = lane_component(
    "views/human_discriminator/canvas",
    styles=("canvas/stage", "views/human_discriminator/canvas"),
    states=("result",),
    triggers=(),
)


@dataclass(frozen=True)
class QuizView:
    """What is asked.

    Attributes:
        run: Digest of the run whose generator is judged.
        step: A step that keeps its weights; None for the final ones.
        seed: Of the questions.
        title: What is judged, in words.
        window: x0, x1, y0, y1 of the plane; None for pictures.
        event_shape: Of a picture, C, H, W; (2,) in the plane.
    """

    run: str
    step: int | None
    seed: int
    title: str
    window: tuple[float, float, float, float] | None
    event_shape: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        return pack({}, vars(self) | {"seconds": SECONDS, "themes": both_themes()})


def draw_quiz(view: QuizView, *, key: str) -> None:
    """Mount the table; how the last game went stands in its state, see `read_result`."""
    _mount(data=view.to_bytes(), key=key)


def read_result(state: object) -> Mapping[str, Any] | None:
    """The seed that the visitor asked for next; None if nothing was told, or nonsense."""
    result = told(state, "result")
    seed = result.get("seed") if isinstance(result, Mapping) else None
    return {"seed": seed} if type(seed) is int and 0 <= seed < 10_000 else None
