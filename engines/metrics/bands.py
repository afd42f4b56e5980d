"""What true samples score: where a measure of finitely many samples has its visible zero.

Samples of a model are held against one fixed set of true points; so are the true samples of a band. Bands of the
targets as they stand are measured once and stored, for a hundred true samples take seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.metrics.two_samples import energy_distance
from engines.tensors import make_rng

N_TRUE = 100  # true samples behind a band
ONE_IN = 20  # true samples above a band's high: its 95th percentile
STORED = Path(__file__).resolve().parents[2] / "assets" / "measured" / "bands.json"
_REFERENCE_SEED, _TRUE_SEED = 2_718_281, 20_240_611  # apart from every training seed


@dataclass(frozen=True)
class Band:
    """What true samples of the same number score.

    Attributes:
        low: 5th percentile of N_TRUE: one true sample in ONE_IN lies below.
        middle: Median.
        high: 95th percentile: one true sample in ONE_IN lies above.
    """

    low: float
    middle: float
    high: float


def reference_points(density: GaussianMixture, n: int) -> Tensor:
    """The true points that all samples are held against: the first n of always the same, shape (n, 2)."""
    return density.sample(n, rng=make_rng(_REFERENCE_SEED))


def energy_from_truth(samples: Tensor, density: GaussianMixture) -> float:
    """Energy distance of samples (N, 2) from the reference of as many true points."""
    return energy_distance(samples, reference_points(density, len(samples)).to(samples))


def energy_band(density: GaussianMixture, n: int) -> Band:
    """The energy distances of n true samples from the reference."""
    truth = reference_points(density, n)
    return band_of(density, "energy", n, lambda samples: energy_distance(samples, truth))


def band_of(density: GaussianMixture, name: str, n: int, score: Callable[[Tensor], float]) -> Band:
    """The band of a score: the stored one where the target is known, else measured now.

    Args:
        density: The target.
        name: Of the score, under which the band is stored.
        n: Points in each sample.
        score: Of a sample (n, 2).
    """
    known = stored_bands().get(fingerprint(density), {}).get(f"{name}/{n}")
    return measure_band(density, n, score) if known is None else Band(*known)


def measure_band(density: GaussianMixture, n: int, score: Callable[[Tensor], float]) -> Band:
    """Score N_TRUE fresh true samples."""
    rng = make_rng(_TRUE_SEED)
    found = [score(density.sample(n, rng=rng)) for _ in range(N_TRUE)]
    return band_among(found)


def band_among(scores: list[float]) -> Band:
    """The band of the scores of true samples."""
    low, middle, high = np.percentile(scores, [100 / ONE_IN, 50, 100 - 100 / ONE_IN])
    return Band(float(low), float(middle), float(high))


def fingerprint(density: GaussianMixture) -> str:
    """A name of what the density is, the same on every machine."""
    parts = (density.means, density.covariances.flatten(1), density.weights[:, None])
    rounded = torch.cat([part.detach().cpu().double() for part in parts], 1).numpy().round(5) + 0.0
    return hashlib.sha256(rounded.tobytes()).hexdigest()[:12]


@lru_cache(maxsize=1)
def stored_bands() -> dict[str, dict[str, list[float]]]:
    """Fingerprint -> name/n -> low, middle, high; empty without the file."""
    return json.loads(STORED.read_text(encoding="utf-8"))["bands"] if STORED.exists() else {}
