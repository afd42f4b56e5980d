"""Monotone rational-quadratic splines, both ways, with the logarithm of their slope.

A spline of K pieces maps [-bound, bound] onto itself and is the identity outside. Its 3K - 1 raw numbers are K
widths, K heights and the K - 1 slopes between pieces; all zero, they give the identity.

Source:
    Durkan et al. 2019, Neural spline flows, section 3.1 and appendix A, arXiv:1906.04032
    Gregory and Delbourgo 1982, Piecewise rational quadratic interpolation to monotonic data
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

LEAST_SIZE = 1e-3  # of a piece, as a share of the whole
LEAST_SLOPE = 1e-3
_SLOPE_AT_ZERO = math.log(math.expm1(1 - LEAST_SLOPE))  # so that raw zeros give slope 1


class _Piece(NamedTuple):
    """The piece on which each value lies: where it begins, its size, and its slopes; all of the values' shape."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    steepness: Tensor
    slope: Tensor
    slope_after: Tensor
    bend: Tensor

    def log_slope(self, share: Tensor, product: Tensor) -> Tensor:
        """Logarithm of the slope at a share of the way; product is that share times the rest."""
        # With p = share (1 - share): share² = share - p, (1 - share)² = 1 - share - p.
        top = torch.lerp(self.slope, self.slope_after, share) - self.bend * product
        return (self.steepness.square() * top / (self.steepness + self.bend * product).square()).log()


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
    at = x.clamp(-bound, bound)  # at both ends the spline is the identity with slope 1, and so it goes on outside
    piece = _find_piece(at, _table(raw, bound), 0)
    share = (at - piece.x) / piece.width
    product = share * (1 - share)
    rise = piece.height * (piece.steepness * (share - product) + piece.slope * product)
    y = piece.y + rise / (piece.steepness + piece.bend * product)
    return y + (x - at), piece.log_slope(share, product)


def spline_to_data(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """The x at which the spline is y, and log dx/dy: the root of a quadratic; arguments as in `spline_to_latent`."""
    at = y.clamp(-bound, bound)
    piece = _find_piece(at, _table(raw, bound), 1)
    rise = at - piece.y
    a = piece.height * (piece.steepness - piece.slope) + rise * piece.bend
    b = piece.height * piece.slope - rise * piece.bend
    c = -piece.steepness * rise
    root = (b.square() - 4 * a * c).clamp(min=0).sqrt()  # rounding may make it slightly negative
    is_flat = b > 0  # of the two forms of the root the one whose sum does not cancel
    share = (torch.where(is_flat, -2 * c, root - b) / torch.where(is_flat, b + root, 2 * a)).clamp(0, 1)
    x = piece.x + share * piece.width
    return x + (y - at), -piece.log_slope(share, share * (1 - share))


def _table(raw: Tensor, bound: float) -> Tensor:
    """Knots in x, knots in y, and slopes there: shape (*S, 3, K + 1)."""
    n_bins = (raw.shape[-1] + 1) // 3
    sizes = raw[..., : 2 * n_bins].unflatten(-1, (2, n_bins))
    ends = (sizes - sizes.amax(-1, keepdim=True).detach()).exp().cumsum(-1)  # softmax and its sums in one
    steep = softplus(raw[..., None, 2 * n_bins :] + _SLOPE_AT_ZERO)
    learned = torch.cat([ends[..., :-1] / ends[..., -1:], steep], -2)
    frame = _frame if torch.compiler.is_compiling() else _kept_frame
    least, scale, first, last = frame(n_bins, bound, raw.dtype, raw.device)
    inner = torch.addcmul(least, learned, scale)
    return torch.cat([first.expand(*raw.shape[:-1], 3, 1), inner, last.expand(*raw.shape[:-1], 3, 1)], -1)


def _frame(n_bins: int, bound: float, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """What inner knots and slopes are at the least, (3, K - 1), what scales their learned part, and both end knots."""
    evenly = 2 * bound * LEAST_SIZE * torch.arange(1, n_bins, dtype=torch.float64) - bound
    size = 2 * bound * (1 - LEAST_SIZE * n_bins)
    frame = (
        torch.stack([evenly, evenly, torch.full_like(evenly, LEAST_SLOPE)]),
        torch.tensor([[size], [size], [1.0]], dtype=torch.float64),
        torch.tensor([[-bound], [-bound], [1.0]], dtype=torch.float64),
        torch.tensor([[bound], [bound], [1.0]], dtype=torch.float64),
    )
    return tuple(part.to(device, dtype) for part in frame)


@lru_cache(maxsize=32)
def _kept_frame(n_bins: int, bound: float, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """The same, made once."""
    with torch.inference_mode(False):  # or no training could use what a look at the model has put there
        return _frame(n_bins, bound, dtype, device)


def _find_piece(at: Tensor, table: Tensor, row: int) -> _Piece:
    """The piece of each value, looked up among the knots of x (row 0) or of y (row 1)."""
    index = (at[..., None] >= table[..., row, 1:-1]).sum(-1)[..., None, None].expand(*at.shape, 3, 1)
    before, after = table.gather(-1, torch.cat([index, index + 1], -1)).unbind(-1)
    size = after - before
    x, y, slope = before.unbind(-1)
    width, height = size[..., 0], size[..., 1]
    steepness = height / width
    slope_after = after[..., 2]
    return _Piece(x, y, width, height, steepness, slope, slope_after, slope + slope_after - 2 * steepness)
