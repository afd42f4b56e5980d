"""A walk as a visitor sets it: which sampler, how many steps of which size, how warm, and from where.

The settings are fields with ranges, so that sliders, links and tests are made from them; `walk` carries them out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.datasets.base import Window
from engines.errors import SettingError
from engines.noise import normal_rows, uniform_rows
from engines.samplers.catalogue import SAMPLERS, Range
from engines.samplers.diffusion import ddim, heun, predictor_corrector
from engines.samplers.langevin import annealed_langevin, langevin, metropolis_langevin
from engines.samplers.levels import geometric_levels, karras_levels
from engines.samplers.state import Score, State
from engines.settings import Settings, setting

LEAST_WARMTH = 0.05  # of Metropolis: at temperature 0 no proposal could ever be taken back
HANDFUL = 0.15  # standard deviation of a handful, as a share of half the window
Density = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class WalkKind:
    """One way to walk.

    Attributes:
        title: Name on the page.
        idea: One sentence.
        is_held: Whether it stays at one noise level.
    """

    title: str
    idea: str
    is_held: bool = False


WALKS = {
    "hold": WalkKind(
        "Langevin at fixed σ", "Plain Langevin: noisy steps up the slope, all at the one noise level of the dial.", True
    ),
    **{key: WalkKind(SAMPLERS[key].title, SAMPLERS[key].idea) for key in ("annealed", "predictor_corrector")},
    **{key: WalkKind(SAMPLERS[key].title, SAMPLERS[key].idea) for key in ("ancestral", "ddim", "heun")},
    "metropolis": WalkKind(
        "Metropolis (MALA)",
        "MALA, Metropolis-adjusted Langevin: steps are taken back now and then, so that the density is met in the long "
        "run, whatever the step.",
        True,
    ),
}
STARTS = ("noise", "window", "point", "handful")
VIEWS = ("learned", "exact", "difference")


@dataclass(frozen=True)
class WalkSettings(Settings):
    """Everything that a visitor can turn about a walk."""

    view: str = setting("learned", "Field", "Which field is drawn, and which the particles follow.", choices=VIEWS)
    kind: str = setting("annealed", "Sampler", "How the particles move.", choices=tuple(WALKS))
    sigma: float = setting(
        0.0, "Noise σ", "The noise dial; 0: where the walk begins.", low=0.0, high=50.0, step=0.001, unit="data units"
    )
    share: float = setting(
        0.1,
        "Step a / σ²",
        "Step of annealed Langevin, as a share of σ². Try 1.5.",
        low=0.001,
        high=3.0,
        step=0.001,
        is_log=True,
    )
    step: float = setting(
        0.01,
        "Step a",
        "Step of Langevin at one level, in squared data units.",
        low=1e-5,
        high=10.0,
        step=1e-5,
        is_log=True,
    )
    temperature: float = setting(
        1.0,
        "Temperature",
        "T of p^(1/T): a factor on the variance of the noise in each step, so that 0.25 halves its width.",
        low=0.0,
        high=2.0,
        step=0.01,
    )
    level_steps: int = setting(30, "Steps a level", "Langevin steps at each noise level.", low=1, high=200, step=1)
    n_levels: int = setting(10, "Levels", "Noise levels from the largest to the least.", low=1, high=60, step=1)
    steps: int = setting(1000, "Steps", "Steps of a walk at one level.", low=10, high=3000, step=10, is_log=True)
    n_particles: int = setting(2000, "Particles", "How many are released.", low=100, high=5000, step=100)
    start: str = setting(
        "noise", "Start", "Noise of the largest level, uniform in the window, one point, or a handful.", choices=STARTS
    )
    ode_steps: int = setting(
        50, "Steps of the ODE", "Behind log p of the chosen point. Try 5.", low=5, high=100, step=1
    )


def walk(
    score: Score,
    x: Tensor,
    levels: Range,
    settings: WalkSettings,
    *,
    rng: torch.Generator,
    log_prob: Density | None = None,
) -> Iterator[State]:
    """Carry particles as the settings say.

    Args:
        score: What to follow.
        x: Where they start, shape (N, 2).
        levels: From where to where the noise falls; a held walk stays at `settings.sigma`, cut to this range.
        settings: The walk.
        rng: Random source; one on the CPU gives the same noise on every device.
        log_prob: (points, sigma) -> nats; Metropolis cannot do without.

    Raises:
        SettingError: If the step is so large that particles leave all bounds, or a density is missing.
    """
    t, kind = settings.temperature, settings.kind
    if WALKS[kind].is_held:
        sigma = min(max(settings.sigma, levels.sigma_min), levels.sigma_max)
        held: dict[str, Any] = {"step": settings.step, "n_steps": settings.steps, "rng": rng, "sigma": sigma}
        if kind == "hold":
            return langevin(score, x, **held, temperature=t)
        if log_prob is None:
            raise SettingError("Metropolis compares densities, and a score network has none: it needs the exact one.")
        moves = metropolis_langevin(lambda at: log_prob(at, sigma), score, x, **held, temperature=max(t, LEAST_WARMTH))
        return (state for state, _ in moves)
    if kind == "annealed":
        sigmas = geometric_levels(settings.n_levels, *levels)
        steps, share = settings.level_steps, settings.share
        return annealed_langevin(score, x, sigmas=sigmas, n_steps=steps, rng=rng, share=share, temperature=t)
    sigmas = [*karras_levels(settings.n_levels, *levels), 0.0]
    if kind == "predictor_corrector":
        return predictor_corrector(score, x, sigmas=sigmas, rng=rng, temperature=t)
    if kind == "heun":
        return heun(score, x, sigmas=sigmas)
    return ddim(score, x, sigmas=sigmas, rng=rng, eta=1.0 if kind == "ancestral" else 0.0, temperature=t)


def count_calls(settings: WalkSettings) -> int:
    """How often a walk calls its score (NFE); Metropolis asks at the start as well."""
    if WALKS[settings.kind].is_held:
        return settings.steps + (settings.kind == "metropolis")
    if settings.kind == "annealed":
        return settings.n_levels * settings.level_steps + 1
    return settings.n_levels * 2 - 1 if settings.kind in ("predictor_corrector", "heun") else settings.n_levels


def start_points(
    n: int,
    settings: WalkSettings,
    levels: Range,
    window: Window,
    mean: Tensor,
    std: Tensor,
    *,
    rng: torch.Generator,
    point: tuple[float, float] = (0.0, 0.0),
) -> Tensor:
    """Where a walk begins, (n, 2): see `WalkSettings.start`.

    Args:
        n: How many.
        settings: The walk.
        levels: The dial's range.
        window: x0, x1, y0, y1 of the target.
        mean: Of the target, shape (2,).
        std: Of the target along each axis: noise of the largest level is as wide as data and noise together.
        rng: Random source.
        point: Where one point, or a handful, lies.
    """
    noise = normal_rows(n, 2, rng=rng)
    if settings.start == "noise":
        return mean + (levels.sigma_max**2 + std.square()).sqrt() * noise
    x0, x1, y0, y1 = window
    if settings.start == "window":
        return torch.tensor([x0, y0]) + torch.tensor([x1 - x0, y1 - y0]) * uniform_rows(n, 2, rng=rng)
    spread = HANDFUL * math.sqrt((x1 - x0) * (y1 - y0)) / 2 if settings.start == "handful" else 0.0
    return torch.tensor(point, dtype=noise.dtype) + spread * noise
