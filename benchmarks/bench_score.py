"""Scores in the plane: how near the exact one, how well each sampler does with it, and how long it takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import ROOT, keep
from engines.datasets import DATASETS
from engines.metrics.bands import energy_band, energy_from_truth
from engines.metrics.modes import mode_shares
from engines.samplers import SAMPLERS, Range, last_state
from engines.samplers.langevin import annealed_langevin, langevin, metropolis_langevin
from engines.samplers.levels import geometric_levels
from engines.score.likelihood import checked_log_prob
from engines.score.measures import N_LEVELS_AT_END, N_POINTS_AT_END
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer
from engines.training.run import Run

SHIPPED = ROOT / "checkpoints" / "score"
PLANE = [key for key, spec in DATASETS.items() if spec.kind == "plane"]
SEEDS = range(3)
LEVELS = Range(0.02, 5.0)


def score_errors() -> dict[str, Any]:
    """Mean of sigma² E|s - s*|² over twelve levels after 6,000 steps, on every target, and the processor seconds."""
    found = {}
    for target in PLANE:
        trainer = Trainer(Experiment.default("score_field", target), device="cpu")
        start = time.process_time()
        while not trainer.is_done:
            trainer.advance()
        taken, model = time.process_time() - start, trainer.model
        levels = geometric_levels(N_LEVELS_AT_END, *model.levels)
        error = model.measures.score_errors(model, levels, N_POINTS_AT_END)["score_error"]
        found[target] = {"score_error": round(error, 5), "cpu_seconds": round(taken, 1)}
        print(target, found[target], flush=True)
    return found


def sampler_energies() -> dict[str, Any]:
    """Energy distance of 2,000 samples of stored runs at most calls, with the band of true samples."""
    found = {}
    for target in ("ring", "moons"):
        model: Any = Run.load(SHIPPED / f"score_field-{target}").model()
        density: Any = DATASETS[target].density
        found[target] = {"band_high": energy_band(density, 2000).high}
        for key in SAMPLERS:
            calls = 301 if key == "annealed" else 50
            energies = [energy_from_truth(path_end(model, key, calls, seed), density) for seed in SEEDS]
            found[target][key] = {"calls": calls, "median_energy": statistics.median(energies)}
    return found


def path_end(model: Any, key: str, n_calls: int, seed: int, n: int = 2000) -> Tensor:
    with torch.no_grad():
        return last_state(model.sample_path(n, rng=make_rng(seed), sampler=key, n_calls=n_calls)).x


def langevin_milliseconds() -> dict[str, float]:
    """Annealed Langevin dynamics of 500 particles, 300 steps and a last call, by a stored network."""
    model: Any = Run.load(SHIPPED / "score_field-ring").model()
    return {"processor_ms": 1000 * seconds(lambda: path_end(model, "annealed", 301, 0, 500), 7)}


def two_modes() -> dict[str, Any]:
    """Share of 1,280 particles at the mode of weight 0.8, with the exact score (Song and Ermon 2019, section 3.2.2)."""
    density: Any = DATASETS["two_modes"].density

    def score(x: Tensor, sigma: float) -> Tensor:
        return density.noised(sigma).score(x)

    shares: dict[str, list[float]] = {"start": [], "plain": [], "annealed": []}
    for seed in SEEDS:
        start = 16 * torch.rand(1280, 2, generator=make_rng(seed)) - 8
        ends = {
            "start": start,
            "plain": last(langevin(score, start, step=0.05, n_steps=1000, rng=make_rng(seed + 10))),
            "annealed": last(
                annealed_langevin(
                    score,
                    start,
                    sigmas=geometric_levels(10, 1.0, 20.0),
                    n_steps=100,
                    rng=make_rng(seed + 20),
                    share=0.05,
                )
            ),
        }
        for name, end in ends.items():
            shares[name].append(round(float(mode_shares(end, density.modes)[0]), 3))
    return shares


def metropolis() -> dict[str, float]:
    """Variance of a standard Gaussian after large steps, a = 0.5: unadjusted 1 / (1 - a / 2), adjusted 1."""
    density: Any = DATASETS["gaussian"].density
    start = torch.randn(20_000, 2, generator=make_rng(0))
    plain = langevin(lambda x, _: -x, start, step=0.5, n_steps=60, rng=make_rng(1))
    path = metropolis_langevin(density.log_prob, lambda x, _: -x, start, step=0.5, n_steps=60, rng=make_rng(2))
    adjusted = list(path)[-1][0].x
    return {"unadjusted": float(last(plain).var()), "expected": 1 / 0.75, "adjusted": float(adjusted.var())}


def likelihood() -> dict[str, Any]:
    """Mean error of the ODE's log density with the exact score, nats, and what the check says, by Heun steps."""
    density: Any = DATASETS["ring"].density
    x = density.noised(LEVELS.sigma_min).sample(1000, rng=make_rng(0)).double()
    truth, base = density.noised(LEVELS.sigma_min).log_prob(x), density.noised(LEVELS.sigma_max).log_prob

    def score(at: Tensor, sigma: float) -> Tensor:
        return density.noised(sigma).score(at)

    found = {}
    for n_steps in (5, 10, 20, 50, 100):
        estimate = checked_log_prob(score, x, LEVELS, base, n_steps=n_steps)
        found[str(n_steps)] = {
            "off": float((estimate.value - truth).mean()),
            "check": float(estimate.error.mean()),
        }
    return found


def last(states: Iterable[Any]) -> Tensor:
    return last_state(iter(states)).x


def seconds(work: Callable[[], object], times: int) -> float:
    """Median processor seconds of a call, after a first one."""
    work()
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    use_threads()
    questions = (langevin_milliseconds, two_modes, metropolis, likelihood, sampler_energies, score_errors)
    keep("score", {question.__name__: question() for question in questions})
