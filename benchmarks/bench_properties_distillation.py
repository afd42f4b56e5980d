"""The property cards of distillation, in the plane and of tones, from the stored runs and some seeds.

python -m benchmarks.bench_properties_distillation        writes assets/properties/ and benchmarks/results/
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.bench_properties_kl import distillation_row, said
from benchmarks.machine import ROOT, keep, machine
from engines.datasets.tones import CYCLES
from engines.flows.distillation.tones import ToneDistillation
from engines.metrics.divergences import plane_integral
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer, train
from engines.training.run import Run

SEEDS = range(1, 3)  # besides that of the stored run
GOOD = 0.05  # nats between student and teacher
CARDS = ROOT / "assets" / "properties"
CHECKPOINTS = ROOT / "checkpoints" / "flow"
POWER = 20.0


def ends(model: str, dataset: str, seeds: range, **changes: Any) -> list[dict[str, Any]]:
    """The measures at the end of a default run, for each seed, with the processor's seconds."""
    found = []
    for seed in seeds:
        start = time.process_time()
        *_, last = train(Experiment.default(model, dataset, seed=seed, **changes), device="cpu")
        found.append(dict(last.metrics) | {"cpu_seconds": time.process_time() - start})
    return found


def stored(name: str) -> tuple[Run, Mapping[str, Any]]:
    """A run that ships, and its last measures."""
    run = Run.load(CHECKPOINTS / name)
    return run, run.snapshots[-1].metrics


def integral(run: Run) -> float:
    """Of the student's density over the plane."""
    from engines.datasets import DATASETS

    density: Any = DATASETS[run.experiment.dataset].density
    scale = float(density.scale_tril.diagonal(dim1=1, dim2=2).min())
    return plane_integral(run.model(), density.window, scale=scale, n_points=400_000)


def steps_a_second(model: str, dataset: str) -> tuple[float, float]:
    """Of the teacher's part and of the student's."""
    trainer, rates = Trainer(Experiment.default(model, dataset, steps=400), device="cpu"), []
    middle = round(400 * float(trainer.experiment.settings["student_from"]))
    for end in (middle, 400):
        if end > middle:
            trainer.model.pairs()  # made once, before the clock starts
        start, first = time.perf_counter(), trainer.step
        while trainer.step < end:
            trainer.advance()
        rates.append((end - first) / (time.perf_counter() - start))
    return rates[0], rates[1]


def sum_gap(run: Run) -> float:
    """By how much the parts of a density by sample fail to add up to it: the largest of 200 waves, nats."""
    model = run.model().double()
    assert isinstance(model, ToneDistillation)  # noqa: S101
    from engines.flows.layers.tone_layers import log_prob_by_sample

    with torch.no_grad():
        x, _ = model.own_samples(200, make_rng(0))
        return float((log_prob_by_sample(model.teacher, x).sum(1) - model.teacher.log_prob(x)).abs().max())


def times(found: Mapping[str, Any], what: str) -> float:
    """How many times as fast as the teacher the student is."""
    return found[f"teacher_{what}_ms"] / found[f"student_{what}_ms"]


def speed_of(found: Mapping[str, Any], rates: tuple[float, float], where: Mapping[str, str]) -> dict[str, str]:
    """The row on speed."""
    teacher, student = (
        f"{found[f'{who}_sample_ms']:.3g} ms in {found[f'{who}_sample_passes']:.0f} passes"
        for who in ("teacher", "student")
    )
    return {
        "value": f"samples {times(found, 'sample'):.1f} × as fast as the teacher's, "
        f"densities {1 / times(found, 'density'):.1f} × slower",
        "how": f"1,000 samples: teacher {teacher}, student {student}; median of five at the end of the stored run, one "
        f"thread of {where['cores']} cores, torch {where['torch']}. Training steps a second: teacher {rates[0]:,.0f}, "
        f"student {rates[1]:,.0f}.",
    }


