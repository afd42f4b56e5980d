"""K nets trained as one: every weight has a leading axis of K models, and a layer is one batched product.

A stacked run is exactly K runs side by side: the losses are summed, and Adam works element by element. All K models
start from the same weights, so that what differs between them is what was meant to differ; or each from its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

NORM_FLOOR = 1e-5  # added to a variance before it divides


class StackedLinear(nn.Module):
    """K linear layers: y[k] = x[k] W[k] + b[k].

    Args:
        n_models: K.
        n_in: Features of the input.
        n_out: Features of the output.
        is_alike: Whether all start from the same weights.
    """

    def __init__(self, n_models: int, n_in: int, n_out: int, *, is_alike: bool = True) -> None:
        super().__init__()
        bound, n_drawn = 1 / math.sqrt(n_in), 1 if is_alike else n_models  # the bound as in torch.nn.Linear
        weight = torch.empty(n_drawn, n_in, n_out).uniform_(-bound, bound)
        bias = torch.empty(n_drawn, 1, n_out).uniform_(-bound, bound)
        self.weight = nn.Parameter(weight.repeat(n_models // n_drawn, 1, 1))
        self.bias = nn.Parameter(bias.repeat(n_models // n_drawn, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """x of shape (K, B, n_in), or (B, n_in) for the same input to all -> (K, B, n_out)."""
        return torch.baddbmm(self.bias, x.expand(len(self.weight), -1, -1), self.weight)


class StackedBatchNorm(nn.Module):
    """K batch normalisations: each feature of each model has mean 0 and variance 1 over the batch, then its own two.

    As torch.nn.BatchNorm1d for each model: at use, running means of both moments take the place of the batch's.

    Args:
        n_models: K.
        n_features: F.
        momentum: Share of the newest batch in the running means.

    Source:
        Ioffe and Szegedy 2015, Batch normalization, algorithm 1 and 2, arXiv:1502.03167
    """

    def __init__(self, n_models: int, n_features: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(n_models, 1, n_features))
        self.bias = nn.Parameter(torch.zeros(n_models, 1, n_features))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(n_models, 1, n_features))
        self.register_buffer("variance", torch.ones(n_models, 1, n_features))

    def forward(self, x: Tensor) -> Tensor:
        """x of shape (K, B, F), B at least 2 in training -> (K, B, F)."""
        if not self.training:
            return self._scaled(x, self.mean, self.variance)
        mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance * (x.shape[1] / max(1, x.shape[1] - 1)), self.momentum)
        return self._scaled(x, mean, variance)

    def _scaled(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        return torch.addcmul(self.bias, (x - mean) * (variance + NORM_FLOOR).rsqrt(), self.weight)


def build_stacked_mlp(n_models: int, sizes: Sequence[int]) -> nn.Sequential:
    """K perceptrons with SiLU between layers of these sizes: (B, sizes[0]) or (K, B, sizes[0]) -> (K, B, sizes[-1])."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [StackedLinear(n_models, n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class StackedPatches(nn.Module):
    """K maps from pictures to features by patches: a convolution whose stride is its size, as one batched product.

    Args:
        n_models: K.
        event_shape: C, H, W of a picture; H and W are multiples of the patch.
        patch: Side of a patch in pixels.
        n_channels: Features of a patch.
    """

    def __init__(self, n_models: int, event_shape: tuple[int, ...], patch: int, n_channels: int) -> None:
        super().__init__()
        self.event_shape, self.patch = event_shape, patch
        channels, height, width = event_shape
        self.n_patches = (height // patch) * (width // patch)
        self.n_features = self.n_patches * n_channels
        self.linear = StackedLinear(n_models, channels * patch * patch, n_channels)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C * H * W) -> (K, B, n_features)."""
        channels, height, width = self.event_shape
        p = self.patch
        cells = x.view(-1, channels, height // p, p, width // p, p).permute(0, 2, 4, 1, 3, 5)  # (B, h, w, C, p, p)
        features = self.linear(cells.reshape(len(x) * self.n_patches, -1))  # (K, B * h * w, n_channels)
        return features.view(len(features), len(x), -1)


class StackedUnpatches(nn.Module):
    """K maps from features back to pictures: the transposed convolution that belongs to `StackedPatches`.

    Args: see `StackedPatches`; n_outputs: Values that each pixel gets.
    """

    def __init__(
        self, n_models: int, event_shape: tuple[int, ...], patch: int, n_channels: int, n_outputs: int = 1
    ) -> None:
        super().__init__()
        self.event_shape, self.patch, self.n_outputs = event_shape, patch, n_outputs
        channels, height, width = event_shape
        self.n_features = (height // patch) * (width // patch) * n_channels
        self.n_channels = n_channels
        self.linear = StackedLinear(n_models, n_channels, n_outputs * channels * patch * patch)

    def forward(self, features: Tensor) -> Tensor:
        """features (K, B, n_features) -> (K, B, n_outputs * C * H * W)."""
        channels, height, width = self.event_shape
        p, (n_models, n) = self.patch, features.shape[:2]
        cells = self.linear(features.reshape(n_models, -1, self.n_channels))
        cells = cells.view(n_models, n, height // p, width // p, self.n_outputs * channels, p, p)
        return cells.permute(0, 1, 4, 2, 5, 3, 6).reshape(n_models, n, -1)
