"""Distances between points, right wherever the origin lies, and the checks that all measures of sets share.

|a - b|² = |a|² + |b|² - 2 a·b costs a matrix product only, but loses all digits far from the origin. So points with few
features are subtracted, and pictures are moved to the middle first and multiplied in double precision.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from engines.errors import DataError, ShapeError
from engines.tensors import exact_dtype

SUBTRACTED = 64  # features up to which points are subtracted one by one, so that equal distances are equal bit for bit
SMALL = 4  # features up to which that is quickest one feature at a time
PIECE = 1 << 18  # distances that are held at once where only their mean is wanted: they fit the processor's cache


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|², exactly 0 for equal points.

    Args:
        x: Points, shape (N, D).
        y: Points, shape (M, D).

    Returns:
        Shape (N, M); in the dtype of x up to SUBTRACTED features, in double precision beyond.
    """
    if x.shape[1] <= SMALL:
        return _by_feature(x, y.to(x))
    if x.shape[1] <= SUBTRACTED:
        return torch.cdist(x, y.to(x), compute_mode="donot_use_mm_for_euclid_dist").square_()
    a, b = _centred(x, y)
    lengths = a.square().sum(1)[:, None] + b.square().sum(1)
    found = torch.addmm(lengths, a, b.T, alpha=-2)
    return found.masked_fill_(found <= _share(a) * lengths, 0.0).to(x.device)


def slack(x: Tensor, y: Tensor) -> Tensor | float:
    """How far two squared distances may be apart that are equal: 0 where points are subtracted, else (N, M)."""
    if x.shape[1] <= SUBTRACTED:
        return 0.0
    a, b = _centred(x, y)
    return (_share(a) * (a.square().sum(1)[:, None] + b.square().sum(1))).to(x.device)


def _centred(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both sets with the mean of the second one as origin, in double precision; on the CPU if the device has none."""
    middle, exact = y.to(x).mean(0), exact_dtype(x.device)
    place = x.device if exact == torch.float64 else torch.device("cpu")
    return (x - middle).to(place).double(), (y.to(x) - middle).to(place).double()


def _share(x: Tensor) -> float:
    """Of the squared lengths, what a matrix product may round off a squared distance."""
    return x.shape[1] * torch.finfo(x.dtype).eps


def mean_between(x: Tensor, y: Tensor, of: Callable[[Tensor], Tensor] = torch.sqrt) -> float:
    """Mean over all pairs of a function of the squared distance; the distance itself unless told otherwise.

    Args:
        x: Points, shape (N, D).
        y: Points, shape (M, D).
        of: Elementwise; it may write into what it is given.
    """
    rows = max(1, PIECE // len(y))
    sums = [of(squared_distances(piece, y)).sum(dtype=exact_dtype(x.device)) for piece in x.split(rows)]
    return float(torch.stack(sums).sum()) / (len(x) * len(y))


def mean_within(x: Tensor, of: Callable[[Tensor], Tensor] = torch.sqrt) -> float:
    """Mean over all pairs of different points of one set, (N, D); as `mean_between`."""
    n, total = len(x), 0.0
    itself = float(of(x.new_zeros(1)))
    for start in range(0, n, rows := max(1, PIECE // n)):
        piece, later = x[start : start + rows], x[start + rows :]
        total += (mean_between(piece, piece, of) * len(piece) - itself) * len(piece)
        total += 2 * mean_between(piece, later, of) * len(piece) * len(later) if len(later) else 0.0
    return total / (n * (n - 1))


def check_sets(x: Tensor, y: Tensor, least: int = 1) -> None:
    """Raise an error in words unless two sets of points can be compared.

    Args:
        x: Points, shape (N, D).
        y: Points, shape (M, D).
        least: How many points each must have.

    Raises:
        ShapeError: If they are no sets of points with the same features, or have too few points.
        DataError: If a number is not finite.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < least:
        raise ShapeError(
            f"Expected two sets of at least {least} point{'s' if least > 1 else ''} with the same features, "
            f"got {tuple(x.shape)}, {tuple(y.shape)}."
        )
    check_finite(x)
    check_finite(y)


def check_finite(x: Tensor) -> None:
    """Raise DataError, with the number of rows that are not finite, if there are any: x (N, ...)."""
    if bool(x.isfinite().all()):
        return
    bad = int((~x.flatten(1).isfinite().all(1)).sum())
    raise DataError(
        f"Expected finite points, but {bad} of {len(x)} rows hold numbers that are not finite: leave these rows out. "
        "If a model made them, its training has diverged."
    )


def _by_feature(x: Tensor, y: Tensor) -> Tensor:
    total = (x[:, None, 0] - y[:, 0]).square_()
    for feature in range(1, x.shape[1]):
        total += (x[:, None, feature] - y[:, feature]).square_()
    return total
