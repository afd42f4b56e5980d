"""Autoregressive layers for sound, all in the order of time, so that a density has one factor for each sample."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from torch import Tensor

from engines.flows.bases import Gaussian
from engines.flows.flow import Flow
from engines.flows.layers.autoregressive import MaskedAffine
from engines.flows.layers.base import Inverted, Standardize


class TimeAffine(MaskedAffine):
    """A masked affine layer in the order of time that also tells the stretch of each sample.

    Args:
        n_features, width, n_hidden, scale_cap: See `MaskedAffine`.
    """

    name = "masked affine in time"

    def __init__(self, n_features: int, width: int, n_hidden: int, scale_cap: float) -> None:
        super().__init__(n_features, is_reversed=False, width=width, n_hidden=n_hidden, scale_cap=scale_cap)

    def stretch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """One pass to the latent side: z (B, D), and the log of each sample's stretch (B, D)."""
        return self.move(x, self._see(x))


def log_prob_by_sample(flow: Flow, x: Tensor) -> Tensor:
    """log p(x_t | x_1 ... x_(t-1)) for every t of waves (B, D): (B, D) nats, exact; their sum is log p(x).

    Every layer goes in the order of time, so dz/dx is triangular: each diagonal entry is the factor of one sample.

    Args:
        flow: Of `Standardize` and `TimeAffine` alone, which are quick in this direction.
        x: Data units.

    Source:
        Papamakarios, Pavlakou, Murray 2017, Masked autoregressive flow, eq. 2 to 5, arXiv:1705.07057
    """
    total = x.new_zeros(x.shape)
    for layer in flow.layers:
        x, log_stretch = _stretch(cast(Standardize | TimeAffine, layer), x)
        total = total + log_stretch
    return total + _base_by_sample(x)


def own_log_prob_by_sample(layers: Iterable[Standardize | Inverted], z: Tensor) -> tuple[Tensor, Tensor]:
    """Where an inverse flow carries noise (B, D) in one pass of each net, and log p(x_t | x_1 ... x_(t-1)) there.

    Args:
        layers: From the latent side to the data side.
        z: Of the base.

    Returns:
        x, shape (B, D), and the nats of each of its samples, (B, D).
    """
    total = _base_by_sample(z)
    for layer in layers:
        if isinstance(layer, Inverted):
            z, log_stretch = cast(TimeAffine, layer.layer).stretch(z)
        else:
            z, log_stretch = layer.to_data(z)[0], layer.std.log().expand(z.shape)
        total = total - log_stretch
    return z, total


def _stretch(layer: Standardize | TimeAffine, x: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(layer, TimeAffine):
        return layer.stretch(x)
    return layer.to_latent(x)[0], -layer.std.log().expand(x.shape)


def _base_by_sample(z: Tensor) -> Tensor:
    return Gaussian().log_prob(z.reshape(-1, 1)).view(z.shape)
