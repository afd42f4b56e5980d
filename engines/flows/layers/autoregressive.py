"""Autoregressive layers: each coordinate moves by what the ones before it say.

To the latent side one pass of the net does for all coordinates; back, each has to wait for those before it: D
passes. `Inverted` turns a layer round: an inverse autoregressive flow samples in one pass and is slow at densities.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engines.flows.layers.base import CONDITIONER_LIMIT, Bijection
from engines.flows.layers.couplings import SPREAD
from engines.flows.layers.splines import n_spline_parameters, spline_to_data, spline_to_latent
from engines.nets.made import MaskedMlp


class Autoregressive(Bijection):
    """What autoregressive layers share: the masked net, the order of the coordinates, and the way back.

    Args:
        n_features: D, at least 2.
        is_reversed: Whether the last coordinate comes first.
        width: Hidden units of the net.
        n_hidden: Hidden layers of the net.
        n_out: Numbers that the net gives for each coordinate.
    """

    def __init__(self, n_features: int, is_reversed: bool, width: int, n_hidden: int, n_out: int) -> None:
        super().__init__()
        self.is_reversed = is_reversed
        self.net = MaskedMlp(n_features, width, n_hidden, n_out, SPREAD)

    def move(self, x: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Each coordinate to the latent side, and the log of its stretch: x (B, D), given (B, D, n_out)."""
        raise NotImplementedError

    def move_back(self, z: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Each coordinate to the data side, and the log of its stretch."""
        raise NotImplementedError

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self._turn(x)
        z, log_stretch = self.move(x, self._see(x))
        return self._turn(z), log_stretch.sum(1)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = self._turn(z)
        done: list[Tensor] = []
        total = z.new_zeros(len(z))
        for d in range(z.shape[1]):
            known = torch.stack([*done, *z[:, d:].unbind(1)], 1)  # what is not known yet is not seen
            x, log_stretch = self.move_back(z[:, d : d + 1], self._see(known)[:, d : d + 1])
            done.append(x[:, 0])
            total = total + log_stretch[:, 0]
        return self._turn(torch.stack(done, 1)), total

    def _see(self, x: Tensor) -> Tensor:
        return self.net(x.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT))

    def _turn(self, x: Tensor) -> Tensor:
        return x.flip(1) if self.is_reversed else x


class MaskedAffine(Autoregressive):
    """Each coordinate shifted and scaled by what the ones before it say.

    z_d = (x_d - t_d) exp(s_d),   log |det dz/dx| = sum s,   s = cap tanh(raw)

    Args:
        n_features, is_reversed, width, n_hidden: See `Autoregressive`.
        scale_cap: Bound on |s|, nats.

    Source:
        Papamakarios, Pavlakou, Murray 2017, Masked autoregressive flow, eq. 3 to 5, arXiv:1705.07057
        Kingma et al. 2016, Improving variational inference with inverse autoregressive flow, arXiv:1606.04934
    """

    name = "masked affine"

    def __init__(self, n_features: int, is_reversed: bool, width: int, n_hidden: int, scale_cap: float) -> None:
        super().__init__(n_features, is_reversed, width, n_hidden, n_out=2)
        self.scale_cap = scale_cap

    def move(self, x: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = given[..., 0], self.scale_cap * given.tanh()[..., 1]
        return (x - shift) * log_scale.exp(), log_scale

    def move_back(self, z: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        shift, log_scale = given[..., 0], self.scale_cap * given.tanh()[..., 1]
        return z * (-log_scale).exp() + shift, -log_scale


class MaskedSpline(Autoregressive):
    """Each coordinate bent by a rational-quadratic spline that the ones before it choose.

    Args:
        n_features, is_reversed, width, n_hidden: See `Autoregressive`.
        n_bins: Pieces of a spline.
        bound: It acts between -bound and bound, and is the identity outside.

    Source:
        Durkan et al. 2019, Neural spline flows, section 3.2, arXiv:1906.04032
    """

    name = "masked spline"

    def __init__(
        self, n_features: int, is_reversed: bool, width: int, n_hidden: int, n_bins: int, bound: float
    ) -> None:
        super().__init__(n_features, is_reversed, width, n_hidden, n_out=n_spline_parameters(n_bins))
        self.bound = bound

    def move(self, x: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        return spline_to_latent(x, given, self.bound)

    def move_back(self, z: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        return spline_to_data(z, given, self.bound)
