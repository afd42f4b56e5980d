"""The denoiser of pictures: its property card, and its quality by sampler and network calls.

Writes assets/properties/image_denoiser.json and assets/measured/denoising.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.machine import ROOT, keep, machine
from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS, Examples
from engines.metrics.classifier import knows, measure_digits
from engines.metrics.neighbours import neighbour_ratio
from engines.samplers import SAMPLERS
from engines.score.empirical import EmpiricalDenoiser
from engines.score.picture_denoiser import ImageDenoiser
from engines.score.picture_paths import noisy_start, watch_path
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer, train
from engines.training.run import Run

CALLS = {"heun": (3, 5, 9, 19, 39), "ddim": (3, 5, 10, 19, 39), "ancestral": (5, 10, 19, 39)} | {
    "predictor_corrector": (9, 19, 39),
    "annealed": (49, 99, 199),
}
FEW_CALLS = {
    "heun": (3, 5, 9, 19),
    "ddim": (3, 5, 10, 19),
}  # of the larger digits, whose samples cost ten times as much
DIGITS = ("digits", "mnist_5k")  # whose samples our own classifiers read
STEPS, SEEDS = 400, range(3)
N_PERFECT = 600
CARD = ROOT / "assets" / "properties" / "image_denoiser.json"
MEASURED = ROOT / "assets" / "measured" / "denoising.json"


def shipped() -> dict[str, Run]:
    """The stored runs by data set."""
    return {each.dataset: Run.load(each.folder) for each in SHIPPED if each.model == "image_denoiser"}


def by_sampler(model: ImageDenoiser, examples: Examples) -> dict[str, dict[str, Any]]:
    """Fréchet distance and neighbour ratio of 1,500 samples of each sampler, by calls."""
    found: dict[str, dict[str, Any]] = {}
    calls = CALLS if examples.event_shape == (1, 8, 8) else FEW_CALLS
    for sampler in (name for name in SAMPLERS if name in calls):
        rows = [
            model.measure_samples(examples.test.float(), examples.train.float(), sampler=sampler, n_calls=n)
            for n in calls[sampler]
        ]
        names = ("frechet", "neighbour_ratio", "coverage")
        found[sampler] = {"calls": list(calls[sampler])} | {name: [row[name] for row in rows] for name in names}
        print(sampler, found[sampler], flush=True)
    return found


def by_guidance(model: ImageDenoiser, examples: Examples) -> dict[str, dict[str, float]]:
    """The same without a class, and with more and more guidance."""
    seen, held_out = examples.train.float(), examples.test.float()
    found = {"not told": model.measure_samples(held_out, seen, labels=None)}
    return found | {f"{g:g}": model.measure_samples(held_out, seen, guidance=g) for g in (1.0, 2.0, 4.0, 8.0)}


def of_closed_form(model: ImageDenoiser, examples: Examples, *, n: int) -> dict[str, float]:
    """What the perfect denoiser of the training set draws."""
    perfect, rng = EmpiricalDenoiser(model.to_scale(examples.train[:2000].float())), make_rng(1)
    start = noisy_start(n, model.event_shape, model.sigmas.sigma_max, rng)
    *_, last = watch_path(perfect.denoise, start, model.sigmas, sampler="heun", n_calls=35, rng=rng)
    drawn = model.to_pixels(last.x)
    found = {"neighbour_ratio": neighbour_ratio(drawn, examples.train, examples.test)}
    return found | (
        measure_digits(drawn, examples.test.float()) if knows(model.event_shape, model.levels, model.classes) else {}
    )


def ends_by_seed() -> list[dict[str, float]]:
    """The last measures of short trainings on digits, for each seed."""
    ends = []
    for seed in SEEDS:
        *_, last = train(Experiment.default("image_denoiser", "digits", seed=seed, steps=STEPS), device="cpu")
        ends.append({name: last.metrics[name] for name in ("held_out_loss", "frechet", "neighbour_ratio", "coverage")})
    return ends


def speeds(runs: dict[str, Run]) -> dict[str, dict[str, float]]:
    """Training steps, and drawn pictures at 19 calls, a second of processor time, for each set."""
    found = {}
    for name, run in runs.items():
        trainer, model = Trainer(run.experiment, device="cpu"), run.model().eval()
        with torch.inference_mode():
            drawn = 24 * rate(lambda model=model: model.sample(24, rng=make_rng(0)), 5)
        found[name] = {"drawn": drawn, "steps": rate(trainer.advance, 15)}
    return found


def rate(act: Callable[[], object], count: int) -> float:
    """How often something is done in a second of the processor's time, whatever else the machine does."""
    act()
    start = time.process_time()
    for _ in range(count):
        act()
    return count / (time.process_time() - start)


