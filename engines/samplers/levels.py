"""Noise levels: how they are spread between the least and the largest, and NCSNv2's rules for choosing them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

KARRAS_RHO = 7.0


def geometric_levels(n: int, sigma_min: float, sigma_max: float) -> list[float]:
    """n noise levels from the largest to the least, each the same share of the one before; one where they are equal.

    Source:
        Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution, arXiv:1907.05600
    """
    if n == 1 or sigma_max <= sigma_min:
        return [sigma_min]
    ratio = (sigma_min / sigma_max) ** (1 / (n - 1))
    return [sigma_max * ratio**i for i in range(n)]


def karras_levels(n: int, sigma_min: float, sigma_max: float, rho: float = KARRAS_RHO) -> list[float]:
    """n noise levels from the largest to the least, dense near the least: even in sigma^(1/rho); one if all are equal.

    Source:
        Karras, Aittala, Aila, Laine 2022, Elucidating the design space, eq. 5, arXiv:2206.00364
    """
    if n == 1 or sigma_max <= sigma_min:
        return [sigma_max]
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return [(high + i / (n - 1) * (low - high)) ** rho for i in range(n)]


def largest_level(x: Tensor) -> float:
    """Technique 1: the largest noise is the largest distance between two examples, x (N, *event) in data units.

    Source:
        Song and Ermon 2020, Improved techniques for training score-based generative models, arXiv:2006.09011
    """
    flat = x.flatten(1).double()
    return float(torch.cdist(flat, flat).max())


def level_ratio(n_features: int, overlap: float = 0.5) -> float | None:
    """Technique 2: the ratio of neighbouring levels at which the shells of noise overlap by this much.

    The norm of Gaussian noise in D dimensions is about N(sqrt(D) sigma, sigma² / 2); three standard deviations of one
    level are to hold this share of the next:  Phi(sqrt(2D) (g - 1) + 3g) - Phi(sqrt(2D) (g - 1) - 3g) = overlap.

    Returns:
        g > 1; None where levels always overlap (in few dimensions), so that any ratio will do.

    Source:
        Song and Ermon 2020, arXiv:2006.09011, eq. 4
    """

    def excess(ratio: float) -> float:
        far = math.sqrt(2 * n_features) * (ratio - 1)
        return _phi(far + 3 * ratio) - _phi(far - 3 * ratio) - overlap

    low, high = 1.0, 1000.0
    if excess(high) > 0:
        return None
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low


def level_count(n_features: int, sigma_min: float, sigma_max: float) -> int | None:
    """Technique 2: how many levels there must be; None where any number will do."""
    ratio = level_ratio(n_features)
    return None if ratio is None else 1 + math.ceil(math.log(sigma_max / sigma_min) / math.log(ratio))


def langevin_share(ratio: float, n_steps: int) -> tuple[float, float]:
    """Technique 4: the step of Langevin dynamics, as a share of sigma², that carries one level to the next.

    A step is x + share sigma² score + sqrt(2 share) sigma z. After T steps the variance that began at (ratio sigma)²
    is, in units of sigma²,  (1 - share)^(2T) (ratio² - q) + q  with  q = 2 share / (1 - (1 - share)²);
    the share is the one that brings it nearest to 1.

    Returns:
        The share, and the variance in units of sigma² that it reaches.

    Source:
        Song and Ermon 2020, arXiv:2006.09011, proposition 2 and eq. 5
    """

    def reached(share: float) -> float:
        q = 1 / (1 - share / 2)
        return (1 - share) ** (2 * n_steps) * (ratio**2 - q) + q

    shares = [10 ** (-5 + 5 * i / 20_000) * 0.999 for i in range(20_001)]
    best = min(shares, key=lambda share: abs(reached(share) - 1))
    return best, reached(best)


def _phi(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
