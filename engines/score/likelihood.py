"""Log density by the probability-flow ODE: a point is carried to noise, and its change of volume is counted.

Two things err. Steps are finite: halving them shows by how much. And at the largest level the noised data are taken
for a Gaussian, which no number of steps mends; in the plane the exact noised density says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from engines.samplers.catalogue import Range
from engines.samplers.state import Score
from engines.score.objectives import trace

N_STEPS = 100  # of Heun's method
LogDensity = Callable[[Tensor], Tensor]


class Estimate(NamedTuple):
    """Log densities with what they err by, each of shape (B,), nats.

    Attributes:
        value: The estimate.
        by_steps: What twice the steps add to it; an upper estimate of the error of finitely many steps.
        by_base: Base minus exact noised density where the way ends; 0 where that is not known.
    """

    value: Tensor
    by_steps: Tensor
    by_base: Tensor

    @property
    def error(self) -> Tensor:
        """Both parts by size: of one point. What the network learned wrong is no part of it."""
        return self.by_steps.abs() + self.by_base.abs()


def ode_log_prob(score: Score, x: Tensor, levels: Range, base: LogDensity, *, n_steps: int = N_STEPS) -> Tensor:
    """Log density of the data with the least noise, by Heun's method in log sigma and the exact trace.

    log p(x) = log base(x_end) + ∫ div f du,   u = log sigma,   dx/du = f = -sigma² s(x, sigma)

    Args:
        score: Differentiable; rows of a batch do not depend on each other.
        x: Points, shape (B, D).
        levels: From where to where sigma goes.
        base: Log density at the largest level, (B, D) -> (B,) nats.
        n_steps: Steps; each costs two calls with D derivatives.

    Returns:
        Nats, shape (B,).

    Source:
        Song et al. 2021, Score-based generative modeling through SDEs, eq. 39, arXiv:2011.13456
    """
    end, spread = _carry(score, x, levels, n_steps)
    return base(end) + spread


def _carry(score: Score, x: Tensor, levels: Range, n_steps: int) -> tuple[Tensor, Tensor]:
    """Where points end at the largest level, (B, D), and the integral of the divergence on their way, (B,)."""
    width = math.log(levels.sigma_max / levels.sigma_min) / n_steps
    total = x.new_zeros(len(x))
    sigma = levels.sigma_min
    flow, spread = _flow(score, x, sigma)
    for i in range(n_steps):
        sigma = levels.sigma_min * math.exp((i + 1) * width)
        flow_ahead, spread_ahead = _flow(score, x + width * flow, sigma)
        x = x + width * (flow + flow_ahead) / 2
        total = total + width * (spread + spread_ahead) / 2
        if i < n_steps - 1:
            flow, spread = _flow(score, x, sigma)
    return x, total


def checked_log_prob(
    score: Score,
    x: Tensor,
    levels: Range,
    base: LogDensity,
    *,
    n_steps: int = N_STEPS,
    exact_base: LogDensity | None = None,
) -> Estimate:
    """`ode_log_prob` with its two errors; where the exact noised density at the largest level is known, give it too."""
    end, spread = _carry(score, x, levels, n_steps)
    value = base(end) + spread
    rough = ode_log_prob(score, x, levels, base, n_steps=max(1, n_steps // 2))
    by_base = torch.zeros_like(value) if exact_base is None else base(end) - exact_base(end).to(value)
    return Estimate(value, value - rough, by_base)


def normal_log_prob(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Log density of a Gaussian with independent axes: x (B, D), mean and std (D,) -> (B,) nats."""
    z = (x - mean) / std
    return -0.5 * z.square().sum(1) - 0.5 * len(std) * math.log(2 * math.pi) - std.log().sum()


def _flow(score: Score, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """f and its divergence at points (B, D): shapes (B, D) and (B,)."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        flow = -(sigma**2) * score(at, sigma)
        spread = trace(flow, at)
    return flow.detach(), spread.detach()
