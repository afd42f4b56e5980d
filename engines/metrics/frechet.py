"""The Fréchet distance between two sets of features: how far two Gaussians with their moments are apart."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.metrics.distances import check_sets


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
        DataError: If a number is not finite.

    Source:
        Dowson and Landau 1982, The Fréchet distance between multivariate normal distributions, eq. 16
    """
    check_sets(x, y, least=2)
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
