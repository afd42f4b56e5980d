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
MOST_CUTS = 3  # of a cell at a time, along each axis
LEAST_SHARE = math.log(1e-5)  # of the highest density: what lies below needs no finer cells


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

    The window is doubled, for a model may put mass where its target has none, and cut into cells. Cells in which
    a feature as narrow as the true density's narrowest may hide are cut again and again, until cells are finer than
    the feature or the points are used up.

    Args:
        density: Gives log_prob at (B, 2).
        window: x0, x1, y0, y1.
        scale: Smallest standard deviation of the true density, data units.
        n_points: Most points at which cells are cut again; more points, more exact.
    """
    wide = _doubled(window)
    step, total, peak = (wide[1] - wide[0]) / COARSE, 0.0, -math.inf
    centres = cell_centres(wide, COARSE, _device_of(density))
    while True:
        with torch.no_grad():
            log_prob = density.log_prob(centres).double()
        peak = max(peak, float(log_prob.max()))
        matters = log_prob > peak + LEAST_SHARE - (step / scale) ** 2 / 4
        cuts = min(
            MOST_CUTS, math.ceil(step / (CELL_PER_SCALE * scale)), math.isqrt(n_points // max(1, int(matters.sum())))
        )
        if cuts < 2 or not bool(matters.any()):
            return total + float(log_prob.exp().sum()) * step**2
        total += float(log_prob[~matters].exp().sum()) * step**2
        inner = cell_centres((-step / 2, step / 2, -step / 2, step / 2), cuts, centres.device)
        centres, step = (centres[matters][:, None] + inner).view(-1, 2), step / cuts
        n_points -= len(centres)


def _doubled(window: Window) -> Window:
    x0, x1, y0, y1 = window
    dx, dy = (x1 - x0) / 2, (y1 - y0) / 2
    return (x0 - dx, x1 + dx, y0 - dy, y1 + dy)


def _device_of(density: object) -> torch.device:
    if isinstance(density, torch.nn.Module):
        return next(density.parameters()).device
    return getattr(density, "device", torch.device("cpu"))
