"""Where the codes of a finite set lie, exactly: the aggregate posterior, its information, its holes.

The aggregate q(z) = 1/N sum_n N(z; mean_n, std_n²) is summed over the whole set. Estimates from one batch (the
weighted and stratified sampling of arXiv:1802.04942) are off by up to log N nats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.errors import ShapeError
from engines.noise import choice_rows, normal_rows
from engines.probes import cell_centres
from engines.tensors import exact_dtype

CHUNK = 1 << 18  # numbers in the largest intermediate tensor: small enough for the processor's cache
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class InformationTerms:
    """The three parts of the mean KL to the prior, estimates in nats.

    Attributes:
        mutual_information: I(x; z), of an example and its code; at most log N.
        total_correlation: KL(q(z) || prod_d q(z_d)), how far the latents are from independent; never negative but by
            the estimate's error.
        dimension_wise_kl: sum_d KL(q(z_d) || p(z_d)), how far each latent's aggregate is from the prior.
        errors: Standard errors of the three, in this order.
    """

    mutual_information: float
    total_correlation: float
    dimension_wise_kl: float
    errors: tuple[float, float, float]


def gaussian_kl(means: Tensor, stds: Tensor) -> Tensor:
    """KL(N(mean, std²) || N(0, 1)) = (mean² + std² - 1) / 2 - log std, exactly.

    Args:
        means: Posterior means, shape (N, Z).
        stds: Posterior standard deviations, shape (N, Z).

    Returns:
        Shape (N, Z), nats.
    """
    return (means.square() + stds.square() - 1) / 2 - stds.log()


def log_aggregate(z: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """log q(z) = logsumexp_n log q(z | x_n) - log N, exactly.

    Of some latents alone: give only their columns.

    Args:
        z: Latent points, shape (B, Z).
        means: Posterior means of the whole set, shape (N, Z).
        stds: Posterior standard deviations of the whole set, shape (N, Z).

    Returns:
        Shape (B,), nats, float64.

    Raises:
        ShapeError: If the shapes do not fit.
    """
    parts = [each.sum(0).logsumexp(1) for each in _log_posteriors(z, means, stds)]
    return torch.cat(parts) - math.log(len(means))


def log_marginals(z: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """log q(z_d) = logsumexp_n log q(z_d | x_n) - log N of each latent alone, exactly.

    Args:
        z: Latent points, shape (B, Z).
        means: Posterior means of the whole set, shape (N, Z).
        stds: Posterior standard deviations of the whole set, shape (N, Z).

    Returns:
        Shape (B, Z), nats, float64.

    Raises:
        ShapeError: If the shapes do not fit.
    """
    parts = [each.logsumexp(2).T for each in _log_posteriors(z, means, stds)]
    return torch.cat(parts) - math.log(len(means))


def _log_posteriors(z: Tensor, means: Tensor, stds: Tensor) -> Iterator[Tensor]:
    """log q(z_d | x_n) in pieces of C points, shape (Z, C, N), in the most exact type of the device."""
    _check(z, means, stds)
    z, means, stds = (each.detach().T.to(exact_dtype(means.device)) for each in (z, means, stds))
    n_points = max(1, CHUNK // means.numel())
    tops, slopes = -(stds.log() + HALF_LOG_2PI)[:, None], (math.sqrt(0.5) / stds)[:, None]
    for piece in z.split(n_points, dim=1):
        yield (piece[:, :, None] - means[:, None]).mul_(slopes).square_().neg_().add_(tops)


def information_terms(means: Tensor, stds: Tensor, *, rng: torch.Generator, n_samples: int = 1000) -> InformationTerms:
    """The mean KL to the prior, taken apart: E KL(q(z|x) || p) = I(x; z) + TC(z) + sum_d KL(q(z_d) || p(z_d)).

    Each part is a mean over samples z ~ q(z | x_n), n drawn from the set, of exact log densities:
    log q(z|x_n) - log q(z), log q(z) - sum_d log q(z_d), and sum_d log q(z_d) - log p(z).

    Args:
        means: Posterior means of the whole set, shape (N, Z).
        stds: Posterior standard deviations of the whole set, shape (N, Z).
        rng: Draws the samples.
        n_samples: Samples; the work is n_samples x N x Z.

    Raises:
        ShapeError: If the shapes do not fit.

    Source: Chen et al. 2018, arXiv:1802.04942, equation 2.
    """
    _check(means, means, stds)
    index = choice_rows(torch.ones(len(means), device=means.device), n_samples, rng=rng)
    noise = normal_rows(n_samples, means.shape[1], rng=rng, like=means)
    means, stds, noise = (each.detach().to(exact_dtype(means.device)) for each in (means, stds, noise))
    z = means[index] + stds[index] * noise
    posterior = -(noise.square() / 2 + HALF_LOG_2PI + stds[index].log()).sum(1)
    prior = -(z.square() / 2 + HALF_LOG_2PI).sum(1)
    joint, product = _joint_and_product(z, means, stds)
    terms = torch.stack([posterior - joint, joint - product, product - prior])  # (3, n_samples)
    values, errors = terms.mean(1).tolist(), (terms.std(1) / math.sqrt(n_samples)).tolist()
    return InformationTerms(*values, errors=tuple(errors))


def _joint_and_product(z: Tensor, means: Tensor, stds: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z) and sum_d log q(z_d) in one pass, each of shape (B,)."""
    both = [(each.sum(0).logsumexp(1), each.logsumexp(2).sum(0)) for each in _log_posteriors(z, means, stds)]
    joint, product = (torch.cat(parts) for parts in zip(*both, strict=True))
    return joint - math.log(len(means)), product - z.shape[1] * math.log(len(means))


