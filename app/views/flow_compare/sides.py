"""The two sides of the page that compares flows: what can stand there, and which run that is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from app.page import own_runs
from app.page.runs import ShownRun
from app.page.targets import thumbnails
from app.views.flow_compare.gallery import Cell
from app.views.flows.model import FLOWS
from engines.errors import GenLabError
from engines.models import MODELS
from engines.training import Experiment
from engines.training.run import Run

ROOT = Path(__file__).resolve().parents[3]
MEASURED, STORED = ROOT / "assets" / "measured", ROOT / "checkpoints" / "flow"
TARGETS = ("moons", "ring", "spirals", "pinwheel", "checkerboard", "rings")  # of the gallery
SIDE = 48  # cells along each axis of a picture in the gallery
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "reverse KL": {"objective": "reverse"},
    "mixture as base": {"base": "mixture"},
}


@dataclass(frozen=True)
class Choice:
    """What can stand on a side.

    Attributes:
        key: In links: the model, and what is changed in it.
        title: For people.
        model: Key in MODELS.
        settings: That differ from what is usual for the model on a target.
    """

    key: str
    title: str
    model: str
    settings: Mapping[str, Any]

    def experiment(self, target: str, seed: int) -> Experiment:
        """What is trained there."""
        return Experiment.default(self.model, target, settings=dict(self.settings), seed=seed)


@lru_cache(maxsize=1)
def choices() -> dict[str, Choice]:
    """Every flow as it usually is, in its presets, by the reverse KL, and with a mixture as base."""
    found = []
    for model in FLOWS:
        spec = MODELS[model]
        found.append(Choice(model, spec.title, model, {}))
        named = {name: settings.to_dict() for name, settings in spec.presets.items()} | dict(CHANGES)
        found += [
            Choice(f"{model}/{name.replace(' ', '-')}", f"{spec.title}, {name}", model, settings)
            for name, settings in named.items()
        ]
    return {choice.key: choice for choice in found}


def read_choice(key: str, default: str, problems: list[str]) -> str:
    """A choice of a link; a sentence if there is none of that name."""
    if key in choices():
        return key
    model = key.partition("/")[0]
    of_model = [name for name in choices() if name.partition("/")[0] == model] or list(FLOWS)
    problems.append(f"There is no flow {key[:40]!r}; there are: {', '.join(of_model)}. {default} is shown.")
    return default


def run_of(experiment: Experiment) -> ShownRun:
    """The experiment with its run, if it is in training or stored here."""
    return ShownRun(experiment, *own_runs.run_of(experiment))


@lru_cache(maxsize=1)
def gallery() -> tuple[list[Cell], dict[str, np.ndarray]]:
    """Every shipped flow at its usual settings, as a cell, and pictures of the learned and of the exact densities."""
    cells: list[Cell] = []
    pictures = {f"truth/{target}": thumbnails()[target] for target in TARGETS}
    for model, target in itertools.product(FLOWS, TARGETS):
        run = _load(STORED / f"{model}-{target}")
        if run is None:
            continue
        last = run.snapshots[-1]
        metrics: Mapping[str, Any] = last.metrics
        cells.append(Cell(model, target, metrics["kl"], metrics["kl_error"], run.info.n_parameters))
        pictures[f"{model}/{target}"] = _picture(last.arrays["log_prob"])
    return cells, pictures


@lru_cache(maxsize=1)
def flow_costs() -> dict[str, dict[str, float]]:
    """Milliseconds of each flow at its usual size, made by benchmarks/bench_properties.py."""
    return json.loads((MEASURED / "flow_costs.json").read_text(encoding="utf-8"))


def _load(folder: Path) -> Run | None:
    try:
        return Run.load(folder)
    except GenLabError:
        return None


def _picture(log_prob: np.ndarray) -> np.ndarray:
    """Brightness 0 to 255 of a density on a grid: full at the highest of all but the densest half percent."""
    density = np.exp(np.clip(log_prob.astype(np.float64), -60, 20))
    bright = np.minimum(1, density / np.quantile(density, 0.995)) ** 0.6
    places = np.linspace(0, len(bright) - 1, SIDE).round().astype(int)
    return (255 * bright[np.ix_(places, places)]).astype(np.uint8)
