"""A run on disk: a folder with run.json, its snapshots, and weights. Written so that a kill leaves no broken run.

In the folder lie
    run.json              what was trained, where, and how it ended; replaced in one piece
    snapshots.blobs       8-byte length and safetensors blob, again and again; a torn tail is ignored
    weights.safetensors   the final weights, or those of the last good snapshot
    weights-<step>.safetensors   weights of the snapshots that keep them
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from engines.blobs import pack, unpack, write_atomically
from engines.errors import RunFormatError
from engines.training.experiment import FORMAT_VERSION, Experiment
from engines.training.snapshot import Snapshot

State = Literal["queued", "running", "paused", "finished", "stopped", "diverged", "failed"]
ENDED: frozenset[State] = frozenset({"finished", "stopped", "diverged", "failed"})
MAX_BLOB = 64 << 20
MOST_SECONDS = 1e11  # since 1970, or of a training
KEPT = re.compile(r"weights-([0-9]{6,12})\.safetensors")  # weights of a step that keeps them
ATTEMPT = re.compile(r"[0-9a-f]{8}")
UNNAMED = 8 * "0"  # attempt of a run that was written without one and has not finished
_FILES = ("snapshots.blobs", "weights*.safetensors", ".*.part")  # all that a run writes besides run.json


@dataclass(frozen=True)
class RunInfo:
    """What run.json says.

    Attributes:
        experiment: What was trained.
        device: Where, in words.
        state: How it stands or ended.
        reason: Why it ended early, in one sentence; else empty.
        started: Seconds since 1970.
        seconds: Training time.
        step: Last step reached.
        n_parameters: Weights that were trained.
        versions: torch, numpy, format.
        attempt: Eight hexadecimal digits that tell this training from others of the same experiment; empty for runs
            that ship and those of older versions.
    """

    experiment: Experiment
    device: str
    state: State = "running"
    reason: str = ""
    started: float = 0.0
    seconds: float = 0.0
    step: int = 0
    n_parameters: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    attempt: str = ""

    @property
    def name(self) -> str:
        """The run's own name: `digest-attempt`; the digest alone for a finished run without an attempt."""
        attempt = self.attempt or ("" if self.state == "finished" else UNNAMED)
        return f"{self.experiment.digest}-{attempt}" if attempt else self.experiment.digest

    def to_json(self) -> str:
        """Text of run.json."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values |= {"experiment": self.experiment.to_dict(), "versions": dict(self.versions), "format": FORMAT_VERSION}
        return json.dumps(values, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of `to_json`.

        Raises:
            RunFormatError: If the text is damaged or of another format.
        """
        try:
            values = json.loads(text)
            found = values.pop("format")
            experiment = Experiment.from_dict(values.pop("experiment"))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise RunFormatError(f"This run.json is damaged ({error}).") from None
        if found != FORMAT_VERSION:
            raise RunFormatError(f"This run has format {found}; this version reads format {FORMAT_VERSION}.")
        try:
            return cls(experiment=experiment, **values)._checked()
        except TypeError as error:
            raise RunFormatError(f"This run.json is damaged ({error}).") from None

    def _checked(self) -> Self:
        """Itself, if every value is of its kind.

        Raises:
            TypeError: If one is not.
        """
        for name in ("device", "reason"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is no text")
        for name in ("started", "seconds"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value < MOST_SECONDS:
                raise TypeError(f"{name} is no time")
        for name in ("step", "n_parameters"):
            if type(getattr(self, name)) is not int or not 0 <= getattr(self, name) < 10**12:
                raise TypeError(f"{name} is no count")
        if self.state not in get_args(State):
            raise TypeError("state is none that is known")
        if not isinstance(self.versions, Mapping):
            raise TypeError("versions are no table")
        if not isinstance(self.attempt, str) or not (self.attempt == "" or ATTEMPT.fullmatch(self.attempt)):
            raise TypeError("attempt is no name")
        return self


@dataclass(frozen=True)
class Run:
    """A stored run.

    Attributes:
        folder: Where it lies.
        info: What run.json says.
    """

    folder: Path
    info: RunInfo

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read a run's description; snapshots and weights are read when asked for.

        Raises:
            RunFormatError: If there is no readable run in the folder.
        """
        folder = Path(folder)
        try:
            text = (folder / "run.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise RunFormatError(f"Expected a run in {folder.name!r}, but there is no readable run.json.") from None
        return cls(folder, RunInfo.from_json(text))

    @property
    def experiment(self) -> Experiment:
        """What was trained."""
        return self.info.experiment

    @property
    def name(self) -> str:
        """What it is called wherever exactly this run is meant: see `RunInfo.name`."""
        return self.info.name

    @property
    def snapshots(self) -> list[Snapshot]:
        """All snapshots, without their weights."""
        return list(self.replay())

    def blobs(self) -> Iterator[bytes]:
        """The snapshots as bytes, in order; a torn tail is left out."""
        return read_blobs(self.folder / "snapshots.blobs")

    def replay(self) -> Iterator[Snapshot]:
        """The snapshots as training yielded them."""
        return map(Snapshot.from_bytes, self.blobs())

    @cached_property
    def weight_steps(self) -> tuple[int, ...]:
        """Steps whose weights are kept; that of a finished run's final weights, its last one, among them."""
        names = (KEPT.fullmatch(path.name) for path in self.folder.glob("weights-*.safetensors"))
        kept = {int(name[1]) for name in names if name}
        if self.info.state == "finished" and (self.folder / "weights.safetensors").exists():
            kept.add(self.info.step)
        return tuple(sorted(kept))

    def weights(self, step: int | None = None) -> dict[str, np.ndarray]:
        """The weights of a step that keeps them, or the final ones; of a run that was cut off, the latest kept.

        Raises:
            RunFormatError: If they are not there.
        """
        if step is None and not (self.folder / "weights.safetensors").exists() and self.weight_steps:
            step = self.weight_steps[-1]
        try:
            return unpack(self.weights_file(step).read_bytes())[0]
        except OSError:
            kept = ", ".join(map(str, self.weight_steps)) or "none"
            of_step = "" if step is None else f" of step {step}"
            raise RunFormatError(f"This run keeps no weights{of_step}; kept: {kept}.") from None

    def weights_file(self, step: int | None) -> Path:
        """Where the weights of a step lie, or the final ones."""
        of_step = self.folder / f"weights-{step or 0:06d}.safetensors"
        is_final = step is None or (step == self.info.step and step in self.weight_steps and not of_step.exists())
        return self.folder / "weights.safetensors" if is_final else of_step

    def model(self, step: int | None = None) -> Any:
        """The trained model on the CPU, ready to be asked."""
        from engines.datasets import DATASETS
        from engines.models import MODELS, build_model
        from engines.training.trainer import load_weights

        experiment = self.experiment
        spec, data = MODELS[experiment.model], DATASETS[experiment.dataset]
        settings = spec.settings.from_dict(experiment.settings)
        data_settings = data.settings.from_dict(experiment.dataset_settings)
        model = build_model(spec, settings, data, data_settings, experiment.seed)
        load_weights(model, self.weights(step))
        return model.eval().requires_grad_(False)

    @property
    def n_bytes(self) -> int:
        """Size on disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


class RunWriter:
    """Writes a run while it is trained; at every moment the folder is a readable run.

    Args:
        folder: The run's folder; made if missing. Snapshots of an earlier, unfinished try are dropped.
        info: The description to begin with.
    """

    def __init__(self, folder: Path, info: RunInfo) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.info = replace(info, started=time.time(), versions=_versions())
        self._write_info()
        for pattern in _FILES:
            for old in folder.glob(pattern):
                old.unlink()
        self._stream = (folder / "snapshots.blobs").open("ab")

    def add(self, snapshot: Snapshot, blob: bytes | None = None) -> None:
        """Append a snapshot (and its blob, if it was made already)."""
        if snapshot.weights is not None:
            write_atomically(self.folder / f"weights-{snapshot.step:06d}.safetensors", pack(snapshot.weights, {}))
        blob = blob or snapshot.to_bytes()
        self._stream.write(len(blob).to_bytes(8, "little") + blob)
        self._stream.flush()
        self.info = replace(self.info, step=snapshot.step, seconds=snapshot.seconds)

    def end(self, state: State, weights: Mapping[str, np.ndarray], reason: str = "", *, step: int | None = None) -> Run:
        """Store the final weights, of a step (default: the last snapshot's), and how the run ended."""
        write_atomically(self.folder / "weights.safetensors", pack(weights, {}))
        self.info = replace(self.info, state=state, reason=reason, step=self.info.step if step is None else step)
        self._write_info()
        self._stream.close()
        os.utime(self.folder.parent)  # the store has changed: see `RunStore.stamp`
        return Run(self.folder, self.info)

    def discard(self) -> None:
        """Give up a run that cannot be written, and the space that it took."""
        with suppress(OSError):
            self._stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_info(self) -> None:
        write_atomically(self.folder / "run.json", self.info.to_json().encode())


def read_blobs(path: Path) -> Iterator[bytes]:
    """Length-prefixed blobs of a file; a torn tail is left out."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        while len(head := stream.read(8)) == 8:
            length = int.from_bytes(head, "little")
            if length > MAX_BLOB or len(blob := stream.read(length)) < length:
                return
            yield blob


def _versions() -> dict[str, str]:
    import torch

    return {"torch": torch.__version__, "numpy": np.__version__}
