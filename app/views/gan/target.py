"""What the stage of a GAN knows of its target: modes, the blurred density, and what true samples score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from app.views.score.asks import density_of
from engines.gan.plane.measures import MAP_SIDE, GameMeasures
from engines.gan.plane.optimal import blur_of
from engines.metrics.modes import true_mode_shares
from engines.probes import cell_centres
from engines.tensors import to_numpy

PERFECT_QUALITY = 0.9889  # of a Gaussian in the plane: 1 - exp(-9/2) lies within 3 standard deviations

Target = tuple[str, tuple[tuple[str, Any], ...]]


@dataclass(frozen=True)
class GanTarget:
    """Exact facts, and bands of true samples.

    Attributes:
        modes: Centres, shape (M, 2); M = 0 where modes are no meaningful idea.
        mode_std: Standard deviation of a mode; 0 without modes.
        mode_shares: True shares, shape (M,).
        blurred: Exact log density after the blur of `blur_of`, shape (R, R), half precision.
        blur: Standard deviation of it.
        bands: Measure -> 5th percentile, median and 95th percentile of a hundred true samples, as large as the measure
            takes; 0 instead of the 5th percentile of a distance.
    """

    modes: np.ndarray
    mode_std: float
    mode_shares: tuple[float, ...]
    blurred: np.ndarray
    blur: float
    bands: dict[str, tuple[float, float, float]]


@lru_cache(maxsize=32)
def gan_target(dataset: str, settings: tuple[tuple[str, Any], ...]) -> GanTarget:
    """Look at a target once; later visitors share what was computed."""
    density = density_of(dataset, settings)
    blur = blur_of(density.window)
    cells = cell_centres(density.window, MAP_SIDE).double()
    log = np.maximum(to_numpy(density.noised(blur).log_prob(cells)), -6e4).astype(np.float16)
    modes = np.zeros((0, 2)) if density.modes is None else to_numpy(density.modes)
    shares = () if density.modes is None else true_mode_shares(density.means, density.weights, density.modes).tolist()
    std = float(density.mode_std or 0.0)
    return GanTarget(modes, std, tuple(shares), log.reshape(MAP_SIDE, MAP_SIDE), blur, bands_of(dataset, settings))


def bands_of(dataset: str, settings: tuple[tuple[str, Any], ...]) -> dict[str, tuple[float, float, float]]:
    """What true samples score: where every gauge has its visible zero; one in twenty lies beyond an end."""
    bands = GameMeasures(density_of(dataset, settings)).bands()
    low = {"squared_mmd": 0.0, "sliced_wasserstein": 0.0}  # no distance is too small
    return {name: (low.get(name, band.low), band.middle, band.high) for name, band in bands.items()}
