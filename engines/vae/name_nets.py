"""The nets of the VAE of names: a reader in both directions, and a writer that sees the code at each letter."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.noise import gumbel_rows

_CELL = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
END = 0  # the token that ends and fills up a text


class Written(NamedTuple):
    """Names and what each letter was chosen from: tokens (B, T), logits (B, T, V), certain after the end."""

    tokens: Tensor
    logits: Tensor

    def log_prob(self) -> Tensor:
        """log p(x given z) of the names themselves: nats, shape (B,)."""
        chosen = self.logits.log_softmax(-1).gather(2, self.tokens[..., None])[..., 0]
        return (chosen * counted(self.tokens)).sum(1)


class NameEncoder(nn.Module):
    """Mean and log standard deviation of q(z given x), from a GRU that reads forwards and one that reads backwards.

    Args:
        n_symbols: V.
        n_features: Features of a letter.
        width: Units of the writer; each of the two readers has two thirds as many.
        n_latents: Z.
    """

    def __init__(self, n_symbols: int, *, n_features: int, width: int, n_latents: int) -> None:
        super().__init__()
        self.reader_width = 2 * width // 3
        self.embedding = nn.Embedding(n_symbols, n_features)
        self.gru = nn.GRU(n_features, self.reader_width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * self.reader_width, 2 * n_latents)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Clean tokens (B, T) -> mean and log std, each (B, Z)."""
        states = self.gru(self.embedding(tokens))[0]  # (B, T, 2 * half)
        ends = (tokens != END).sum(1).clamp(max=tokens.shape[1] - 1)
        forwards = states[torch.arange(len(tokens), device=tokens.device), ends, : self.reader_width]
        backwards = states[:, 0, self.reader_width :]
        mean, log_std = self.head(torch.cat([forwards, backwards], 1)).chunk(2, dim=1)
        return mean, log_std.clamp(-7, 3)


class NameDecoder(nn.Module):
    """p(x given z) = product over t of p(x_t given x_1 ... x_{t-1}, z), up to and including the end.

    A GRU whose first state comes from z, and that sees z beside each letter. The last place of a text can only be the
    end, so the probabilities of all texts add up to 1.

    Args:
        n_symbols: V; two more inputs stand for a hidden letter and for the start.
        length: T, places of a text.
        n_features: Features of a letter.
        width: Units of the GRU.
        n_latents: Z.

    Source:
        Bowman et al. 2016, Generating sentences from a continuous space, section 2 and 3, arXiv:1511.06349
    """

    def __init__(self, n_symbols: int, length: int, *, n_features: int, width: int, n_latents: int) -> None:
        super().__init__()
        self.n_symbols, self.length = n_symbols, length
        self.hidden_letter, self.start = n_symbols, n_symbols + 1
        self.embedding = nn.Embedding(n_symbols + 2, n_features)
        self.first = nn.Linear(n_latents, width)
        self.gru = nn.GRU(n_features + n_latents, width, batch_first=True)
        self.head = nn.Linear(width, n_symbols)

    def next_logits(self, prefix: Tensor, z: Tensor) -> Tensor:
        """Logits of the letter after a prefix (B, t), given codes (B, Z): shape (B, V)."""
        return self._logits(prefix, z)[:, -1]

    def log_prob(self, tokens: Tensor, z: Tensor, is_hidden: Tensor | None = None) -> Tensor:
        """Exact log p(x given z) of clean tokens (B, T) and codes (B, Z): nats, shape (B,).

        Args:
            tokens: Zeros after the first zero.
            z: Codes.
            is_hidden: Letters that the decoder may not see as input, shape (B, T); None: it sees all.
        """
        seen = tokens if is_hidden is None else tokens.masked_fill(is_hidden, self.hidden_letter)
        logits = self._logits(seen[:, :-2], z)
        counts = counted(tokens[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, :-1].flatten(), reduction="none")
        return -(nats.view(counts.shape) * counts).sum(1)

    def write(self, z: Tensor, *, temperature: float = 0.0, rng: torch.Generator | None = None) -> Written:
        """Write names letter by letter: the argmax of logits + temperature * Gumbel noise at each place.

        Args:
            z: Codes (B, Z).
            temperature: 0 takes the likeliest letter, 1 draws from p(x given z).
            rng: Random source; None for temperature 0.
        """
        shape = len(z), self.length - 1, self.n_symbols
        noise = None if rng is None else temperature * gumbel_rows(*shape, rng=rng, like=z)
        token, state = torch.full((len(z),), self.start, device=z.device), torch.tanh(self.first(z))
        weights: list[Tensor] = [getattr(self.gru, name) for name in _CELL]
        tokens, logits = [], []
        for t in range(self.length - 1):
            state = torch.gru_cell(torch.cat([self.embedding(token), z], 1), state, *weights)
            logits.append(self.head(state))
            chosen = (logits[-1] if noise is None else logits[-1] + noise[:, t]).argmax(1)
            token = chosen if t == 0 else chosen * (token != END)
            tokens.append(token)
            if not token.any():
                break
        missing = self.length - len(tokens)
        ends, certain = [torch.zeros_like(token)] * missing, [self._end(z)] * missing
        return Written(torch.stack([*tokens, *ends], 1), torch.stack([*logits, *certain], 1))

    def _logits(self, prefix: Tensor, z: Tensor) -> Tensor:
        """Logits of every letter up to the one after a prefix (B, t), given codes (B, Z): shape (B, t + 1, V)."""
        letters = self.embedding(F.pad(prefix, (1, 0), value=self.start))
        inputs = torch.cat([letters, z[:, None].expand(-1, letters.shape[1], -1)], dim=2)
        return self.head(self.gru(inputs, torch.tanh(self.first(z))[None])[0])

    def _end(self, z: Tensor) -> Tensor:
        """Logits of the last place: the end is certain."""
        logits = torch.full((len(z), self.n_symbols), -1e4, device=z.device)
        logits[:, END] = 0.0
        return logits


def clean(tokens: Tensor) -> Tensor:
    """Whole numbers (B, T) with nothing after the first end, and the end in the last place."""
    is_before = (tokens != END).cumprod(1).bool()
    cleaned = torch.where(is_before, tokens.long(), END)
    cleaned[:, -1] = END
    return cleaned


def counted(tokens: Tensor) -> Tensor:
    """1 for each letter and for the first end, 0 after it: clean tokens (B, T) -> (B, T)."""
    return F.pad((tokens[:, :-1] != END).float(), (1, 0), value=1.0)
