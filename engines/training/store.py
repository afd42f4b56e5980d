"""The shelf of stored runs: one folder a run, found by its name or by the digest of its experiment."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from engines.errors import RunFormatError
from engines.training.experiment import Experiment
from engines.training.run import ENDED, Run, RunInfo, RunWriter

CUT_OFF_SECONDS = 86_400
PROBE_BYTES = 100_000  # that a store which can be written takes
NAME = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{8})?")
REMAINS = (".*.part", ".*.next", ".*.gone")  # what servers that were killed left; the last two of older versions
CLOCK = 50_000_000  # nanoseconds: two changes of a folder within so short a time may bear the same time


def new_name(experiment: Experiment) -> str:
    """A name for another training of an experiment."""
    return f"{experiment.digest}-{uuid.uuid4().hex[:8]}"


class RunStore:
    """Runs under one root.

    A run lies in any folder below the root that holds a run.json: `runs/<name>` for those trained here,
    `checkpoints/<family>/<name>` for those that ship. Each training has a name of its own, so that none takes the
    place of another; the digest alone asks for the first finished run of that experiment. Writes are atomic; damaged
    folders are passed over. What was read is kept until its file changes.

    Args:
        root: Folder; made at the first write.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.trouble = ""  # why nothing can be stored, as last seen
        self._lock = threading.RLock()
        self._infos: dict[str, tuple[tuple[int, ...], RunInfo]] = {}  # by folder, with the marks of its file
        self._folders: dict[str, list[str]] = {}  # by digest
        self._families: tuple[str, ...] = (str(self.root),)  # folders in which runs lie
        self._seen: tuple[int, ...] | None = None  # stamp of the last look
        self._listed: tuple[Run, ...] = ()

    def get(self, name: str) -> Run | None:
        """The run of that name; by a digest alone the first finished run of that experiment. None if there is none."""
        if not NAME.fullmatch(name):
            return None
        runs = self.attempts(name[:16])
        if exact := next((run for run in runs if run.name == name), None):
            return exact
        finished = [run for run in runs if run.info.state == "finished"] if len(name) == 16 else []
        return min(finished, key=lambda run: run.info.started, default=None)

    def attempts(self, digest: str) -> list[Run]:
        """All runs of an experiment."""
        self._look()
        with self._lock:
            folders = dict.fromkeys([*self._folders.get(digest, []), str(self.root / digest)])
            runs = [self._load(folder) for folder in folders]
        return [run for run in runs if run is not None and run.experiment.digest == digest]

    def list(self, *, after: str = "", limit: int | None = None) -> list[Run]:
        """Runs in order of their name. To resume a listing, name the last one seen; new runs never shift it."""
        self._look()
        runs = [run for run in self._listed if run.name > after] if after else list(self._listed)
        return runs[:limit]

    @property
    def stamp(self) -> tuple[int, ...]:
        """Another value when a run has come, ended or gone."""
        return tuple(_mtime(folder) for folder in self._families)

    def open(self, experiment: Experiment, *, device: str, n_parameters: int, name: str = "") -> RunWriter:
        """A writer for a new run of this experiment; all others stay what they are.

        Args:
            experiment: What is trained.
            device: Where, in words.
            n_parameters: Weights that are trained.
            name: The run's name, from `new_name`; default: another one.

        Raises:
            OSError: If the store cannot be written.
        """
        name = name or new_name(experiment)
        info = RunInfo(experiment, device, n_parameters=n_parameters, attempt=name.partition("-")[2])
        return RunWriter(self.root / name, info)

    def check(self) -> str:
        """Try whether the store can be written; a sentence if it cannot, which `trouble` then says as well."""
        probe = self.root / f".probe.{os.getpid()}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(bytes(PROBE_BYTES))
            self.trouble = ""
        except OSError as error:
            self.note_trouble(error)
        with suppress(OSError):
            probe.unlink()
        return self.trouble

    def note_trouble(self, error: OSError) -> str:
        """Remember that the store could not be written; returns why, in a few words."""
        why = (error.strerror or type(error).__name__).lower()
        self.trouble = f"Runs cannot be stored here ({why}): what is trained now is shown, but not kept."
        return why

    def add(self, run: Run) -> Run:
        """Copy a run from elsewhere into this store, in one piece."""
        target, part = self.root / run.name, self.root / f".{run.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(run.folder, part)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        return Run.load(target)

    def prune(self, max_bytes: int) -> list[str]:
        """Delete the oldest ended runs until the store fits, those that did not finish first; the names that went.

        A run that says that it is in training, but began more than a day ago, was cut off with its server.
        """
        self._clear_remains()
        runs = sorted(self.list(), key=lambda run: (run.info.state == "finished", run.info.started))
        total, gone = sum(run.n_bytes for run in runs), []
        for run in runs:
            if total <= max_bytes:
                break
            if run.info.state in ENDED or time.time() - run.info.started > CUT_OFF_SECONDS:
                total -= run.n_bytes
                self.remove(run.name)
                gone.append(run.name)
        return gone

    def remove(self, name: str) -> None:
        """Delete a run, if it is there."""
        run = self.get(name)
        if run is not None:
            shutil.rmtree(run.folder, ignore_errors=True)

    def _clear_remains(self) -> None:
        for folder in [folder for pattern in REMAINS for folder in self.root.glob(pattern)]:
            with suppress(OSError):
                if time.time() - folder.stat().st_mtime > CUT_OFF_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)
        for path in self.root.glob("*/.*.part"):  # "<file>.<process>.part", of a write that was broken off
            if not _is_alive(path.name.split(".")[-2]):
                path.unlink(missing_ok=True)

    def _look(self) -> None:
        """Look for runs anew if a folder in which they lie has changed; a run that goes while we look is none."""
        with self._lock:
            if self._seen is not None and self._seen == self.stamp:
                return
            now, self._families = time.time_ns(), (str(self.root),)
            folders = list(self._walk())
            before = self.stamp
            runs = [run for folder in folders if (run := self._load(folder)) is not None]
            self._infos = {str(run.folder): self._infos[str(run.folder)] for run in runs}
            self._folders = {}
            for run in runs:
                self._folders.setdefault(run.experiment.digest, []).append(str(run.folder))
            self._listed = tuple(sorted(runs, key=lambda run: run.name))
            self._seen = before if now - max(before) > CLOCK else None

    def _walk(self) -> Iterator[str]:
        """Folders that hold a run; those in which such folders lie become the families."""
        open_folders = [str(self.root)]
        while open_folders:
            with suppress(OSError), os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or not entry.is_dir():
                        continue
                    if entry.path in self._infos or Path(entry.path, "run.json").exists():
                        yield entry.path
                    else:
                        open_folders.append(entry.path)
                        self._families += (entry.path,)

    def _load(self, folder: str) -> Run | None:
        """The run in a folder; its description is read anew only if the file has changed."""
        try:
            file = Path(folder, "run.json").stat()
            marks = (file.st_mtime_ns, file.st_size, file.st_ino)
            held = self._infos.get(folder)
            if held is None or held[0] != marks:
                held = self._infos[folder] = marks, Run.load(folder).info
        except (OSError, RunFormatError):
            self._infos.pop(folder, None)
            return None
        return Run(Path(folder), held[1])


