"""What the stage of a GAN knows of its target: modes, the blurred density, and what true samples score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from torch import Tensor

from app.live.asks.score import density_of
from engines.gan.measures import MAP_SIDE, N_COMPARED, N_SAMPLES, GameMeasures
from engines.gan.optimal import blur_of
from engines.metrics.modes import true_mode_shares
from engines.metrics.two_samples import sliced_wasserstein, squared_mmd, true_band
from engines.probes import cell_centres
from engines.tensors import make_rng, to_numpy

PERFECT_QUALITY = 0.9889  # of a Gaussian in the plane: 1 - exp(-9/2) lies within 3 standard deviations
N_BAND = 20
_SEED = 20_240_611

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
        bands: Measure -> lowest, middle and highest of true samples, as many as the measure takes.
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
    """What true samples score: where every gauge has its visible zero."""
    density, rng = density_of(dataset, settings), make_rng(_SEED)
    measures = GameMeasures(density)
    draw: Callable[[], Tensor] = lambda: density.sample(N_COMPARED, rng=rng)  # noqa: E731
    distances = {
        "squared_mmd": partial(squared_mmd, width=measures.kernel_width),
        "sliced_wasserstein": sliced_wasserstein,
    }
    bands = {name: true_band(draw, distance=distance) for name, distance in distances.items()}
    found = {name: (0.0, band.middle, band.high) for name, band in bands.items()}
    if density.modes is None:
        return found
    scores = [measures.of_modes(density.sample(N_SAMPLES, rng=rng)) for _ in range(N_BAND)]
    for name in ("high_quality", "reverse_kl", "modes"):
        values = sorted(score[name] for score in scores)
        found[name] = (values[0], values[len(values) // 2], values[-1])
    return found
