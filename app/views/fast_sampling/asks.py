"""The question of the page of shortcuts: a way from noise to data with so many network calls, and how well it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from app.live.ask import read_int, read_place
from app.views.score.asks import band_of, target_of
from engines.blobs import Arrays, as_picture
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import SettingError
from engines.metrics.bands import energy_from_truth
from engines.noise import normal_rows
from engines.probes import fixed_noise
from engines.samplers import SAMPLERS, State
from engines.tensors import make_rng, to_numpy
from engines.training.experiment import Experiment
from engines.training.run import Run

N_POINTS = 1000  # of noise, the same for every way
MOST_WORK = 151_000  # points times calls: above that fewer points are carried
MOST_STATES = 24  # of a way: longer ones are thinned out evenly
MOST_SEED = 9999
STOPS = (1, 2, 3, 4, 5, 8, 10, 20, 50, 100, 301)
OWN_CALLS = 301  # of annealed Langevin dynamics, which the others are to beat
ODE_CALLS, JUMPS = 100, 4
N_TIMED = 3  # calls with each question
_SEED = 20_240_401

Path = Callable[[Any, Tensor, int, torch.Generator], Iterator[State]]


@dataclass(frozen=True)
class Way:
    """One way from noise to data.

    Attributes:
        title: Name on the page.
        idea: One sentence.
        model: Key of the model whose network it calls.
        path: (model, standard-normal noise (N, 2), calls, random source) -> states, the last one the samples.
        call: (model, points (N, 2)) -> one call of its network, for timing.
        fewest, most: Calls; more than the most would change nothing that can be seen.
        live: What a run in training shows of it, by the name in its snapshots; empty: nothing.
    """

    title: str
    idea: str
    model: str
    path: Path = field(repr=False)
    call: Callable[[Any, Tensor], Tensor] = field(repr=False)
    fewest: int = 1
    most: int = ODE_CALLS
    live: str = ""

    def clip(self, n_calls: int) -> int:
        """The nearest number of calls that it can do."""
        return min(max(n_calls, self.fewest), self.most)


def _sampled(key: str, most: int = ODE_CALLS, live: str = "") -> Way:
    def path(model: Any, noise: Tensor, n_calls: int, rng: torch.Generator) -> Iterator[State]:
        return SAMPLERS[key].run(model.score, model.start(noise), model.levels, n_calls=n_calls, rng=rng)

    spec = SAMPLERS[key]
    return Way(spec.title, spec.idea, "score_field", path, _score, spec.fewest, most, live)


def _flowing(title: str, idea: str, live: str, *, is_straight: bool) -> Way:
    def path(model: Any, noise: Tensor, n_calls: int, rng: torch.Generator) -> Iterator[State]:
        return model.carry(noise, n_calls, is_straight=is_straight)

    return Way(title, idea, "flow_matching", path, lambda model, x: model.velocity(x, 0.5), live=live)


def _score(model: Any, x: Tensor) -> Tensor:
    return model.score(x, 1.0)


WAYS: Mapping[str, Way] = {
    "annealed": _sampled("annealed", most=OWN_CALLS),
    "predictor_corrector": _sampled("predictor_corrector"),
    "ancestral": _sampled("ancestral"),
    "ddim": _sampled("ddim"),
    "heun": _sampled("heun", live="samples"),
    "flow": _flowing(
        "flow", "Its velocity is learned from straight lines between noise and data.", "flow_samples", is_straight=False
    ),
    "reflow": _flowing(
        "reflow", "A second flow, learned from where the first one leads: straighter.", "samples", is_straight=True
    ),
    "teacher": Way(
        "student's teacher",
        "The ODE that the student was taught by, with Heun's method.",
        "consistency",
        lambda model, noise, n, rng: SAMPLERS["heun"].run(model.score, model.start(noise), model.levels, n_calls=n),
        _score,
        live="teacher_samples",
    ),
    "consistency": Way(
        "consistency student",
        "Jumps to the end of the way; each further jump begins with a little fresh noise.",
        "consistency",
        lambda model, noise, n, rng: model.jumps(model.start(noise), n, rng),
        lambda model, x: model.jump(x, 1.0),
        most=JUMPS,
        live="samples",
    ),
}
SHOWN = ("annealed", "heun", "flow", "reflow", "consistency")
MODELS_OF_WAYS = tuple(dict.fromkeys(way.model for way in WAYS.values()))


@dataclass(frozen=True)
class WaysAsk:
    """One way with so many calls, from the noise of a seed.

    Attributes:
        run, step: Whose weights.
        way: Key of WAYS.
        n_calls: Network calls; a way makes as many, or the next number below that it can do.
        n: How many points.
        seed: Of the noise; 0 is the noise of every live picture.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    way: str
    n_calls: int
    n: int = N_POINTS
    seed: int = 0
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        way = message.get("way")
        if not isinstance(way, str) or way not in WAYS:
            raise SettingError(f"Expected a way of {', '.join(WAYS)}, got {str(way)[:20]!r}.")
        n_calls = read_int(message, "n_calls", WAYS[way].fewest, WAYS[way].most)
        n = read_int(message, "n", 2, N_POINTS, default=N_POINTS)
        return cls(*read_place(message), way, n_calls, n, read_int(message, "seed", 0, MOST_SEED, default=0))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        way = WAYS[self.way]
        if run.experiment.model != way.model:
            raise SettingError(f"{way.title} calls the network of {way.model}, but this run is {run.experiment.model}.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[WaysAsk]) -> dict[WaysAsk, Arrays]:
        """See `take_way`; one after the other."""
        return {ask: take_way(model, run.experiment, ask) for ask in asks}


def take_way(model: Any, experiment: Experiment, ask: WaysAsk) -> Arrays:
    """states (T, n, 2), calls (T,) made at each, facts: energy distance, the band's middle and high, milliseconds.

    The milliseconds are of all network calls for N_POINTS points. The first state is the noise itself, as wide as the
    data; noised points x at level sigma are shown where a flow would have them, at x / (1 + sigma / scale).
    """
    way, density = WAYS[ask.way], target_of(experiment)
    n = min(ask.n, MOST_WORK // ask.n_calls // 100 * 100)
    noise, rng = noise_of(ask.seed)[:n], make_rng(_SEED + 1 + ask.seed)
    mean, scale = frame_of(density)
    path = list(way.path(model, noise, ask.n_calls, rng))
    shown = [mean + scale * noise, *(_seen(state, way, mean, scale) for state in path[:-1]), path[-1].x]
    calls = [0, *(state.n_calls for state in path)]
    at = np.unique(np.linspace(0, len(shown) - 1, MOST_STATES).round().astype(int))
    per_call = _milliseconds(ask.run, way, model)
    arrays = as_picture({"states": to_numpy(torch.stack([shown[i] for i in at]))})
    facts = [*distance_of(experiment, path[-1].x), per_call * calls[-1], per_call * OWN_CALLS]
    return arrays | {"calls": np.array([calls[i] for i in at], np.int32), "facts": np.array(facts, np.float32)}


def noise_of(seed: int) -> Tensor:
    """Standard-normal noise, (N_POINTS, 2): of seed 0 that on which every run in training is looked at."""
    return normal_rows(N_POINTS, 2, rng=make_rng(_SEED + seed)) if seed else fixed_noise(N_POINTS)


def frame_of(density: GaussianMixture) -> tuple[Tensor, float]:
    """Mean (2,) and width of a target, which noise takes over."""
    return density.mean().float(), float(density.covariance().diagonal().mean().sqrt())


def distance_of(experiment: Experiment, end: Tensor) -> tuple[float, float, float]:
    """Energy distance of points from as many true ones, with the band of true samples from the same."""
    settings = tuple(sorted(experiment.dataset_settings.items()))
    band = band_of(experiment.dataset, settings, len(end))
    return energy_from_truth(end, target_of(experiment)), *band


def _seen(state: State, way: Way, mean: Tensor, scale: float) -> Tensor:
    """A state where a flow would have it; a flow's own states are there already."""
    return state.x if way.model == "flow_matching" else mean + (state.x - mean) / (1 + state.sigma / scale)


def _milliseconds(run: str, way: Way, model: Any) -> float:
    """Of one network call for N_POINTS points: the least processor time so far, so that other work counts little."""
    taken, points = _fastest(run, way.call), noise_of(0)
    for _ in range(N_TIMED):
        start = time.thread_time()
        way.call(model, points)
        taken[0] = min(taken[0], time.thread_time() - start)
    return 1000 * taken[0]


@lru_cache(maxsize=256)
def _fastest(run: str, call: Callable[[Any, Tensor], Tensor]) -> list[float]:
    """A place for the least seconds of one call."""
    return [math.inf]
