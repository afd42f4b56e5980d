"""A continuous layer: points drift along a learned velocity, and their density changes by its divergence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.flows.layers.base import CONDITIONER_LIMIT, Bijection


class Continuous(Bijection):
    """Follows a velocity for one unit of time, by the classical Runge-Kutta method of fourth order.

    dx/dt = v(x) = sum_k c_k tanh(w_k·x + b_k),   d log p / dt = -div v,   div v = sum_k c_k·w_k tanh'(w_k·x + b_k)

    One hidden layer, so the divergence is a closed form (the trace is exact, not estimated). Way back: the same
    velocity, backwards. Both directions share the solver's error; `tolerance` states it for trained nets at the
    usual number of steps.

    Args:
        n_features: D.
        width: Hidden units of the velocity.
        n_steps: Steps of the solver; each calls the velocity four times.

    Source:
        Chen et al. 2018, Neural ordinary differential equations, theorem 1 and section 4, arXiv:1806.07366
        Grathwohl et al. 2019, FFJORD, arXiv:1810.01367
    """

    name = "continuous"
    tolerance = 1e-3

    def __init__(self, n_features: int, width: int, n_steps: int) -> None:
        super().__init__()
        self.inner = nn.Linear(n_features, width)
        self.outer = nn.Parameter(torch.zeros(n_features, width))
        self.n_steps = n_steps
        nn.init.uniform_(self.inner.weight, -2.0, 2.0)
        nn.init.uniform_(self.inner.bias, -3.0, 3.0)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._drift(x, 1.0)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self._drift(z, -1.0)

    def ways_to_latent(self, x: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        return self._way(x, 1.0, n)

    def ways_to_data(self, z: Tensor, n: int) -> list[tuple[Tensor, Tensor]]:
        return self._way(z, -1.0, n)

    def velocity(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """v (B, D) and its divergence (B,)."""
        bent = self.inner(x.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT)).tanh()
        gains = self.outer.T * self.inner.weight  # (width, D): what each unit adds to each slope dv_d / dx_d
        is_inside = x.abs() < CONDITIONER_LIMIT
        slopes = (1 - bent.square()) @ gains  # (B, D)
        return bent @ self.outer.T, (slopes * is_inside).sum(1)

    def _drift(self, x: Tensor, duration: float) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for _ in range(self.n_steps):
            x, total = self._step(x, total, duration / self.n_steps)
        return x, total

    def _way(self, x: Tensor, duration: float, n: int) -> list[tuple[Tensor, Tensor]]:
        """Where the solver is at the times 1/n, 2/n ... 1: its own steps, and a shorter one from the last of them."""
        states, total, done = [], x.new_zeros(len(x)), 0
        for i in range(1, n + 1):
            whole, rest = divmod(i * self.n_steps, n)
            for _ in range(whole - done):
                x, total = self._step(x, total, duration / self.n_steps)
            done = whole
            states.append(self._step(x, total, duration / self.n_steps * rest / n) if rest else (x, total))
        return states

    def _step(self, x: Tensor, total: Tensor, step: float) -> tuple[Tensor, Tensor]:
        """One step of the solver from x, and the log-determinant so far with that of the step."""
        v1, d1 = self.velocity(x)
        v2, d2 = self.velocity(x + 0.5 * step * v1)
        v3, d3 = self.velocity(x + 0.5 * step * v2)
        v4, d4 = self.velocity(x + step * v3)
        return x + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4), total + step / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
