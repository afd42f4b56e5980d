"""The shelf of stored runs: one folder a run, found by digest."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engines.errors import RunFormatError
from engines.training.experiment import Experiment
from engines.training.run import ENDED, GONE, NEXT, Run, RunInfo, RunWriter

CUT_OFF_SECONDS = 86_400
PROBE_BYTES = 100_000  # that a store which can be written takes
DIGEST = re.compile(r"[0-9a-f]{16}")


class RunStore:
    """Runs under one root.

    A run lies in any folder below the root that holds a run.json: `runs/<digest>` for those trained here,
    `checkpoints/<family>/<name>` for those that ship. Writes are atomic; damaged folders are passed over.

    Args:
        root: Folder; made at the first write.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.trouble = ""  # why nothing can be stored, as last seen
        self._places: dict[str, Path] = {}
        self._was_scanned = False

    def get(self, digest: str) -> Run | None:
        """The run of that digest, or None. Anything that is not a digest is None as well."""
        if not DIGEST.fullmatch(digest):
            return None
        if not self._was_scanned:
            self._scan()
        folder = self._places.get(digest, self.root / digest)
        for place in (folder, folder.with_name(f".{folder.name}{GONE}"), folder):  # its successor may just move in
            with suppress(RunFormatError):
                return Run.load(place)
        return None

    def list(self, *, after: str = "", limit: int | None = None) -> list[Run]:
        """Runs in order of their digest. To resume a listing, name the last digest seen; new runs never shift it."""
        self._scan()
        digests = sorted(digest for digest in self._places if digest > after)
        runs = (self.get(digest) for digest in digests[:limit])
        return [run for run in runs if run is not None]

    @property
    def stamp(self) -> int:
        """Another number when a run has come, ended or gone."""
        try:
            return self.root.stat().st_mtime_ns
        except OSError:
            return 0

    def open(self, experiment: Experiment, *, device: str, n_parameters: int) -> RunWriter:
        """A writer for a new run of this experiment; an earlier run of the same digest is replaced.

        A finished one stays until the new one has finished too.

        Raises:
            OSError: If the store cannot be written.
        """
        info = RunInfo(experiment, device, n_parameters=n_parameters)
        self._move_back(experiment.digest)
        before = self.get(experiment.digest)
        if before is not None and before.info.state == "finished":
            beside = before.folder.with_name(f".{experiment.digest}{NEXT}")
            return RunWriter(beside, info, successor_of=before.folder)
        folder = self.root / experiment.digest
        self._places[experiment.digest] = folder
        return RunWriter(folder, info)

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
        digest = run.experiment.digest
        target, part = self.root / digest, self.root / f".{digest}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(run.folder, part)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
        self._places[digest] = target
        return Run.load(target)

    def prune(self, max_bytes: int) -> list[str]:
        """Delete the oldest ended runs until the store fits; returns the digests that went.

        A run that says that it is in training, but began more than a day ago, was cut off with its server.
        """
        self._clear_remains()
        runs = sorted(self.list(), key=lambda run: run.info.started)
        total, gone = sum(run.n_bytes for run in runs), []
        for run in runs:
            if total <= max_bytes:
                break
            if run.info.state in ENDED or time.time() - run.info.started > CUT_OFF_SECONDS:
                total -= run.n_bytes
                self.remove(run.experiment.digest)
                gone.append(run.experiment.digest)
        return gone

    def remove(self, digest: str) -> None:
        """Delete a run, if it is there."""
        folder = self._places.pop(digest, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _clear_remains(self) -> None:
        """Delete what servers that were killed left beside finished runs."""
        for folder in [*self.root.glob(f".*{NEXT}"), *self.root.glob(f".*{GONE}")]:
            with suppress(OSError):
                is_old = time.time() - folder.stat().st_mtime > CUT_OFF_SECONDS
                if is_old and not _is_last_of_its_kind(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def _move_back(self, digest: str) -> None:
        """Put a finished run back into its place, if a server was killed just when its successor moved in."""
        gone = self.root / f".{digest}{GONE}"
        if _is_last_of_its_kind(gone):
            gone.rename(self.root / digest)
            self._places[digest] = self.root / digest

    def _scan(self) -> None:
        """Find the folders that hold a run; a folder that goes while we look is none."""
        self._was_scanned = True
        for path in self.root.glob("**/run.json"):
            is_hidden = any(part.startswith(".") for part in path.relative_to(self.root).parts)
            if is_hidden and not _is_last_of_its_kind(path.parent):
                continue
            try:
                self._places[Run.load(path.parent).experiment.digest] = path.parent
            except RunFormatError:
                continue


def _is_last_of_its_kind(folder: Path) -> bool:
    """Whether a folder is a finished run that has left its place, and no successor has taken it."""
    home = folder.with_name(folder.name.removeprefix(".").removesuffix(GONE))
    return folder.name.endswith(GONE) and folder.is_dir() and not home.exists()


class Shelves:
    """Several stores read as one; of several runs of the same experiment a finished one answers, else the newest.

    Args:
        stores: In the order in which they are asked; the first one is written to.
    """

    def __init__(self, stores: Sequence[RunStore]) -> None:
        self.stores = tuple(stores)

    @property
    def own(self) -> RunStore:
        """The store to which new runs are written."""
        return self.stores[0]

    def get(self, digest: str) -> Run | None:
        """The run of that digest, or None."""
        found = [run for store in self.stores if (run := store.get(digest)) is not None]
        return max(found, key=lambda run: (run.info.state == "finished", run.info.started), default=None)
