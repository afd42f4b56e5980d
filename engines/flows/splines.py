"""Monotone rational-quadratic splines, both ways, with the logarithm of their slope.

A spline of K pieces maps [-bound, bound] onto itself and is the identity outside. Its 3K - 1 raw numbers are K
widths, K heights and the K - 1 slopes between pieces; all zero, they give the identity.

Source:
    Durkan et al. 2019, Neural spline flows, section 3.1 and appendix A, arXiv:1906.04032
    Gregory and Delbourgo 1982, Piecewise rational quadratic interpolation to monotonic data
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

LEAST_SIZE = 1e-3  # of a piece, as a share of the whole
LEAST_SLOPE = 1e-3
_SLOPE_AT_ZERO = math.log(math.expm1(1 - LEAST_SLOPE))  # so that raw zeros give slope 1


class _Piece(NamedTuple):
    """The piece on which each value lies: where it begins, its size, and its slopes; all of the values' shape."""

    x: Tensor
    y: Tensor
    slope: Tensor
    width: Tensor
    height: Tensor
    slope_after: Tensor

    @property
    def steepness(self) -> Tensor:
        return self.height / self.width

    @property
    def bend(self) -> Tensor:
        return self.slope + self.slope_after - 2 * self.steepness

    def log_slope(self, share: Tensor) -> Tensor:
        """Logarithm of the slope at a share of the way through the piece."""
        rest = 1 - share
        product = share * rest
        top = self.slope_after * share.square() + 2 * self.steepness * product + self.slope * rest.square()
        return 2 * self.steepness.log() + top.log() - 2 * (self.steepness + self.bend * product).log()


def n_spline_parameters(n_bins: int) -> int:
    """Raw numbers of one spline."""
    return 3 * n_bins - 1


def spline_to_latent(x: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """The spline at x.

    Args:
        x: Any shape S.
        raw: Shape (*S, 3K - 1).
        bound: Half of the range on which it acts, in units of x.

    Returns:
        y and log dy/dx, each of shape S.
    """
    inside = x.abs() < bound
    at = x.clamp(-bound, bound)  # outside, an unclamped value would poison the gradient
    piece = _find_piece(at, _table(raw, bound), 0)
    share = (at - piece.x) / piece.width
    product = share * (1 - share)
    rise = piece.height * (piece.steepness * share.square() + piece.slope * product)
    y = piece.y + rise / (piece.steepness + piece.bend * product)
    return torch.where(inside, y, x), torch.where(inside, piece.log_slope(share), 0.0)


def spline_to_data(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """The x at which the spline is y, and log dx/dy: the root of a quadratic; arguments as in `spline_to_latent`."""
    inside = y.abs() < bound
    at = y.clamp(-bound, bound)
    piece = _find_piece(at, _table(raw, bound), 1)
    rise = at - piece.y
    a = piece.height * (piece.steepness - piece.slope) + rise * piece.bend
    b = piece.height * piece.slope - rise * piece.bend
    c = -piece.steepness * rise
    root = (b.square() - 4 * a * c).clamp(min=0).sqrt()  # rounding may make it slightly negative
    share = (-2 * c / (b + root)).clamp(0, 1)
    x = piece.x + share * piece.width
    return torch.where(inside, x, y), torch.where(inside, -piece.log_slope(share), 0.0)


def _table(raw: Tensor, bound: float) -> Tensor:
    """Knots in x, knots in y, and slopes there: shape (*S, 3, K + 1)."""
    n_bins = (raw.shape[-1] + 1) // 3
    sizes = raw[..., : 2 * n_bins].unflatten(-1, (2, n_bins)).softmax(-1)
    sizes = 2 * bound * (LEAST_SIZE + (1 - LEAST_SIZE * n_bins) * sizes)
    knots = pad(sizes.cumsum(-1), (1, 0)) - bound
    slopes = LEAST_SLOPE + softplus(raw[..., 2 * n_bins :] + _SLOPE_AT_ZERO)
    return torch.cat([knots, pad(slopes, (1, 1), value=1.0)[..., None, :]], -2)


def _find_piece(at: Tensor, table: Tensor, row: int) -> _Piece:
    """The piece of each value, looked up among the knots of x (row 0) or of y (row 1)."""
    index = (at[..., None] >= table[..., row, 1:-1]).sum(-1)
    index = index[..., None, None].expand(*at.shape, 3, 1)
    before, after = table.gather(-1, index).squeeze(-1), table.gather(-1, index + 1).squeeze(-1)
    x, y, slope = before.unbind(-1)
    x_after, y_after, slope_after = after.unbind(-1)
    return _Piece(x, y, slope, x_after - x, y_after - y, slope_after)
