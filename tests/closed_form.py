"""Densities by brute force on a grid: slow, and independent of every formula in `engines`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.datasets import GaussianMixture

MAX_POINTS = 1_500_000


@dataclass(frozen=True)
class Grid:
    """A density's values on a square grid that holds all but about 1e-8 of its mass.

    Attributes:
        points: Middles of the cells, shape (side², 2), float64, the second coordinate running fastest.
        log_prob: Log densities there, shape (side²,).
        edges: Borders of the cells on both axes, shape (2, side + 1).
    """

    points: Tensor
    log_prob: Tensor
    edges: np.ndarray

    @property
    def cell(self) -> float:
        """Width of a cell."""
        return float(self.edges[0, 1] - self.edges[0, 0])

    @property
    def mass(self) -> Tensor:
        """Mass of each cell by the midpoint rule, shape (side²,)."""
        return self.log_prob.exp() * self.cell**2

    def total(self) -> float:
        """Integral of the density."""
        return float(self.mass.sum())

    def entropy(self) -> float:
        """Minus the integral of p log p, in nats."""
        return float(-(self.mass * self.log_prob.clamp_min(-1e4)).sum())

    def convolved(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Density, shape (B,), and score, shape (B, 2), at x of the grid's density after noise.

        p_sigma(x) = sum_y mass(y) N(x; y, sigma²), and by Tweedie's formula
        score(x) = (E[y | x] - x) / sigma².
        """
        squared = torch.cdist(x, self.points, compute_mode="donot_use_mm_for_euclid_dist").square()  # (B, side²)
        joint = self.mass * torch.exp(-squared / (2 * sigma**2)) / (2 * torch.pi * sigma**2)
        density = joint.sum(1)
        return density, ((joint @ self.points) / density[:, None] - x) / sigma**2


def make_grid(density: GaussianMixture, cells_per_width: float = 2.0) -> Grid:
    """Cells half as wide as the narrowest component, for which sums of Gaussians are integrals to 1e-15."""
    variances = torch.linalg.eigvalsh(density.covariances)
    narrow, wide = float(variances.min().sqrt()), float(variances.max().sqrt())
    x0, x1, y0, y1 = density.window
    width = x1 - x0 + 4 * wide  # the window ends 4 widths from the centres, the grid 6
    side = int(np.ceil(width / narrow * cells_per_width))
    assert side**2 < MAX_POINTS, f"{side}² points are too many for a test"
    centre = np.array([[x0 + x1], [y0 + y1]]) / 2
    edges = centre + width * np.linspace(-0.5, 0.5, side + 1)
    x, y = torch.from_numpy((edges[:, 1:] + edges[:, :-1]) / 2)
    points = torch.cartesian_prod(x, y)
    return Grid(points, density.log_prob(points), edges)


def ks_distance(grid: Grid, sample: np.ndarray, direction: tuple[int, int]) -> float:
    """Largest gap between the distribution functions of one projection, the grid's and a sample's.

    Args:
        grid: The density by brute force.
        sample: Points, shape (n, 2).
        direction: Whole numbers (a, b): the projection is a x + b y.
    """
    a, b = direction
    side = grid.edges.shape[1] - 1
    i, j = np.divmod(np.arange(side**2), side)
    index = a * i + b * j
    cumulative = np.concatenate([[0], np.bincount(index - index.min(), grid.mass.numpy()).cumsum()])
    first = (grid.points[0].numpy() * direction).sum() + grid.cell * (index.min() - 0.5)
    borders = first + grid.cell * np.arange(len(cumulative))
    expected = np.interp(np.sort(sample @ np.array(direction)), borders, cumulative)
    return float(np.abs(expected - (np.arange(len(sample)) + 0.5) / len(sample)).max())
