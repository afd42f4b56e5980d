"""SAMPLERS: every sampler under one signature, so that they can be compared at the same number of calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from engines.errors import SettingError
from engines.registry import Registry
from engines.samplers.diffusion import ddim, heun, predictor_corrector
from engines.samplers.langevin import annealed_langevin
from engines.samplers.levels import geometric_levels, karras_levels
from engines.samplers.state import Score, State

MOST_LEVELS = 10  # of annealed Langevin dynamics: more calls are more steps at each


class Range(NamedTuple):
    """The noise levels that a model knows: data units."""

    sigma_min: float
    sigma_max: float


Path = Callable[..., Iterator[State]]


@dataclass(frozen=True)
class SamplerSpec:
    """One entry of `SAMPLERS`.

    Attributes:
        key: Name in links and measures.
        title: Name on the page.
        idea: One sentence.
        path: (score, x, levels, n_calls, rng, temperature) -> states from noise to data.
        paper: Source.
        fewest: Least number of calls that makes sense.
        is_random: Whether it draws noise on its way.
    """

    key: str
    title: str
    idea: str
    path: Path = field(repr=False)
    paper: str
    fewest: int
    is_random: bool

    def run(
        self,
        score: Score,
        x: Tensor,
        levels: Range,
        *,
        n_calls: int,
        rng: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Iterator[State]:
        """Carry noisy points at the largest level to the data.

        Args:
            score: What to follow.
            x: Points at `levels.sigma_max`, shape (N, *event).
            levels: The levels that the score knows.
            n_calls: Calls of the score, the number of function evaluations (NFE); never more are made, and fewer only
                where they do not divide.
            rng: Random source; one on the CPU gives the same noise on every device, where the sampler draws noise.
            temperature: T of p^(1/T), a factor on the variance of noise drawn on the way.

        Raises:
            SettingError: If there are too few calls, or a random source is missing.
        """
        if n_calls < self.fewest:
            raise SettingError(f"{self.title} needs at least {self.fewest} network calls, got {n_calls}.")
        if self.is_random and rng is None:
            raise SettingError(f"{self.title} draws noise on its way: it needs a random source.")
        return self.path(score, x, levels, n_calls, rng, temperature)


def last_state(path: Iterator[State]) -> State:
    """Where a path ends."""
    return deque(path, maxlen=1)[0]


def _down_to_zero(levels: Range, n_steps: int) -> list[float]:
    """n_steps + 1 levels, the last of them 0."""
    return [*karras_levels(n_steps, *levels), 0.0]


def _annealed(score: Any, x: Any, levels: Range, n_calls: int, rng: Any, temperature: float) -> Iterator[State]:
    sigmas = geometric_levels(min(MOST_LEVELS, n_calls - 1), *levels)
    n_steps = (n_calls - 1) // len(sigmas)
    return annealed_langevin(score, x, sigmas=sigmas, n_steps=n_steps, rng=rng, temperature=temperature)


def _predictor_corrector(score: Any, x: Any, levels: Range, n_calls: int, rng: Any, t: float) -> Iterator[State]:
    sigmas = _down_to_zero(levels, (n_calls + 1) // 2)
    return predictor_corrector(score, x, sigmas=sigmas, rng=rng, temperature=t)


def _ancestral(score: Any, x: Any, levels: Range, n_calls: int, rng: Any, t: float) -> Iterator[State]:
    return ddim(score, x, sigmas=_down_to_zero(levels, n_calls), rng=rng, eta=1.0, temperature=t)


def _ddim(score: Any, x: Any, levels: Range, n_calls: int, rng: Any, t: float) -> Iterator[State]:
    return ddim(score, x, sigmas=_down_to_zero(levels, n_calls), rng=rng)


def _heun(score: Any, x: Any, levels: Range, n_calls: int, rng: Any, t: float) -> Iterator[State]:
    return heun(score, x, sigmas=_down_to_zero(levels, (n_calls + 1) // 2))


SAMPLERS: Registry[SamplerSpec] = Registry(
    "sampler",
    [
        SamplerSpec(
            "annealed",
            "annealed Langevin",
            "Many small noisy steps up the slope at each noise level, from the largest to the least.",
            _annealed,
            "Song and Ermon 2019, arXiv:1907.05600",
            fewest=2,
            is_random=True,
        ),
        SamplerSpec(
            "predictor_corrector",
            "predictor-corrector",
            "A step of the reverse diffusion, then one Langevin step to repair what it got wrong.",
            _predictor_corrector,
            "Song et al. 2021, arXiv:2011.13456",
            fewest=1,
            is_random=True,
        ),
        SamplerSpec(
            "ancestral",
            "ancestral (DDPM)",
            "Guess the clean point, move part of the way, and add back a little less noise.",
            _ancestral,
            "Ho, Jain, Abbeel 2020, arXiv:2006.11239",
            fewest=1,
            is_random=True,
        ),
        SamplerSpec(
            "ddim",
            "Euler ODE (DDIM)",
            "The same way without fresh noise: the probability-flow ODE in straight pieces.",
            _ddim,
            "Song, Meng, Ermon 2021, arXiv:2010.02502",
            fewest=1,
            is_random=False,
        ),
        SamplerSpec(
            "heun",
            "Heun ODE",
            "The same ODE, each piece corrected by the slope at its end.",
            _heun,
            "Karras et al. 2022, arXiv:2206.00364",
            fewest=1,
            is_random=False,
        ),
    ],
)
