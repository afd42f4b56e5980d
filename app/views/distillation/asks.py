"""Questions to a teacher and student of sound: new waves of both from new noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch

from app.live.ask import MANY, need, read_int, read_place
from engines.blobs import Arrays, as_picture
from engines.flows.distillation.tones import ToneDistillation
from engines.noise import normal_rows
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run

MOST_WAVES = 24
MOST_SEED = 1_000_000


@dataclass(frozen=True)
class WavesAsk:
    """Waves of teacher and student from the same fresh noise.

    Attributes:
        run: Digest.
        step: None: the final weights.
        seed: Of the noise.
        n: How many.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    seed: int
    n: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        seed, n = read_int(message, "seed", 0, MOST_SEED), read_int(message, "n", 1, MOST_WAVES)
        return cls(*read_place(message), seed, n)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ToneDistillation, "a teacher and a student of sound")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[WavesAsk]) -> dict[WavesAsk, Arrays]:
        """student, teacher: (n, T); all questions in one pass."""
        noise = torch.cat([normal_rows(ask.n, *model.event_shape, rng=make_rng(ask.seed)) for ask in asks])
        with torch.inference_mode():
            both = [part.split([ask.n for ask in asks]) for part in model.decode_both(noise)]
        return {
            ask: as_picture({"student": to_numpy(student), "teacher": to_numpy(teacher)})
            for ask, student, teacher in zip(asks, *both, strict=True)
        }
