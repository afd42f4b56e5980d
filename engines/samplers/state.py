"""What all samplers share: the score that they follow, and the state that they yield."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from engines.errors import SettingError
from engines.noise import normal_rows

# Gradient of the log density at a noise level: (x (B, *event), sigma) -> (B, *event), nats per data unit.
Score = Callable[[Tensor, float], Tensor]


class State(NamedTuple):
    """Where the particles are.

    Attributes:
        x: Particles, shape (N, *event), data units.
        sigma: Noise level that they have reached, data units.
        n_calls: Calls of the score so far (the number of function evaluations, NFE), each for all particles.
    """

    x: Tensor
    sigma: float
    n_calls: int


def gaussian_like(x: Tensor, rng: torch.Generator) -> Tensor:
    """Standard-normal noise in the shape of x by rows, so that no particle hangs on how many there are."""
    return normal_rows(len(x), *x.shape[1:], rng=rng, like=x)


def check_levels(sigmas: Sequence[float]) -> None:
    """Raise SettingError unless the levels fall, from the largest to the least, and none is negative."""
    falls = all(high > low for high, low in zip(sigmas, sigmas[1:], strict=False))
    if not sigmas or not falls or sigmas[-1] < 0:
        raise SettingError(f"Expected noise levels that fall and are not negative, got {list(sigmas)[:6]}.")


def check_step(step: float, n_steps: int) -> None:
    """Raise SettingError unless there is a positive step and at least one of it."""
    if not step > 0:
        raise SettingError(f"Expected a step size above 0, got {step:g}: a particle must move to get anywhere.")
    if n_steps < 1:
        raise SettingError(f"Expected at least one step, got {n_steps}.")


def check_finite(x: Tensor, step: float) -> None:
    """Raise SettingError if particles have left all bounds."""
    if not bool(x.isfinite().all()):
        raise SettingError(
            f"Particles have flown off to infinity: the step of {step:g} is too large where the slope is steep. "
            "Langevin dynamics needs a step below about twice the squared width of the narrowest part; try a tenth."
        )
