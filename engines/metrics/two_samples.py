"""Are two sets of points from the same distribution? The energy distance, and the band that equal ones give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

N_REPEATS = 20  # pairs of true samples for a band


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Energy distance between two sets of points: 0 in the mean if and only if they come from the same distribution.

    2 E|X - Y| - E|X - X'| - E|Y - Y'|, each mean over different points (a U-statistic, so it may be below 0).

    Args:
        x: Points, shape (N, D), N at least 2.
        y: Points, shape (M, D), M at least 2.

    Returns:
        In units of the data.

    Source:
        Szekely and Rizzo 2013, Energy statistics, eq. 5 and 6
    """
    return 2 * float(_mean_distance(x, y)) - _inner(x) - _inner(y)


@dataclass(frozen=True)
class Band:
    """What energy distances true samples have among each other, at the same number of points.

    Attributes:
        middle: Median.
        high: Highest of N_REPEATS: one true sample in about 21 lies above.
    """

    middle: float
    high: float


def true_band(draw: Callable[[], Tensor], n_repeats: int = N_REPEATS) -> Band:
    """The band of energy distances between pairs of sets that `draw` makes."""
    found = sorted(energy_distance(draw(), draw()) for _ in range(n_repeats))
    return Band(found[len(found) // 2], found[-1])


def _mean_distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").mean()


def _inner(x: Tensor) -> float:
    n = len(x)
    return float(_mean_distance(x, x)) * n / (n - 1)
