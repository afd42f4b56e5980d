"""What runs inside a worker process: one training that also listens, and shows itself while it goes.

Messages to the server are events of one topic: plain dictionaries whose pictures are safetensors blobs.
Commands come the other way by a call into this process (`command`), also while a training runs.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from distributed import WorkerPlugin, get_worker, secede

from engines.blobs import as_picture, pack, unpack
from engines.errors import TrainingDiverged
from engines.tensors import describe_device, use_threads
from engines.training.experiment import Experiment
from engines.training.trainer import Trainer

TOPIC = "genlab-runs"
FRAME_SECONDS = 1 / 25
FRAME_SHARE = 0.065  # of the training's CPU time may go into live pictures
MOST_CREDIT = 0.02  # CPU seconds that may be saved up, unless one picture costs more

Post = Callable[..., None]
_inboxes: dict[str, queue.SimpleQueue[str]] = {}


class WarmUp(WorkerPlugin):
    """Makes each worker process ready before its first run, and lets none outlive the server."""

    def setup(self, worker: Any) -> None:
        """Called once in each worker; torch is loaded with this module, the first step's set-up costs are paid here."""
        use_threads()
        end_with_parent()
        leave_interrupts_to_parent()
        trainer = Trainer(Experiment.default("realnvp", "gaussian", steps=1, batch_size=16), device="cpu")
        trainer.advance()


def command(run: str, word: str) -> bool:
    """Put a command ("pause", "resume", "step", "stop", "park") before a training; False if none is here."""
    inbox = _inboxes.get(run)
    if inbox is not None:
        inbox.put(word)
    return inbox is not None


def train_in_worker(
    experiment: Mapping[str, Any], run: str, device: str, threads: int | None, weights: bytes | None, attempt: str
) -> None:
    """Train one experiment and post what happens; the task that the server submits.

    Args:
        experiment: `Experiment.to_dict()`.
        run: Name of the run.
        device: "auto", "cuda", "mps" or "cpu".
        threads: torch threads; None for the default.
        weights: Blob of the state to start from, or None.
        attempt: Name of this try, sent back with each message.
    """
    use_threads(threads)
    wanted = Experiment.from_dict(experiment)
    post = _poster(run, attempt)
    inbox = _inboxes[run] = queue.SimpleQueue()
    try:
        _Session(Trainer(wanted, device=device, weights=unpack(weights)[0] if weights else None), inbox, post).run()
    finally:
        del _inboxes[run]


class _Session:
    """A trainer, its inbox and its live pictures.

    A training that is parked keeps its state in memory, to the bit, and leaves the worker's place to another one; when
    it is resumed, the server has seen to it that there is room.
    """

    def __init__(self, trainer: Trainer, inbox: queue.SimpleQueue[str], post: Post) -> None:
        self.trainer = trainer
        self.post = post
        self.inbox = inbox
        self.is_parked = self.has_seceded = False
        self.frames = FramePump(trainer, post)
        self.is_paused = False
        self.is_stopped = False

    def run(self) -> None:
        n_parameters = sum(p.numel() for p in self.trainer.model.parameters())
        self.post("started", device=describe_device(self.trainer.device), n_parameters=n_parameters)
        try:
            self._post_snapshot()
            while not self.trainer.is_done and not self.is_stopped:
                self._listen()
                if not self.is_stopped:
                    self._advance()
        except TrainingDiverged as trouble:
            self._end("diverged", self.trainer.last_good, trouble.reason, step=self.trainer.last_good_step)
        else:
            self._end("stopped" if self.is_stopped else "finished", self.trainer.weights())

    def _advance(self) -> None:
        self.trainer.advance()
        if self.is_paused:
            self.frames.show()
        if self.trainer.is_snapshot_due:
            self._post_snapshot()
        elif not self.is_paused:
            self.frames.tick()

    def _listen(self) -> None:
        """Carry out what came; while paused or parked, wait here until a step, a resume or a stop comes."""
        while self.is_paused or self.is_parked or not self.inbox.empty():
            word = self.inbox.get()
            if word == "stop":
                self.is_stopped = True
                return
            if word == "park" or self.is_parked:
                self._park(word)
                continue
            if word == "step":
                return
            if self.is_paused != (word == "pause"):
                self.is_paused = word == "pause"
                self.post("paused" if self.is_paused else "resumed", step=self.trainer.step)
                if self.is_paused:
                    self.frames.show()

    def _park(self, word: str) -> None:
        """Leave the worker's place to others until a resume comes; what is paused stays paused after it."""
        if word == "park" and not self.is_parked:
            if not self.has_seceded:
                secede()
            self.is_parked = self.has_seceded = True
            self.post("parked", step=self.trainer.step)
        elif word == "resume":
            self.is_parked = False
            self.post("paused" if self.is_paused else "resumed", step=self.trainer.step)

    def _post_snapshot(self) -> None:
        snapshot = self.trainer.snapshot()
        weights = None if snapshot.weights is None else pack(snapshot.weights, {})
        self.post("snapshot", step=snapshot.step, blob=snapshot.to_bytes(), weights=weights)

    def _end(self, state: str, weights: Mapping[str, np.ndarray], reason: str = "", *, step: int | None = None) -> None:
        if state == "stopped" and not self.trainer.is_snapshot_due:
            self._post_snapshot()
        step = self.trainer.step if step is None else step
        self.post("ended", state=state, weights=pack(weights, {}), reason=reason, step=step)