def measure_all(runs: dict[str, Run]) -> dict[str, Any]:
    """All that the page shows of the stored runs."""
    return {name: measure_one(name, run) for name, run in runs.items()}


def measure_one(name: str, run: Run) -> dict[str, Any]:
    """What the page shows of one stored run."""
    model, examples = run.model().eval(), DATASETS[name].examples()
    with torch.inference_mode():
        perfect = of_closed_form(model, examples, n=N_PERFECT if name in DIGITS else 48)
        rows = {"closed form": perfect["neighbour_ratio"]}
        rows["stored run, Heun"] = run.snapshots[-1].metrics["neighbour_ratio"]
        found: dict[str, Any] = {"novelty": rows, "closed_form": perfect}
        if name in DIGITS:
            found |= {"floor": measure_digits(examples.train.float(), examples.test.float())}
            found |= {"samplers": by_sampler(model, examples)}
        if name == "digits":
            found |= {"guidance": by_guidance(model, examples)}
            rows["stored run, annealed Langevin"] = found["samplers"]["annealed"]["neighbour_ratio"][-1]
            rows["stored run, guidance 4"] = found["guidance"]["4"]["neighbour_ratio"]
    return found


def write_card(found: dict[str, Any], runs: dict[str, Run], seeds: list[dict[str, float]], speed: Any) -> None:
    digits, where = found["digits"], machine()
    ends = {name: run.snapshots[-1].metrics for name, run in runs.items()}
    distances, heun = [end["frechet"] for end in seeds], digits["samplers"]["heun"]
    params = {name: run.info.n_parameters for name, run in runs.items()}
    card = {
        "stability": {
            "value": f"{len(seeds)} of {len(SEEDS)} seeds end at a squared Fréchet distance of {min(distances):.0f} to "
            f"{max(distances):.0f} after {STEPS} steps",
            "how": "A plain regression: no second player, no collapse. Digits, 1,500 samples against the held-out "
            f"part, on our own classifier's features; coverage at least {min(end['coverage'] for end in seeds):.2f}.",
        },
        "capacity": {
            "value": f"digits: squared Fréchet distance {ends['digits']['frechet']:.1f}, training digits themselves "
            f"{digits['floor']['frechet']:.1f}; {params['digits']:,} weights",
            "how": f"Stored run, Heun with 19 calls; "
            f"not told the class {digits['guidance']['not told']['frechet']:.1f}. "
            f"Distance to the nearest training digit {ends['digits']['neighbour_ratio']:.2f} times that of held-out "
            f"digits, faces {ends['faces']['neighbour_ratio']:.2f}; the closed-form minimiser of the loss has "
            f"{digits['closed_form']['neighbour_ratio']:.2f} and a Fréchet distance of "
            f"{digits['closed_form']['frechet']:.1f}: it copies.",
        },
        "density": {
            "value": "its slope at every noise level; the density itself only through an integral, not shown",
            "how": "score = (belief - x) / sigma²; exact likelihoods of score models are on the page of particles.",
        },
        "constraints": {
            "value": "none on the net: any map from pictures to pictures will do",
            "how": "By construction; noise level and class are told to every block.",
        },
        "speed": {
            "value": f"{speed['digits']['drawn']:,.0f} digits or {speed['faces']['drawn']:,.0f} faces a second at 19 "
            "calls; a GAN or VAE needs one call",
            "how": f"Of processor time, one thread, torch {where['torch']}. Training "
            f"steps a second: digits {speed['digits']['steps']:.0f}, faces {speed['faces']['steps']:.1f}. Heun's "
            + "Fréchet distance by calls: "
            + ", ".join(f"{n}: {d:.0f}" for n, d in zip(heun["calls"], heun["frechet"], strict=True))
            + ".",
        },
    }
    CARD.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(names: list[str]) -> None:
    """Measure, keep the numbers, and write the card and what the charts show; of named data sets only the charts."""
    use_threads(1)
    runs = shipped()
    if names:  # anew only these, the rest as it was measured
        found = json.loads(MEASURED.read_text(encoding="utf-8")) | {
            name: measure_one(name, runs[name]) for name in names
        }
        MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    found = measure_all(runs)
    MEASURED.parent.mkdir(exist_ok=True)
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    seeds, speed = ends_by_seed(), speeds(runs)
    keep("properties_denoising", found | {"by_seed": seeds, "per_second": speed})
    write_card(found, runs, seeds, speed)


if __name__ == "__main__":
    main(sys.argv[1:])
