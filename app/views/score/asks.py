"""Questions to a score network of the plane: its whole field, a walk with the network itself, and log p by the ODE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor

from app.live.ask import MANY, need, read_int, read_place, read_rows
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS
from engines.datasets.base import Window
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import SettingError
from engines.metrics.bands import energy_band, energy_from_truth
from engines.metrics.modes import mode_shares
from engines.probes import cell_centres
from engines.samplers import Range, last_state
from engines.samplers.levels import geometric_levels
from engines.samplers.state import Score
from engines.samplers.walks import WalkSettings, count_calls, start_points, walk
from engines.score.score_field import SCORE_FIELD, ScoreField, ScoreFieldSettings, trained_range
from engines.tensors import make_rng, to_numpy
from engines.training import Experiment
from engines.training.run import Run

SIDE, N_LEVELS = 80, 16  # cells along each axis of a field, and noise levels
WIDER = 3.0  # standard deviations of a level's noise by which its grid is wider than the window
SIDE_ALONE = 240  # cells of a network that knows one level; its grid is three windows wide, for those who get lost
MOST_PARTICLES, LEAST_PARTICLES = 1000, 100
MOST_WORK = 300.0  # milliseconds of one core that a walk may take
CALL_WORK, PARTICLE_WORK = 0.33, 0.0016  # milliseconds of a call of the network, and of a particle in it
COMPONENT_WORK = 1.2e-5  # milliseconds of a component of the mixture at a particle
FARTHEST = 1000.0
FEWEST_STEPS, MOST_STEPS = 5, 100  # of the ODE behind a likelihood, as in `WalkSettings`
_SEED = 20_240_301


def spread_levels(levels: Range, n_levels: int = N_LEVELS) -> list[float]:
    """Levels of a stored field, the largest first; one for a model that knows but one."""
    return geometric_levels(n_levels, *levels) if levels.sigma_max > levels.sigma_min else [levels.sigma_max]


def level_box(window: Window, sigma: float, *, is_alone: bool = False) -> Window:
    """What the grid of a level covers: the window, and as far beyond as its noise carries points."""
    x0, x1, y0, y1 = window
    rim = WIDER * sigma + (x1 - x0 if is_alone else 0.0)
    return x0 - rim, x1 + rim, y0 - rim, y1 + rim


@lru_cache(maxsize=32)
def density_of(dataset: str, settings: tuple[tuple[str, Any], ...]) -> GaussianMixture:
    """The exact density of a target."""
    spec = DATASETS[dataset]
    return cast(GaussianMixture, spec.build(spec.settings.from_dict(dict(settings))))


def target_of(experiment: Experiment) -> GaussianMixture:
    """The exact density that an experiment learns."""
    return density_of(experiment.dataset, tuple(sorted(experiment.dataset_settings.items())))


def dial_of(experiment: Experiment) -> Range:
    """Between which levels the noise dial turns: those that the network knows, and those that are usual."""
    own = ScoreFieldSettings.from_dict(experiment.settings)
    usual = cast(ScoreFieldSettings, SCORE_FIELD.usual(experiment.dataset).settings)
    parts = trained_range(own), trained_range(usual)
    return Range(min(part.sigma_min for part in parts), max(part.sigma_max for part in parts))


@dataclass(frozen=True)
class FieldAsk:
    """The scaled score sigma s of the network, on cells over every level's box."""

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ScoreField, "a score network of the plane")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[FieldAsk]) -> dict[FieldAsk, Arrays]:
        """One field for all: field (L, SIDE, SIDE, 2), sigmas (L,), boxes (L, 4)."""
        found = look_at_field(model, target_of(run.experiment).window)
        return dict.fromkeys(asks, found)


def look_at_field(model: ScoreField, window: Window) -> Arrays:
    """The network's field as a canvas wants it."""
    sigmas = spread_levels(model.levels)
    is_alone = len(sigmas) == 1
    side, boxes = SIDE_ALONE if is_alone else SIDE, [level_box(window, s, is_alone=is_alone) for s in sigmas]
    parts = [s * model.score(cell_centres(box, side), s) for s, box in zip(sigmas, boxes, strict=True)]
    field = to_numpy(torch.stack(parts).view(-1, side, side, 2))
    return as_picture({"field": field}) | _places(sigmas, boxes)


@lru_cache(maxsize=24)
def exact_field(dataset: str, settings: tuple[tuple[str, Any], ...], levels: Range) -> Arrays:
    """The same of the exact density, with its log density: log_prob (L, SIDE, SIDE). Closed form."""
    density, sigmas = density_of(dataset, settings), spread_levels(levels)
    fields, logs, boxes = [], [], [level_box(density.window, sigma) for sigma in sigmas]
    for sigma, box in zip(sigmas, boxes, strict=True):
        points, noised = cell_centres(box, SIDE).double(), density.noised(sigma)
        fields.append(sigma * noised.score(points))
        logs.append(noised.log_prob(points))
    arrays = {
        "field": to_numpy(torch.stack(fields).view(-1, SIDE, SIDE, 2)),
        "log_prob": to_numpy(torch.stack(logs).view(-1, SIDE, SIDE)),
    }
    return as_picture(arrays) | _places(sigmas, boxes)


