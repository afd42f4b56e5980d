"""Fill checkpoints/ with the runs that ship, so that every page opens at once.

python -m engines.build_checkpoints [NAME ...]     names such as realnvp-moons; none: all that are missing
"""

from __future__ import annotations

import sys
from pathlib import Path

from engines.models import MODELS
from engines.tensors import describe_device, use_threads
from engines.training import Experiment, Trainer
from engines.training.run import Run, RunInfo, RunWriter

ROOT = Path(__file__).resolve().parents[1] / "checkpoints"
TARGETS = "moons ring spirals pinwheel checkerboard rings heart two_modes letters drawn picture"
SHIPPED = {"realnvp": TARGETS.split()}


def build(model: str, dataset: str) -> Run:
    """Train the default experiment of a model on a data set and store it."""
    trainer = Trainer(Experiment.default(model, dataset), device="cpu")
    n_parameters = sum(p.numel() for p in trainer.model.parameters())
    info = RunInfo(trainer.experiment, describe_device(trainer.device), n_parameters=n_parameters)
    writer = RunWriter(ROOT / MODELS[model].family / f"{model}-{dataset}", info)
    writer.add(trainer.snapshot())
    while not trainer.is_done:
        trainer.advance()
        if trainer.is_snapshot_due:
            writer.add(trainer.snapshot())
    return writer.end("finished", trainer.weights())


def main(names: list[str]) -> None:
    """Build the runs of these names, or all that are missing."""
    use_threads()
    for model, datasets in SHIPPED.items():
        for dataset in datasets:
            name = f"{model}-{dataset}"
            is_there = (ROOT / MODELS[model].family / name / "run.json").exists()
            if name in names or (not names and not is_there):
                run = build(model, dataset)
                sys.stdout.write(f"{name}: KL {run.snapshots[-1].metrics['kl']:.4f} nats, {run.n_bytes / 1e6:.2f} MB\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
