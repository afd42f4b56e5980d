"""Bodies for the two players of a game about pictures: from noise up to a picture, and down to a logit."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SMALLEST_SIDE = 4  # of the coarsest map
SLOPE = 0.2  # of leaky units below nought
MOST = 4  # channels of the coarsest maps, as a multiple of those of the finest
UNITS = 8  # of a perceptron's layer, as a multiple of the width


class Ladder(NamedTuple):
    """The sides of the maps between the coarsest and the picture: n doublings from (height, width)."""

    n_doublings: int
    height: int
    width: int


def ladder_of(event_shape: tuple[int, ...]) -> Ladder:
    """The doublings from a map of about 4 places a side to pictures (C, H, W); what is too large is cut off."""
    _, height, width = event_shape
    n = max(1, math.floor(math.log2(min(height, width) / SMALLEST_SIDE)))
    return Ladder(n, math.ceil(height / 2**n), math.ceil(width / 2**n))


def to_ladder(x: Tensor, ladder: Ladder) -> Tensor:
    """Pictures (B, C, H, W), repeated at the right and lower border up to the sides of the finest map."""
    right = ladder.width * 2**ladder.n_doublings - x.shape[3]
    below = ladder.height * 2**ladder.n_doublings - x.shape[2]
    return F.pad(x, (0, right, 0, below), mode="replicate") if right or below else x


class PixelNorm(nn.Module):
    """Features of each place scaled to a mean square of one: keeps a generator's loudness in bounds.

    Source:
        Karras et al. 2018, Progressive growing of GANs, section 4.2, arXiv:1710.10196
    """

    def forward(self, x: Tensor) -> Tensor:
        """x (B, F, ...) -> the same shape."""
        return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class MinibatchStd(nn.Module):
    """One more feature, the same everywhere: how much the pictures of the batch differ.

    A discriminator that sees it knows at once a generator that always makes the same.

    Source:
        Karras et al. 2018, Progressive growing of GANs, section 3, arXiv:1710.10196
    """

    def forward(self, x: Tensor) -> Tensor:
        """x (B, F, ...) -> (B, F + 1, ...)."""
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()
        return torch.cat([x, spread.expand_as(x[:, :1])], 1)


class ConvolutionGenerator(nn.Sequential):
    """z (B, Z) -> pictures (B, C, H, W) on the scale -1 ... 1: a map that doubles until it is a picture.

    Args:
        event_shape: C, H, W.
        n_latents: Z.
        width: Channels of the finest map; coarser ones have up to four times as many.

    Source:
        Radford, Metz, Chintala 2016, DCGAN, figure 1, arXiv:1511.06434, with unit length in place of batch norm
    """

    def __init__(self, event_shape: tuple[int, ...], *, n_latents: int, width: int) -> None:
        ladder = ladder_of(event_shape)
        sizes = _channels(width, ladder)
        layers: list[nn.Module] = [
            nn.Linear(n_latents, sizes[0] * ladder.height * ladder.width),
            nn.Unflatten(1, (sizes[0], ladder.height, ladder.width)),
            PixelNorm(),
            nn.LeakyReLU(SLOPE),
        ]
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1), PixelNorm(), nn.LeakyReLU(SLOPE)]
        layers += [nn.Conv2d(width, event_shape[0], 3, padding=1), nn.Tanh(), _Cut(event_shape)]
        super().__init__(*layers)


class ConvolutionDiscriminator(nn.Module):
    """Pictures (B, C, H, W) on the scale -1 ... 1 -> logits (B,): a map that halves until it is an opinion.

    Args:
        event_shape: C, H, W.
        width: As of the generator.
        sees_batch: Whether it is told how much the pictures of the batch differ.
        is_bounded: Whether each layer's largest singular value is kept at one.

    Source:
        Radford, Metz, Chintala 2016, arXiv:1511.06434; Miyato et al. 2018, Spectral normalization, arXiv:1802.05957
    """

    def __init__(self, event_shape: tuple[int, ...], *, width: int, sees_batch: bool, is_bounded: bool) -> None:
        super().__init__()
        self.ladder = ladder_of(event_shape)
        sizes = [event_shape[0], *reversed(_channels(width, self.ladder)[:-1])]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(sizes, sizes[1:], strict=False):
            layers += [_bounded(nn.Conv2d(n_in, n_out, 4, stride=2, padding=1), is_bounded), nn.LeakyReLU(SLOPE)]
        n_seen = sizes[-1] + sees_batch
        layers += [MinibatchStd()] * sees_batch
        layers += [_bounded(nn.Conv2d(n_seen, sizes[-1], 3, padding=1), is_bounded), nn.LeakyReLU(SLOPE), nn.Flatten()]
        n_last = sizes[-1] * self.ladder.height * self.ladder.width
        self.body = nn.Sequential(*layers, _bounded(nn.Linear(n_last, 1), is_bounded))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B,) of "real"."""
        return self.body(to_ladder(x, self.ladder))[:, 0]


class PerceptronGenerator(nn.Sequential):
    """z (B, Z) -> pictures (B, C, H, W) on the scale -1 ... 1 without any notion of neighbours: for tiny pictures."""

    def __init__(self, event_shape: tuple[int, ...], *, n_latents: int, width: int) -> None:
        units = UNITS * width
        super().__init__(
            nn.Linear(n_latents, units), nn.LeakyReLU(SLOPE),
            nn.Linear(units, units), nn.LeakyReLU(SLOPE),
            nn.Linear(units, math.prod(event_shape)), nn.Tanh(), nn.Unflatten(1, event_shape),
        )  # fmt: skip


class PerceptronDiscriminator(nn.Module):
    """Pictures (B, C, H, W) on the scale -1 ... 1 -> logits (B,); arguments as of `ConvolutionDiscriminator`."""

    def __init__(self, event_shape: tuple[int, ...], *, width: int, sees_batch: bool, is_bounded: bool) -> None:
        super().__init__()
        units = UNITS * width
        spread = [MinibatchStd()] * sees_batch
        self.body = nn.Sequential(
            nn.Flatten(),
            _bounded(nn.Linear(math.prod(event_shape), units), is_bounded), nn.LeakyReLU(SLOPE),
            *spread,
            _bounded(nn.Linear(units + sees_batch, units), is_bounded), nn.LeakyReLU(SLOPE),
            _bounded(nn.Linear(units, 1), is_bounded),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B,) of "real"."""
        return self.body(x)[:, 0]


class _Cut(nn.Module):
    """What lies beyond the right and the lower border of a picture is left out."""

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.height, self.width = event_shape[1:]

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.height, : self.width]


def _channels(width: int, ladder: Ladder) -> list[int]:
    """Channels of each map, the coarsest first."""
    return [width * min(MOST, 2**i) for i in range(ladder.n_doublings, -1, -1)]


def _bounded(layer: nn.Module, is_bounded: bool) -> nn.Module:
    return spectral_norm(layer) if is_bounded else layer
