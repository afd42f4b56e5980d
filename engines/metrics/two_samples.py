"""Are two sets of points from the same distribution? Three distances, and the band that equal ones give."""

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


def squared_mmd(x: Tensor, y: Tensor, width: float) -> float:
    """Squared maximum mean discrepancy with a Gaussian kernel, 0 in the mean for two sets of one distribution.

    E k(X, X') + E k(Y, Y') - 2 E k(X, Y),  k(a, b) = exp(-|a - b|² / (2 width²)); a U-statistic, so it may be below 0.

    Args:
        x: Points, shape (N, D), N at least 2.
        y: Points, shape (M, D), M at least 2.
        width: Of the kernel, in units of the data: differences much smaller or larger than that are hardly seen.

    Source:
        Gretton et al. 2012, A kernel two-sample test, eq. 3, JMLR 13
    """

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(torch.cdist(a, b).square() * (-0.5 / width**2))

    def among(a: Tensor) -> float:
        n = len(a)
        return (float(kernel(a, a).sum()) - n) / (n * (n - 1))

    return among(x) + among(y) - 2 * float(kernel(x, y).mean())


def median_distance(x: Tensor) -> float:
    """Median distance between two of the points (N, D): the usual width of a kernel."""
    return float(torch.pdist(x).median())


def sliced_wasserstein(x: Tensor, y: Tensor, n_directions: int = 64) -> float:
    """Mean over directions of the plane of the Wasserstein-1 distance between the two sets as seen along each.

    Args:
        x: Points, shape (N, 2).
        y: As many points, shape (N, 2).
        n_directions: Evenly spread over half a turn.

    Returns:
        In units of the data; never below 0, so that true samples have some distance as well.

    Source:
        Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures, section 3
    """
    angles = torch.arange(n_directions, dtype=x.dtype, device=x.device) * (torch.pi / n_directions)
    directions = torch.stack([angles.cos(), angles.sin()])  # (2, n_directions)
    apart = (x @ directions).sort(0).values - (y @ directions).sort(0).values
    return float(apart.abs().mean())


@dataclass(frozen=True)
class Band:
    """What distances true samples have among each other, at the same number of points.

    Attributes:
        middle: Median.
        high: Highest of N_REPEATS: one true sample in about 21 lies above.
    """

    middle: float
    high: float


def true_band(
    draw: Callable[[], Tensor],
    n_repeats: int = N_REPEATS,
    distance: Callable[[Tensor, Tensor], float] = energy_distance,
) -> Band:
    """The band of distances between pairs of sets that `draw` makes."""
    found = sorted(distance(draw(), draw()) for _ in range(n_repeats))
    return Band(found[len(found) // 2], found[-1])


def _mean_distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").mean()


def _inner(x: Tensor) -> float:
    n = len(x)
    return float(_mean_distance(x, x)) * n / (n - 1)
