"""What the stage of a score network knows of its target: modes and shares, its width, the band of true samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from app.views.score.asks import band_of, density_of
from engines.metrics.modes import true_mode_shares
from engines.tensors import to_numpy

N_COMPARED = 1000  # particles whose energy distance the canvas computes


@dataclass(frozen=True)
class ScoreTarget:
    """See `ScoreStageView` for what each is."""

    modes: np.ndarray
    mode_shares: tuple[float, ...]
    band: tuple[float, float]
    spread: tuple[float, float, float, float, float]


@lru_cache(maxsize=32)
def score_target(dataset: str, settings: tuple[tuple[str, Any], ...]) -> ScoreTarget:
    """Look at a target once; later visitors share what was computed."""
    density = density_of(dataset, settings)
    mean, std = density.mean(), density.covariance().diagonal().sqrt()
    widest = float(np.linalg.eigvalsh(to_numpy(density.covariances)).max())  # it alone is left far out
    spread = (float(mean[0]), float(mean[1]), float(std[0]), float(std[1]), widest)
    band = band_of(dataset, settings, N_COMPARED)
    if density.modes is None:
        return ScoreTarget(np.zeros((0, 2)), (), band, spread)
    shares = true_mode_shares(density.means, density.weights, density.modes)
    return ScoreTarget(to_numpy(density.modes), tuple(shares.tolist()), band, spread)
