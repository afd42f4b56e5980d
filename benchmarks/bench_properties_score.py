"""The property card of the score network of the plane, and what the canvas' grids cost. Writes assets/properties/."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import torch
from torch.nn.functional import grid_sample

from app.views.score.asks import N_LEVELS, SIDE, OdeAsk, look_at_field, target_of
from benchmarks.bench_plane_vae import seconds
from benchmarks.machine import ROOT, keep, machine
from engines.build_checkpoints import SHIPPED
from engines.metrics.bands import energy_band
from engines.samplers import SAMPLERS
from engines.score.measures import LIKELIHOOD_STEPS, N_LIKELIHOOD, N_SAMPLES
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer, train
from engines.training.run import Run

SEEDS = range(4)
STEPS = 1500
CARD = ROOT / "assets" / "properties" / "score_field.json"
ANNEALED, HEUN = 301, 19  # network calls


def errors_by_seed() -> list[float]:
    """The score error that short trainings on the ring end with, for each seed."""
    found = []
    for seed in SEEDS:
        *_, last = train(Experiment.default("score_field", "ring", seed=seed, steps=STEPS), device="cpu")
        found.append(last.metrics["score_error"])
    return found


def shipped() -> dict[str, Run]:
    """The stored runs of the usual network, by target."""
    return {each.dataset: Run.load(each.folder) for each in SHIPPED if each.model == "score_field" and not each.variant}


def grid_losses(runs: dict[str, Run]) -> dict[str, list[float]]:
    """What the canvas loses between cells and levels: mean squared difference of the scaled score, at twelve levels."""
    found = {}
    for name, run in runs.items():
        model, density, rng = run.model(), target_of(run.experiment), make_rng(3)
        low, high = model.levels
        with torch.inference_mode():
            field, losses = look_at_field(model, density.window), []
            for i in range(12):
                sigma = low * (high / low) ** ((i + 0.5) / 12)
                x = density.sample(2000, rng=rng) + sigma * torch.randn(2000, 2, generator=rng)
                off = interpolated(field, x, sigma) - sigma * model.score(x, sigma)
                losses.append(float(off.square().sum(1).mean()))
        found[name] = losses
    return found


def interpolated(found: Any, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """The canvas' rule: bilinear between cells, linear in log sigma between levels."""
    sigmas = torch.from_numpy(found["sigmas"])
    place = float((sigmas[0] / sigma).log() / (sigmas[0] / sigmas[-1]).log()) * (len(sigmas) - 1)
    first, parts = min(int(place), len(sigmas) - 2), []
    for k in (first, first + 1):
        x0, x1, y0, y1 = found["boxes"][k].tolist()
        at = 2 * (x - torch.tensor([x0, y0])) / torch.tensor([x1 - x0, y1 - y0]) - 1
        grid = torch.from_numpy(found["field"][k]).float().permute(2, 0, 1)[None]
        parts.append(grid_sample(grid, at[None, None], padding_mode="border", align_corners=False)[0, :, 0].T)
    return (1 - (place - first)) * parts[0] + (place - first) * parts[1]


def speeds(run: Run) -> dict[str, float]:
    """Training steps and samples a second, and milliseconds of a whole field and of a likelihood."""
    trainer, model = Trainer(run.experiment, device="cpu"), run.model()
    density = target_of(run.experiment)
    ask: Any = OdeAsk("r", None, (1.0, 1.0), 50)
    found = {"steps_per_second": 1 / seconds(trainer.advance, 200)}
    with torch.inference_mode():
        for name, calls in (("annealed", ANNEALED), ("heun", HEUN)):
            path = lambda s=SAMPLERS[name], n=calls: list(  # noqa: E731
                s.run(model.score, model.start(torch.randn(1000, 2)), model.levels, n_calls=n, rng=make_rng(0))
            )
            found[f"{name}_per_second"] = 1000 / seconds(path, 3)
        found["field_ms"] = 1000 * seconds(lambda: look_at_field(model, density.window), 5)
    found["likelihood_ms"] = 1000 * seconds(lambda: OdeAsk.answer(model, run, [ask]), 5)
    return found


