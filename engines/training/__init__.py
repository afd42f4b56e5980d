"""Training: one loop, snapshots, runs and their store."""

from engines.training.experiment import Experiment, Plan
from engines.training.snapshot import Snapshot
from engines.training.trainer import Trainer, train

__all__ = ["Experiment", "Plan", "Snapshot", "Trainer", "train"]
