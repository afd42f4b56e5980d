"""The property cards of the flows of the plane, and what each costs at its usual size. Writes into assets/.

Costs are measured in rounds that take turns over all flows, and the fastest round counts, in CPU time of one thread.

    python benchmarks/bench_properties.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.bench_properties_kl import Kl, capacity_row, kls_of, solved_row
from benchmarks.machine import ROOT, keep, machine
from engines.build_checkpoints import FLOWS, SHIPPED
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer, train
from engines.training.run import Run

SEEDS, STEPS = range(4), 600
N_POINTS, ROUNDS = 1000, 5
CARDS, COSTS = ROOT / "assets" / "properties", ROOT / "assets" / "measured" / "flow_costs.json"
CONSTRAINTS = {
    "nice": "half of the coordinates stands still in each layer, and only one last scaling changes volume",
    "planar": "each layer has one direction, and w·u >= -0.999, in floating point too; the way back is the root of one "
    "increasing function",
    "radial": "each layer has one centre, and β >= -0.999 α",
    "glow": "half stands still in each coupling; the linear maps keep an LU form",
    "maf": "the coordinates have an order; samples take one pass for each of them",
    "iaf": "the coordinates have an order; densities of given points take one pass for each of them",
    "autoregressive_spline": "the coordinates have an order; splines act inside a bound and are monotone",
    "residual": "every layer contracts, so many are needed; the way back is iterated",
    "continuous": "paths never cross; both directions take steps of a solver",
    "stack": "what its layers ask for",
}
HALF = "half of the coordinates stands still in each layer"


def final_kls(model: str) -> list[float]:
    """KL to the truth on two moons for each seed."""
    return [list(train(Experiment.default(model, "moons", seed=seed, steps=STEPS), device="cpu"))[-1].metrics["kl"]
            for seed in SEEDS]  # fmt: skip


def shipped(model: str) -> dict[str, Mapping[str, Any]]:
    """The last measures of the stored runs at usual settings, by target."""
    runs = {s.dataset: Run.load(s.folder) for s in SHIPPED if s.model == model and not s.variant}
    return {dataset: run.snapshots[-1].metrics for dataset, run in runs.items()}


def works(model: str) -> dict[str, Callable[[], object]]:
    """What is timed: a training step, and N_POINTS densities and samples, as a trained model gives them."""
    trainer = Trainer(Experiment.default(model, "moons"), device="cpu")
    run = next(Run.load(s.folder) for s in SHIPPED if (s.model, s.dataset, s.variant) == (model, "moons", ""))
    flow, points = run.model(), torch.randn(N_POINTS, 2)
    return {
        "step_ms": trainer.advance,
        "density_ms": lambda: flow.log_prob(points),
        "sample_ms": lambda: flow.sample(N_POINTS, rng=make_rng(0)),
    }


def milliseconds(work: Callable[[], object], times: int = 20) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return 1000 * (time.process_time() - start) / times


def costs() -> dict[str, dict[str, float]]:
    """Milliseconds of each work of each flow."""
    all_works = {(model, name): work for model in FLOWS for name, work in works(model).items()}
    for work in all_works.values():
        milliseconds(work, 3)
    rounds = [{place: milliseconds(work) for place, work in all_works.items()} for _ in range(ROUNDS)]
    best = {place: min(each[place] for each in rounds) for place in all_works}
    return {model: {name: round(best[model, name], 3) for name in works(model)} for model in FLOWS}


def card_of(
    model: str, kls: list[float], ends: Mapping[str, Mapping[str, Any]], cost: Mapping[str, float], kl: Mapping[str, Kl]
) -> Any:
    """The card of one flow."""
    where = machine()
    worst = max(abs(m["integral"] - 1) for m in ends.values())
    integral = f"its integral over the plane is 1 to within {max(worst, 1e-4):.4f}"
    density = {
        "value": f"exact; {integral}",
        "how": "Midpoint rule on the doubled window, refined where there is mass; the worst of all stored runs.",
    }
    return {
        "stability": {
            "value": f"{len(kls)} seeds end between {min(kls):.3f} and {max(kls):.3f} nats on two moons "
            f"after {STEPS} steps",
            "how": f"Usual settings, {STEPS} steps, seeds 0 to {len(kls) - 1}; KL(data ‖ model) on held-out points.",
        },
        "capacity": capacity_row(model, kl),
        "density": solved_row(integral)[0] if model == "continuous" else density,
        "constraints": {
            "value": f"invertible, latent and data have the same dimension; {CONSTRAINTS.get(model, HALF)}",
            "how": "By construction; round trip and log-determinant are held against autograd in the tests.",
        },
        "speed": {
            "value": f"{1000 / cost['step_ms']:,.0f} training steps, {1e6 / cost['sample_ms']:,.0f} samples, "
            f"{1e6 / cost['density_ms']:,.0f} densities a second",
            "how": f"CPU time of one thread of {where['cores']} cores, batch 256 in training and {N_POINTS:,} else, "
            f"torch {where['torch']}; all flows in turn, fastest of {ROUNDS} rounds.",
        },
    }


def main() -> None:
    """Measure, keep the numbers, and write the cards."""
    use_threads(1)
    cost = costs()
    COSTS.write_text(json.dumps(cost, indent=1) + "\n", encoding="utf-8")
    found: dict[str, Any] = {}
    for model in FLOWS:
        kls, ends, kl = final_kls(model), shipped(model), kls_of(model)
        found[model] = {"kl_moons_by_seed": kls, "kl_by_target": kl} | cost[model]
        text = json.dumps(card_of(model, kls, ends, cost[model], kl), indent=1, ensure_ascii=False)
        Path(CARDS / f"{model}.json").write_text(text + "\n", encoding="utf-8")
    keep("properties", found)


if __name__ == "__main__":
    main()
