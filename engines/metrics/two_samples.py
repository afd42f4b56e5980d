"""Are two sets of points from the same distribution? Three distances; what true ones have is in `bands`."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.metrics.distances import check_sets, mean_between, mean_within
from engines.tensors import check_points


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Energy distance between two sets of points: 0 in the mean if and only if they come from the same distribution.

    2 E|X - Y| - E|X - X'| - E|Y - Y'|, each mean over different points (a U-statistic, so it may be below 0).

    Args:
        x: Points, shape (N, D), N at least 2.
        y: Points, shape (M, D), M at least 2.

    Returns:
        In units of the data.

    Raises:
        ShapeError: If they have different features, or fewer than two points each.
        DataError: If a number is not finite.

    Source:
        Szekely and Rizzo 2013, Energy statistics, eq. 5 and 6
    """
    check_sets(x, y, least=2)
    return 2 * mean_between(x, y) - mean_within(x) - mean_within(y)


def squared_mmd(x: Tensor, y: Tensor, width: float) -> float:
    """Squared maximum mean discrepancy with a Gaussian kernel, 0 in the mean for two sets of one distribution.

    E k(X, X') + E k(Y, Y') - 2 E k(X, Y),  k(a, b) = exp(-|a - b|² / (2 width²)); a U-statistic, so it may be below 0.

    Args:
        x: Points, shape (N, D), N at least 2.
        y: Points, shape (M, D), M at least 2.
        width: Of the kernel, in units of the data: differences much smaller or larger than that are hardly seen.

    Raises:
        ShapeError: If they have different features, or fewer than two points each.
        DataError: If a number is not finite.

    Source:
        Gretton et al. 2012, A kernel two-sample test, eq. 3, JMLR 13
    """
    check_sets(x, y, least=2)

    def kernel(squared: Tensor) -> Tensor:
        return squared.mul_(-0.5 / width**2).exp_()

    return mean_within(x, kernel) + mean_within(y, kernel) - 2 * mean_between(x, y, kernel)


def median_distance(x: Tensor) -> float:
    """Median distance between two of the points (N, D): the usual width of a kernel."""
    check_sets(x, x, least=2)
    return float(torch.pdist(x).median())


def sliced_wasserstein(x: Tensor, y: Tensor, n_directions: int = 64) -> float:
    """Mean over directions of the plane of the Wasserstein-1 distance between the two sets as seen along each.

    Along a line both sets are sorted, and what lies at the same share of each belongs together; that is exact for sets
    of different sizes too.

    Args:
        x: Points, shape (N, 2).
        y: Points, shape (M, 2).
        n_directions: Evenly spread over half a turn.

    Returns:
        In units of the data; never below 0, so that true samples have some distance as well.

    Raises:
        ShapeError: If they are no points of the plane, or one set has none.
        DataError: If a number is not finite.

    Source:
        Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures, section 3
    """
    check_sets(x, y)
    check_points(x)
    angles = torch.arange(n_directions, dtype=x.dtype, device=x.device) * (torch.pi / n_directions)
    directions = torch.stack([angles.cos(), angles.sin()])  # (2, n_directions)
    middle = y.mean(0)
    first, second = ((each - middle) @ directions for each in (x, y))
    rows, columns, widths = _coupling(len(x), len(y))
    apart = first.sort(0).values[rows] - second.sort(0).values[columns]
    return float((apart.abs().mean(1).double() * widths.to(apart.device)).sum())


def _coupling(n: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which of n sorted points belongs to which of m, and the share of the mass that each pair carries."""
    ends = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()  # in units of 1 / (n m)
    widths = torch.diff(ends, prepend=ends.new_zeros(1)).double() / (n * m)
    return (ends - 1) // m, (ends - 1) // n, widths