class FramePump:
    """Live pictures between snapshots, within a fixed share of the training time.

    The cheap part (samples) moves in every picture; what costs more (a density) comes along when the share allows.
    Nothing here touches the training's random source, so watching changes no result.
    """

    def __init__(self, trainer: Trainer, post: Post) -> None:
        self._trainer = trainer
        self._post = post
        self._cheap, *self._costly = trainer.source.frame_probes
        self._next = 0.0  # wall clock
        self._credit = 0.0  # CPU seconds that may go into pictures
        self._spent_until = time.thread_time()
        self._cheap_cost = self._costly_cost = 0.0  # CPU seconds, as last measured

    def tick(self) -> None:
        """Show a picture if one is due and there is credit for it."""
        now, cpu = time.perf_counter(), time.thread_time()
        if now < self._next:
            return
        most = max(MOST_CREDIT, self._cheap_cost + self._costly_cost)
        self._credit = min(self._credit + FRAME_SHARE * (cpu - self._spent_until), most)
        self._spent_until = cpu
        if self._credit < self._cheap_cost:
            return
        self.show(with_all=self._credit >= self._cheap_cost + self._costly_cost)
        self._credit -= time.thread_time() - cpu
        self._next = now + FRAME_SECONDS

    def show(self, *, with_all: bool = True) -> None:
        """Post a picture of the model as it is now."""
        start = time.thread_time()
        arrays = self._trainer.observe(self._cheap)
        self._cheap_cost = time.thread_time() - start
        if with_all:
            start = time.thread_time()
            for probe in self._costly:
                arrays |= self._trainer.observe(probe)
            self._costly_cost = time.thread_time() - start
        if all(np.isfinite(array).all() for array in arrays.values()):
            numbers = {"step": self._trainer.step, "seconds": self._trainer.seconds, "is_frame": True, "metrics": {}}
            blob = pack(as_picture(arrays), numbers | {"losses": self._trainer.recent_losses})
            self._post("frame", step=self._trainer.step, blob=blob)


def _poster(run: str, attempt: str) -> Post:
    worker = get_worker()
    address = worker.address

    def post(kind: str, **message: Any) -> None:
        worker.log_event(TOPIC, {"run": run, "attempt": attempt, "kind": kind, "worker": address, **message})

    return post


def end_with_parent() -> None:
    """End this process when its parent is gone, however that died."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def leave_interrupts_to_parent() -> None:
    """Ctrl-C in a terminal reaches the whole group of processes; the server alone says what ends, and how."""
    if multiprocessing.parent_process() is not None:
        with suppress(ValueError):  # only the main thread may set handlers
            signal.signal(signal.SIGINT, signal.SIG_IGN)
