"""Fill checkpoints/ with the runs that ship, so that every page opens at once.

python -m engines.build_checkpoints [NAME ...]     names such as realnvp-moons; none: all that are missing
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from engines.flows.autoregressive_models import LARGE_PLAN
from engines.flows.family import FlowSettings
from engines.gan.cyclegan.images import GLASSES
from engines.gan.images.convolutional import COLLAPSED
from engines.gan.plane.spec import COLLAPSE, CURES
from engines.models import MODELS
from engines.tensors import use_threads
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from engines.training.thinning import thin

ROOT = Path(__file__).resolve().parents[1] / "checkpoints"
TARGETS = ("moons", "ring", "spirals", "pinwheel", "checkerboard", "rings")
YOURS = ("heart", "two_modes", "letters", "drawn", "picture")
N_SNAPSHOTS, N_WEIGHTS = 24, 7  # that ship of each run: all of them together stay below 110 MB
SCORED = ("ring", "moons", "two_modes", "spirals", "checkerboard")

FLOWS = tuple(key for key, spec in MODELS.items() if issubclass(spec.settings, FlowSettings))
LARGE = {"settings": MODELS["autoregressive_spline"].presets["large"].to_dict()} | LARGE_PLAN.to_dict()
FOUR_RINGS = {"n_rings": 4, "noise": 0.08}
FREE_BITS = {"betas": "20", "free_bits": "0 0.1 0.3 1"}
PRESETS_OF_TONES = MODELS["tone_distillation"].presets
WITHOUT_PAIRS = {"settings": PRESETS_OF_TONES["without pairs"].to_dict()}
WITH_POWER = {"settings": PRESETS_OF_TONES["power term instead"].to_dict()}
NARROW = {"std": 0.1}  # a ring whose modes can be lost
BEST = {"betas": "1", "n_latents": 16, "width": 384}


@dataclass(frozen=True)
class Shipped:
    """A run that ships: model, data set, what differs from the usual there, and how much of it is kept.

    Rounded weights (half precision) are measured as they are stored.
    """

    model: str
    dataset: str
    variant: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    rounds_weights: bool = False
    n_snapshots: int = N_SNAPSHOTS
    n_weights: int = N_WEIGHTS

    @property
    def name(self) -> str:
        """Name of its folder."""
        return "-".join(filter(None, (self.model, self.dataset, self.variant)))

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return ROOT / MODELS[self.model].family / self.name


FEWER = partial(Shipped, rounds_weights=True, n_snapshots=9, n_weights=3)  # there are many flows

SHIPPED = (
    *(Shipped("realnvp", dataset, rounds_weights=True, n_snapshots=16, n_weights=4) for dataset in TARGETS + YOURS),
    *(FEWER(model, dataset) for dataset in TARGETS for model in FLOWS if model != "realnvp"),
    *(
        FEWER("autoregressive_spline", dataset, "large", LARGE | changes)
        for dataset, changes in {"rings": {"dataset_settings": FOUR_RINGS}, "spirals": {}}.items()
    ),
    FEWER("realnvp", "ring", "mixture", {"settings": {"base": "mixture"}}),
    FEWER("realnvp", "two_modes", "reverse", {"settings": {"objective": "reverse"}}),
    FEWER("realnvp", "outliers"),
    FEWER("planar", "spirals", "8_layers", {"settings": {"n_layers": 8}}),
    FEWER("spline", "ring", "2_bins", {"settings": {"n_bins": 2}}),
    *(Shipped("distillation", name, rounds_weights=True, n_snapshots=8, n_weights=2) for name in ("moons", "ring")),
    Shipped(
        *("distillation", "two_modes", "small_student"),
        {"settings": {"student_layers": 1, "pair_weight": 0.0}},
        rounds_weights=True,
        n_snapshots=8,
        n_weights=2,
    ),
    *(
        Shipped("tone_distillation", "tones", name, changes, rounds_weights=True, n_snapshots=7, n_weights=0)
        for name, changes in {"": {}, "without_pairs": WITHOUT_PAIRS, "power": WITH_POWER}.items()
    ),
    *(
        Shipped("vae", dataset, rounds_weights=True)
        for dataset in ("mnist_5k", "small_shapes", "digits", "faces", "shapes", "patches")
    ),
    Shipped("vae", "small_shapes", "free_bits", {"settings": FREE_BITS}, rounds_weights=True),
    Shipped("vae", "digits", "best", {"settings": BEST}, rounds_weights=True),
    Shipped("vae", "digits", "two_latents", {"settings": {"betas": "1", "n_latents": 2}}, rounds_weights=True),
    Shipped("conditional_vae", "digits", rounds_weights=True),
    *(Shipped("plane_vae", dataset, rounds_weights=True) for dataset in ("moons", "ring", "spirals", "two_modes")),
    *(
        Shipped("plane_vae", "moons", variant, {"settings": settings}, rounds_weights=True)
        for variant, settings in {"beta-0": {"beta": 0.0}, "beta-8": {"beta": 8.0}, "curve": {"n_latents": 1}}.items()
    ),
    *(Shipped("vq_vae", dataset, rounds_weights=True) for dataset in ("mnist_5k", "digits", "faces", "patches")),
    Shipped("name_vae", "names", rounds_weights=True),
    *(
        Shipped("name_vae", "names", name.replace(" ", "_"), {"settings": settings.to_dict()}, rounds_weights=True)
        for name, settings in MODELS["name_vae"].presets.items()
    ),
    *(Shipped("score_field", dataset, rounds_weights=True) for dataset in SCORED),
    Shipped("score_field", "ring", "one_level", {"settings": {"n_levels": 1, "sigma_min": 0.1}}, rounds_weights=True),
    Shipped("score_field", "ring", "untold", {"settings": {"is_told": False}}, rounds_weights=True),
    Shipped("score_field", "moons", "sliced", {"settings": {"objective": "sliced"}}, rounds_weights=True),
    *(Shipped("flow_matching", dataset, rounds_weights=True) for dataset in ("ring", "moons", "checkerboard")),
    *(Shipped("consistency", dataset, rounds_weights=True) for dataset in ("ring", "moons")),
    *(Shipped("image_denoiser", dataset, rounds_weights=True) for dataset in ("mnist_5k", "digits", "faces")),
    *(
        Shipped("picture_gan", dataset, rounds_weights=True)
        for dataset in ("mnist_5k", "digits", "faces", "stacked_digits")
    ),
    Shipped("picture_gan", "digits", "collapsed", {"settings": COLLAPSED.to_dict()}, rounds_weights=True),
    Shipped("style_gan", "faces", rounds_weights=True, n_snapshots=20, n_weights=0),
    *(Shipped("plane_cycle", dataset, rounds_weights=True) for dataset in ("moons", "ring", "spirals")),
    *(
        Shipped("plane_cycle", dataset, "no_cycle", {"settings": {"cycle": 0.0}}, rounds_weights=True)
        for dataset in ("moons", "ring")
    ),
    *(
        Shipped("picture_cycle", "faces", task, {"settings": {"task": task}}, rounds_weights=True)
        for task in ("sky", "tilt")
    ),
    Shipped("picture_cycle", "faces", "glasses", {"settings": GLASSES.to_dict()}, rounds_weights=True),
    Shipped("plane_gan", "ring", changes={"dataset_settings": NARROW}, rounds_weights=True),
    *(Shipped("plane_gan", dataset, rounds_weights=True) for dataset in ("moons", "ring_narrow", "grid")),
    *(
        Shipped("plane_gan", "ring", name.replace(" ", "_"), changes, rounds_weights=True)
        for name, settings in {"collapse": COLLAPSE, **CURES}.items()
        for changes in ({"settings": settings.to_dict(), "dataset_settings": NARROW},)
    ),
)


def build(shipped: Shipped) -> Run:
    """Train a run and store it."""
    experiment = Experiment.default(shipped.model, shipped.dataset, **shipped.changes)
    trainer = Trainer(experiment, device="cpu")
    run = train_and_store(trainer, shipped.folder, rounds_weights=shipped.rounds_weights)
    thin(run, n_snapshots=shipped.n_snapshots, n_weights=shipped.n_weights)
    return Run.load(shipped.folder)


def main(names: list[str]) -> None:
    """Build the runs of these names, or all that are missing."""
    use_threads()
    for shipped in SHIPPED:
        is_there = (shipped.folder / "run.json").exists()
        if shipped.name in names or (not names and not is_there):
            run = build(shipped)
            metrics = run.snapshots[-1].metrics
            said = {name: metrics[name] for name in ("kl", "bound", "bits_per_dim") if name in metrics}
            sys.stdout.write(f"{shipped.name}: {said}, {run.n_bytes / 1e6:.2f} MB, {run.info.seconds:.0f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
