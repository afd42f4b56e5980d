"""Train and store in one go: what the command line, the shipped runs and the tests all do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engines.blobs import half_precision
from engines.errors import TrainingDiverged
from engines.tensors import describe_device
from engines.training.run import Run, RunInfo, RunWriter
from engines.training.snapshot import Snapshot
from engines.training.trainer import Trainer


def train_and_store(
    trainer: Trainer,
    folder: Path,
    *,
    on_step: Callable[[Trainer, Snapshot], None] | None = None,
    rounds_weights: bool = False,
) -> Run:
    """Train to the end and store every snapshot; in each case, also at Ctrl-C, a complete run is left.

    Args:
        trainer: At its start.
        folder: The run's folder.
        on_step: Called after each step with the last snapshot.
        rounds_weights: Round the final weights to half precision before they are measured, and store them so: half
            the size, and every stored number is of the stored weights.

    Raises:
        TrainingDiverged: After the last good state was stored.
        KeyboardInterrupt: Likewise.
    """
    info = RunInfo(trainer.experiment, describe_device(trainer.device), n_parameters=trainer.n_parameters)
    writer = RunWriter(folder, info)
    try:
        _follow(trainer, writer, on_step, rounds_weights)
    except TrainingDiverged as trouble:
        writer.end("diverged", trainer.last_good, trouble.reason, step=trainer.last_good_step)
        raise
    except KeyboardInterrupt:
        writer.end("stopped", trainer.last_good, "Stopped at the keyboard.", step=trainer.last_good_step)
        raise
    weights = trainer.weights()
    return writer.end("finished", half_precision(weights) if rounds_weights else weights)


def _follow(
    trainer: Trainer,
    writer: RunWriter,
    on_step: Callable[[Trainer, Snapshot], None] | None,
    rounds_weights: bool,
) -> None:
    snapshot = trainer.snapshot()
    writer.add(_kept(snapshot, rounds_weights))
    while not trainer.is_done:
        trainer.advance()
        if trainer.is_done and rounds_weights:
            trainer.load(half_precision(trainer.weights()))
        if trainer.is_snapshot_due:
            snapshot = trainer.snapshot()
            writer.add(_kept(snapshot, rounds_weights))
        if on_step is not None:
            on_step(trainer, snapshot)


def _kept(snapshot: Snapshot, rounds_weights: bool) -> Snapshot:
    if snapshot.weights is None or not rounds_weights:
        return snapshot
    return replace(snapshot, weights=half_precision(snapshot.weights))
