"""CycleGAN on a page: its domains, the run that stands beside, its formula with numbers, charts and code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

import numpy as np
import streamlit as st

from app.house import house
from app.page.charts import show_drawing
from app.page.targets import target_view
from app.source import source_of
from app.theme import ROLES
from app.views.cyclegan.canvas import Domain
from app.views.cyclegan.figures import draw_translation
from app.views.flows.formula import script_of
from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.cyclegan.base import CycleGame
from engines.gan.cyclegan.plane import N_SHOWN, shown_points
from engines.gan.cyclegan.tasks import TASKS
from engines.models import MODELS
from engines.settings import Settings
from engines.tensors import to_numpy
from engines.training import Experiment
from engines.training.run import Run

FORMULA = (
    r"\begin{aligned} L(G, F) &= \underbrace{L_{D_B}(G) + L_{D_A}(F)}_{\text{game}} \\ &+ "
    r"\lambda\, \underbrace{\big(\mathbb{E}\,|F(G(a)) - a| + \mathbb{E}\,|G(F(b)) - b|\big)}_{\text{there and back}}"
    r"\end{aligned}"
)
MEASURES = {
    "plane_cycle": (("cycle", "error there and back (widths)"), ("energy", "energy distance (data units)")),
    "picture_cycle": (("gained", "share of the needed change"), ("beside", "change beside the point (of 255)")),
}


def presets_of(model: str, target: str) -> dict[str, Settings]:
    """Named settings on a data set, what is usual there first."""
    usual = MODELS[model].usual(target).settings
    held = usual.to_dict()
    if model == "plane_cycle":
        return {"with the cycle": usual, "without the cycle": type(usual).from_dict(held | {"cycle": 0.0})}
    presets = MODELS[model].presets
    named = {task.title: presets.get(key, type(usual).from_dict(held | {"task": key})) for key, task in TASKS.items()}
    return named | {"day and night, no cycle": type(usual).from_dict(held | {"cycle": 0.0})}


@lru_cache(maxsize=32)
def domain(key: str, settings: Settings) -> Domain:
    """A density as the stage shows it, with the points that every snapshot follows.

    Raises:
        DataError: If the settings make no density, such as an empty drawing.
    """
    view, spec = target_view(key, settings), DATASETS[key]
    density = cast(GaussianMixture, spec.build(settings))
    points = to_numpy(shown_points(density, N_SHOWN)).astype(np.float32)
    return Domain(spec.title, view.window, view.truth, points)


def domains_of(experiment: Experiment) -> tuple[Domain, Domain]:
    """A and B of an experiment in the plane."""
    own, other = DATASETS[experiment.dataset], str(experiment.settings["other"])
    settings = own.settings.from_dict(experiment.dataset_settings)
    return domain(own.key, settings), domain(other, DATASETS[other].settings())


def beside_of(experiment: Experiment) -> tuple[str, float]:
    """The stored run of the same with the cycle, or without if this has one: its digest, empty if none, and its λ."""
    weight = 0.0 if experiment.settings["cycle"] else 10.0
    other = replace(experiment, settings=dict(experiment.settings) | {"cycle": weight}, origin="")
    return (other.digest if house().shelves.get(other.digest) is not None else ""), weight


def last_measures(run: Run | None) -> Mapping[str, Any]:
    """The measures of a run's last snapshot; empty if there is none."""
    return run.snapshots[-1].metrics if run is not None and run.snapshots else {}


def draw_cycle_formula(experiment: Experiment, run: Run | None) -> None:
    """The loss of both translators, with the numbers of the run's end."""
    st.latex(FORMULA)
    if run is None or not run.snapshots:
        st.caption("Once a run has ended, its numbers stand here.")
        return
    losses, weight = run.snapshots[-1].losses, float(experiment.settings["cycle"])
    game, cycle = losses.get("generator_game", 0.0), losses.get("generator_cycle", 0.0)
    orange, red = ROLES["model"]["light"], ROLES["error"]["light"]
    total = game + weight * cycle
    st.latex(
        rf"{total:.3f} = \textcolor{{{orange}}}{{{game:.3f}}} + {weight:g} \cdot \textcolor{{{red}}}{{{cycle:.4f}}}"
    )
    st.caption(
        "Mean over the last stretch of training, on the scale inside (each domain has width 1, pixels from −1 to 1). "
        + ("Without λ nothing in this sum asks which point belongs to which." if not weight else "")
    )


def draw_cycle_charts(run: Run | None, *, key: str) -> None:
    """An expander with both measures over training; nothing is computed before it is opened."""
    box = st.expander("Charts: the measures over training", icon=":material/show_chart:", key=key, on_change="rerun")
    if not box.open:
        return
    measured = [s for s in run.snapshots if s.metrics] if run is not None else []
    if run is None or not measured:
        box.caption("The charts come when the run has ended.")
        return
    steps = [s.step for s in measured]
    for place, (name, axis) in zip(box.columns(2), MEASURES[run.experiment.model], strict=True):
        there, back = ([s.metrics[f"{name}_{way}"] for s in measured] for way in ("to_b", "to_a"))
        show_drawing(place, draw_translation(steps, there, back, ("A → B", "B → A"), axis), f"{key}/{name}")
    info = run.info
    box.caption(
        f"Trained on {info.device} in {info.seconds:.0f} s, seed {run.experiment.seed}, {info.n_parameters:,} "
        f"parameters, torch {info.versions.get('torch', '?')}. On held-out pictures, or on fresh points."
    )


def draw_cycle_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the loss of the translators."""
    st.code(script_of(experiment), language="python")
    st.caption("The loss of both translators, from engines/gan/cyclegan/base.py:")
    st.code(source_of(CycleGame.generator_loss), language="python")
