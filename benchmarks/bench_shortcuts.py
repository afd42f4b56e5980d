"""Time and quality of every way from noise to data, on the stored runs; and what few steps do to a likelihood.

The claim: a one-step student is at least 150 times faster per sample than annealed Langevin dynamics, and inside its
teacher's band. All in one run on one thread. Writes results/shortcuts.json and assets/measured/shortcuts.json.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import torch

from app.views.fast_sampling.asks import WAYS
from benchmarks.machine import ROOT, keep, machine
from engines.datasets import DATASETS
from engines.metrics.bands import energy_band, energy_from_truth
from engines.samplers import last_state
from engines.score.likelihood import ode_log_prob
from engines.score.score_field import ScoreField
from engines.tensors import make_rng, use_threads
from engines.training.run import Run

CALLS = {"annealed": 301, "heun": 19, "teacher": 19, "flow": 8, "reflow": 1, "consistency": 1}
TARGETS = ("ring", "moons")
N, SEEDS, REPEATS = 2000, 8, 5
STEPS, N_LIKELIHOOD = (5, 10, 20, 50, 100), 1000
SHIPPED = ROOT / "checkpoints" / "score"
MEASURED = ROOT / "assets" / "measured" / "shortcuts.json"
WANTED = 150  # times faster than annealed Langevin


def stored(model: str, target: str) -> Any:
    """The model of a stored run."""
    return Run.load(SHIPPED / f"{model}-{target}").model().eval()


def carry(way: str, model: Any, seed: int) -> torch.Tensor:
    """N samples."""
    rng = make_rng(seed)
    return last_state(WAYS[way].path(model, torch.randn(N, 2, generator=rng), CALLS[way], rng)).x


def microseconds(way: str, model: Any) -> float:
    """Median processor time of a sample: other programs on the machine count little."""
    repeats, taken = REPEATS if CALLS[way] > 100 else 8 * REPEATS, []
    carry(way, model, 0)
    for seed in range(repeats):
        start = time.process_time()
        carry(way, model, seed)
        taken.append(time.process_time() - start)
    return 1e6 * statistics.median(taken) / N


def ways_on(target: str) -> dict[str, dict[str, float]]:
    """Calls, time, ratio to Langevin, energy distance (mean and spread over seeds) and band of each way."""
    density: Any = DATASETS[target].density
    found, band = {}, energy_band(density, N)
    for way, n_calls in CALLS.items():
        model = stored(WAYS[way].model, target)
        energies = [energy_from_truth(carry(way, model, seed), density) for seed in range(SEEDS)]
        found[way] = {
            "calls": n_calls,
            "microseconds": microseconds(way, model),
            "energy": statistics.mean(energies),
            "energy_spread": statistics.stdev(energies),
            "seeds_inside": sum(energy <= band.high for energy in energies),
            "band": band.high,
        }
    for facts in found.values():
        facts["ratio"] = found["annealed"]["microseconds"] / facts["microseconds"]
    return found


def likelihood() -> dict[str, Any]:
    """Mean -log p of true points of the ring by the ODE with more and more steps, in nats."""
    density: Any = DATASETS["ring"].density
    x = density.sample(N_LIKELIHOOD, rng=make_rng(9)).float()
    found: dict[str, Any] = {"steps": STEPS, "n": N_LIKELIHOOD, "exact": float(-density.log_prob(x).mean())}
    for name in ("score_field", "flow_matching"):
        model = stored(name, "ring")
        base = model.base_log_prob if isinstance(model, ScoreField) else model._base_log_prob  # noqa: SLF001
        found[name] = [
            float(-ode_log_prob(model.score, x, model.levels, base, n_steps=steps).detach().mean()) for steps in STEPS
        ]
        if isinstance(model, ScoreField):
            found["noised"] = float(-density.noised(model.levels.sigma_min).log_prob(x).mean())
    return found


def main() -> None:
    """Measure, keep the numbers, and write what the page shows."""
    use_threads(1)
    with torch.inference_mode():
        ways = {target: ways_on(target) for target in TARGETS}
    claims = {
        target: {
            "ratio": ways[target]["consistency"]["ratio"],
            "is_fast": ways[target]["consistency"]["ratio"] >= WANTED,
            "is_inside": ways[target]["consistency"]["energy"] <= ways[target]["consistency"]["band"],
        }
        for target in TARGETS
    }
    found = {"ways": ways, "likelihood": likelihood(), "repeats": REPEATS, "seeds": SEEDS}
    keep("shortcuts", found | {"claims": claims})
    text = json.dumps(found | {"machine": machine()}, indent=1)
    MEASURED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
