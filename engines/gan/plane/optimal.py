"""The best of all discriminators: exact data density, and the generator's estimated from its samples with an error.

Data and samples are blurred by the same Gaussian, so that the estimated density has no bias of its own: what it says is
exactly the optimal discriminator between the blurred distributions, up to the error of finitely many samples. How often
that one is right is scored on other samples than those it was made of; on its own it would seem to tell equal
distributions apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.datasets.base import Window
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.losses import Optimum
from engines.probes import cell_centres

FINE = 4  # bins along each cell
BLUR = 1 / 100  # of the window's side
LOWEST = -40.0  # log density below which there is nothing
REACH = 4.0  # standard deviations of the kernel that are summed
SURE_OF_DATA = math.log(1e-9)  # density beyond the window from which on a point counts as real
PRIOR = 1.0  # points that a careful judge adds to what it counts of both
BOLDNESS = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of its log odds that a careful judge may dare to say


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


@dataclass(frozen=True)
class ToldApart:
    """How well a generator and its data can be told apart.

    Attributes:
        accuracy: Share of right answers of a judge that is close to the best of all: an estimate of a lower limit.
        accuracy_error: Its standard error.
        js: Jensen-Shannon divergence, an estimate of a lower limit, nats.
        js_error: Its standard error.
    """

    accuracy: float
    accuracy_error: float
    js: float
    js_error: float


class BestJudge:
    """Says log p/q of points: the data's density p exact, the generator's q from its samples, both blurred alike.

    Args:
        density: The data.
        samples: Of the generator, shape (N, 2).
        side: Cells along each axis of the window.
    """

    def __init__(self, density: GaussianMixture, samples: Tensor, side: int) -> None:
        self._density, self._side, self._n = density, side, len(samples)
        window = density.window
        blurred = density.noised(blur_of(window))
        self.log_data = blurred.log_prob(cell_centres(window, side).double()).float()  # (side²,)
        self.log_fake = estimate_log_density(samples, window, side).flatten()

    def logits(self, x: Tensor) -> Tensor:
        """Above 0 for real: points (N, 2) -> (N,); beyond the window the generator's density counts as none."""
        best = optimal_logits(self.log_data, self.log_fake, "log_ratio")
        assert best is not None  # noqa: S101
        at, is_inside = self._cells(x)
        own = self._density.noised(blur_of(self._density.window)).log_prob(x.double()).float()
        return torch.where(is_inside, best[at], torch.where(own > SURE_OF_DATA, 1.0, -1.0))

    def careful_logits(self, x: Tensor) -> Tensor:
        """The same, but near 0 where few points were seen: both counts under the kernel grow by PRIOR first."""
        area = 4 * math.pi * blur_of(self._density.window) ** 2
        real, fake = (self._n * area * each.exp() + PRIOR for each in (self.log_data, self.log_fake))
        at, is_inside = self._cells(x)
        return torch.where(is_inside, (real / fake).log()[at], 0.0)

    def _cells(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The cell of each point, and whether it lies in the window at all."""
        (x0, x1, y0, y1), side = self._density.window, self._side
        column = ((x[:, 0] - x0) / (x1 - x0) * side).floor().long()
        row = ((x[:, 1] - y0) / (y1 - y0) * side).floor().long()
        is_inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
        return (row * side + column).clamp(0, side * side - 1), is_inside


def told_apart(density: GaussianMixture, samples: Tensor, truth: Tensor, side: int) -> ToldApart:
    """Let a judge made of one half of the samples answer for the other half and for true points, and the other way.

    Accuracy: mean share of right answers of both. JS >= log 2 + (E_data log D + E_generator log(1 - D)) / 2 for any D;
    D is the careful judge, and how much of its log odds it dares to say is chosen where the other one is scored. No
    judge saw what it is scored on, so neither estimate is too high in the mean: equal distributions give 50 % and 0.

    Args:
        density: The data.
        samples: Of the generator, shape (N, 2), CPU.
        truth: True points that no judge is made of, shape (N, 2).
        side: Cells along each axis of the judges' maps.

    Source:
        Goodfellow et al. 2014, theorem 1, arXiv:1406.2661: the game's value is a lower limit for any discriminator
    """
    n = len(samples) // 2
    halves = [(samples[:n], samples[n : 2 * n], truth[:n]), (samples[n : 2 * n], samples[:n], truth[n : 2 * n])]
    judges = [BestJudge(density, seen, side) for seen, _, _ in halves]
    answers = [
        torch.stack([judge.logits(real) > 0, judge.logits(fake) <= 0])
        for judge, (_, fake, real) in zip(judges, halves, strict=True)
    ]
    right = torch.cat(answers, dim=1).float()  # (2, N): of true points, and of generated ones
    values = [_values(judge, fake, real) for judge, (_, fake, real) in zip(judges, halves, strict=True)]
    best = [int(each.mean(2).sum(1).argmax()) for each in values]
    value = torch.cat([values[0][best[1]], values[1][best[0]]], dim=1)
    js = math.log(2) + float(value.mean(1).sum()) / 2
    return ToldApart(float(right.mean()), _error_of(right), js, _error_of(value))


def _values(judge: BestJudge, fake: Tensor, real: Tensor) -> Tensor:
    """log D of true points and log(1 - D) of generated ones, by boldness: shape (BOLDNESS, 2, N)."""
    bold = torch.tensor(BOLDNESS)[:, None]
    odds = judge.careful_logits(real), judge.careful_logits(fake)
    return torch.stack([F.logsigmoid(bold * odds[0]), F.logsigmoid(-bold * odds[1])], dim=1)


def _error_of(rows: Tensor) -> float:
    """Standard error of the mean of the means of two rows, (2, N)."""
    return float((rows.var(1) / rows.shape[1]).sum().sqrt()) / 2
