"""How far each stored flow is from the truth, on 100,000 fresh points, with its error: a row of each card.

Also by how much the solver's steps of the continuous flows change their densities. It reads stored runs and rewrites
nothing but those rows of the cards; `bench_properties.py` makes whole ones.

    python -m benchmarks.bench_properties_kl [MODEL ...]     none: all flows of the plane and distillation
"""

from __future__ import annotations

import copy
import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import ROOT, keep
from engines.build_checkpoints import FLOWS, SHIPPED
from engines.datasets import DATASETS
from engines.flows.distillation.base import Distillation
from engines.flows.layers.continuous import Continuous
from engines.metrics.divergences import kl_from_data
from engines.tensors import make_rng, use_threads
from engines.training.run import Run

N_POINTS, N_SOLVED, FINE = 100_000, 1_000, 64
CARDS = ROOT / "assets" / "properties"
SHOWN = {"moons": "two moons", "ring": "ring of 8", "spirals": "two spirals"}
Kl = tuple[float, float]


def said(kl: Kl) -> str:
    """A KL with its error, to the digit in which the error begins: 0.0126 ± 0.0004."""
    digits = max(0, -math.floor(math.log10(max(kl[1], 1e-6))))
    return f"{kl[0]:.{digits}f} ± {kl[1]:.{digits}f}"


def points_of(dataset: str, n: int = N_POINTS) -> tuple[Tensor, Tensor]:
    """Fresh points and their exact log density."""
    density: Any = DATASETS[dataset].density
    x = density.sample(n, rng=make_rng(77))
    return x.float(), density.log_prob(x.double())


def runs_of(model: str) -> dict[str, Run]:
    """The stored runs at usual settings, by target."""
    return {s.dataset: Run.load(s.folder) for s in SHIPPED if s.model == model and not s.variant and s.dataset in KNOWN}


KNOWN = ("moons", "ring", "spirals", "pinwheel", "checkerboard", "rings")


def kls_of(model: str) -> dict[str, Kl]:
    """KL(data || model) of each, with its standard error."""
    found = {}
    for dataset, run in runs_of(model).items():
        x, true = points_of(dataset)
        found[dataset] = kl_from_data(run.model(), true, x)
    return found


def plans_of(model: str) -> str:
    """How the stored runs were trained: the plan that most share, and where it differs."""
    plans = {name: f"{r.experiment.steps:,} steps of {r.experiment.batch_size}" for name, r in runs_of(model).items()}
    most = max(set(plans.values()), key=list(plans.values()).count)
    others = [f"{name} {plan}" for name, plan in sorted(plans.items()) if plan != most]
    return "; ".join([most, *others])


def capacity_row(model: str, kls: Mapping[str, Kl]) -> dict[str, str]:
    """The row of a card."""
    reached = ", ".join(f"{name} {said(kl)}" for name, kl in sorted(kls.items()))
    return {
        "value": ", ".join(f"{title} {said(kls[name])}" for name, title in SHOWN.items()) + " nats from the truth",
        "how": f"KL(data ‖ model) of the stored runs ({plans_of(model)}) on {N_POINTS:,} fresh points, ± one standard "
        f"error: {reached} nats.",
    }


def solver_gap(run: Run) -> Kl:
    """By how much log p at points of the data changes with `FINE` steps of the solver: mean and most, nats."""
    x, _ = points_of(run.experiment.dataset, N_SOLVED)
    model = run.model().double()
    fine = copy.deepcopy(model)
    for layer in fine.modules():
        if isinstance(layer, Continuous):
            layer.n_steps = FINE
    with torch.no_grad():
        gap = (model.log_prob(x.double()) - fine.log_prob(x.double())).abs()
    return float(gap.mean()), float(gap.max())


def solved_row(integral: str) -> tuple[dict[str, str], dict[str, Kl]]:
    """The row on density of the continuous flows, whose density is that of a solver."""
    gaps = {dataset: solver_gap(run) for dataset, run in runs_of("continuous").items() if dataset in SHOWN}
    mean, most = (max(gap[i] for gap in gaps.values()) for i in range(2))
    told = "; ".join(f"{name} {gap[0]:.1g}, {gap[1]:.1g}" for name, gap in sorted(gaps.items()))
    return {
        "value": f"exact up to a solver of four steps: log p is off by {mean:.1g} nats in the mean, {most:.1g} at "
        f"most; {integral}",
        "how": f"Against {FINE} steps, at {N_SOLVED:,} points of each target (mean, most): {told} nats. Integral: "
        "midpoint rule on the doubled window, refined where there is mass; the worst of all stored runs.",
    }, gaps


def distillation_row() -> tuple[dict[str, str], dict[str, Any]]:
    """Teacher and student from the truth, and the student from its teacher."""
    found: dict[str, Any] = {}
    for dataset in ("moons", "ring"):
        model = Run.load(ROOT / "checkpoints" / "flow" / f"distillation-{dataset}").model()
        assert isinstance(model, Distillation)  # noqa: S101
        x, true = points_of(dataset)
        found[dataset] = {
            "teacher": kl_from_data(model.teacher, true, x),
            "student": kl_from_data(model, true, x),
            "distilled": model.distilled_kl(N_POINTS, rng=make_rng(78)),
        }
    moons, ring = ({who: said(kl) for who, kl in found[name].items()} for name in ("moons", "ring"))
    return {
        "value": f"two moons: teacher {moons['teacher']}, student {moons['student']}; ring of 8: {ring['teacher']}, "
        f"{ring['student']} nats from the truth",
        "how": f"KL(data ‖ model) of the stored runs on {N_POINTS:,} fresh points, ± one standard error. KL(student ‖ "
        f"teacher) on as many samples of the student: moons {moons['distilled']}, ring {ring['distilled']} nats.",
    }, found


def rewrite(model: str, rows: Mapping[str, dict[str, str]]) -> None:
    """Put rows into the card of a model."""
    path = CARDS / f"{model}.json"
    card = json.loads(path.read_text(encoding="utf-8")) | dict(rows)
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(models: list[str]) -> None:
    """Measure, keep the numbers, and rewrite the rows."""
    use_threads(1)
    results = ROOT / "benchmarks" / "results" / "properties_kl.json"
    found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else {}
    for model in models or [*FLOWS, "distillation"]:
        if model == "distillation":
            row, found[model] = distillation_row()
            rewrite(model, {"capacity": row})
            continue
        found[model] = kls_of(model)
        rewrite(model, {"capacity": capacity_row(model, found[model])})
        if model == "continuous":
            integral = json.loads((CARDS / "continuous.json").read_text(encoding="utf-8"))["density"]["value"]
            row, found["continuous_solver"] = solved_row(integral.split("; ")[-1])
            rewrite(model, {"density": row})
    keep("properties_kl", found)


if __name__ == "__main__":
    main(sys.argv[1:])
