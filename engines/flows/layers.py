"""Invertible layers. Each goes both ways and tells by how much it stretched space.

To add one: subclass `Bijection` and write `to_latent` and `to_data`; the conformance tests check the round
trip and hold the log-determinant against autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.nets.mlp import build_mlp

# Conditioner inputs are clamped here, in units of the data's standard deviation: far beyond any data, and it
# keeps shift and scale of points at 1e4 finite where unbounded couplings overflow.
CONDITIONER_LIMIT = 30.0


class Bijection(nn.Module):
    """An invertible map of the plane (or of any vector space) with a known log-determinant."""

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Data side to latent side: (z (B, D), log |det dz/dx| (B,))."""
        raise NotImplementedError

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Latent side to data side: (x (B, D), log |det dx/dz| (B,))."""
        raise NotImplementedError


class Standardize(Bijection):
    """Centre and scale each axis by the data's known mean and standard deviation; nothing is learned.

    It makes every density of the flow a density in data units.

    Args:
        mean: Shape (D,), data units.
        std: Shape (D,), data units, positive.
    """

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())
        self.mean: Tensor
        self.std: Tensor

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.mean) / self.std, -self._log_scale(x)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean + self.std * z, self._log_scale(z)

    def _log_scale(self, x: Tensor) -> Tensor:
        return self.std.log().sum().expand(len(x))


class AffineCoupling(Bijection):
    """Half of the coordinates set the shift and scale of the other half.

    z_moved = (x_moved - t(x_kept)) exp(s(x_kept)),   log |det dz/dx| = sum s,   s = cap tanh(raw)

    The bound on s keeps training finite where an unbounded exponential overflows. Shift and scale begin at
    zero, so that an untrained flow is the identity.

    Args:
        n_features: D, at least 2.
        moves_last: Whether the last D - D // 2 coordinates move (else the first D // 2).
        width: Hidden units of the conditioner.
        n_hidden: Hidden layers of the conditioner.
        scale_cap: Bound on |s|, nats.

    Source:
        Dinh, Sohl-Dickstein, Bengio 2017, Density estimation using Real NVP, eq. 7 and 8, arXiv:1605.08803
    """

    def __init__(self, n_features: int, moves_last: bool, width: int, n_hidden: int, scale_cap: float) -> None:
        super().__init__()
        self.sizes = [n_features // 2, n_features - n_features // 2]
        self.moves_last = moves_last
        self.scale_cap = scale_cap
        n_kept, n_moved = self.sizes if moves_last else reversed(self.sizes)
        self.conditioner = build_mlp(n_kept, width, n_hidden, 2 * n_moved, starts_at_zero=True, spread=4.0)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = self._split(x)
        shift, log_scale = self._shift_and_log_scale(kept)
        return self._join(kept, (moved - shift) * log_scale.exp()), log_scale.sum(1)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        kept, moved = self._split(z)
        shift, log_scale = self._shift_and_log_scale(kept)
        return self._join(kept, moved * (-log_scale).exp() + shift), -log_scale.sum(1)

    def _shift_and_log_scale(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.conditioner(kept.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT))
        shift, log_scale = raw.chunk(2, dim=1)
        return shift, self.scale_cap * log_scale.tanh()

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, last = x.split(self.sizes, dim=1)
        return (first, last) if self.moves_last else (last, first)

    def _join(self, kept: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([kept, moved] if self.moves_last else [moved, kept], dim=1)
