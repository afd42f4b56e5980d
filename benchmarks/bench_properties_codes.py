"""The property card of the VQ-VAE: stability, capacity, density, constraints, speed. Writes assets/properties/."""

from __future__ import annotations

import json
import statistics

import torch

from benchmarks.machine import ROOT, keep, machine, rate
from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer, train
from engines.training.run import Run

SEEDS = range(4)
STEPS = 400
CARD = ROOT / "assets" / "properties" / "vq_vae.json"


def ends_by_seed() -> list[dict[str, float]]:
    """The last measures of short trainings on digits, for each seed."""
    ends = []
    for seed in SEEDS:
        *_, last = train(Experiment.default("vq_vae", "digits", seed=seed, steps=STEPS), device="cpu")
        ends.append({name: values[0] for name, values in last.metrics.items()})
    return ends


def shipped() -> dict[str, Run]:
    """The finished stored runs by data set."""
    runs = {each.dataset: Run.load(each.folder) for each in SHIPPED if each.model == "vq_vae"}
    return {name: run for name, run in runs.items() if run.info.state == "finished"}


def collapsed() -> dict[str, float]:
    """How many of 256 codes are alive after a short training, looked after or not."""
    found = {}
    for name, keeps in (("kept alive", True), ("left alone", False)):
        settings = {"n_codes": 256, "keeps_codes_alive": keeps}
        *_, last = train(Experiment.default("vq_vae", "digits", steps=STEPS, settings=settings), device="cpu")
        found[name] = last.metrics["bottom_codes"][0]
    return found


def speeds(run: Run) -> dict[str, float]:
    """Training steps, encodings, decodings and samples a second, on faces."""
    trainer, model = Trainer(run.experiment, device="cpu"), run.model().eval()
    x = DATASETS["faces"].examples().test[:100].float()
    with torch.inference_mode():
        top, bottom = model.codes(x)
        found = {
            "encoded": 100 * rate(lambda: model.codes(x), 10),
            "decoded": 100 * rate(lambda: model.decode_codes(top, bottom), 10),
            "drawn": 50 * rate(lambda: model.sample(50, rng=make_rng(0)), 5),
        }
    return found | {"steps": rate(trainer.advance, 20)}


def main() -> None:
    """Measure, keep the numbers, and write the card."""
    use_threads(1)
    seeds, alive, runs = ends_by_seed(), collapsed(), shipped()
    ends = {name: {k: v[0] for k, v in run.snapshots[-1].metrics.items()} for name, run in runs.items()}
    speed = speeds(runs["faces"])
    keep("properties_codes", {"by_seed": seeds, "stored": ends, "alive_of_256": alive, "per_second": speed})
    bounds, faces, where = [end["bound"] for end in seeds], ends["faces"], machine()
    bits = ", ".join(f"{name} {end['bits_per_dim']:.3f}" for name, end in ends.items())
    use = ", ".join(
        f"{n} {e['top_codes']:.0f} + {e['bottom_codes']:.0f} of {_n_codes(runs[n])}" for n, e in ends.items()
    )
    card = {
        "stability": {
            "value": f"{len(bounds)} of {len(SEEDS)} seeds end within {max(bounds) - min(bounds):.1f} nats on digits; "
            f"of 256 codes {alive['kept alive']:.0f} live, left alone {alive['left alone']:.0f}",
            "how": f"{STEPS} steps each; held-out bound: median {statistics.median(bounds):.1f} nats, from "
            f"{min(bounds):.1f} to {max(bounds):.1f}. Fine codes that any held-out digit uses, one run each.",
        },
        "capacity": {
            "value": f"faces: {faces['rate']:.0f} nats of codes (all alike: {faces['uniform_rate']:.0f}), "
            f"mean squared error {faces['reconstruction_error']:.4f}",
            "how": f"Stored runs, all held-out pictures. Bits per dimension: {bits}. Codes used, coarse + fine: {use}.",
        },
        "density": {
            "value": f"a lower bound: one term of the sum over all maps; {faces['bits_per_dim']:.3f} bits per "
            "dimension on faces",
            "how": "log p(codes) + log p(x given codes) at the codes of x, both exact. The codes are a function of the "
            "picture, so the bound has no noise.",
        },
        "constraints": {
            "value": "the latent is whole numbers: no gradient passes, so it is copied straight through",
            "how": "By construction; the codes follow as running means of the vectors that chose them.",
        },
        "speed": {
            "value": f"{speed['steps']:.1f} training steps, {speed['encoded']:,.0f} encoded, {speed['decoded']:,.0f} "
            f"decoded, {speed['drawn']:,.0f} drawn pictures a second",
            "how": f"Faces of 32 × 32, one thread of {where['cores']} cores that others used as well, torch "
            f"{where['torch']}. A draw takes {runs['faces'].model().prior.n_positions} passes of the prior.",
        },
    }
    CARD.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _n_codes(run: Run) -> int:
    return run.experiment.settings["n_codes"]  # pyright: ignore[reportReturnType]


if __name__ == "__main__":
    main()
