"""Layers whose weights start with unit spread and are scaled when used: every layer then learns at the same pace."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class EqualLinear(nn.Module):
    """y = x (c W)' + b with c = pace / sqrt(n_in), W normal at its start.

    Args:
        n_in: Features of the input.
        n_out: Features of the output.
        pace: How fast it learns beside other layers.
        start: Value of the bias at the start.

    Source:
        Karras et al. 2018, Progressive growing of GANs, section 4.1, arXiv:1710.10196
    """

    def __init__(self, n_in: int, n_out: int, *, pace: float = 1.0, start: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / pace)
        self.bias = nn.Parameter(torch.full((n_out,), start / pace))
        self.scale, self.pace = pace / math.sqrt(n_in), pace

    def forward(self, x: Tensor) -> Tensor:
        """x (B, n_in) -> (B, n_out)."""
        return F.linear(x, self.weight * self.scale, self.bias * self.pace)


class EqualConv(nn.Module):
    """A convolution of the same kind, c = 1 / sqrt(n_in k k), that keeps the sides of its map."""

    def __init__(self, n_in: int, n_out: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, side, side))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.scale, self.padding = 1 / math.sqrt(n_in * side * side), side // 2

    def forward(self, x: Tensor) -> Tensor:
        """x (B, n_in, H, W) -> (B, n_out, H, W)."""
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding)