def plane_card(where: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The card of the plane, and what was measured."""
    (run, moons), (ring_run, ring) = stored("distillation-moons"), stored("distillation-ring")
    seeds = [dict(moons), *ends("distillation", "moons", SEEDS)]
    off = max(abs(integral(each) - 1) for each in (run, ring_run))
    gaps, rates = [each["distilled_kl"] for each in seeds], steps_a_second("distillation", "moons")
    card = {
        "stability": {
            "value": f"{sum(gap < GOOD for gap in gaps)} of {len(gaps)} students end within {GOOD} nats of their "
            f"teacher on two moons (median {statistics.median(gaps):.4f})",
            "how": f"Default settings, seeds 0 to {len(gaps) - 1}; KL(student ‖ teacher) on 20,000 own samples. "
            f"Highest {max(gaps):.4f} nats.",
        },
        "capacity": distillation_row()[0],
        "density": {
            "value": f"exact for both; the student's integral over the plane is 1 to within {off:.4f}",
            "how": "Midpoint rule on the doubled window, refined where there is mass; the worse of both stored runs.",
        },
        "constraints": {
            "value": "a teacher with an exact density that can be differentiated by x, and a student with both",
            "how": "By construction: the loss needs log p of both at the student's samples, and a gradient through it.",
        },
        "speed": speed_of(moons, rates, where),
    }
    return card, {"seeds": seeds, "moons": dict(moons), "ring": dict(ring), "integral_off": off, "steps": rates}


def told(found: Mapping[str, Any]) -> str:
    """KL(student || teacher) with its error."""
    return said((found["distilled_kl"], found["distilled_kl_error"]))


def narrow(nats: float) -> str:
    """In words: a few waves rule the mean, so that other waves give another one."""
    size = "thousands" if nats < 1e4 else "tens of thousands" if nats < 1e5 else "hundreds of thousands or more"
    return f"{size} of nats a sample, in a mean that few waves rule"


def tone_card(where: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The card of tones, and what was measured."""
    run, found = stored("tone_distillation-tones")
    _, alone = stored("tone_distillation-tones-without_pairs")
    _, power = stored("tone_distillation-tones-power")
    rates = steps_a_second("tone_distillation", "tones")
    said = {
        name: ", ".join(f"{spectrum[cycles]:.2f}" for cycles in CYCLES)
        for name, spectrum in {
            "data": found["data_spectrum"],
            "teacher": found["teacher_spectrum"],
            "student": found["student_spectrum"],
            "without pairs": alone["student_spectrum"],
            "with the power term instead": power["student_spectrum"],
        }.items()
    }
    card = {
        "stability": {
            "value": f"loudness {found['student_loudness']:.2f} against the teacher's "
            f"{found['teacher_loudness']:.2f}; without pairs it whispers: {alone['student_loudness']:.2f} "
            f"against {alone['teacher_loudness']:.2f}",
            "how": "Stored runs, seed 0; those without pairs have smaller nets. Loudness: mean root mean square of "
            f"2,000 waves. KL(student ‖ teacher): {told(found)}, without pairs {told(alone)}, with a power term of "
            f"{POWER:g} nats instead {told(power)} nats a wave; the loudness then is {power['student_loudness']:.2f}.",
        },
        "capacity": {
            "value": f"teacher {found['teacher_nll']:.3f} nats a sample on held-out tones (best possible "
            f"{found['true_nll']:.3f}); the student's density is far too narrow for them: {narrow(found['nll'])}",
            "how": "Stored runs, 1,000 held-out tones. Mean magnitude at 250, 375, 500 and 625 Hz: "
            + "; ".join(f"{name} {numbers}" for name, numbers in said.items())
            + ".",
        },
        "density": {
            "value": "exact for both, and one factor for each sample of a wave",
            "how": f"The factors of 200 waves add up to the teacher's log density to within {sum_gap(run):.1g} nats.",
        },
        "constraints": {
            "value": "as many latents as samples; every layer in the order of time",
            "how": "By construction; the order makes dz/dx triangular, so that each sample has a factor of its own.",
        },
        "speed": speed_of(found, rates, where),
    }
    return card, {"stored": dict(found), "with_power": dict(power), "steps": rates}


def main() -> None:
    """Measure, keep the numbers, and write both cards."""
    use_threads(1)
    where, results = machine(), {}
    for model, measure in (("distillation", plane_card), ("tone_distillation", tone_card)):
        card, results[model] = measure(where)
        text = json.dumps(card, indent=1, ensure_ascii=False).replace(" -", " −") + "\n"
        (CARDS / f"{model}.json").write_text(text, encoding="utf-8")
    keep("properties_distillation", results)


if __name__ == "__main__":
    main()
