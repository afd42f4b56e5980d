"""Training: one loop, snapshots, runs and their store."""

from engines.training.experiment import Experiment, Plan
from engines.training.run import Run
from engines.training.snapshot import Snapshot
from engines.training.store import RunStore
from engines.training.trainer import Trainer, train

__all__ = ["Experiment", "Plan", "Run", "RunStore", "Snapshot", "Trainer", "train"]
