"""Drawing from a model: how many, by which seed, how hot. The same rows wherever they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.settings import Settings, setting
from engines.tensors import make_rng

CHUNK = 20_000  # rows that are drawn at once


@dataclass(frozen=True)
class Draw(Settings):
    """What is drawn from a model."""

    n: int = setting(1000, "Samples", "How many are drawn.", low=1, high=10_000_000)
    seed: int = setting(
        0, "Seed", "Starts the noise: the same seed gives the same samples, however many.", low=0, high=2**31 - 1
    )
    temperature: float = setting(
        1.0,
        "Temperature",
        "1 draws from the model itself. Flows, VAEs and GANs: a factor on the standard deviation of the noise that "
        "they begin with, as in Glow. Score models: p^(1/T), a factor on the variance of all noise, so that 0.25 "
        "halves a width. Codes and letters: p^(1/T) of each.",
        low=0.0,
        high=10.0,
    )


def draw(model: Any, wanted: Draw) -> Iterator[Tensor]:
    """Samples in chunks of at most CHUNK rows; row i depends on the seed and i alone.

    Args:
        model: Any model of `MODELS`.
        wanted: What is drawn.

    Yields:
        Shape (at most CHUNK, *event).
    """
    rng = make_rng(wanted.seed)
    for start in range(0, wanted.n, CHUNK):
        with torch.no_grad():
            yield model.sample(min(CHUNK, wanted.n - start), rng=rng, temperature=wanted.temperature)