def main() -> None:
    """Measure, keep the numbers, and write the card."""
    use_threads(1)
    runs = shipped()
    ends = {name: run.snapshots[-1].metrics for name, run in runs.items()}
    seeds, losses, speed = errors_by_seed(), grid_losses(runs), speeds(runs["ring"])
    keep("properties_score", {"by_seed": seeds, "shipped": ends, "grid_losses": losses} | speed)
    CARD.write_text(json.dumps(card(seeds, ends, losses, speed), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def card(
    seeds: list[float], ends: dict[str, Any], losses: dict[str, list[float]], speed: dict[str, float]
) -> dict[str, Any]:
    """The article's five questions, answered."""
    where, named = machine(), {name: name.replace("_", " ") for name in ends}
    errors = ", ".join(f"{named[n]} {end['score_error']:.4f}" for n, end in ends.items())
    bands = {n: energy_band(target_of(run.experiment), N_SAMPLES) for n, run in shipped().items()}
    inside = [named[n] for n, end in ends.items() if end["energies_annealed"][-1] <= bands[n].high]
    gaps = ", ".join(f"{named[n]} {nats_of(end['kl'], end['kl_error'])}" for n, end in ends.items() if "kl" in end)
    grid = [loss for values in losses.values() for loss in values]
    return {
        "stability": {
            "value": f"{len(seeds)} of {len(seeds)} seeds end with a score error below {max(seeds):.4f} on the ring",
            "how": f"{STEPS:,} steps each, seeds 0 to {len(seeds) - 1}; median {statistics.median(seeds):.4f}, least "
            f"{min(seeds):.4f}. The loss is a plain square: there is no game between two networks.",
        },
        "capacity": {
            "value": f"score error: {errors}",
            "how": "σ²-weighted mean squared error against the exact noised score, mean over 12 levels, stored runs. "
            f"Annealed Langevin of {ANNEALED} calls lies in the band of 19 of 20 true samples on: "
            f"{', '.join(inside) or 'none'}.",
        },
        "density": {
            "value": f"no closed form; an ODE gives an estimate: KL(data ‖ model) in nats: {gaps}",
            "how": f"On {N_LIKELIHOOD:,} held-out points, Heun's method, {LIKELIHOOD_STEPS} steps, the exact trace. "
            "The error is that of the points, and what steps and the Gaussian at the largest σ add to the mean. Not "
            "given where half the steps change log p by more than 0.05 nats.",
        },
        "constraints": {
            "value": "none on the network; nothing makes its field the gradient of a density",
            "how": "By construction. Where no data are, nothing tells the field where to point. On the canvas it lies "
            f"on {SIDE} × {SIDE} cells at {N_LEVELS} levels, which adds {statistics.mean(grid):.4f} to the score "
            f"error, {max(grid):.4f} at most at one level.",
        },
        "speed": {
            "value": f"{speed['steps_per_second']:,.0f} training steps a second; {speed['annealed_per_second']:,.0f} "
            f"samples by annealed Langevin, {speed['heun_per_second']:,.0f} by Heun's method",
            "how": f"One thread of {where['cores']} cores, batch 512, torch {where['torch']}; {ANNEALED} and {HEUN} "
            f"calls. A whole field for the canvas takes {speed['field_ms']:.0f} ms, log p of a point "
            f"{speed['likelihood_ms']:.0f} ms.",
        },
    }


def nats_of(value: float, error: float) -> str:
    """A number with its error, both to the error's first digit: "0.06 ± 0.03"."""
    digits = max(0, -math.floor(math.log10(error))) if error > 0 else 3
    return f"{value:.{digits}f} ± {error:.{digits}f}"


if __name__ == "__main__":
    main()
