"""A Gaussian mixture in the plane: the one density from which every 2-D target is made.

A curve is many narrow components along it, a picture many small ones on its dark pixels. Everything
about a finite mixture is closed form: density, score, the density after noise, moments. So each
learned thing can be held against the true one, at every noise level.

All arithmetic is float64 (float32 on devices without it); results come in the dtype of the input.
"""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from engines.datasets.base import Window
from engines.errors import DataError
from engines.noise import choice_rows, normal_rows
from engines.tensors import check_points, exact_dtype, make_rng

CHUNK = 1 << 22  # point-component pairs at a time: 32 MB of float64
ENTROPY_POINTS = 40_000
WINDOW_MARGIN = 4.0  # standard deviations beyond the outermost component
WINDOW_RIM = 0.08  # of the half-width: shapes do not touch the frame, and stray samples of a model stay visible


class GaussianMixture:
    """A finite mixture of Gaussians in the plane.

    p(x) = sum_k weight_k N(x; mean_k, covariance_k)

    Args:
        means: Centres, shape (K, 2), data units.
        covariances: Shape (K, 2, 2); or standard deviations of round components, shape (K,) or a float.
        weights: Shares, shape (K,), normalised here; equal if None.
        modes: Centres of the modes, shape (M, 2), where modes are a meaningful idea.
        mode_std: Standard deviation of each mode in data units.

    Raises:
        DataError: If shapes disagree, or a weight is negative, or a covariance not positive definite.
    """

    def __init__(
        self,
        means: Tensor,
        covariances: Tensor | float,
        weights: Tensor | None = None,
        *,
        modes: Tensor | None = None,
        mode_std: float | None = None,
    ) -> None:
        dtype = exact_dtype(means.device)
        self.means = means.to(dtype)
        self.covariances = _full_covariances(covariances, self.means)
        self.weights = _shares(weights, self.means)
        self.modes = None if modes is None else modes.to(dtype)
        self.mode_std = mode_std
        scale_tril, failed = torch.linalg.cholesky_ex(self.covariances)
        if bool(failed.any()):
            raise DataError("Every covariance must be positive definite; a width of zero is not allowed.")
        self.scale_tril = scale_tril  # (K, 2, 2)
        self._precisions = torch.cholesky_inverse(scale_tril)  # (K, 2, 2)

    @property
    def device(self) -> torch.device:
        """Where the mixture lives."""
        return self.means.device

    def to(self, device: torch.device | str) -> GaussianMixture:
        """The same mixture on another device."""
        modes = None if self.modes is None else self.modes.to(device)
        parts = (self.means.to(device), self.covariances.to(device), self.weights.to(device))
        return GaussianMixture(*parts, modes=modes, mode_std=self.mode_std)

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Exact draws: row i depends on the source and i alone.

        Args:
            n: How many.
            rng: Random source.

        Returns:
            Points, shape (n, 2), float32.
        """
        component = choice_rows(self.weights, n, rng=rng)
        return self._place(component, normal_rows(n, 2, rng=rng, like=self.means))

    def batch(self, n: int, *, rng: torch.Generator) -> Tensor:
        """Exact draws for a training, made where the mixture lives; each depends on how many are drawn with it.

        Args:
            n: How many.
            rng: Random source on the mixture's device.

        Returns:
            Points, shape (n, 2), float32.
        """
        component = torch.multinomial(self.weights, n, replacement=True, generator=rng)
        return self._place(component, torch.randn(n, 2, generator=rng, device=self.device, dtype=self.means.dtype))

    def _place(self, component: Tensor, noise: Tensor) -> Tensor:
        """Points of chosen components (n,) and standard-normal noise (n, 2): (n, 2), float32."""
        offset = (self.scale_tril[component] @ noise[:, :, None])[:, :, 0]
        return (self.means[component] + offset).float()

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log density in nats.

        Args:
            x: Points in data units, shape (B, 2).

        Returns:
            Shape (B,), in the dtype of x.
        """
        return torch.cat([joint.logsumexp(1) for joint in self._joint(x)]).to(x.dtype)

    def responsibilities(self, x: Tensor) -> Tensor:
        """Posterior share of each component at each point, shape (B, K)."""
        return torch.cat([joint.softmax(1) for joint in self._joint(x)]).to(x.dtype)

    def score(self, x: Tensor) -> Tensor:
        """Exact gradient of the log density: the mean of the components' pulls, weighted by their share.

        grad log p(x) = sum_k p(k | x) precision_k (mean_k - x)

        Args:
            x: Points in data units, shape (B, 2).

        Returns:
            Shape (B, 2), nats per data unit, in the dtype of x.
        """
        pull = (self._precisions @ self.means[:, :, None])[:, :, 0]  # (K, 2)
        parts = []
        for joint, points in zip(self._joint(x), self._chunks(x), strict=True):
            share = joint.softmax(1)  # (b, K)
            precision = (share @ self._precisions.flatten(1)).view(-1, 2, 2)  # (b, 2, 2)
            parts.append(share @ pull - (precision @ points[:, :, None])[:, :, 0])
        return torch.cat(parts).to(x.dtype)

    def noised(self, sigma: float) -> GaussianMixture:
        """The density of x + sigma * epsilon, epsilon standard normal: the same mixture, each component wider."""
        wider = self.covariances + sigma**2 * torch.eye(2, dtype=self.means.dtype, device=self.device)
        mode_std = None if self.mode_std is None else math.hypot(self.mode_std, sigma)
        return GaussianMixture(self.means, wider, self.weights, modes=self.modes, mode_std=mode_std)

    def mean(self) -> Tensor:
        """Exact mean, shape (2,)."""
        return self.weights @ self.means

    def covariance(self) -> Tensor:
        """Exact covariance, shape (2, 2): within components plus between them."""
        apart = self.means - self.mean()
        between = torch.einsum("k,ki,kj->ij", self.weights, apart, apart)
        return torch.einsum("k,kij->ij", self.weights, self.covariances) + between

    def entropy(self) -> float:
        """Monte Carlo estimate of the entropy in nats, which is the smallest possible negative log-likelihood."""
        return self._entropy[0]

    def entropy_error(self) -> float:
        """Standard error of `entropy`, in nats."""
        return self._entropy[1]

    @property
    def window(self) -> Window:
        """A square around all components: WINDOW_MARGIN of their standard deviations beyond the centres, and a rim."""
        return self._window

    @cached_property
    def _window(self) -> Window:
        spread = WINDOW_MARGIN * self.covariances.diagonal(dim1=1, dim2=2).sqrt()  # (K, 2)
        low, high = (self.means - spread).amin(0), (self.means + spread).amax(0)
        centre, half = (low + high) / 2, float((high - low).max() / 2) * (1 + WINDOW_RIM)
        x, y = centre.tolist()
        return (x - half, x + half, y - half, y + half)

    @cached_property
    def _entropy(self) -> tuple[float, float]:
        surprise = -self.log_prob(self.sample(ENTROPY_POINTS, rng=make_rng(0)).to(self.means.dtype))
        return float(surprise.mean()), float(surprise.std()) / math.sqrt(ENTROPY_POINTS)

    @cached_property
    def _quadratic(self) -> Tensor:
        """Coefficients of log(weight_k N_k(x)) as a polynomial in (x², xy, y², x, y, 1), shape (6, K)."""
        a, b, d = self._precisions[:, 0, 0], self._precisions[:, 0, 1], self._precisions[:, 1, 1]
        pull = (self._precisions @ self.means[:, :, None])[:, :, 0]  # (K, 2)
        log_det = 2 * self.scale_tril.diagonal(dim1=1, dim2=2).log().sum(1)
        level = self.weights.log() - math.log(2 * math.pi) - log_det / 2 - (pull * self.means).sum(1) / 2
        return torch.stack([-a / 2, -b, -d / 2, pull[:, 0], pull[:, 1], level])

    def _chunks(self, x: Tensor) -> list[Tensor]:
        check_points(x)
        return list(x.to(self.means.dtype).split(max(1, CHUNK // len(self.means))))

    def _joint(self, x: Tensor) -> list[Tensor]:
        """log p(x, k) for each chunk of points, shapes (b, K): one matrix product of monomials and coefficients."""
        parts = []
        for points in self._chunks(x):
            u, v = points.unbind(1)
            monomials = torch.stack([u * u, u * v, v * v, u, v, torch.ones_like(u)], dim=1)  # (b, 6)
            parts.append(monomials @ self._quadratic)
        return parts


def _full_covariances(covariances: Tensor | float, means: Tensor) -> Tensor:
    if means.ndim != 2 or means.shape[1] != 2 or len(means) == 0 or not bool(means.isfinite().all()):
        raise DataError(f"Expected at least one centre, finite numbers of shape (K, 2), got {tuple(means.shape)}.")
    covariances = torch.as_tensor(covariances, dtype=means.dtype, device=means.device)
    if covariances.ndim < 2:  # standard deviations of round components
        eye = torch.eye(2, dtype=means.dtype, device=means.device)
        covariances = covariances.expand(len(means)).square()[:, None, None] * eye
    if covariances.shape != (len(means), 2, 2):
        raise DataError(f"Expected covariances of shape ({len(means)}, 2, 2), got {tuple(covariances.shape)}.")
    return covariances


def _shares(weights: Tensor | None, means: Tensor) -> Tensor:
    if weights is None:
        return torch.full((len(means),), 1 / len(means), dtype=means.dtype, device=means.device)
    weights = weights.to(means)
    if weights.shape != (len(means),) or bool((weights < 0).any()) or not bool(weights.sum() > 0):
        raise DataError(f"Expected {len(means)} weights, none negative and not all zero, got {weights.tolist()[:8]}.")
    return weights / weights.sum()
