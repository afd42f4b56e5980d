"""The first flows: a push along one direction, and a push away from a centre.

Both are written from the data to the latent side, so that the likelihood of data is a closed form; the way back is
the root of one increasing function (planar) or of a quadratic (radial).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engines.flows.layers.base import Bijection
from engines.flows.layers.roots import solve_increasing

LEAST = -0.999  # of w·u and of β / α: nearer to -1, rounding could fold the plane
_ONE = math.log(math.e - 1)  # softplus of it is 1
_SMALL = 1e-12  # |w|² below it: there the gradient of w's direction is cut off
_ROOM = 40.0  # of log α, and of what is squared after cosh: beyond, single precision has no such numbers


def _above_minus_one(raw: Tensor) -> Tensor:
    """An increasing map onto (-1, infinity) that keeps 0, cut off at `LEAST`."""
    return (nn.functional.softplus(raw + _ONE) - 1).clamp(min=LEAST)


def _over_cosh_squared(along: Tensor, a: Tensor) -> Tensor:
    """along (1 - tanh² a), also where tanh is 1 but for rounding: a large w·u would show what that difference lost."""
    return along / a.clamp(-_ROOM, _ROOM).cosh().square()


class Planar(Bijection):
    """Pushes points along one direction, by an amount that depends on one projection of them.

    z = x + u tanh(w·x + b),   log |det dz/dx| = log(1 + tanh'(w·x + b) w·u),   w·u >= -0.999

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
        a = x @ self.w + self.b
        return x + a.tanh()[:, None] * u, torch.log1p(_over_cosh_squared(along, a))

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        u, along = self._push()

        def rise(t: Tensor) -> tuple[Tensor, Tensor]:
            return t + along * (t + self.b).tanh(), 1 + _over_cosh_squared(along, t + self.b)

        a = solve_increasing(rise, z @ self.w, reach=along.abs()) + self.b
        return z - a.tanh()[:, None] * u, -torch.log1p(_over_cosh_squared(along, a))

    def _push(self) -> tuple[Tensor, Tensor]:
        """The u that keeps the map invertible, and w·u."""
        raw, size = self.w @ self.u, self.w @ self.w
        along = _above_minus_one(raw)
        u = self.u + (along - raw) / size.clamp(min=_SMALL) * self.w
        with torch.no_grad():  # what rounding has left: a long u along w, all but taken back, keeps few of its digits
            rest = (along - self.w @ u) / size.clamp(min=torch.finfo(size.dtype).tiny) * self.w
        return u + rest, along


class Radial(Bijection):
    """Pushes points away from a centre, or draws them near.

    z = x + β (x - c) / (α + r),   r = |x - c|,   α > 0,   β >= -0.999 α
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
        alpha, ratio = self._alpha_and_ratio()
        away = x - self.centre
        share = alpha / (alpha + away.norm(dim=1))
        return x + (ratio * share)[:, None] * away, self._log_det(ratio, share, x.shape[1])

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The radius before the push is the positive root of r² + (α + β - R) r - α R = 0."""
        alpha, ratio = self._alpha_and_ratio()
        away = z - self.centre
        radius = away.norm(dim=1)
        half = 0.5 * (radius - alpha * (1 + ratio))
        root = (half.square() + alpha * radius).sqrt()
        shorter = torch.where(half > 0, half + root, alpha * radius / (root - half.clamp(max=0)))
        share = alpha / (alpha + shorter)
        x = self.centre + away / (1 + ratio * share)[:, None]
        return x, -self._log_det(ratio, share, z.shape[1])

    def _alpha_and_ratio(self) -> tuple[Tensor, Tensor]:
        """α, and β / α."""
        return self.log_alpha.clamp(-_ROOM, _ROOM).exp(), _above_minus_one(self.raw)

    @staticmethod
    def _log_det(ratio: Tensor, share: Tensor, n_features: int) -> Tensor:
        """With the share s = α / (α + r), which has no units: β / (α + r) is s β / α, and α β / (α + r)² s² β / α."""
        return (n_features - 1) * torch.log1p(ratio * share) + torch.log1p(ratio * share.square())
