"""A snapshot of a training: plain numbers and arrays, in the one byte format of engines/blobs.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines.blobs import pack, unpack
from engines.errors import RunFormatError


@dataclass(frozen=True)
class Snapshot:
    """The state of a training after a step.

    Attributes:
        step: Optimiser steps done.
        seconds: Training time so far, without pauses.
        losses: Mean of each loss since the snapshot before.
        metrics: Measures of the model at this step: numbers, or lists of them for a run of several models.
        arrays: What the model looks like on the fixed probe.
        weights: The model's state at this step, where it is kept.
    """

    step: int
    seconds: float
    losses: Mapping[str, float]
    metrics: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    weights: Mapping[str, np.ndarray] | None = None

    def to_bytes(self) -> bytes:
        """The snapshot without its weights, as one blob."""
        numbers = {"step": self.step, "seconds": self.seconds, "losses": dict(self.losses)}
        return pack(self.arrays, numbers | {"metrics": dict(self.metrics), "has_weights": self.weights is not None})

    @classmethod
    def from_bytes(cls, blob: bytes) -> Snapshot:
        """The snapshot of a blob; its weights lie in files of their own."""
        arrays, numbers = unpack(blob)
        try:
            return cls(numbers["step"], numbers["seconds"], numbers["losses"], numbers["metrics"], arrays)
        except (KeyError, TypeError):
            raise RunFormatError("Expected a snapshot, got a blob without step, seconds, losses and metrics.") from None
