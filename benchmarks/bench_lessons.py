"""What lessons say of walks, games and nets that no other measurement holds: each in the very state that its link sets.

Writes benchmarks/results/lessons.json, from which the texts read their numbers (app/page/facts.py).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import torch

from app.views.score.asks import WalkAsk, take_walk, target_of
from benchmarks.machine import ROOT, keep
from engines.gan.human_quiz import ceiling
from engines.metrics.modes import mode_shares
from engines.samplers.walks import WalkSettings
from engines.settings import setting_fields
from engines.tensors import use_threads
from engines.training import Run

CHECKPOINTS = ROOT / "checkpoints"
SEEDS = range(10)
STRAY = 4.0  # widths from the nearest mode, from which on a particle counts as astray


def link_of(page: str, title: str) -> Mapping[str, str]:
    """What a lesson sets."""
    with (ROOT / "assets" / "lessons" / f"{page}.toml").open("rb") as file:
        return next(entry["link"] for entry in tomllib.load(file)["experiment"] if entry["title"] == title)


def walk_of(link: Mapping[str, str], **changes: Any) -> WalkSettings:
    """The walk that a link sets."""
    fields = [field for field in setting_fields(WalkSettings) if f"walk.{field.name}" in link]
    return WalkSettings.from_dict({field.name: field.parse(link[f"walk.{field.name}"]) for field in fields} | changes)


def ends(run: Run, walk: WalkSettings) -> list[torch.Tensor]:
    """Where the particles of a walk end, for each seed."""
    model = run.model()
    asks = [WalkAsk(run.experiment.digest, None, walk, (0.0, 0.0), seed) for seed in SEEDS]
    return [torch.from_numpy(take_walk(model, run.experiment, ask)["points"]).float() for ask in asks]


def strays() -> float:
    """Share of particles that one noise level leaves farther than STRAY widths from every mode."""
    run = Run.load(CHECKPOINTS / "score" / "score_field-ring-one_level")
    density, x = target_of(run.experiment), torch.cat(ends(run, walk_of(link_of("score", "One noise level only"))))
    assert density.modes is not None and density.mode_std is not None  # noqa: S101  (the ring has modes)
    return float((torch.cdist(x, density.modes.float()).min(1).values > STRAY * density.mode_std).float().mean())


def heavy_shares() -> dict[str, float]:
    """Share of the particles at the heavy one of two modes after annealing, over all seeds, by steps a level."""
    run, link = Run.load(CHECKPOINTS / "score" / "score_field-two_modes"), link_of("score", HEAVY)
    modes, found = target_of(run.experiment).modes, {}
    assert modes is not None  # noqa: S101  (the target has two)
    for steps in (100, 30, 5):
        x = torch.cat(ends(run, walk_of(link, level_steps=steps)))
        found[str(steps)] = float(mode_shares(x, modes.float()).max())
    return found


HEAVY = "Annealed Langevin dynamics mixes"


def main() -> None:
    """Measure and keep."""
    use_threads(1)
    ring, untold = (
        Run.load(CHECKPOINTS / "score" / name).snapshots[-1].metrics["score_error"]
        for name in ("score_field-ring", "score_field-ring-untold")
    )
    good = Run.load(CHECKPOINTS / "gan" / link_of("judge", "A generator that is good")["run"])
    best, error = ceiling(good.model(), target_of(good.experiment))
    score = {"strays": strays(), "heavy": heavy_shares(), "untold_ratio": untold / ring}
    keep("lessons", {"score": score, "judge": {"good": best, "good_error": error}})


if __name__ == "__main__":
    main()
