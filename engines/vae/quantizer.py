"""Vector quantisation: a codebook that follows the vectors it stands for, and gradients that pass through it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  (the name that everyone uses)
from torch import Tensor, nn

DEAD_BELOW = 0.1  # of a fair share of the vectors: a code that is used less is put to where vectors are
_SMALLEST_COUNT = 1e-6


class Quantized(NamedTuple):
    """What became of a batch of vectors.

    Attributes:
        vectors: The nearest codes (..., D); their gradient is handed on to the vectors unchanged.
        codes: Their numbers (...), int64.
        commitment: Mean squared distance of a vector's entries from its code's, a scalar: its gradient pulls the
            vectors to the codes, never the codes.
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


class VectorQuantizer(nn.Module):
    """Replaces each vector by the nearest of K codes.

        k = argmin_j |z - e_j|^2,   output = z + stop_gradient(e_k - z)

    The codes are no parameters: `learn` moves each to the running mean of the vectors that chose it,

        N_k <- g N_k + (1 - g) n_k,   m_k <- g m_k + (1 - g) sum of its z,   e_k = m_k / N_k.

    Kept alive, the codes begin at vectors of the first batch, and each call of `learn` moves those that were hardly
    used (`DEAD_BELOW`; about 45 updates without a single vector at g = 0.95) to random vectors of the batch, with a
    fresh fair count, so that each has as long again to find users. Left alone, they begin as noise, and those that
    win no vector at the start never move: the codebook collapses.

    Args:
        n_codes: K.
        n_features: D, length of a vector.
        decay: g, between 0 and 1. The paper's 0.99 is for long trainings; in a short one codes lag behind the encoder.
        keeps_alive: Whether codes begin at data and dead ones are replaced.

    Source:
        van den Oord et al. 2017, Neural discrete representation learning, eq. 1 to 3 and appendix A.1,
        arXiv:1711.00937; replacement: Dhariwal et al. 2020, Jukebox, section 3.1, arXiv:2005.00341
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, n_codes: int, n_features: int, *, decay: float = 0.95, keeps_alive: bool = True) -> None:
        super().__init__()
        self.n_codes, self.decay = n_codes, decay
        self.keeps_alive = self.may_replace = keeps_alive
        self.register_buffer("codebook", torch.randn(n_codes, n_features))
        self.register_buffer("counts", torch.zeros(n_codes))
        self.register_buffer("sums", torch.zeros(n_codes, n_features))

    def codes(self, z: Tensor) -> Tensor:
        """Number of the nearest code of each vector: (..., D) -> (...), int64; the first of equally near ones."""
        closeness = z.detach() @ self.codebook.T - 0.5 * self.codebook.square().sum(1)
        return closeness.argmax(-1)

    def vectors(self, codes: Tensor) -> Tensor:
        """The codes of these numbers: (...) int64 -> (..., D)."""
        return self.codebook[codes]

    def forward(self, z: Tensor) -> Quantized:
        """Quantize vectors (..., D); the codebook stays as it is."""
        codes = self.codes(z)
        nearest = self.vectors(codes)
        return Quantized(z + (nearest - z).detach(), codes, F.mse_loss(z, nearest))

    @torch.no_grad()
    def learn(self, z: Tensor, rng: torch.Generator) -> None:
        """Move the codes towards a batch of vectors.

        Args:
            z: Vectors (..., D).
            rng: Random source; as much is drawn from it whether codes are replaced or not.
        """
        z = z.detach().flatten(0, -2)
        fresh = _random_rows(z, self.n_codes, rng)
        if not self.counts.any():
            self._start(fresh, len(z))
        self._follow(z)
        if self.may_replace:
            self._replace_dead(fresh, len(z) / self.n_codes)

    def _start(self, fresh: Tensor, n_vectors: int) -> None:
        if self.keeps_alive:
            self.codebook.copy_(fresh)
        self.counts.fill_(n_vectors / self.n_codes)
        self.sums.copy_(self.codebook * self.counts[:, None])

    def _follow(self, z: Tensor) -> None:
        """The update of appendix A.1, as products that give the same on each run and device."""
        chosen = F.one_hot(self.codes(z), self.n_codes).to(z.dtype)  # (N, K)
        self.counts.lerp_(chosen.sum(0), 1 - self.decay)
        self.sums.lerp_(chosen.T @ z, 1 - self.decay)
        is_used = self.counts[:, None] > _SMALLEST_COUNT  # below, the running mean would run out of digits
        means = self.sums / self.counts.clamp_min(_SMALLEST_COUNT)[:, None]
        self.codebook.copy_(torch.where(is_used, means, self.codebook))

    def _replace_dead(self, fresh: Tensor, fair_share: float) -> None:
        is_dead = self.counts < DEAD_BELOW * fair_share
        self.counts.masked_fill_(is_dead, fair_share)
        self.codebook.copy_(torch.where(is_dead[:, None], fresh, self.codebook))
        self.sums.copy_(torch.where(is_dead[:, None], fresh * fair_share, self.sums))


def count_codes(codes: Tensor, n_codes: int) -> Tensor:
    """How often each code occurs: (...) int64 -> (K,) float."""
    return torch.bincount(codes.flatten(), minlength=n_codes).float()


def perplexity(counts: Tensor) -> float:
    """exp of the entropy of the codes' shares: K when all are used alike, 1 when only one is used.

    Count over a whole set: within a batch of B vectors it can never exceed B, and reads low.

    Args:
        counts: How often each code occurs, shape (K,).
    """
    shares = counts.double() / counts.double().sum().clamp_min(1)
    return float(torch.special.entr(shares).sum().exp())


def _random_rows(z: Tensor, n: int, rng: torch.Generator) -> Tensor:
    return z[torch.randint(len(z), (n,), generator=rng, device=rng.device).to(z.device)]
