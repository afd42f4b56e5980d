"""The property card of the page of shortcuts, for flow, reflow and student. Run bench_shortcuts.py before."""

from __future__ import annotations

import json
from typing import Any, cast

from benchmarks.bench_properties_score import nats_of
from benchmarks.bench_shortcuts import MEASURED, SHIPPED
from benchmarks.machine import ROOT, keep, machine
from engines.datasets import DATASETS
from engines.metrics.bands import energy_band
from engines.score.flow_matching import LIKELIHOOD_STEPS as FLOW_STEPS
from engines.score.measures import LIKELIHOOD_STEPS, N_LIKELIHOOD, N_SAMPLES
from engines.tensors import use_threads
from engines.training import Experiment, train
from engines.training.run import Run

SEEDS = (1, 2)  # beside the stored runs, whose seed is 0
CARD = ROOT / "assets" / "properties" / "shortcuts.json"
ONE_CALL = {"flow_matching": "reflow", "consistency": "consistency"}
TARGETS = {"flow_matching": ("ring", "moons", "checkerboard"), "consistency": ("ring", "moons")}


def stored(model: str, target: str) -> dict[str, Any]:
    """Final measures of a stored run."""
    return dict(Run.load(SHIPPED / f"{model}-{target}").snapshots[-1].metrics)


def by_seed(model: str) -> list[dict[str, float]]:
    """Energy distance with one call, and its band, on the ring: of the stored run and of other seeds."""
    runs = [stored(model, "ring")]
    for seed in SEEDS:
        *_, last = train(Experiment.default(model, "ring", seed=seed), device="cpu")
        runs.append(dict(last.metrics))
    return [_one_call(model, metrics) for metrics in runs]


def _one_call(model: str, metrics: dict[str, Any]) -> dict[str, float]:
    return {"energy": metrics[f"energies_{ONE_CALL[model]}"][0], "band": metrics["band_high"]}


def main() -> None:
    """Measure, keep the numbers, and write the card."""
    use_threads(1)
    found = {
        "by_seed": {model: by_seed(model) for model in ONE_CALL},
        "stored": {m: {t: _one_call(m, stored(m, t)) for t in targets} for m, targets in TARGETS.items()},
        "kl": {m: _kl(stored(m, "ring")) for m in ("score_field", "flow_matching")},
        "straightness": [stored("flow_matching", "ring")[n] for n in ("flow_straightness", "straightness")],
    }
    keep("properties_shortcuts", found)
    CARD.write_text(json.dumps(card(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The article's five questions, answered."""
    speed, where = json.loads(MEASURED.read_text(encoding="utf-8")), machine()
    reflow, student = (found["by_seed"][model] for model in ("flow_matching", "consistency"))
    ring, moons = (speed["ways"][target] for target in ("ring", "moons"))
    kl, likelihood = found["kl"], speed["likelihood"]
    high = energy_band(cast(Any, DATASETS["ring"].density), N_SAMPLES).high
    crooked, straight = found["straightness"]
    return {
        "stability": {
            "value": f"one call is inside the band with {_inside(reflow)} of {len(reflow)} seeds for the reflow, "
            f"{_inside(student)} of {len(student)} for the student (ring of 8)",
            "how": f"Default settings, seeds 0 to {len(SEEDS)}; energy distance of 2,000 samples: reflow "
            f"{_list(reflow)}, student {_list(student)}; 19 of 20 true samples stay below {high:.4f}. "
            "It is a U-statistic: of good samples it scatters around 0 and may be negative.",
        },
        "capacity": {
            "value": f"distance with one call: {_reached(found, 'flow_matching')} (reflow); "
            f"{_reached(found, 'consistency')} (student)",
            "how": f"The stored runs; bands of true samples: {_bands(found)}. The reflow's ways are "
            f"{crooked / straight:,.0f} times straighter than the flow's.",
        },
        "density": {
            "value": f"by an ODE only: KL {_nats(kl['flow_matching'])} (flow), {_nats(kl['score_field'])} (score "
            "network); the reflow's and the student's jumps have none",
            "how": f"Ring of 8, {N_LIKELIHOOD:,} points, {FLOW_STEPS} steps of Heun's method for the flow and "
            f"{LIKELIHOOD_STEPS} for the score network, exact trace; each with its error: which is lower is not told. "
            f"With 5 steps the flow reports {likelihood['flow_matching'][0]:.2f} nats where the truth is "
            f"{likelihood['exact']:.2f}.",
        },
        "constraints": {
            "value": "both copy a teacher: the reflow a flow, the student an ODE; neither gets better than its teacher",
            "how": "By construction. The student's further jumps draw noise, so its samples follow no fixed way.",
        },
        "speed": {
            "value": f"one call: {ring['consistency']['ratio']:,.0f} (ring) and {moons['consistency']['ratio']:,.0f} "
            "(moons) times faster than annealed Langevin, inside the band",
            "how": f"Student against 301 calls, one thread of {where['cores']} cores, 2,000 samples at once: "
            f"{ring['consistency']['microseconds']:.1f} and {ring['annealed']['microseconds']:.0f} µs a sample on the "
            f"ring. Reflow: {ring['reflow']['ratio']:,.0f} and {moons['reflow']['ratio']:,.0f} times.",
        },
    }


def _inside(rows: list[dict[str, float]]) -> int:
    return sum(row["energy"] <= row["band"] for row in rows)


def _list(rows: list[dict[str, float]]) -> str:
    return ", ".join(f"{row['energy']:.4f}" for row in rows)


def _reached(found: dict[str, Any], model: str) -> str:
    return ", ".join(f"{target} {facts['energy']:.4f}" for target, facts in found["stored"][model].items())


def _bands(found: dict[str, Any]) -> str:
    return ", ".join(f"{target} {facts['band']:.4f}" for target, facts in found["stored"]["flow_matching"].items())


def _kl(metrics: dict[str, Any]) -> list[float] | None:
    return [metrics["kl"], metrics["kl_error"]] if "kl" in metrics else None


def _nats(found: list[float] | None) -> str:
    return "not measurable" if found is None else f"{nats_of(*found)} nats"


if __name__ == "__main__":
    main()
