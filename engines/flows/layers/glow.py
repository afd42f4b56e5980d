"""Glow's two companions of a coupling: activation normalization and an invertible linear map in LU form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.flows.layers.base import Bijection

_LEAST_STD = 1e-4


class ActivationNorm(Bijection):
    """Each coordinate shifted and scaled; begins so that the first batch leaves it with mean 0 and variance 1.

    z = (x - m) exp(s),   log |det dz/dx| = sum s

    Args:
        n_features: D.

    Source:
        Kingma and Dhariwal 2018, Glow, section 3.1, arXiv:1807.03039
    """

    name = "activation norm"

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(n_features))
        self.log_scale = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("has_begun", torch.zeros(1))
        self.has_begun: Tensor

    def begin_with(self, x: Tensor) -> None:
        if not self.has_begun:
            self.shift.copy_(x.mean(0))
            self.log_scale.copy_(-x.std(0).clamp(min=_LEAST_STD).log())
            self.has_begun.fill_(1.0)

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (x - self.shift) * self.log_scale.exp(), self.log_scale.sum().expand(len(x))

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.shift + z * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(z))


class InvertibleLinear(Bijection):
    """A learned linear map whose determinant is read off its factors; begins as a random rotation.

    z = x Wᵀ,   W = P L (U + diag(sign exp(s))),   log |det dz/dx| = sum s

    P is a fixed permutation, L lower triangular with ones on the diagonal, U upper triangular with zeros there.

    Args:
        n_features: D.

    Source:
        Kingma and Dhariwal 2018, Glow, eq. 10 and 11, arXiv:1807.03039
    """

    name = "linear"

    def __init__(self, n_features: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(n_features, n_features))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("sign", diagonal.sign())
        self.permutation: Tensor
        self.sign: Tensor
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(diagonal.abs().log())

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        return x @ (self.permutation @ lower @ upper).T, self.log_scale.sum().expand(len(x))

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        lower, upper = self._factors()
        half = torch.linalg.solve_triangular(lower, self.permutation.T @ z.T, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, half, upper=True).T
        return x, -self.log_scale.sum().expand(len(z))

    def _factors(self) -> tuple[Tensor, Tensor]:
        one = torch.eye(len(self.sign), dtype=self.lower.dtype, device=self.lower.device)
        lower = self.lower.tril(-1) + one
        return lower, self.upper.triu(1) + (self.sign * self.log_scale.exp()).diag()
