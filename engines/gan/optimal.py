"""The best of all discriminators: exact data density, and the generator's estimated from its samples with an error.

Data and samples are blurred by the same Gaussian, so that the estimate has no bias: what it says is exactly the optimal
discriminator between the blurred distributions, up to the error of finitely many samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engines.datasets.base import Window
from engines.gan.losses import Optimum

FINE = 4  # bins along each cell
BLUR = 1 / 100  # of the window's side
LOWEST = -40.0  # log density below which there is nothing
REACH = 4.0  # standard deviations of the kernel that are summed


def blur_of(window: Window) -> float:
    """Standard deviation of the blur, in data units."""
    return BLUR * (window[1] - window[0])


def estimate_log_density(samples: Tensor, window: Window, resolution: int) -> Tensor:
    """Log density of samples blurred by `blur_of(window)`, at the centres of cells: a binned kernel estimate.

    Args:
        samples: Points, shape (N, 2), data units.
        window: x0, x1, y0, y1.
        resolution: R.

    Returns:
        Nats, shape (R, R), lowest y first; at least LOWEST.

    Source:
        Silverman 1982, Kernel density estimation using the fast Fourier transform, AS 176 (here by separable sums)
    """
    x0, x1, y0, y1 = window
    n_bins = FINE * resolution
    size = (x1 - x0) / n_bins
    column = ((samples[:, 0] - x0) / size).floor()
    row = ((samples[:, 1] - y0) / size).floor()
    inside = (column >= 0) & (column < n_bins) & (row >= 0) & (row < n_bins)
    bins = (row * n_bins + column)[inside].long()
    counts = torch.bincount(bins, minlength=n_bins**2).view(n_bins, n_bins).float()
    taps = _taps(resolution, size, blur_of(window)).to(counts)
    density = taps @ counts @ taps.T / len(samples)
    return density.log().clamp_min(LOWEST)


def _taps(resolution: int, size: float, blur: float) -> Tensor:
    """Density of the blur between each cell's centre and each bin, shape (R, FINE R)."""
    n_bins = FINE * resolution
    centres = (torch.arange(resolution, dtype=torch.float64) + 0.5) * FINE * size
    bins = (torch.arange(n_bins, dtype=torch.float64) + 0.5) * size
    apart = (centres[:, None] - bins) / blur
    kernel = torch.exp(-0.5 * apart.square()) / (blur * math.sqrt(2 * math.pi))
    return torch.where(apart.abs() <= REACH, kernel, 0.0)


def relative_error(log_density: Tensor, n_samples: int, window: Window) -> Tensor:
    """Standard error of the estimated density over itself: sqrt((1 / (4 pi h² q) - 1) / N), h the blur.

    Args:
        log_density: Nats, any shape.
        n_samples: N.
        window: x0, x1, y0, y1.
    """
    peak = 1 / (4 * math.pi * blur_of(window) ** 2)
    return ((peak * torch.exp(-log_density) - 1).clamp_min(0) / n_samples).sqrt()


def optimal_logits(log_data: Tensor, log_fake: Tensor, optimum: Optimum) -> Tensor | None:
    """What the best of all discriminators says, in the units of its loss; None where no closed form is known.

    Args:
        log_data: Log density of the data, any shape.
        log_fake: Log density of the generator, likewise.
        optimum: See `AdversarialLoss`.

    Source:
        Goodfellow et al. 2014, proposition 1, arXiv:1406.2661; Mao et al. 2017, eq. 5, arXiv:1611.04076; Lim and Ye
        2017, lemma 1, arXiv:1705.02894
    """
    ratio = log_data - log_fake
    forms = {"log_ratio": lambda: ratio, "share": ratio.sigmoid, "sign": ratio.sign}
    return forms[optimum]() if optimum in forms else None


def jensen_shannon(log_data: Tensor, log_fake: Tensor, cell_area: float) -> float:
    """Jensen-Shannon divergence of two densities on the same cells, 0 to log 2 nats, by a sum over the cells."""
    middle = torch.logaddexp(log_data, log_fake) - math.log(2)
    parts = log_data.exp() * (log_data - middle) + log_fake.exp() * (log_fake - middle)
    return float(0.5 * parts.sum() * cell_area)
