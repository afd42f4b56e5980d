"""Is it cheaper to train K games as one batched network than one after the other? Time of one step of all, as a ratio.

Both do the same: a step of the discriminator and a step of the generator of eight games with two hidden layers of 64
units, batch 128. What is compared is interleaved, five rounds, the fastest round counts.

    python benchmarks/bench_gan_stack.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import keep
from engines.tensors import use_threads
from engines.training import Experiment, Trainer

K, STEPS, ROUNDS = 8, 60, 5
WIDTHS = (32, 64, 128)
WANTED = 2.5  # at width 64


def trainer(n_models: int, width: int, seed: int = 0) -> Trainer:
    """A training of the plane, without live pictures."""
    settings: dict[str, Any] = {"n_models": n_models, "width": width}
    return Trainer(Experiment.default("plane_gan", "ring", settings=settings, seed=seed), device="cpu")


def seconds(advance: Callable[[], None]) -> float:
    """CPU seconds of STEPS steps."""
    start = time.process_time()
    for _ in range(STEPS):
        advance()
    return time.process_time() - start


def compare(width: int) -> dict[str, float]:
    """Milliseconds of a step of all K games, batched and one by one, and their ratio."""
    stack, singles = trainer(K, width), [trainer(1, width, seed) for seed in range(K)]

    def one_by_one() -> None:
        for single in singles:
            single.advance()

    rounds = [(seconds(stack.advance), seconds(one_by_one)) for _ in range(ROUNDS)]
    batched, apart = (1000 * min(times) / STEPS for times in zip(*rounds, strict=True))
    return {"batched_ms": round(batched, 2), "one_by_one_ms": round(apart, 2), "ratio": round(apart / batched, 2)}


def main() -> None:
    """Measure and keep."""
    use_threads(1)
    found: dict[str, Any] = {str(width): compare(width) for width in WIDTHS}
    keep("gan_stack", {"games": K, "batch": 128, "by_width": found, "is_reached": found["64"]["ratio"] >= WANTED})


if __name__ == "__main__":
    main()
