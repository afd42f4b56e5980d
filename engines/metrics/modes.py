"""Which modes do samples reach, and in which shares."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.metrics.distances import check_sets, squared_distances
from engines.tensors import exact_dtype


def mode_shares(x: Tensor, modes: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share of the points that is nearest to each mode.

    Args:
        x: Points, shape (N, 2).
        modes: Centres, shape (M, 2).
        weights: Weight of each point, shape (N,); equal if None.

    Returns:
        Shape (M,), sum 1.
    """
    nearest = _squared(x, modes).argmin(1)
    counts = torch.bincount(nearest, weights, minlength=len(modes)).double()
    return counts / counts.sum()


def true_mode_shares(means: Tensor, weights: Tensor, modes: Tensor) -> Tensor:
    """Share of each mode in a mixture: the weights of the components whose centre is nearest to it, shape (M,)."""
    return mode_shares(means, modes, weights)


def high_quality_share(x: Tensor, modes: Tensor, mode_std: float, n_std: float = 3.0) -> float:
    """Share of the points within n_std standard deviations of a mode; 98.9 % of a perfect sampler in the plane at 3.

    Source:
        Srivastava et al. 2017, VEEGAN, section 5.1, arXiv:1705.07761
    """
    near = _squared(x, modes).amin(1).sqrt()
    return float((near <= n_std * mode_std).double().mean())


def count_modes(x: Tensor, modes: Tensor, mode_std: float, n_std: float = 3.0) -> Tensor:
    """How many points of high quality each mode has: those that are nearest to it, and nearer than n_std.

    Args:
        x: Points, shape (N, 2).
        modes: Centres, shape (M, 2).
        mode_std: Standard deviation of a mode.
        n_std: How far a point of high quality may lie, in standard deviations.

    Returns:
        Shape (M,), whole numbers.

    Source:
        Lin et al. 2018, PacGAN, section 4.1, arXiv:1712.04086
    """
    near = _squared(x, modes).min(1)
    return torch.bincount(near.indices[near.values.sqrt() < n_std * mode_std], minlength=len(modes))


def reverse_kl(counts: Tensor, shares: Tensor) -> float:
    """KL(found || true) in nats between the modes of points of high quality and the true shares.

    log M if all of them lie in one of M equal modes; the same if there are none at all.

    Args:
        counts: Points of each mode, shape (M,).
        shares: True shares, shape (M,).
    """
    if not counts.sum():
        return float(-shares.min().log())
    found = counts.double() / counts.sum()
    return float(torch.xlogy(found, found / shares).sum())


def _squared(x: Tensor, modes: Tensor) -> Tensor:
    """Squared distances (N, M) of points from modes, once both are known to be something to measure."""
    check_sets(x, modes)
    exact = exact_dtype(x.device)
    return squared_distances(x.to(exact), modes.to(exact))
