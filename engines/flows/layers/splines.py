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


def spline_to_latent(x: Tensor, raw: Tensor, bound: float, dim: int = -1) -> tuple[Tensor, Tensor]:
    """The spline at x.

    Args:
        x: Any shape S.
        raw: Shape S with an axis more, of 3K - 1 numbers.
        bound: Half of the range on which it acts, in units of x.
        dim: Where that axis lies in raw, counted from its end: -1 keeps the numbers of a value together; -2 the same
            number of many values, which is faster for a batch.

    Returns:
        y and log dy/dx, each of shape S.
    """
    at = x.clamp(-bound, bound)  # at both ends the spline is the identity with slope 1, and so it goes on outside
    piece = _find_piece(at, _table(raw, bound, dim), 0, dim)
    share = (at - piece.x) / piece.width
    product = share * (1 - share)
    rise = piece.height * (piece.steepness * (share - product) + piece.slope * product)
    y = piece.y + rise / (piece.steepness + piece.bend * product)
    return y + (x - at), piece.log_slope(share, product)


def spline_to_data(y: Tensor, raw: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """The x at which the spline is y, and log dx/dy: the root of a quadratic; arguments as in `spline_to_latent`."""
    at = y.clamp(-bound, bound)
    piece = _find_piece(at, _table(raw, bound, -1), 1, -1)
    rise = at - piece.y
    a = piece.height * (piece.steepness - piece.slope) + rise * piece.bend
    b = piece.height * piece.slope - rise * piece.bend
    c = -piece.steepness * rise
    root = (b.square() - 4 * a * c).clamp(min=0).sqrt()  # rounding may make it slightly negative
    is_flat = b > 0  # of the two forms of the root the one whose sum does not cancel
    share = (torch.where(is_flat, -2 * c, root - b) / torch.where(is_flat, b + root, 2 * a)).clamp(0, 1)
    x = piece.x + share * piece.width
    return x + (y - at), -piece.log_slope(share, share * (1 - share))


def _table(raw: Tensor, bound: float, dim: int) -> Tensor:
    """Knots in x, knots in y, and slopes there: (*S, 3, K + 1), those two axes where raw has its one."""
    n_bins = (raw.shape[dim] + 1) // 3
    sizes, steep = raw.split([2 * n_bins, n_bins - 1], dim)
    sizes = sizes.unflatten(dim, (2, n_bins))
    ends = (sizes - sizes.amax(dim, keepdim=True).detach()).exp().cumsum(dim)  # softmax and its sums in one
    inner, whole = ends.split([n_bins - 1, 1], dim)
    learned = torch.cat([inner / whole, softplus(steep + _SLOPE_AT_ZERO).unsqueeze(dim - 1)], dim - 1)
    frame = _frame if torch.compiler.is_compiling() else _kept_frame
    least, scale, first, last = frame(n_bins, bound, dim, raw.dtype, raw.device)
    ends_shape = learned.narrow(dim, 0, 1).shape
    return torch.cat([first.expand(ends_shape), torch.addcmul(least, learned, scale), last.expand(ends_shape)], dim)


def _frame(n_bins: int, bound: float, dim: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """What inner knots and slopes are at the least, (3, K - 1), what scales their learned part, and both end knots."""
    evenly = 2 * bound * LEAST_SIZE * torch.arange(1, n_bins, dtype=torch.float64) - bound
    size = 2 * bound * (1 - LEAST_SIZE * n_bins)
    frame = (
        torch.stack([evenly, evenly, torch.full_like(evenly, LEAST_SLOPE)]),
        torch.tensor([[size], [size], [1.0]], dtype=torch.float64),
        torch.tensor([[-bound], [-bound], [1.0]], dtype=torch.float64),
        torch.tensor([[bound], [bound], [1.0]], dtype=torch.float64),
    )
    return tuple(part.to(device, dtype)[(..., *[None] * (-1 - dim))] for part in frame)


@lru_cache(maxsize=32)
def _kept_frame(n_bins: int, bound: float, dim: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """The same, made once."""
    with torch.inference_mode(False):  # or no training could use what a look at the model has put there
        return _frame(n_bins, bound, dim, dtype, device)


def _find_piece(at: Tensor, table: Tensor, row: int, dim: int) -> _Piece:
    """The piece of each value, looked up among the knots of x (row 0) or of y (row 1)."""
    inner = table.select(dim - 1, row).narrow(dim, 1, table.shape[dim] - 2)
    index = (at.unsqueeze(dim) >= inner).sum(dim, keepdim=True).unsqueeze(dim - 1)
    index = torch.cat([index, index + 1], dim)  # both ends of the piece, and for each of the three rows alike
    before, after = table.gather(dim, torch.cat([index] * 3, dim - 1)).unbind(dim)
    size = after - before
    x, y, slope = before.unbind(dim)
    width, height, _ = size.unbind(dim)
    steepness = height / width
    slope_after = after.select(dim, 2)
    return _Piece(x, y, width, height, steepness, slope, slope_after, slope + slope_after - 2 * steepness)
