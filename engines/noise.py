"""Random numbers that belong to rows: row i depends on the seed and on i alone, whatever n and the device.

Every draw takes one number from the random source, from which a source of its own begins on the CPU. So a thousand
samples begin with the same five as five samples do, and the draws that follow do not know how many rows came before.
"""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from engines.tensors import make_rng

_BLOCK = 16  # torch turns uniform into normal numbers in blocks of so many; a part of one comes out otherwise
_LARGEST_SEED = 2**62
_SMALLEST = 1e-300  # a logarithm of 0 is not finite


class LaterRows(torch.Generator):
    """A random source on the CPU whose draws by rows begin at a later row, as if somebody else drew those before."""

    first = 0

    @classmethod
    def begin(cls, seed: int, first: int) -> Self:
        """Started at a seed; row 0 of each draw is what another source of that seed has at row `first`."""
        rng = cls()
        rng.manual_seed(seed)
        rng.first = first
        return rng


def split_rng(rng: torch.Generator) -> torch.Generator:
    """A source of its own on the CPU, begun with one number from another; the other moves on by that one alone."""
    seed = torch.randint(_LARGEST_SEED, (), generator=rng, device=rng.device)
    return make_rng(int(seed))


def normal_rows(n: int, *shape: int, rng: torch.Generator, like: Tensor | None = None) -> Tensor:
    """Standard-normal noise by rows.

    Args:
        n: Rows.
        shape: Of one row.
        rng: Random source; one on the CPU gives the same rows on every device.
        like: Tensor whose device and dtype the noise takes; None: CPU, float32.

    Returns:
        Shape (n, *shape). Drawn in double precision, so that a model and its copy in another precision agree.
    """
    first = _first_of(rng)
    n_values = (first + n) * math.prod(shape)
    n_drawn = max(1, math.ceil(n_values / _BLOCK)) * _BLOCK
    drawn = torch.randn(n_drawn, generator=split_rng(rng), dtype=torch.float64)
    return _placed(drawn[:n_values].view(first + n, *shape)[first:], like)


def uniform_rows(n: int, *shape: int, rng: torch.Generator, like: Tensor | None = None) -> Tensor:
    """Numbers from 0 to just below 1 by rows, shape (n, *shape); arguments as for `normal_rows`."""
    drawn = _uniform(n, *shape, rng=rng)
    placed = _placed(drawn, like)
    return placed.clamp_(max=1 - torch.finfo(placed.dtype).eps / 2)  # rounding must not reach 1


def choice_rows(weights: Tensor, n: int, *, rng: torch.Generator) -> Tensor:
    """Indices drawn by weight, row by row: weights (K,), not negative -> (n,) int64 on the device of the weights."""
    ends = weights.detach().cpu().double().cumsum(0)
    drawn = _uniform(n, rng=rng) * ends[-1]
    index = torch.searchsorted(ends, drawn, right=True)
    last = int(torch.nonzero(weights.detach().cpu())[-1])
    return index.clamp_(max=last).to(weights.device)


def gumbel_rows(n: int, *shape: int, rng: torch.Generator, like: Tensor | None = None) -> Tensor:
    """Standard Gumbel noise by rows, shape (n, *shape): argmax of logits plus it is a draw from their softmax.

    Arguments as for `normal_rows`.

    Source:
        Maddison, Tarlow, Minka 2014, A* sampling, section 2, arXiv:1411.0030
    """
    drawn = _uniform(n, *shape, rng=rng)
    return _placed(-torch.log(-torch.log(drawn.clamp_min(_SMALLEST))), like)


def _uniform(n: int, *shape: int, rng: torch.Generator) -> Tensor:
    first = _first_of(rng)
    return torch.rand(first + n, *shape, generator=split_rng(rng), dtype=torch.float64)[first:]


def _first_of(rng: torch.Generator) -> int:
    return rng.first if isinstance(rng, LaterRows) else 0


def _placed(drawn: Tensor, like: Tensor | None) -> Tensor:
    if like is None:
        return drawn.float()
    return drawn.to(like.dtype).to(like.device)
