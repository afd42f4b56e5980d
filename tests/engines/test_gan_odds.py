"""What the presets promise: a few seeds are trained here, and the stored runs are asked what their alarm said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engines.gan.plane.alarm import ALARMS
from engines.gan.plane.spec import PLANE_GAN
from engines.tensors import make_rng
from engines.training import Experiment, Trainer
from engines.training.run import Run

ROOT = Path(__file__).resolve().parents[2] / "checkpoints" / "gan"
pytestmark = pytest.mark.slow


def modes_of(preset: str, steps: int) -> list[int]:
    """Modes that four seeds of a preset hold at the end."""
    settings = {**PLANE_GAN.presets[preset].to_dict(), "n_models": 4}
    experiment = Experiment.default(
        "plane_gan", "ring", steps=steps, settings=settings, dataset_settings={"std": 0.1}, seed=11
    )
    trainer = Trainer(experiment, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    found: Any = trainer.measure()["all_modes"]
    return [int(value) for value in found]


def test_the_collapsing_preset_collapses() -> None:
    assert max(modes_of("collapse", 900)) <= 2


@pytest.mark.parametrize("cure", ["packing", "minibatch spread", "equal rates"])
def test_a_cure_finds_all_modes(cure: str) -> None:
    assert min(modes_of(cure, 900)) == 8


def alarms_of(name: str) -> list[str]:
    """What the alarm said at each snapshot of a stored run."""
    keys = list(ALARMS)
    said = [int(snapshot.metrics["alarm"]) for snapshot in Run.load(ROOT / name).replay()]
    return [keys[place] if place >= 0 else "" for place in said]


@pytest.mark.parametrize("name", sorted({path.name for path in ROOT.glob("plane_gan-*")} - {"plane_gan-ring-collapse"}))
def test_the_alarm_is_silent_on_a_healthy_stored_run(name: str) -> None:
    assert set(alarms_of(name)) == {""}


@pytest.mark.parametrize(
    ("name", "modes", "quality", "kl"),
    [("plane_gan-ring_narrow", 8, 0.956, 0.07), ("plane_gan-grid", 25, 0.936, 0.04)],
)
def test_the_stored_runs_of_the_published_sets_reach_their_rows(
    name: str, modes: int, quality: float, kl: float
) -> None:
    """Measured anew on other noise than its snapshots were."""
    run = Run.load(ROOT / name)
    model: Any = run.model()
    found = model._measures.of_modes(model.sample(2500, rng=make_rng(77)))
    assert found["modes"] == modes and found["high_quality"] >= quality and found["reverse_kl"] <= kl
    assert set(alarms_of(name)[-5:]) == {""}


def test_the_alarm_sounds_on_the_collapsed_stored_run() -> None:
    said = alarms_of("plane_gan-ring-collapse")
    assert said[0] == "" and said[-1] in ("collapsed", "rotating")
    assert all(said[-(len(said) // 3) :])  # a third of the snapshots come after half of the training
