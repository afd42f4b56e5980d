"""How a set of samples lies among true examples: distances to the nearest, copying, density and coverage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from engines.errors import ShapeError
from engines.metrics.distances import check_sets, slack, squared_distances

CHUNK = 2000  # examples that are held in floats at once
N_NEIGHBOURS = 5


class Nearest(NamedTuple):
    """The nearest of many examples: how far it is (N,), in units of the data, and which one it is (N,)."""

    distance: Tensor
    which: Tensor


def nearest(x: Tensor, among: Tensor) -> Nearest:
    """The nearest example of each point by Euclidean distance; exactly 0 for a copy.

    Args:
        x: Points, shape (N, *event).
        among: Examples, shape (M, *event), of any number type.

    Raises:
        ShapeError: If there are no points or no examples, or they have other features.
        DataError: If a number is not finite.
    """
    check_sets(x.flatten(1), among.flatten(1))
    found = [squared_distances(x.flatten(1), chunk).min(1) for chunk in _chunks(among, x)]
    squared = torch.stack([each.values for each in found])  # (chunks, N)
    best = squared.min(0)
    index = torch.stack([each.indices for each in found]).gather(0, best.indices[None])[0]
    return Nearest(best.values.sqrt().to(x), index + best.indices * CHUNK)


def neighbour_ratio(x: Tensor, seen: Tensor, held_out: Tensor) -> float:
    """Whether samples are copies: their median distance to the nearest training example, over that of test examples.

    Returns:
        About 1 for samples that are as new as test examples are; below, they are drawn towards training examples; 0 for
        copies. Above 1, they are unlike all that was seen.

    Args:
        x: Samples, shape (N, *event).
        seen: Training examples, shape (M, *event).
        held_out: Test examples, shape (L, *event).
    """
    usual = nearest(held_out.float(), seen).distance.median()
    return float(nearest(x.float(), seen).distance.median() / usual)


def density_and_coverage(x: Tensor, real: Tensor, k: int = N_NEIGHBOURS) -> tuple[float, float]:
    """How well samples lie where real examples are dense, and how many of the real examples they reach.

    Around each real example lies a closed ball as large as the distance to its k-th real neighbour. Density: in how
    many balls a sample lies, each over the number of real neighbours in it (k, or more where distances are equal), in
    the mean; about 1 for true samples, and it may be more. Coverage: the share of balls that hold a sample;
    `coverage_of_truth` is what true samples reach.

    Args:
        x: Samples, or their features, shape (N, D).
        real: Real examples, shape (M, D), at least two; of k or fewer, all neighbours set the size of a ball.
        k: Which neighbour sets the size of a ball.

    Raises:
        ShapeError: If there are no samples, fewer than two real examples, or other features.
        DataError: If a number is not finite.

    Source:
        Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models, arXiv:2002.09797; there the
        balls are open, so that examples that repeat have balls in which nothing can lie
    """
    check_sets(x, real)
    if len(real) < 2:
        raise ShapeError(f"Expected at least 2 real examples, so that each has a neighbour, got {len(real)}.")
    among = squared_distances(real, real)
    radius = among.kthvalue(_rank(k, len(real)) + 1, dim=1).values[:, None]  # each is its own nearest
    neighbours = (among <= radius + slack(real, real)).sum(1) - 1  # (M,)
    inside = squared_distances(real, x) <= radius + slack(real, x)  # (M, N)
    density = (inside.sum(1) / neighbours).sum(dtype=torch.float32) / len(x)
    return float(density), float(inside.any(1).float().mean())


def coverage_of_truth(n_samples: int, n_real: int, k: int = N_NEIGHBOURS) -> float:
    """The mean coverage of as many true samples, whatever their density: 1 - 2^-k for many of both alike.

    A ball stays empty if the k nearest of all other points, real ones and samples in any order, are real ones. Where
    examples repeat, true samples reach more than that.

    Source:
        Naeem et al. 2020, arXiv:2002.09797; here by counting orders
    """
    orders = ((n_real - i) / (n_real + n_samples - i) for i in range(1, _rank(k, n_real) + 1))
    return 1 - math.prod(orders)


def _rank(k: int, n_real: int) -> int:
    """The neighbour that sets the size of a ball: the k-th, or the farthest that there is."""
    return max(1, min(k, n_real - 1))


def _chunks(examples: Tensor, like: Tensor) -> Iterator[Tensor]:
    for chunk in examples.split(CHUNK):
        yield chunk.flatten(1).to(like)
