"""Runs that are queued or trained now, as the server holds them: who waits, for how long, and who gives way."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from engines.blobs import read_numbers
from engines.training.experiment import Experiment
from engines.training.run import RunWriter
from engines.training.standing import Standing

UNWATCHED_LEASE = 30.0  # seconds that a run which nobody watches may hold a worker while others wait
MOST_TRIES = 3  # of a run whose worker is gone before it begins
LOST = (
    "The worker that trained this run died: it was killed or ran out of memory. "
    "What it had shown is kept; press Train to compute the run again."
)
MOST_PARKED = 8  # trainings that are kept in the memory of the workers while others train


@dataclass
class Job:
    """A run that is queued or trained now.

    One that is parked is both: it has begun, its worker keeps it, and it waits in the queue to go on.
    """

    name: str
    experiment: Experiment
    weights: bytes | None
    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)
    standing: Standing = Standing("queued")
    address: str = ""
    tries: int = 1
    future: Any = None
    writer: RunWriter | None = None
    unstored: str = ""  # why the run cannot be stored
    last_weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    last_blob: bytes = b""
    blobs: list[bytes] = field(default_factory=list)
    frame: list[bytes] = field(default_factory=list)  # the last live picture, if it is newer than all snapshots
    paused_at: float = 0.0
    watched_at: float = field(default_factory=time.monotonic)
    is_parked: bool = False

    @property
    def holds_place(self) -> bool:
        """Whether it takes up a worker."""
        return self.future is not None and not self.is_parked

    @property
    def seconds_left(self) -> float | None:
        """Training time to its end at the speed so far; None if that is not known."""
        numbers = read_numbers((self.frame or self.blobs)[-1]) if self.blobs else {"step": 0}
        if not numbers["step"] or self.standing.state != "running":
            return None
        return numbers["seconds"] / numbers["step"] * (self.experiment.steps - self.standing.step)


def placed(job: Job, jobs: Mapping[str, Job], queue: Collection[str]) -> Standing:
    """How a run stands, with its place in the queue, and with the wait where it can be estimated."""
    if job.name not in queue:
        return job.standing
    busy, place = [other for other in jobs.values() if other.holds_place], list(queue).index(job.name)
    left = sorted(seconds for other in busy if (seconds := other.seconds_left) is not None)
    wait = left[place] if len(left) == len(busy) and place < len(left) else None
    return replace(job.standing, ahead=len(busy) + place, wait=wait)


def left_alone(jobs: Mapping[str, Job], queue: Collection[str], now: float) -> list[str]:
    """Runs that hold a worker though nobody watches them: as many as there are others that somebody waits for."""
    waiting = [name for name in queue if now - jobs[name].watched_at < UNWATCHED_LEASE]
    room = MOST_PARKED - sum(job.is_parked for job in jobs.values())
    left = [job for job in jobs.values() if job.holds_place and now - job.watched_at >= UNWATCHED_LEASE]
    left.sort(key=lambda job: job.watched_at)
    return [job.name for job in left[: max(0, min(room, len(waiting)))]]


def paused_too_long(jobs: Mapping[str, Job], lease: float, now: float) -> list[str]:
    """Runs that have held a worker for longer than so many seconds while they are paused."""
    return [job.name for job in jobs.values() if job.standing.state == "paused" and now - job.paused_at > lease]
