"""A perceptron that is told the noise level beside its input."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engines.nets.mlp import build_mlp

N_WAVES = 8  # sines of the level, and as many cosines
N_PLANE_WAVES = 32  # of the point, and as many cosines
PLANE_PACE = 4.0  # standard deviation of their frequencies, radians for each standard deviation of the data


class LevelFeatures(nn.Module):
    """A number on 0 ... 1 as itself and sines and cosines of doubling pace: (B,) -> (B, n_features)."""

    def __init__(self, n_waves: int = N_WAVES) -> None:
        super().__init__()
        self.n_features = 2 * n_waves + 1
        self.register_buffer("paces", math.pi * 2.0 ** (0.5 * torch.arange(n_waves)), persistent=False)
        self.paces: Tensor

    def forward(self, level: Tensor) -> Tensor:
        """Features of each level."""
        angle = level[:, None] * self.paces
        return torch.cat([level[:, None], angle.sin(), angle.cos()], dim=1)


class FourierFeatures(nn.Module):
    """A point as itself and as sines and cosines along random directions: (..., D) -> (..., n_features).

    Thin shapes are then learned from the start; a plain net sees the smooth parts long before.

    Source:
        Tancik et al. 2020, Fourier features let networks learn high frequency functions, arXiv:2006.10739
    """

    def __init__(self, n_inputs: int, n_waves: int = N_PLANE_WAVES, *, pace: float = PLANE_PACE) -> None:
        super().__init__()
        self.n_features = 2 * n_waves + n_inputs
        self.register_buffer("waves", pace * torch.randn(n_inputs, n_waves))
        self.waves: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Features of each point."""
        angle = x @ self.waves
        return torch.cat([x, angle.sin(), angle.cos()], dim=-1)


class NoiseMlp(nn.Module):
    """(x (B, D), level (B,), or (1,) for all, on 0 ... 1) -> (B, D).

    Args:
        n_features: D.
        width: Units of each hidden layer.
        n_hidden: Hidden layers.
        is_told: Whether it is told the level; else it must guess it from x.
    """

    def __init__(self, n_features: int, width: int, n_hidden: int, is_told: bool = True) -> None:
        super().__init__()
        self.levels = LevelFeatures() if is_told else None
        self.waves = FourierFeatures(n_features)
        n_in = self.waves.n_features + (self.levels.n_features if self.levels else 0)
        self.body = build_mlp(n_in, width, n_hidden, n_features)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """The output for each point at its level."""
        features = self.waves(x)
        if self.levels is None:
            return self.body(features)
        return self.body(torch.cat([features, self.levels(level).expand(len(x), -1)], dim=1))
