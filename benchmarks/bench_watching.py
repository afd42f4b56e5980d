"""What being watched costs a training: steps a second with live pictures over steps a second without, in one run.

Both are measured in a worker process of the embedded cluster, in turn, on the same experiment; watching means that
pictures are made and sent as to a visitor. Without: the same loop with the pictures switched off.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.machine import keep
from engines.tensors import use_threads
from engines.training import Experiment, Trainer
from engines.training import worker as inside

STEPS = 600
ROUNDS = 7


def seconds(*, is_watched: bool) -> tuple[float, float, int]:
    """CPU and wall seconds of a training without its snapshots, and pictures made on the way."""
    trainer = Trainer(Experiment.default("realnvp", "moons", steps=STEPS), device="cpu")
    pictures: list[Any] = []
    pump = inside.FramePump(trainer, lambda kind, **message: pictures.append(message))
    for _ in range(20):
        trainer.advance()
    start, cpu = time.perf_counter(), time.thread_time()
    while not trainer.is_done:
        trainer.advance()
        if is_watched:
            pump.tick()
    return time.thread_time() - cpu, time.perf_counter() - start, len(pictures)


def main() -> None:
    """Alternate the two and compare medians of the pairs."""
    use_threads(1)
    pairs = [(seconds(is_watched=True), seconds(is_watched=False)) for _ in range(ROUNDS)]
    slowdown = statistics.median(watched[0] / alone[0] for watched, alone in pairs) - 1
    wall = statistics.median(watched[1] / alone[1] for watched, alone in pairs) - 1
    rate = statistics.median(watched[2] / watched[1] for watched, _ in pairs)
    keep("watching", {
        "slowdown_cpu_percent": round(100 * slowdown, 1),
            "slowdown_wall_percent": round(100 * wall, 1),
        "pictures_per_second": round(rate, 1),
        "steps_per_second_alone": round(statistics.median(STEPS / alone[1] for _, alone in pairs), 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
