"""The convolutional nets of a VQ-VAE: from pictures to places with features, and back."""

from __future__ import annotations

import itertools
import math

from torch import Tensor, nn

LARGEST_BOTTOM = 8  # codes along the shorter side of the fine map


class Residual(nn.Module):
    """x + a change of x that sees each place's neighbours.

    Args:
        n: Features of a place.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.change = nn.Sequential(nn.SiLU(), nn.Conv2d(n, n, 3, padding=1), nn.SiLU(), nn.Conv2d(n, n, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, H, W) -> the same shape."""
        return x + self.change(x)


def count_halvings(event_shape: tuple[int, ...]) -> int:
    """How often a picture (C, H, W) is halved until its shorter side has LARGEST_BOTTOM places at most."""
    return max(1, math.ceil(math.log2(min(event_shape[1:]) / LARGEST_BOTTOM)))


def padded_size(event_shape: tuple[int, ...], n_halvings: int) -> tuple[int, ...]:
    """Height and width, raised until the map after that many halvings, and the one after one more, are whole."""
    unit = 2 ** (n_halvings + 1)
    return tuple(math.ceil(side / unit) * unit for side in event_shape[1:])


def build_bottom_encoder(n_colours: int, n_halvings: int, n: int) -> nn.Sequential:
    """Pictures (B, C, H, W) to places (B, n, H / 2^halvings, W / 2^halvings).

    2 x 2 pixels become one place, which sees its neighbours; then 2 x 2 places become one.
    """
    sizes = _channels(n_halvings, n)
    layers = [nn.PixelUnshuffle(2), nn.Conv2d(4 * n_colours, sizes[0], 3, padding=1), nn.SiLU()]
    for pair in itertools.pairwise(sizes):
        layers += [nn.Conv2d(*pair, 2, stride=2), nn.SiLU()]
    return nn.Sequential(*layers, Residual(n))


def build_top_encoder(n: int, n_features: int) -> nn.Sequential:
    """Places (B, n, h, w) to vectors of half as many along each side (B, n_features, h / 2, w / 2)."""
    return nn.Sequential(nn.Conv2d(n, n, 4, stride=2, padding=1), Residual(n), nn.Conv2d(n, n_features, 1))


def build_doubling(n_in: int, n_out: int) -> nn.Sequential:
    """Places (B, n_in, h, w) to twice as many along each side (B, n_out, 2 h, 2 w)."""
    return nn.Sequential(nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1), nn.SiLU())


def build_decoder(n_in: int, n: int, n_halvings: int, n_colours: int) -> nn.Sequential:
    """Places (B, n_in, h, w) to one number for each pixel (B, C, h 2^halvings, w 2^halvings)."""
    sizes = _channels(n_halvings, n)
    layers = [nn.Conv2d(n_in, n, 3, padding=1), Residual(n), Residual(n), nn.SiLU()]
    for n_out, n_before in reversed(list(itertools.pairwise(sizes))):
        layers += [nn.Conv2d(n_before, 4 * n_out, 1), nn.PixelShuffle(2), nn.SiLU()]
    return nn.Sequential(*layers, nn.Conv2d(sizes[0], 4 * n_colours, 3, padding=1), nn.PixelShuffle(2))


def _channels(n_halvings: int, n: int) -> list[int]:
    """Features after each halving: half as many where there are four times as many places, which would cost most."""
    return [n // 2] * (n_halvings > 1) + [n] * max(1, n_halvings - 1)
