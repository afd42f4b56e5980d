"""The question to a GAN of the plane: where do these moves of its two players lead from a kept step?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from app.live.ask import need, read_place
from engines.blobs import Arrays, as_picture
from engines.gan.plane.gan import PlaneGan
from engines.training.moves import check_moves, play
from engines.training.run import Run


@dataclass(frozen=True)
class BoutAsk:
    """Moves by hand from a kept step.

    Attributes:
        run, step: Whose weights.
        moves: Of D and G, one letter each.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    moves: str
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), check_moves(message.get("moves")))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, PlaneGan, "a GAN of the plane")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[BoutAsk]) -> dict[BoutAsk, Arrays]:
        """The shortest moves first, so that longer ones go on from there."""
        found = {}
        for ask in sorted(asks, key=lambda ask: len(ask.moves)):
            arrays = play(run, ask.step, ask.moves)
            found[ask] = as_picture(arrays) | {"losses": arrays["losses"]}
        return found
