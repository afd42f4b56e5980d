"""The Fréchet distance between two sets of features: how far two Gaussians with their moments are apart."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.errors import ShapeError


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Squared Fréchet (Wasserstein-2) distance between the Gaussians that have the mean and covariance of two sets.

    |m_x - m_y|² + tr(C_x + C_y - 2 (C_x C_y)^(1/2))

    Sees means and covariances only; it is biased upwards for few points, so that two true samples are apart as well.

    Args:
        x: Features, shape (N, D).
        y: Features, shape (M, D).

    Returns:
        In squared units of the features.

    Raises:
        ShapeError: If they have different features, or fewer than two points each.

    Source:
        Dowson and Landau 1982, The Fréchet distance between multivariate normal distributions, eq. 16
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ShapeError(
            f"Expected two sets of at least 2 points with the same features, got {tuple(x.shape)}, {tuple(y.shape)}."
        )
    x, y = x.double(), y.double()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    first, second = x.T.cov(), y.T.cov()
    root = _root(first)
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp_min(0).sqrt().sum()
    return float(apart + first.trace() + second.trace() - 2 * cross)


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a covariance."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T
