"""How far a model's density is from the true one."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from engines.datasets.base import Density, Window
from engines.probes import cell_centres

CELL_PER_SCALE = 0.7  # width of the finest cells in standard deviations: the midpoint rule's error is then below 1e-6
COARSE = 48  # cells along each axis of the doubled window


class HasLogProb(Protocol):
    """A model with an exact density."""

    def log_prob(self, x: Tensor) -> Tensor: ...


def kl_from_data(model: HasLogProb, true_log_prob: Tensor, points: Tensor) -> tuple[float, float]:
    """KL(data || model) by the paired estimator, with its standard error.

    KL = mean of log p(x) - log q(x) over points x drawn from p. Both terms are taken at the same points, so
    their common fluctuation cancels.

    Args:
        model: Gives log q.
        true_log_prob: log p at the points, shape (B,), nats.
        points: Held-out points of the data, shape (B, 2).

    Returns:
        Estimate and standard error, nats.
    """
    with torch.no_grad():
        gap = true_log_prob - model.log_prob(points).to(true_log_prob.dtype)
    return float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))


def plane_integral(density: HasLogProb | Density, window: Window, *, scale: float, n_points: int = 8000) -> float:
    """Integral of exp(log_prob) over the plane by the midpoint rule; 1 for a proper density.

    The window is doubled, for a model may put mass where its target has none, and cut into cells. Cells that
    hold mass, and their neighbours, are cut again until they are finer than the density's smallest feature, as far
    as the number of points allows.

    Args:
        density: Gives log_prob at (B, 2).
        window: x0, x1, y0, y1.
        scale: Smallest standard deviation of the true density, data units.
        n_points: Most points at which cells are cut again; more points, more exact.
    """
    wide = _doubled(window)
    step = (wide[1] - wide[0]) / COARSE
    centres = cell_centres(wide, COARSE, _device_of(density))
    with torch.no_grad():
        mass = density.log_prob(centres).double().exp() * step**2
        matters = _grown((mass > mass.max() * 1e-3).view(COARSE, COARSE)).view(-1)
        fine = min(math.ceil(step / (CELL_PER_SCALE * scale)), max(2, math.isqrt(n_points // max(1, int(matters.sum())))))
        inner = cell_centres((-step / 2, step / 2, -step / 2, step / 2), fine, centres.device)
        points = (centres[matters][:, None] + inner).view(-1, 2)
        refined = density.log_prob(points).double().exp().sum() * (step / fine) ** 2
    return float(mass[~matters].sum() + refined)


def _doubled(window: Window) -> Window:
    x0, x1, y0, y1 = window
    dx, dy = (x1 - x0) / 2, (y1 - y0) / 2
    return (x0 - dx, x1 + dx, y0 - dy, y1 + dy)


def _grown(cells: Tensor) -> Tensor:
    """Cells together with their eight neighbours: a narrow ridge may pass between two centres."""
    return torch.nn.functional.max_pool2d(cells[None, None].float(), 3, stride=1, padding=1)[0, 0].bool()


def _device_of(density: object) -> torch.device:
    if isinstance(density, torch.nn.Module):
        return next(density.parameters()).device
    return getattr(density, "device", torch.device("cpu"))
