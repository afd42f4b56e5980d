"""How to train: the settings that every model shares."""

from __future__ import annotations

from dataclasses import dataclass

from engines.settings import Settings, setting


@dataclass(frozen=True)
class Plan(Settings):
    """How to train: the settings that every model shares."""

    steps: int = setting(
        2000,
        "Steps",
        "Optimiser steps. The learning rate falls to zero along a cosine over all of them.",
        low=1,
        high=50_000,
        step=100,
        is_log=True,
    )
    batch_size: int = setting(
        256, "Batch size", "Examples, or fresh points, at each step.", low=16, high=4096, step=16, is_log=True
    )
    learning_rate: float = setting(
        5e-3,
        "Learning rate",
        "Size of a step at the start. Too high, and training diverges: try 1.",
        low=1e-5,
        high=1.0,
        step=1e-4,
        is_log=True,
    )
    seed: int = setting(
        0, "Seed", "Starts every random source: the same seed gives the same run.", low=0, high=9999, step=1
    )
