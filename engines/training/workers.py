"""The workers, seen from the server: a queue of experiments, one training a worker, events as they happen.

Worker processes come from `distributed`: an embedded cluster, or one that already runs, named by
$DASK_SCHEDULER_ADDRESS. Workers send what they make; only the server writes to the store, so workers may run on
other machines.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from engines.blobs import unpack
from engines.errors import SettingError
from engines.training import worker as inside
from engines.training.experiment import Experiment
from engines.training.jobs import LOST, MOST_TRIES, Job, left_alone, paused_too_long, placed
from engines.training.origin import origin_weights
from engines.training.run import State
from engines.training.snapshot import Snapshot
from engines.training.standing import RunEvent, Standing
from engines.training.store import Shelves, new_name

LOGGER = logging.getLogger(__name__)
MEMORY_PER_WORKER = "3GiB"
CLOSE_SECONDS = 0.8
PAUSE_LEASE = 600.0  # seconds that a paused run may hold a worker for nothing
PAUSE_LEASE_IN_QUEUE = 45.0  # the same while others wait
REPLACEMENT_SECONDS = 0.25
MOST_QUEUED = 40


class Workers:
    """Runs experiments in worker processes and tells listeners what happens.

    All methods may be called from any thread. Listeners are called in the cluster's own thread and must be quick.
    A run goes by its name here, `digest-attempt`; of one experiment at most one run is queued or trained at a time.

    Args:
        shelves: Where runs are looked up and written.
        n_workers: Processes of the embedded cluster; default: cores less one, at least one.
        threads: torch threads of each worker; default one.
        device: Device of each training.
        address: A scheduler that already runs; default $DASK_SCHEDULER_ADDRESS, else an embedded cluster.
    """

    def __init__(
        self,
        shelves: Shelves,
        *,
        n_workers: int | None = None,
        threads: int | None = None,
        device: str = "auto",
        address: str | None = None,
    ) -> None:
        self.shelves = shelves
        self.device = device
        self._n_workers = n_workers or max(1, (os.cpu_count() or 2) - 1)
        self._threads = threads
        self._address = address or os.environ.get("DASK_SCHEDULER_ADDRESS") or None
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._listeners: list[Callable[[RunEvent], None]] = []
        self._cluster: Any = None
        self._client: Any = None
        # The cluster's own thread must never wait for the cluster, so runs are handed out from a thread apart.
        self._dispatcher = ThreadPoolExecutor(1, thread_name_prefix="dispatch")

    def start(self) -> None:
        """Start the embedded cluster, or connect to the one that runs."""
        import dask
        from distributed import Client, LocalCluster

        dask.config.set(  # pyright: ignore[reportPrivateImportUsage]
            {
                "distributed.scheduler.allowed-failures": 0,  # a run that killed its worker is not tried again
                "distributed.admin.low-level-log-length": 20,  # events are passed on, not collected
                "distributed.deploy.lost-worker-timeout": "1 day",  # a worker that starts slowly is waited for
            }
        )
        if self._address is None:
            self._cluster = LocalCluster(
                n_workers=self._n_workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=MEMORY_PER_WORKER,
                dashboard_address=None,  # pyright: ignore[reportArgumentType]
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # any free port: two servers may run at once
                silence_logs=logging.CRITICAL,
            )
        self._client = Client(self._cluster or self._address, set_as_default=False)
        self._client.register_plugin(inside.WarmUp(), name="genlab-warm-up")
        self._client.subscribe_topic(inside.TOPIC, self._on_event)

    def close(self) -> None:
        """End every training and every worker process that was started here; stored snapshots stay."""
        self._dispatcher.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            jobs, self._jobs = dict(self._jobs), {}
            self._queue.clear()
        for job in jobs.values():
            self._finish_writing(job, "stopped", "The server was stopped.")
        for thing in (self._client, self._cluster):
            if thing is not None:
                with suppress(TimeoutError):
                    thing.close(timeout=CLOSE_SECONDS)
        self.kill()
        if self._cluster is not None:
            self._cluster.shutdown_on_close = False  # or distributed would wait for it once more when Python exits
        self._client = self._cluster = None

    def kill(self) -> None:
        """End every worker process that was started here and still lives; other children of this process stay."""
        import psutil

        children = psutil.Process().children(recursive=True) if self._cluster is not None else []
        for child in children:
            with suppress(psutil.Error):
                if any("spawn_main" in word for word in child.cmdline()):
                    child.kill()

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        return list(self._client.run(os.getpid).values())

    def listen(self, listener: Callable[[RunEvent], None]) -> None:
        """Call a function with each event from now on."""
        self._listeners.append(listener)

    def submit(self, experiment: Experiment) -> str:
        """Queue an experiment, unless it runs already; one that is paused goes on. Returns the run's name.

        Raises:
            SettingError, UnknownKeyError: If it cannot be trained, or the queue is full.
            RunFormatError: If the weights that it starts from are not there.
        """
        experiment.check()
        weights = origin_weights(self.shelves, experiment)
        with self._lock:
            if name := self.running(experiment.digest):
                if self._jobs[name].standing.state == "paused":
                    self.command(name, "resume")
                return name
            if len(self._queue) >= MOST_QUEUED:
                raise SettingError(
                    f"{len(self._queue)} trainings wait already, and the queue takes no more: try again in a few "
                    "minutes. What is stored can be watched meanwhile."
                )
            name = new_name(experiment)
            self._jobs[name] = Job(name, experiment, weights, standing=Standing("queued", steps=experiment.steps))
            self._queue[name] = None
        self._ask_to_dispatch()
        return name

    def running(self, digest: str) -> str:
        """Name of the run of an experiment that is queued or trained now; empty if there is none."""
        with self._lock:
            return next((name for name, job in self._jobs.items() if job.experiment.digest == digest), "")

    def experiment(self, name: str) -> Experiment | None:
        """What a run trains that is queued or trained now, by its name or by the digest; None if there is none."""
        with self._lock:
            job = self._jobs.get(name) or self._jobs.get(self.running(name))
            return None if job is None else job.experiment

    def standing(self, name: str) -> Standing | None:
        """How a run that is queued or trained now stands; None if there is none of that name."""
        with self._lock:
            job = self._jobs.get(name)
            return None if job is None else placed(job, self._jobs, self._queue)

    def history(self, name: str) -> list[bytes]:
        """The snapshots so far of a run in training, and its last live picture if that is newer, as bytes."""
        with self._lock:
            job = self._jobs.get(name)
            return [] if job is None else [*job.blobs, *job.frame]

    def command(self, name: str, word: str) -> bool:
        """Pause, resume, step or stop a run; False if it is not in training.

        A queued run can only be stopped: it leaves the queue.
        """
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                return False
            if name in self._queue and word != "stop":
                return False
            if name in self._queue and not job.is_parked:
                self._end(job, "stopped", "Taken out of the queue before it began.")
                self._ask_to_dispatch()  # those behind it move up, and are told
                return True
            address = job.address
        if not address:
            return False
        self._send(address, name, word)
        return True

    def sweep(self, watched: Collection[str] | None = None) -> None:
        """Free workers from runs that hold them for nothing; call it now and then.

        A run that is paused for too long is stopped. One that nobody watches is parked at the end of the queue when
        a run that somebody waits for stands in it: later it goes on where it was.

        Args:
            watched: Names of the runs that somebody watches; None: that is not known, and none is parked.
        """
        now = time.monotonic()
        with self._lock:
            late = paused_too_long(self._jobs, PAUSE_LEASE_IN_QUEUE if self._queue else PAUSE_LEASE, now)
            self.note_watched(self._jobs if watched is None else watched)
            words = dict.fromkeys(left_alone(self._jobs, self._queue, now), "park") | dict.fromkeys(late, "stop")
        for name, word in words.items():
            self.command(name, word)

    def note_watched(self, names: Collection[str]) -> None:
        """Note that somebody watches these runs just now, or waits for them: those left alone give way to such runs."""
        with self._lock:
            for name in self._jobs.keys() & set(names):
                self._jobs[name].watched_at = time.monotonic()

    def _send(self, address: str, name: str, word: str) -> None:
        """Call into a worker process, from any thread, without waiting."""
        self._client.loop.add_callback(self._client.run, inside.command, name, word, workers=[address])

    def _ask_to_dispatch(self) -> None:
        """Hand out runs soon, from the thread that may wait for the cluster; not any more once closed."""
        with suppress(RuntimeError):
            self._dispatcher.submit(self._dispatch)

    def _dispatch(self) -> None:
        """Give queued runs to free workers, one run a worker."""
        if self._client is None:
            return
        n_workers = max(1, len(self._client.nthreads()))
        with self._lock:
            free = n_workers - sum(job.holds_place for job in self._jobs.values())
            for name in list(self._queue)[: max(0, free)]:
                del self._queue[name]
                self._begin_or_go_on(self._jobs[name])
            for name in self._queue:
                self._tell(self._jobs[name], "standing")
            is_short = bool(self._queue) and self._cluster is not None and n_workers < self._n_workers
        if is_short:  # a worker that died is being replaced, and nobody tells when the new one is there
            time.sleep(REPLACEMENT_SECONDS)
            self._ask_to_dispatch()

    def _begin_or_go_on(self, job: Job) -> None:
        if job.is_parked:
            job.is_parked, job.watched_at = False, time.monotonic()  # its turn has come: it may use it
            self._send(job.address, job.name, "resume")
        else:
            self._begin(job)

    def _begin(self, job: Job) -> None:
        what = (job.experiment.to_dict(), job.name, self.device, self._threads, job.weights, job.attempt)
        key = f"run-{job.attempt}"
        job.future = self._client.submit(inside.train_in_worker, *what, key=key, pure=False, retries=0)
        job.future.add_done_callback(lambda future: self._on_done(job, future))

    def _on_done(self, job: Job, future: Any) -> None:
        """The task is over. A run that ended by itself has said so before; else its worker is gone or it failed."""
        if future.status not in ("error", "lost", "cancelled"):
            return
        reason = LOST
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ != "KilledWorker":
                reason = f"The run failed: {type(error).__name__}: {error}"
                LOGGER.error("Run %s failed", job.name, exc_info=error)
        with self._lock:
            if self._jobs.get(job.name) is job:
                self._end_or_retry(job, reason)
        self._ask_to_dispatch()

    def _on_event(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]
        with self._lock:
            job = self._jobs.get(message["run"])
            if job is None or job.attempt != message["attempt"]:
                return
            handler = getattr(self, f"_on_{message['kind']}")
            try:
                handler(job, message)
            except Exception as error:  # distributed would pass over it in silence, and the worker's place stay taken
                LOGGER.exception("Run %s: an event could not be taken in", message["run"])
                self._end(job, "failed", f"The server could not take in what was trained: {type(error).__name__}.")
                self._send(message["worker"], message["run"], "stop")
        if job.standing.has_ended or job.is_parked:
            self._ask_to_dispatch()

    def _on_started(self, job: Job, message: Mapping[str, Any]) -> None:
        if job.address:  # a scheduler of someone else's tried it again on another worker
            self._send(message["worker"], job.name, "stop")
            self._end(job, "failed", LOST)
            return
        job.address = message["worker"]
        job.standing = replace(job.standing, state="running", device=message["device"])
        open_run = partial(
            self.shelves.own.open,
            job.experiment,
            device=message["device"],
            n_parameters=message["n_parameters"],
            name=job.name,
        )
        job.writer = self._store(job, open_run)
        self._tell(job, "standing")

    def _on_snapshot(self, job: Job, message: Mapping[str, Any]) -> None:
        blob = message["blob"]
        snapshot = Snapshot.from_bytes(blob)
        if message["weights"]:
            job.last_weights = unpack(message["weights"])[0]
            snapshot = replace(snapshot, weights=job.last_weights)
        if job.writer is not None:
            self._store(job, partial(job.writer.add, snapshot, blob))
        job.blobs.append(blob)
        job.frame = []
        job.standing = replace(job.standing, step=snapshot.step)
        self._tell(job, "snapshot", blob)

    def _on_frame(self, job: Job, message: Mapping[str, Any]) -> None:
        job.standing = replace(job.standing, step=message["step"])
        job.frame = [message["blob"]]
        self._tell(job, "frame", message["blob"])

    def _on_paused(self, job: Job, message: Mapping[str, Any]) -> None:
        job.paused_at = time.monotonic()
        job.standing = replace(job.standing, state="paused", step=message["step"])
        self._tell(job, "standing")

    def _on_resumed(self, job: Job, message: Mapping[str, Any]) -> None:
        job.standing = replace(job.standing, state="running", step=message["step"])
        self._tell(job, "standing")

    def _on_parked(self, job: Job, message: Mapping[str, Any]) -> None:
        """It left its worker's place to others, and goes on when its turn comes."""
        job.is_parked = True
        job.standing = replace(job.standing, state="queued", step=message["step"])
        self._queue[job.name] = None
        self._tell(job, "standing")

    def _on_ended(self, job: Job, message: Mapping[str, Any]) -> None:
        job.last_weights = unpack(message["weights"])[0]
        job.standing = replace(job.standing, step=message["step"])
        self._end(job, message["state"], message["reason"])

    def _end(self, job: Job, state: State, reason: str = "") -> None:
        """The run is over: its place is free whatever becomes of it in the store."""
        self._jobs.pop(job.name, None)
        self._queue.pop(job.name, None)
        self._finish_writing(job, state, reason)
        if job.unstored:
            reason = f"{reason or state.capitalize() + '.'} It could not be stored: {job.unstored}."
        job.standing = replace(job.standing, state=state, reason=reason)
        self._tell(job, "standing")

    def _end_or_retry(self, job: Job, reason: str) -> None:
        """A run whose worker was gone before it could begin goes back to the head of the queue, a few times."""
        if reason != LOST or job.address or job.tries >= MOST_TRIES:
            self._end(job, "failed", reason)
            return
        job.future, job.attempt, job.tries = None, uuid.uuid4().hex, job.tries + 1
        self._queue[job.name] = None
        self._queue.move_to_end(job.name, last=False)

    def _finish_writing(self, job: Job, state: State, reason: str) -> None:
        if job.writer is not None:
            self._store(job, partial(job.writer.end, state, job.last_weights, reason, step=job.standing.step))
            job.writer = None

    def _store(self, job: Job, write: Callable[[], Any]) -> Any:
        """Write to the store; a disk that is full or read-only costs the run its place there, and nothing else."""
        try:
            return write()
        except OSError as error:
            job.unstored = self.shelves.own.note_trouble(error)
            LOGGER.error("Run %s cannot be stored: %s", job.name, error)
            if job.writer is not None:
                job.writer.discard()
            job.writer = None
            return None

    def _tell(self, job: Job, kind: str, blob: bytes = b"") -> None:
        standing = placed(job, self._jobs, self._queue)
        event = RunEvent(job.name, kind, standing, blob, standing.step)
        for listener in self._listeners:
            listener(event)
