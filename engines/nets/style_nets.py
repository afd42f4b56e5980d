"""The two nets of a style-based game that grow: from 4 by 4 places to the whole picture, one doubling after the other.

How far they have grown is a number told to them: k says that k doublings are in, and a fraction that the next one fades
in. Both sum over resolutions what each has to say, so that a doubling that counts for nought changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.nets.equalised import EqualConv, EqualLinear
from engines.nets.picture_nets import SLOPE, MinibatchStd, PixelNorm, ladder_of

GAIN = math.sqrt(2)  # keeps the spread through a leaky unit
MOST = 4  # channels of coarse maps, as a multiple of those of the finest
MAPPING_PACE = 0.1
CONVOLUTIONS = 2  # of each resolution

Noises = Sequence[Tensor | None]


def lively(x: Tensor) -> Tensor:
    """A leaky unit that keeps the spread."""
    return F.leaky_relu(x, SLOPE) * GAIN


class Mapping(nn.Module):
    """z (B, Z) -> w (B, W): the round cloud of latents bent into the shape that styles need.

    Source:
        Karras, Laine, Aila 2019, A style-based generator architecture, section 2, arXiv:1812.04948
    """

    def __init__(self, n_latents: int, n_styles: int, depth: int) -> None:
        super().__init__()
        sizes = [n_latents] + [n_styles] * depth
        self.unit = PixelNorm()
        self.layers = nn.ModuleList(EqualLinear(n, m, pace=MAPPING_PACE) for n, m in pairwise(sizes))

    def forward(self, z: Tensor) -> Tensor:
        """The w of each z."""
        w = self.unit(z)
        for layer in self.layers:
            w = lively(layer(w))
        return w


class StyledConvolution(nn.Module):
    """A convolution whose input channels a style makes louder or softer, then noise of its own at each place.

    The weights are scaled by the style and brought back to unit length (modulation and demodulation); here the same is
    done to the maps before and after one convolution that all pictures share, which is exact and cheaper.

    Source:
        Karras et al. 2020, Analyzing and improving StyleGAN, section 2.2, eq. 1 to 3, arXiv:1912.04958
    """

    def __init__(self, n_styles: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.style = EqualLinear(n_styles, n_in, start=1.0)
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out, 1, 1))
        self.loudness = nn.Parameter(torch.zeros(n_out, 1, 1))
        self.scale = 1 / math.sqrt(n_in * 9)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x (B, n_in, H, W), w (B, W), noise (B, 1, H, W) or None -> (B, n_out, H, W)."""
        style, weight = self.style(w), self.weight * self.scale
        power = style.square() @ weight.square().sum((2, 3)).T  # (B, n_out)
        x = F.conv2d(x * style[:, :, None, None], weight, padding=1) * (power + 1e-8).rsqrt()[:, :, None, None]
        return lively(x + self.bias if noise is None else x + self.bias + self.loudness * noise)


