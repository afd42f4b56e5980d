"""Where a flow begins: the simple distribution that its layers bend."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from engines.noise import choice_rows, normal_rows

_GOLDEN = (math.sqrt(5) - 1) / 2
_SPACING = 2.0  # of the grid on which the centres of a mixture begin, in standard deviations


class Gaussian(nn.Module):
    """The standard normal distribution; nothing is learned."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats: z (B, D) -> (B,)."""
        return -0.5 * z.square().sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)

    def place(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """The latents that standard-normal noise (B, D) stands for, at a temperature: (B, D)."""
        return temperature * noise

    def draw(self, n: int, *shape: int, rng: torch.Generator, like: Tensor, temperature: float = 1.0) -> Tensor:
        """Latents by rows, shape (n, *shape), on the device of a tensor and of its kind."""
        return temperature * normal_rows(n, *shape, rng=rng, like=like)


class Mixture(nn.Module):
    """K Gaussians with learned centres, widths and weights: a base in pieces, so that nothing has to tear.

    log p(z) = logsumexp_k (log w_k + log N(z; m_k, s_k² I))

    Args:
        n_features: D.
        n_centres: K.

    Source:
        Izmailov et al. 2020, Semi-supervised learning with normalizing flows, eq. 6, arXiv:1912.13025
    """

    def __init__(self, n_features: int, n_centres: int) -> None:
        super().__init__()
        angle = 2 * math.pi * torch.arange(n_centres) / n_centres
        circle = torch.stack([angle.cos(), angle.sin()], 1)
        self.centres = nn.Parameter(circle[:, :n_features] + 0.01 * torch.randn(n_centres, n_features))
        self.log_stds = nn.Parameter(torch.full((n_centres,), -math.log(_SPACING)))
        self.logits = nn.Parameter(torch.zeros(n_centres))

    def log_prob(self, z: Tensor) -> Tensor:
        """Nats: z (B, D) -> (B,)."""
        n_features = z.shape[1]
        apart = (z[:, None] - self.centres) * (-self.log_stds).exp()[:, None]  # (B, K, D)
        each = -0.5 * apart.square().sum(2) - n_features * (self.log_stds + 0.5 * math.log(2 * math.pi))
        return (self.logits.log_softmax(0) + each).logsumexp(1)

    def place(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """The latents that noise (B, D) stands for: row i belongs to the centre of the share i times the golden ratio.

        The shares fill the line evenly, so that each centre gets as many as its weight asks for, without a draw. That
        is for fixed noise in pictures alone, which stay steady so; samples come from `draw`.
        """
        shares = (_GOLDEN * torch.arange(1, len(noise) + 1, device=noise.device, dtype=torch.float64)) % 1
        ends = self.logits.softmax(0).cumsum(0).double()
        centre = torch.searchsorted(ends, shares).clamp(max=len(ends) - 1)
        return self._around(centre, noise, temperature)

    def draw(self, n: int, *shape: int, rng: torch.Generator, like: Tensor, temperature: float = 1.0) -> Tensor:
        """Latents by rows, shape (n, *shape): each draws its centre by the weights, and its place around it."""
        centre = choice_rows(self.logits.softmax(0), n, rng=rng)
        return self._around(centre, normal_rows(n, *shape, rng=rng, like=like), temperature)

    def stratify(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Latents that come from each centre alike, and the weights that make up for it.

        E f(z) = sum_k w_k E f(m_k + s_k noise): a centre that is drawn carries no gradient to the odds of its draw;
        weights in a sum do.

        Args:
            noise: Standard-normal, shape (B, D); at least one row for each of K centres.

        Returns:
            z, shape (K * (B // K), D), and a weight for each of its rows; they sum to 1.

        Source:
            Owen 2013, Monte Carlo theory, methods and examples, section 8.4 (stratified sampling)
        """
        n_centres = len(self.logits)
        n_each = len(noise) // n_centres
        centre = torch.arange(n_centres, device=noise.device).repeat_interleave(n_each)
        weights = self.logits.softmax(0)[centre] / n_each
        return self._around(centre, noise[: len(centre)]), weights

    def _around(self, centre: Tensor, noise: Tensor, temperature: float = 1.0) -> Tensor:
        return self.centres[centre] + temperature * self.log_stds.exp()[centre, None] * noise


def build_base(name: str, n_features: int, n_centres: int) -> Gaussian | Mixture:
    """The base of that name: "gaussian", or "mixture"."""
    return Mixture(n_features, n_centres) if name == "mixture" else Gaussian()
