"""How stable is each game, and what does each cure do to it? Losses x cures x seeds on the ring of 8, with the spread.

The games begin from the collapsing preset (a slow discriminator), eight seeds at a time as one batched model; one cure
is switched on in each. Modes, share of high quality and reverse KL as VEEGAN and PacGAN define them.

    python benchmarks/bench_gan_sweep.py        writes assets/measured/gan_sweep.json, about 20 minutes on one core
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from engines.errors import TrainingDiverged
from engines.gan.losses import LOSSES
from engines.gan.plane.spec import COLLAPSE
from engines.tensors import use_threads
from engines.training import Experiment, Trainer

OUT = Path(__file__).resolve().parents[1] / "assets" / "measured" / "gan_sweep.json"
TARGET = {"dataset": "ring", "dataset_settings": {"radius": 1.0, "std": 0.05}}
STEPS, SEEDS = 1500, 8
CURES: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "equal rates": {"discriminator_rate": 1.0},
    "packing": {"pack": 2},
    "minibatch spread": {"minibatch_std": True},
    "unrolling": {"unroll": 5},
    "R1": {"r1": 0.1},
    "gradient penalty": {"gradient_penalty": 0.1},
    "DRAGAN": {"dragan": 0.1},
    "spectral norm": {"spectral_norm": True},
    "clipping": {"clip": 0.1},
    "instance noise": {"instance_noise": 0.5},
    "averaging": {"averaging": 0.99},
}


def sweep_one(loss: str, cure: str) -> dict[str, Any]:
    """Eight seeds of one game with one cure."""
    settings = {**COLLAPSE.to_dict(), "loss": loss, "n_models": SEEDS, **CURES[cure]}
    experiment = Experiment.default(
        "plane_gan", TARGET["dataset"], steps=STEPS, settings=settings, dataset_settings=TARGET["dataset_settings"]
    )
    trainer, start, diverged = Trainer(experiment, device="cpu"), time.process_time(), None
    try:
        while not trainer.is_done:
            trainer.advance()
    except TrainingDiverged:
        diverged = trainer.step
        trainer.load(trainer.last_good)
    found: Mapping[str, Any] = trainer.measure()
    names = ("modes", "modes_fair", "high_quality", "reverse_kl")
    row = {"loss": loss, "cure": cure, **{name: _rounded(found[f"all_{name}"]) for name in names}}
    return row | {"seconds": round(time.process_time() - start, 1), "diverged_at": diverged}


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 3) for value in values]


def main() -> None:
    """Sweep and store."""
    use_threads()
    rows = []
    for cure in CURES:
        for loss in LOSSES:
            rows.append(sweep_one(loss, cure))
            sys.stdout.write(f"{cure}, {loss}: modes {rows[-1]['modes']}, {rows[-1]['seconds']} CPU-s\n")
            sys.stdout.flush()
    protocol = {**TARGET, "steps": STEPS, "seeds": SEEDS, "base": COLLAPSE.to_dict(), "cures": CURES}
    found = {"machine": machine(), "protocol": protocol, "rows": rows}
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