class StyleGenerator(nn.Module):
    """A learned constant that becomes a picture: at every resolution two convolutions take their style from w.

    The picture is the sum of what every resolution draws, each doubled to the next one's size.

    Args:
        event_shape: C, H, W.
        n_latents: Z.
        n_styles: W.
        depth: Layers of the mapping.
        width: Channels at the finest resolution.

    Source:
        Karras et al. 2019, arXiv:1812.04948; skips from every resolution: Karras et al. 2020, figure 7,
        arXiv:1912.04958; growth: Karras et al. 2018, figure 2, arXiv:1710.10196
    """

    def __init__(self, event_shape: tuple[int, ...], *, n_latents: int, n_styles: int, depth: int, width: int) -> None:
        super().__init__()
        self.ladder = ladder_of(event_shape)
        sizes = channels_of(width, self.n_levels)
        self.mapping = Mapping(n_latents, n_styles, depth)
        self.constant = nn.Parameter(torch.randn(1, sizes[0], self.ladder.height, self.ladder.width))
        before = [sizes[0], *sizes[:-1]]
        self.first = nn.ModuleList(StyledConvolution(n_styles, n, m) for n, m in zip(before, sizes, strict=True))
        self.second = nn.ModuleList(StyledConvolution(n_styles, n, n) for n in sizes)
        self.draw = nn.ModuleList(EqualConv(n, event_shape[0], 1) for n in sizes)

    @property
    def n_levels(self) -> int:
        """Resolutions, the coarsest among them."""
        return self.ladder.n_doublings + 1

    @property
    def n_layers(self) -> int:
        """Convolutions, each with a style of its own."""
        return CONVOLUTIONS * self.n_levels

    def sides(self, level: int) -> tuple[int, int]:
        """Height and width of the maps of a resolution."""
        return self.ladder.height * 2**level, self.ladder.width * 2**level

    def draw_noises(self, n: int, grown: float, rng: torch.Generator) -> list[Tensor]:
        """Fresh noise for every convolution that is in, each (n, 1, H, W)."""
        levels = [level for level in range(math.ceil(grown) + 1) for _ in range(CONVOLUTIONS)]
        return [torch.randn(n, 1, *self.sides(level), generator=rng, device=rng.device) for level in levels]

    def forward(self, styles: Tensor, grown: float, noises: Noises | None = None) -> Tensor:
        """Pictures (B, C, h, w) about the scale -1 ... 1, as large as it has grown; not yet cut to their event.

        Args:
            styles: The w of each convolution, shape (B, n_layers, W).
            grown: Doublings that are in; see the file.
            noises: For each convolution; None: without noise.
        """
        noises = [None] * self.n_layers if noises is None else noises
        x, picture = self.constant.expand(len(styles), -1, -1, -1), None
        for level in range(math.ceil(grown) + 1):
            x = doubled(x) if level else x
            for i, layer in enumerate((self.first[level], self.second[level])):
                at = CONVOLUTIONS * level + i
                x = layer(x, styles[:, at], noises[at])
            drawn = self.draw[level](x) * min(1.0, grown - level + 1)
            picture = drawn if picture is None else doubled(picture) + drawn
        assert picture is not None  # noqa: S101  (there is always the coarsest)
        return picture


class StyleDiscriminator(nn.Module):
    """Pictures as large as the game has grown -> logits: the generator read backwards, with a look at every resolution.

    Args:
        event_shape: C, H, W.
        width: Channels at the finest resolution.

    Source:
        Karras et al. 2020, figure 7 (input skips), arXiv:1912.04958; Karras et al. 2018, arXiv:1710.10196
    """

    def __init__(self, event_shape: tuple[int, ...], *, width: int) -> None:
        super().__init__()
        self.ladder = ladder_of(event_shape)
        sizes = channels_of(width, self.ladder.n_doublings + 1)
        self.look = nn.ModuleList(EqualConv(event_shape[0], n, 1) for n in sizes)
        self.first = nn.ModuleList(EqualConv(n, n, 3) for n in sizes[1:])
        self.second = nn.ModuleList(EqualConv(n, m, 3) for n, m in pairwise(reversed(sizes)))
        self.spread, self.last = MinibatchStd(), EqualConv(sizes[0] + 1, sizes[0], 3)
        n_last = sizes[0] * self.ladder.height * self.ladder.width
        self.head = nn.Sequential(nn.Flatten(), EqualLinear(n_last, sizes[0]), nn.LeakyReLU(SLOPE))
        self.logit = EqualLinear(sizes[0], 1)

    def forward(self, x: Tensor, grown: float) -> Tensor:
        """x (B, C, h, w) -> logits (B,) of "real"."""
        top = math.ceil(grown)
        seen = lively(self.look[top](x)) * (min(1.0, grown - top + 1) if top else 1.0)
        for level in range(top, 0, -1):
            share, x = min(1.0, grown - level + 1), halved(x)
            inside = lively(self.first[level - 1](seen))
            inside = halved(lively(self.second[len(self.second) - level](inside))) * share
            seen = (inside + lively(self.look[level - 1](x))) / math.sqrt(1 + share * share)
        inside = lively(self.last(self.spread(seen)))
        return self.logit(self.head(inside))[:, 0]


def channels_of(width: int, n_levels: int) -> list[int]:
    """Channels of each resolution, the coarsest first."""
    return [width * min(MOST, 2**i) for i in reversed(range(n_levels))]


def doubled(x: Tensor) -> Tensor:
    """Maps of twice the sides, each place four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def halved(x: Tensor) -> Tensor:
    """Maps of half the sides, means of four places."""
    return F.avg_pool2d(x, 2)
