"""The linear VAE in closed form: probabilistic principal components.

A VAE whose decoder is N(W z + mean, sigma2 I) and whose encoder is linear with one diagonal covariance has its
best bound where W, mean and sigma2 are those of maximum likelihood: the columns of W are then orthogonal, so the
exact posterior is diagonal, and the bound equals the likelihood.

Source: Tipping and Bishop 1999, section 3.2; Lucas et al. 2019, arXiv:1911.02469.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PPCA:
    """x = W z + mean + noise, z standard normal, noise of variance sigma2 in every direction.

    Attributes:
        mean: Shape (D,).
        W: Loadings, shape (D, Z), orthogonal columns, longest first.
        sigma2: Variance of the noise.
    """

    mean: Tensor
    W: Tensor
    sigma2: float

    @property
    def precision_in_latents(self) -> Tensor:
        """M = W'W + sigma2 I, shape (Z, Z): sigma2 times the inverse of the posterior's covariance."""
        return self.W.T @ self.W + self.sigma2 * torch.eye(self.W.shape[1], dtype=self.W.dtype)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """log N(x; mean, W W' + sigma2 I), shape (N,), nats, by the (Z, Z) matrix M alone."""
        n_dims, n_latents = self.W.shape
        centred, m = x.to(self.W) - self.mean, self.precision_in_latents
        projected = centred @ self.W
        squared = (centred.square().sum(1) - (projected @ torch.linalg.inv(m) * projected).sum(1)) / self.sigma2
        log_det = torch.logdet(m) + (n_dims - n_latents) * math.log(self.sigma2)
        return -(squared + log_det + n_dims * math.log(2 * math.pi)) / 2

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Means M⁻¹ W'(x - mean), shape (N, Z), and covariance sigma2 M⁻¹, shape (Z, Z), the same for every x."""
        inverse = torch.linalg.inv(self.precision_in_latents)
        return (x.to(self.W) - self.mean) @ self.W @ inverse, self.sigma2 * inverse


def ppca(x: Tensor, n_latents: int) -> PPCA:
    """Maximum likelihood: W = U (Lambda - sigma2 I)^(1/2), sigma2 = mean of the D - Z least variances.

    Args:
        x: Data, shape (N, D).
        n_latents: Z, less than D.
    """
    assert 0 < n_latents < x.shape[1], f"{n_latents} latents leave no noise in {x.shape[1]} dimensions"
    x = x.double()
    mean = x.mean(0)
    variances, directions = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))  # rising
    sigma2 = float(variances[:-n_latents].mean())
    lengths = (variances[-n_latents:] - sigma2).clamp_min(0).sqrt()
    return PPCA(mean, (directions[:, -n_latents:] * lengths).flip(1), sigma2)