def radius_density(r: Tensor, n_dims: int) -> Tensor:
    """Density of |z| under the prior: p(r) = 2 r^(Z-1) exp(-r²/2) / (2^(Z/2) Gamma(Z/2)), a chi distribution.

    Args:
        r: Distances from the origin, any shape.
        n_dims: Z.

    Returns:
        Same shape; 0 below 0.
    """
    log_scale = (n_dims / 2 - 1) * math.log(2) + math.lgamma(n_dims / 2)
    log_density = torch.xlogy(torch.tensor(n_dims - 1.0), r.clamp_min(0)) - r.square() / 2 - log_scale
    return torch.where(r < 0, 0.0, log_density.exp())


def hole_map(
    means: Tensor, stds: Tensor, latents: tuple[int, int] = (0, 1), *, reach: float = 3.5, resolution: int = 64
) -> Tensor:
    """log q(z_i, z_j) - log p(z_i, z_j) over a plane of two latents: far below 0 where the prior finds a hole.

    Args:
        means: Posterior means of the whole set, shape (N, Z).
        stds: Posterior standard deviations of the whole set, shape (N, Z).
        latents: i, drawn to the right, and j, drawn upwards.
        reach: Half the side of the plane, in standard deviations of the prior.
        resolution: R, cells along each axis.

    Returns:
        Row by row, lowest z_j first, shape (R, R), nats.
    """
    z = cell_centres((-reach, reach, -reach, reach), resolution, means.device).to(exact_dtype(means.device))
    log_prior = -z.square().sum(1) / 2 - 2 * HALF_LOG_2PI
    plane = list(latents)
    return (log_aggregate(z, means[:, plane], stds[:, plane]) - log_prior).view(resolution, resolution)


def _check(z: Tensor, means: Tensor, stds: Tensor) -> None:
    if means.ndim != 2 or means.shape != stds.shape:
        raise ShapeError(f"Expected means and stds (N, Z), got {tuple(means.shape)} and {tuple(stds.shape)}.")
    if z.ndim != 2 or z.shape[1] != means.shape[1]:
        raise ShapeError(f"Expected z of shape (B, {means.shape[1]}), got {tuple(z.shape)}.")
