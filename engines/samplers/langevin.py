"""Langevin dynamics: a step up the slope of the log density, and a push of noise.

Convention, everywhere in GenLab:  x' = x + a s(x) + sqrt(2 a T) z  with z standard normal. The NCSN paper writes
alpha / 2 for a (so its alpha is twice our a), while its published code uses our form: they differ by a factor of two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from engines.noise import uniform_rows
from engines.samplers.state import Score, State, check_finite, check_levels, check_step, gaussian_like

STEP_SHARE = 0.1  # of sigma²: the step of annealed Langevin dynamics that mixes within a level and stays stable


def langevin(
    score: Score,
    x: Tensor,
    *,
    step: float,
    n_steps: int,
    rng: torch.Generator,
    sigma: float = 0.0,
    temperature: float = 1.0,
) -> Iterator[State]:
    """Unadjusted Langevin dynamics at one noise level.

    x' = x + a s(x, sigma) + sqrt(2 a T) z;  for a -> 0 it samples p^(1/T), for a > 0 with a bias of order a.

    Args:
        score: What to follow.
        x: Where the particles start, shape (N, *event).
        step: a, in squared data units.
        n_steps: How many; each costs one call.
        rng: Random source; one on the CPU gives the same noise on every device.
        sigma: Noise level at which the score is asked.
        temperature: T, a factor on the variance of the noise; 1 samples the density itself.

    Raises:
        SettingError: If the step is not positive, or so large that particles leave all bounds.

    Source:
        Roberts, Tweedie 1996, Exponential convergence of Langevin distributions, section 1.4.1
    """
    check_step(step, n_steps)
    for i in range(n_steps):
        x = x + step * score(x, sigma) + math.sqrt(2 * step * temperature) * gaussian_like(x, rng)
        check_finite(x, step)
        yield State(x, sigma, i + 1)


def metropolis_langevin(
    log_prob: Callable[[Tensor], Tensor],
    score: Score,
    x: Tensor,
    *,
    step: float,
    n_steps: int,
    rng: torch.Generator,
    sigma: float = 0.0,
    temperature: float = 1.0,
) -> Iterator[tuple[State, Tensor]]:
    """MALA, Metropolis-adjusted Langevin: steps are accepted or refused so that p^(1/T) is left exactly as it is.

    Particles that do not start there reach it in the long run. n steps cost n + 1 calls of the score.

    A proposal y from x is accepted with probability min(1, p(y)^(1/T) q(x | y) / (p(x)^(1/T) q(y | x))).

    Args: as for `langevin`; log_prob: (N, D) -> (N,) nats, of the density whose score is followed.

    Yields:
        The state, and which particles moved in this step, shape (N,).

    Source:
        Roberts, Tweedie 1996, section 1.4.2 (MALA)
    """
    check_step(step, n_steps)
    slope, level = score(x, sigma), log_prob(x)
    for i in range(n_steps):
        noise = gaussian_like(x, rng)
        proposal = x + step * slope + math.sqrt(2 * step * temperature) * noise
        new_slope, new_level = score(proposal, sigma), log_prob(proposal)
        back = x - proposal - step * new_slope
        backward = -back.square().flatten(1).sum(1) / (4 * step * temperature)
        forward = -0.5 * noise.square().flatten(1).sum(1)
        log_ratio = (new_level - level) / temperature + backward - forward
        chance = uniform_rows(len(x), rng=rng, like=x)
        moves = chance.log() < log_ratio  # a proposal beyond all bounds has a ratio of NaN and is refused
        keep = moves.view(-1, *[1] * (x.ndim - 1))
        x, slope = torch.where(keep, proposal, x), torch.where(keep, new_slope, slope)
        level = torch.where(moves, new_level, level)
        yield State(x, sigma, i + 2), moves


def annealed_langevin(
    score: Score,
    x: Tensor,
    *,
    sigmas: Sequence[float],
    n_steps: int,
    rng: torch.Generator,
    share: float = STEP_SHARE,
    temperature: float = 1.0,
    denoises: bool = True,
) -> Iterator[State]:
    """Langevin dynamics at one noise level after the other, from the largest to the least.

    Args:
        score: What to follow.
        x: Where the particles start, shape (N, *event).
        sigmas: The levels, falling.
        n_steps: Steps at each level.
        rng: Random source; one on the CPU gives the same noise on every device.
        share: The step at a level, as a share of its sigma².
        temperature: T of `langevin`.
        denoises: Whether the last state is moved to its expected clean point: one more call.

    Raises:
        SettingError: If levels do not fall, or the step is so large that particles leave all bounds.

    Source:
        Song and Ermon 2019, algorithm 1, arXiv:1907.05600; last denoising step: Song and Ermon 2020, arXiv:2006.09011
    """
    check_levels(sigmas)
    n_calls = 0
    for sigma in sigmas:
        for state in langevin(
            score, x, step=share * sigma**2, n_steps=n_steps, rng=rng, sigma=sigma, temperature=temperature
        ):
            x, n_calls = state.x, n_calls + 1
            yield State(x, sigma, n_calls)
    if denoises:
        yield State(x + sigmas[-1] ** 2 * score(x, sigmas[-1]), 0.0, n_calls + 1)
