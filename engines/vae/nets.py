"""Encoders and decoders of a stack of VAEs: perceptrons for small pictures and points, patches for large ones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.nets.stacked import StackedPatches, StackedUnpatches, build_stacked_mlp

PATCHED_FROM = 600  # values of an event: from here on a patch of 4 x 4 pixels is read at a time
PATCH = 4
MOST_CHANNELS = 24  # features of a patch; a patch of 16 grey values needs no more than 16


class StackedEncoder(nn.Module):
    """K encoders: mean and log standard deviation of q(z given x).

    Args:
        n_models: K.
        event_shape: (D,) or (C, H, W).
        width: Units of a hidden layer.
        n_hidden: Hidden layers.
        n_latents: Z.
        n_classes: Length of the condition that is appended; 0 for none.
        n_channels: Features of a patch.
    """

    def __init__(
        self,
        n_models: int,
        event_shape: tuple[int, ...],
        *,
        width: int,
        n_hidden: int,
        n_latents: int,
        n_classes: int = 0,
        n_channels: int = MOST_CHANNELS,
    ) -> None:
        super().__init__()
        self.patches = (
            StackedPatches(n_models, event_shape, PATCH, min(n_channels, PATCH**2 * event_shape[0]))
            if _is_patched(event_shape)
            else None
        )
        n_in = math.prod(event_shape) if self.patches is None else self.patches.n_features
        self.body = build_stacked_mlp(n_models, (n_in + n_classes, *[width] * n_hidden, 2 * n_latents))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (B, D), condition (B, n_classes) or None -> mean and log std, each (K, B, Z)."""
        features = x if self.patches is None else F.silu(self.patches(x))
        mean, log_std = self.body(join(features, condition)).chunk(2, dim=-1)
        return mean, log_std.clamp(-7, 3)


class StackedDecoder(nn.Module):
    """K decoders: the likelihood's outputs for a latent.

    Args: see `StackedEncoder`; n_outputs: Outputs of each pixel.
    """

    def __init__(
        self,
        n_models: int,
        event_shape: tuple[int, ...],
        *,
        width: int,
        n_hidden: int,
        n_latents: int,
        n_classes: int = 0,
        n_channels: int = MOST_CHANNELS,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        self.unpatches = (
            StackedUnpatches(n_models, event_shape, PATCH, min(n_channels, PATCH**2 * event_shape[0]), n_outputs)
            if _is_patched(event_shape)
            else None
        )
        n_out = math.prod(event_shape) * n_outputs if self.unpatches is None else self.unpatches.n_features
        self.body = build_stacked_mlp(n_models, (n_latents + n_classes, *[width] * n_hidden, n_out))

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """z (B, Z) or (K, B, Z), condition (B, n_classes) or None -> (K, B, D * n_outputs)."""
        features = self.body(join(z, condition))
        return features if self.unpatches is None else self.unpatches(F.silu(features))


def join(features: Tensor, condition: Tensor | None) -> Tensor:
    """Features (..., B, N) with a condition (B, M) behind them, (..., B, N + M)."""
    if condition is None:
        return features
    return torch.cat([features, condition.expand(*features.shape[:-1], -1)], dim=-1)


def _is_patched(event_shape: tuple[int, ...]) -> bool:
    is_picture = len(event_shape) == 3 and not event_shape[1] % PATCH and not event_shape[2] % PATCH
    return is_picture and math.prod(event_shape) >= PATCHED_FROM
