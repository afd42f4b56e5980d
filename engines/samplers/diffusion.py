"""Samplers that carry noise to data level by level, as many calls as levels or a few more.

All are written for data plus noise of standard deviation sigma (the "variance exploding" form), of which the others
are a change of scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from engines.samplers.state import Score, State, check_levels, gaussian_like

SNR = 0.16  # of the corrector, as in the paper


def ddim(
    score: Score,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    rng: torch.Generator,
    eta: float = 0.0,
    temperature: float = 1.0,
) -> Iterator[State]:
    """Steps between levels through the expected clean point, with a share eta of the noise drawn anew.

    x' = D + sqrt(s'² - n²) (x - D) / s + n z,   D = x + s² score(x, s),   n = eta s' sqrt(s² - s'²) / s

    eta = 0 is DDIM, which here is Euler's method for the probability-flow ODE dx/dsigma = -sigma score(x, sigma);
    eta = 1 is the ancestral sampler of DDPM. A last level of 0 ends on D.

    Args:
        score: What to follow.
        x: Noisy points at the first level, shape (N, *event).
        sigmas: The levels, falling; one call for each but the last.
        rng: Random source; one on the CPU gives the same noise on every device.
        eta: Share of fresh noise, 0 to 1.
        temperature: A factor on the variance of the fresh noise.

    Source:
        Song, Meng, Ermon 2021, DDIM, eq. 12 and 16, arXiv:2010.02502; Ho, Jain, Abbeel 2020, DDPM, arXiv:2006.11239
    """
    check_levels(sigmas)
    for i, (sigma, lower) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
        clean = x + sigma**2 * score(x, sigma)
        fresh = eta * lower * math.sqrt(sigma**2 - lower**2) / sigma
        kept = math.sqrt(max(0.0, lower**2 - fresh**2))
        x = clean + kept * (x - clean) / sigma
        if fresh > 0:
            x = x + fresh * math.sqrt(temperature) * gaussian_like(x, rng)
        yield State(x, lower, i + 1)


def heun(score: Score, x: Tensor, *, sigmas: Sequence[float]) -> Iterator[State]:
    """Heun's method for the probability-flow ODE: an Euler step, then the mean of the slopes at both of its ends.

    dx/dsigma = -sigma score(x, sigma). Two calls a step, one for a last step to 0.

    Args:
        score: What to follow.
        x: Noisy points at the first level, shape (N, *event).
        sigmas: The levels, falling.

    Source:
        Karras et al. 2022, Elucidating the design space, algorithm 1, arXiv:2206.00364
    """
    check_levels(sigmas)
    n_calls = 0
    for sigma, lower in zip(sigmas, sigmas[1:], strict=False):
        slope = -sigma * score(x, sigma)
        ahead = x + (lower - sigma) * slope
        n_calls += 1
        if lower > 0:
            slope = (slope - lower * score(ahead, lower)) / 2
            ahead = x + (lower - sigma) * slope
            n_calls += 1
        x = ahead
        yield State(x, lower, n_calls)


def predictor_corrector(
    score: Score,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    rng: torch.Generator,
    snr: float = SNR,
    temperature: float = 1.0,
) -> Iterator[State]:
    """A step of the reverse diffusion, then a step of Langevin dynamics at the level that was reached.

    Predictor: x' = x + (s² - s'²) score(x, s) + sqrt(s² - s'²) z. Corrector: step a = (snr s')². The paper has
    a = (snr ||z|| / ||score||)² with the norms averaged over the batch (its epsilon is 2 a), which ties each particle
    to all others; where noise rules, their ratio is s'. Two calls a step, one for a last step to 0.

    Args: as for `ddim`; snr: Signal-to-noise ratio of the corrector.

    Source:
        Song et al. 2021, Score-based generative modeling through SDEs, algorithms 2 and 4, arXiv:2011.13456
    """
    check_levels(sigmas)
    n_calls = 0
    for sigma, lower in zip(sigmas, sigmas[1:], strict=False):
        gap = sigma**2 - lower**2
        x = x + gap * score(x, sigma)
        n_calls += 1
        if lower > 0:
            x = x + math.sqrt(gap * temperature) * gaussian_like(x, rng)
            slope, noise = score(x, lower), gaussian_like(x, rng)
            step = (snr * lower) ** 2
            x = x + step * slope + math.sqrt(2 * step * temperature) * noise
            n_calls += 1
        yield State(x, lower, n_calls)