def _mtime(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


class Shelves:
    """Several stores read as one.

    By a digest alone they give the run that everybody opens: what ships of that experiment, else its first finished
    run. A run that was stopped, failed or is a repetition answers to its own name only.

    Args:
        stores: The first one is written to, the last one ships.
    """

    def __init__(self, stores: Sequence[RunStore]) -> None:
        self.stores = tuple(stores)

    @property
    def own(self) -> RunStore:
        """The store to which new runs are written."""
        return self.stores[0]

    @property
    def stamp(self) -> tuple[tuple[int, ...], ...]:
        """Another value when a run has come, ended or gone."""
        return tuple(store.stamp for store in self.stores)

    def get(self, name: str) -> Run | None:
        """The run of that name, or the one that everybody opens of a digest; None if there is none."""
        return next((run for store in reversed(self.stores) if (run := store.get(name)) is not None), None)

    def is_common(self, run: Run) -> bool:
        """Whether a run is the one that everybody opens of its experiment."""
        common = self.get(run.experiment.digest)
        return common is not None and common.folder == run.folder

    def attempts(self, digest: str) -> list[Run]:
        """All runs of an experiment, the one that everybody opens first, then the newest."""
        runs = [run for store in self.stores for run in store.attempts(digest)]
        return sorted(runs, key=lambda run: (not self.is_common(run), -run.info.started))


def _is_alive(process: str) -> bool:
    """Whether a process of that number runs on this machine."""
    from psutil import pid_exists

    return process.isdigit() and pid_exists(int(process))
