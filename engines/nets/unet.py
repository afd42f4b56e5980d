"""A small U-net: a convolutional net that is told the noise level, and the class, at every block."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.nets.noise_mlp import LevelFeatures

LARGEST_SIDE = 16  # of the map that the net works on: of larger pictures, patches of pixels are one place
SMALLEST_SIDE = 4  # of the coarsest map
TOLD = 64  # features of noise level and class


class ConditionedBlock(nn.Module):
    """x + a change of x that sees each place's neighbours; what is told scales and shifts its features (FiLM).

    Args:
        n_in: Features of a place before.
        n_out: After.
        dropout: Share of the features that are left out while training.

    Source:
        Perez et al. 2018, FiLM, arXiv:1709.07871; as a block of a U-net: Dhariwal and Nichol 2021, arXiv:2105.05233
    """

    def __init__(self, n_in: int, n_out: int, dropout: float) -> None:
        super().__init__()
        self.before, self.first = nn.GroupNorm(n_in // 8, n_in), nn.Conv2d(n_in, n_out, 3, padding=1)
        self.between, self.second = nn.GroupNorm(n_out // 8, n_out), nn.Conv2d(n_out, n_out, 3, padding=1)
        self.told, self.dropout = nn.Linear(TOLD, 2 * n_out), nn.Dropout(dropout)
        self.short = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """x (B, n_in, H, W) and told (B, TOLD) -> (B, n_out, H, W)."""
        scale, shift = self.told(told)[:, :, None, None].chunk(2, dim=1)
        inside = self.between(self.first(F.silu(self.before(x)))) * (1 + scale) + shift
        return self.short(x) + self.second(self.dropout(F.silu(inside)))


class NoiseUnet(nn.Module):
    """(x (B, C, H, W), level (B,) on 0 ... 1, labels (B,)) -> (B, C, H, W).

    Down, across and up again: each finer map is added to by what the coarser one has seen, and keeps its own detail.

    Args:
        event_shape: C, H, W.
        width: Features of a place of the finest map; coarser ones have twice as many.
        dropout: Share of features left out while training.
        n_classes: Classes; label n_classes stands for "none told". 0: labels are not read.

    Source:
        Ronneberger, Fischer, Brox 2015, U-net, arXiv:1505.04597; with noise levels: Ho, Jain, Abbeel 2020,
        arXiv:2006.11239
    """

    def __init__(self, event_shape: tuple[int, ...], *, width: int, dropout: float, n_classes: int) -> None:
        super().__init__()
        colours, *sides = event_shape
        patch = 2 ** max(0, math.ceil(math.log2(max(sides) / LARGEST_SIDE)))
        n_halvings = max(1, math.floor(math.log2(min(sides) / patch / SMALLEST_SIDE)))
        self.unit = patch * 2**n_halvings
        self.levels = LevelFeatures()
        self.classes = nn.Embedding(n_classes + 1, TOLD) if n_classes else None
        self.told = nn.Sequential(nn.Linear(self.levels.n_features, TOLD), nn.SiLU(), nn.Linear(TOLD, TOLD))
        self.stem = nn.Sequential(nn.PixelUnshuffle(patch), nn.Conv2d(colours * patch**2, width, 3, padding=1))
        sizes = [width] + [2 * width] * n_halvings
        self.down = nn.ModuleList(ConditionedBlock(n, n, dropout) for n in sizes)
        self.shrink = nn.ModuleList(nn.Conv2d(n, m, 2, stride=2) for n, m in zip(sizes, sizes[1:], strict=False))
        self.up = nn.ModuleList(ConditionedBlock(n, n, dropout) for n in sizes)
        self.grow = nn.ModuleList(nn.Conv2d(m, n, 1) for n, m in zip(sizes, sizes[1:], strict=False))
        head = nn.Conv2d(width, colours * patch**2, 3, padding=1)
        self.head = nn.Sequential(nn.GroupNorm(width // 8, width), nn.SiLU(), head, nn.PixelShuffle(patch))

    def forward(self, x: Tensor, level: Tensor, labels: Tensor | None) -> Tensor:
        """The output for each picture at its level; labels may be None where there are no classes."""
        height, width = x.shape[2:]
        told = self._tell(level, labels)
        x = self.stem(F.pad(x, (0, -width % self.unit, 0, -height % self.unit), mode="replicate"))
        kept = []
        for i, block in enumerate(self.down):
            x = block(x, told)
            if i < len(self.shrink):
                kept.append(x)
                x = self.shrink[i](x)
        for i in reversed(range(len(self.up))):
            x = self.up[i](x, told)
            if i > 0:
                x = kept[i - 1] + F.interpolate(self.grow[i - 1](x), scale_factor=2)
        return self.head(x)[:, :, :height, :width]

    def _tell(self, level: Tensor, labels: Tensor | None) -> Tensor:
        """What every block is told, (B, TOLD)."""
        told = self.told(self.levels(level))
        if self.classes is not None:
            none = torch.full_like(level, self.classes.num_embeddings - 1, dtype=torch.int64)
            told = told + self.classes(none if labels is None else labels)
        return F.silu(told)