def _places(sigmas: list[float], boxes: list[Window]) -> Arrays:
    return {"sigmas": np.array(sigmas, np.float32), "boxes": np.array(boxes, np.float32)}


@dataclass(frozen=True)
class WalkAsk:
    """A walk with the network itself, or with the exact score itself, to hold the animated one against.

    Attributes:
        run, step: Whose weights.
        settings: The walk.
        point: Where one point, or a handful, starts.
        seed: Of start and noise.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    settings: WalkSettings
    point: tuple[float, float]
    seed: int = 0
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        values = message.get("walk")
        if not isinstance(values, dict):
            raise SettingError("Expected the settings of a walk.")
        settings = WalkSettings.from_dict(values)
        return cls(*read_place(message), settings, _point(message), read_int(message, "seed", 0, 9999, default=0))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ScoreField, "a score network of the plane")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[WalkAsk]) -> dict[WalkAsk, Arrays]:
        """Where each ends: points (N, 2), shares of the modes (M,), energy [distance, band's middle, band's high]."""
        return {ask: take_walk(model, run.experiment, ask) for ask in asks}


def take_walk(model: ScoreField, experiment: Experiment, ask: WalkAsk) -> Arrays:
    """One walk, of as many particles as a quarter of a second allows."""
    density, levels, settings = target_of(experiment), dial_of(experiment), ask.settings
    is_exact = settings.view == "exact" or settings.kind == "metropolis"
    n, rng = n_particles(settings, density, is_exact), make_rng(_SEED + ask.seed)
    x = start_points(n, settings, levels, density.window, model.mean, model.std, rng=rng, point=ask.point)
    noised = lru_cache(maxsize=128)(density.noised)

    def log_prob(at: Tensor, sigma: float) -> Tensor:
        return noised(sigma).log_prob(at)

    def exact(at: Tensor, sigma: float) -> Tensor:
        return noised(sigma).score(at)

    score: Score = exact if is_exact else model.score
    end = last_state(walk(score, x, levels, settings, rng=rng, log_prob=log_prob)).x
    if not bool(end.isfinite().all()):
        raise SettingError("The particles have left all bounds: the step is too large where the slope is steep.")
    band = band_of(experiment.dataset, tuple(sorted(experiment.dataset_settings.items())), n)
    energy = energy_from_truth(end, density)
    shares = np.zeros(0) if density.modes is None else to_numpy(mode_shares(end, density.modes))
    return as_picture({"points": to_numpy(end)}) | {
        "shares": shares.astype(np.float32),
        "energy": np.array([energy, *band], np.float32),
    }


@lru_cache(maxsize=64)
def band_of(dataset: str, settings: tuple[tuple[str, Any], ...], n: int) -> tuple[float, float]:
    """Middle and high of the energy distances of n true samples from the reference."""
    band = energy_band(density_of(dataset, settings), n)
    return band.middle, band.high


def n_particles(settings: WalkSettings, density: GaussianMixture, is_exact: bool) -> int:
    """How many particles a walk may have; a round number, so that few bands are needed."""
    per_particle = COMPONENT_WORK * len(density.weights) + 1e-4 if is_exact else PARTICLE_WORK
    n = (MOST_WORK / max(1, count_calls(settings)) - CALL_WORK) / per_particle
    return int(min(MOST_PARTICLES, max(LEAST_PARTICLES, n)) // 100 * 100)


@dataclass(frozen=True)
class OdeAsk:
    """Log density of a point by the probability-flow ODE, with the exact one.

    Attributes:
        run, step: Whose weights.
        x: The point.
        n_steps: Steps of Heun's method.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    x: tuple[float, float]
    n_steps: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), _point(message), read_int(message, "steps", FEWEST_STEPS, MOST_STEPS))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ScoreField, "a score network of the plane")
        if model.levels.sigma_max <= model.levels.sigma_min:
            raise SettingError("With a single noise level there is no way from a point to noise, and so no likelihood.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[OdeAsk]) -> dict[OdeAsk, Arrays]:
        """nats [value, change by half the steps, exact value, error of the base] of each; as many steps in one pass."""
        found: dict[OdeAsk, Arrays] = {}
        for n_steps in sorted({ask.n_steps for ask in asks}):
            group = [ask for ask in asks if ask.n_steps == n_steps]
            found |= dict(zip(group, _log_probs(model, run.experiment, group, n_steps), strict=True))
        return found


def _log_probs(model: ScoreField, experiment: Experiment, asks: Sequence[OdeAsk], n_steps: int) -> list[Arrays]:
    with torch.inference_mode(False):  # the trace of the flow takes derivatives
        x = torch.tensor([ask.x for ask in asks])
        found = model.checked_log_prob(x, n_steps)
        exact = target_of(experiment).noised(model.levels.sigma_min).log_prob(x)
    rows = torch.stack([found.value.detach(), found.by_steps.detach().abs(), exact, found.by_base.detach().abs()], 1)
    return [{"nats": to_numpy(row)} for row in rows]


def _point(message: Mapping[str, Any]) -> tuple[float, float]:
    rows = read_rows([message.get("x")], most_rows=1, most_columns=2, limit=FARTHEST)
    if len(rows[0]) != 2:
        raise SettingError("Expected a point of two numbers.")
    return round(rows[0][0], 3), round(rows[0][1], 3)
