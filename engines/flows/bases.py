"""Where a flow begins: the simple distribution that its layers bend."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

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

        The shares fill the line evenly, so that each centre gets as many as its weight asks for, without a draw.
        """
        shares = (_GOLDEN * torch.arange(1, len(noise) + 1, device=noise.device, dtype=torch.float64)) % 1
        ends = self.logits.softmax(0).cumsum(0).double()
        centre = torch.searchsorted(ends, shares).clamp(max=len(ends) - 1)
        return self.centres[centre] + temperature * self.log_stds.exp()[centre, None] * noise


def build_base(name: str, n_features: int, n_centres: int) -> Gaussian | Mixture:
    """The base of that name: "gaussian", or "mixture"."""
    return Mixture(n_features, n_centres) if name == "mixture" else Gaussian()
