"""The first flows: a push along one direction, and a push away from a centre.

Both are written from the data to the latent side, so that the likelihood of data is a closed form; the way back is
the root of one increasing function (planar) or of a quadratic (radial).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engines.flows.layers import Bijection
from engines.flows.roots import solve_increasing

_ONE = math.log(math.e - 1)  # softplus of it is 1
_SMALL = 1e-6


def _above_minus_one(raw: Tensor) -> Tensor:
    """An increasing map onto (-1, infinity) that keeps 0."""
    return nn.functional.softplus(raw + _ONE) - 1


class Planar(Bijection):
    """Pushes points along one direction, by an amount that depends on one projection of them.

    z = x + u tanh(w·x + b),   log |det dz/dx| = log(1 + tanh'(w·x + b) w·u),   w·u > -1

    Args:
        n_features: D.

    Source:
        Rezende and Mohamed 2015, Variational inference with normalizing flows, eq. 10 to 12 and appendix A.1,
        arXiv:1505.05770
    """

    name = "planar"
    tolerance = 1e-9

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_features))
        self.u = nn.Parameter(torch.zeros(n_features))
        self.b = nn.Parameter(2 * torch.rand(()) - 1)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u, along = self._push()
        bent = (x @ self.w + self.b).tanh()
        return x + bent[:, None] * u, torch.log1p((1 - bent.square()) * along)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        u, along = self._push()
        goal = z @ self.w

        def rise(t: Tensor) -> tuple[Tensor, Tensor]:
            bent = (t + self.b).tanh()
            return t + along * bent, 1 + along * (1 - bent.square())

        t = solve_increasing(rise, goal, reach=along.abs())
        bent = (t + self.b).tanh()
        return z - bent[:, None] * u, -torch.log1p((1 - bent.square()) * along)

    def _push(self) -> tuple[Tensor, Tensor]:
        """The u that keeps the map invertible, and w·u."""
        raw, size = self.w @ self.u, self.w.square().sum() + _SMALL
        u = self.u + (_above_minus_one(raw) - raw) * self.w / size
        return u, self.w @ u


class Radial(Bijection):
    """Pushes points away from a centre, or draws them near.

    z = x + β (x - c) / (α + r),   r = |x - c|,   α > 0,   β > -α
    log |det dz/dx| = (D - 1) log(1 + β / (α + r)) + log(1 + α β / (α + r)²)

    Args:
        n_features: D.

    Source:
        Rezende and Mohamed 2015, eq. 14 and appendix A.2, arXiv:1505.05770
    """

    name = "radial"

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.randn(n_features))
        self.log_alpha = nn.Parameter(torch.zeros(()))
        self.raw = nn.Parameter(torch.zeros(()))

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        alpha, beta = self._alpha_and_beta()
        away = x - self.centre
        reach = alpha + away.norm(dim=1)
        return x + (beta / reach)[:, None] * away, self._log_det(alpha, beta, reach, x.shape[1])

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The radius before the push is the positive root of r² + (α + β - R) r - α R = 0."""
        alpha, beta = self._alpha_and_beta()
        away = z - self.centre
        radius = away.norm(dim=1)
        half = 0.5 * (radius - alpha - beta)
        root = (half.square() + alpha * radius).sqrt()
        shorter = torch.where(half > 0, half + root, alpha * radius / (root - half + torch.finfo(z.dtype).tiny))
        reach = alpha + shorter
        x = self.centre + away / (1 + beta / reach)[:, None]
        return x, -self._log_det(alpha, beta, reach, z.shape[1])

    def _alpha_and_beta(self) -> tuple[Tensor, Tensor]:
        alpha = self.log_alpha.exp()
        return alpha, alpha * _above_minus_one(self.raw)

    @staticmethod
    def _log_det(alpha: Tensor, beta: Tensor, reach: Tensor, n_features: int) -> Tensor:
        return (n_features - 1) * torch.log1p(beta / reach) + torch.log1p(alpha * beta / reach.square())
