"""A causal Transformer over the codes of a picture, coarse maps first: the learned prior of a VQ-VAE."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.errors import ShapeError
from engines.noise import gumbel_rows

Past = tuple[Tensor, Tensor]  # keys and values of the positions so far, each (B, heads, t, F)


class CodePrior(nn.Module):
    """p(c) = product over t of p(c_t given c_1 ... c_{t-1}) over one sequence of all levels' codes.

    Args:
        n_codes: K, codes of each level.
        lengths: Codes of each level in one picture, the coarsest level first; T is their sum.
        width: Features of a position.
        n_layers: Transformer blocks.
        n_heads: Attention heads of a block.
        hidden_share: Share of earlier codes that training hides, so that a small set is not learned by heart.

    Source:
        van den Oord et al. 2017, section 3.3, arXiv:1711.00937; Razavi et al. 2019, section 3.2, arXiv:1906.00446;
        blocks: Vaswani et al. 2017, arXiv:1706.03762
    """

    level: Tensor

    def __init__(
        self,
        n_codes: int,
        lengths: tuple[int, ...],
        *,
        width: int = 64,
        n_layers: int = 2,
        n_heads: int = 4,
        hidden_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_codes, self.lengths, self.n_positions = n_codes, lengths, sum(lengths)
        self.hidden_share = hidden_share
        level = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        self.register_buffer("level", level, persistent=False)
        self.start = nn.Parameter(0.1 * torch.randn(width))
        self.code_embedding = _embedding(len(lengths) * n_codes, width)
        self.position_embedding = _embedding(self.n_positions, width)
        self.level_embedding = _embedding(len(lengths), width)
        self.blocks = nn.ModuleList(_Block(width, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleList(nn.Linear(width, n_codes) for _ in lengths)

    def next_code_logits(self, prefix: Tensor) -> Tensor:
        """Logits of the next code.

        Args:
            prefix: The codes so far, shape (B, t) with t < T; t = 0 asks for the first.

        Returns:
            Shape (B, K).

        Raises:
            ShapeError: If nothing comes after the prefix.
        """
        if prefix.ndim != 2 or prefix.shape[1] >= self.n_positions:
            raise ShapeError(f"Expected prefix of shape (B, t < {self.n_positions}), got {tuple(prefix.shape)}.")
        return self._logits(self._inputs(prefix))[0][:, -1]

    def log_prob(self, codes: Tensor) -> Tensor:
        """Exact log probability of whole sequences: codes (B, T) -> nats (B,).

        Raises:
            ShapeError: If codes is not (B, T).
        """
        self._check(codes)
        return self._code_log_prob(codes, self._inputs(codes[:, :-1])).sum(1)

    def loss(self, codes: Tensor, rng: torch.Generator) -> Tensor:
        """Mean nats of a code, with some of the earlier codes hidden: codes (B, T) -> scalar."""
        self._check(codes)
        noise = torch.rand(len(codes), self.n_positions - 1, generator=rng, device=rng.device).to(codes.device)
        inputs = self._inputs(codes[:, :-1], is_hidden=noise < self.hidden_share)
        return -self._code_log_prob(codes, inputs).mean()

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        rng: torch.Generator,
        temperature: float = 1.0,
        prefix: Tensor | None = None,
        length: int | None = None,
        is_cached: bool = True,
    ) -> Tensor:
        """Draw sequences, one code after the other: argmax of logits + temperature * Gumbel noise.

        Args:
            n: How many.
            rng: Random source; all of its noise is drawn first, so that a slowly changing prior gives slowly
                changing samples.
            temperature: 1 samples the prior itself, 0 takes the likeliest code each time.
            prefix: Codes (n, t) that the sequences begin with, such as all coarse ones; None: nothing.
            length: Codes of a sequence, t ... T; None: all T.
            is_cached: Whether keys and values of earlier positions are kept, not computed again.

        Returns:
            Codes (n, length), int64.
        """
        device = self.start.device
        noise = gumbel_rows(n, self.n_positions, self.n_codes, rng=rng, like=self.start) * temperature
        codes, past = torch.zeros(n, 0, dtype=torch.long, device=device) if prefix is None else prefix, None
        for t in range(codes.shape[1], self.n_positions if length is None else length):
            known = past if is_cached else None
            logits, past = self._logits(self._inputs(codes)[:, t if known else 0 :], known)
            codes = torch.cat([codes, (logits[:, -1] + noise[:, t]).argmax(-1, keepdim=True)], dim=1)
        return codes

    def _check(self, codes: Tensor) -> None:
        if codes.ndim != 2 or codes.shape[1] != self.n_positions:
            raise ShapeError(f"Expected codes of shape (B, {self.n_positions}), got {tuple(codes.shape)}.")

    def _inputs(self, prefix: Tensor, is_hidden: Tensor | None = None) -> Tensor:
        """What positions 0 ... t see: the code before them, where they are, and on which level: (B, t + 1, width)."""
        n = prefix.shape[1] + 1
        before = self.code_embedding(prefix + self.n_codes * self.level[: n - 1])
        if is_hidden is not None:
            before = before.masked_fill(is_hidden[..., None], 0.0)
        before = torch.cat([self.start.expand(len(prefix), 1, -1), before], dim=1)
        return before + self.position_embedding.weight[:n] + self.level_embedding(self.level[:n])

    def _logits(self, inputs: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Logits (B, S, K) of the positions after those in the past, and the past with them in it."""
        x, known = inputs, []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, None if past is None else past[i])
            known.append(pair)
        first = known[0][0].shape[2] - inputs.shape[1]
        return self._by_level(self.norm(x), first), known

    def _by_level(self, features: Tensor, first: int) -> Tensor:
        """Each level's own output layer on its positions; `first` is the place of the first position here."""
        ends = [max(0, end - first) for end in itertools.accumulate(self.lengths)]
        parts = zip(self.heads, [0, *ends], ends, strict=False)
        return torch.cat([head(features[:, low:high]) for head, low, high in parts], dim=1)

    def _code_log_prob(self, codes: Tensor, inputs: Tensor) -> Tensor:
        logits = self._logits(inputs)[0]
        nats = F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none")
        return -nats.view(codes.shape)


class _Block(nn.Module):
    """Attention, then a perceptron, each on normalised features and added to what came in."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        n_mixed = n_heads * math.ceil(width / n_heads)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.out = nn.Linear(width, 3 * n_mixed), nn.Linear(n_mixed, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        """x (B, S, width), or one position (B, 1, width) behind a past -> the same shape, and the past with x in it."""
        q, k, v = self._heads(self.query_key_value(self.norm1(x)))
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x)), (k, v)

    def _heads(self, features: Tensor) -> tuple[Tensor, ...]:
        """(B, S, 3 * heads * F) -> queries, keys and values, each (B, heads, S, F)."""
        b, s, _ = features.shape
        return features.view(b, s, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


def _embedding(n: int, width: int) -> nn.Embedding:
    """A table that begins small, so that what it says adds up gently."""
    table = nn.Embedding(n, width)
    nn.init.normal_(table.weight, std=0.1)
    return table
