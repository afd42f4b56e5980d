"""Autoencoders in the plane: the bound of a VAE beside the integral that it bounds, at every point."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import streamlit as st

from app.canvas.points import Point
from app.canvas.stage import Moment
from app.page.keys import PageKeys, write_link
from app.page.places import open_place, visit_of
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.properties import draw_properties
from app.page.runs import ShownRun, link_parameters
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from app.views.plane_vae.canvas import PosteriorPlace, PosteriorStageView, draw_posterior_stage, read_place
from app.views.plane_vae.numbers import draw_plane_charts, draw_plane_code, draw_plane_formula
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS
from engines.vae.plane_vae import PlaneVaeSettings

KEYS = PageKeys("vae_plane", "plane_vae")
MODEL = "plane_vae"
PRESETS = {"two latents": MODELS[MODEL].settings(), **MODELS[MODEL].presets}


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "How far is the bound from the truth?")
    st.caption(
        "A VAE is trained on a lower bound of log p(x), never on log p(x) itself. With one or two latents the integral "
        "behind it can be computed, so the gap is known at every point: drag x, and compare what the encoder believes "
        "with the true posterior."
    )
    target = choose_target(KEYS, pick_target, start_on)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    shown = draw_controls(KEYS, MODEL, target, PRESETS)
    moment, place = current_moment(KEYS, shown), current_place(target)
    write_link(KEYS, link_parameters(KEYS, MODEL, target, shown, moment) | place.texts())
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, shown, place)
    draw_plane_stage(stage, shown, draw_posterior_stage, key=KEYS.canvas("stage"))
    draw_below(shown, view, stage.x, moment)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link, the point too; returns the target."""
    open_place(KEYS, PosteriorPlace, query, problems)
    return read_visit(KEYS, query, problems, model=MODEL, target="moons")


def start_on(before: str, target: str) -> None:
    """Another target: no point is chosen yet."""
    st.session_state[KEYS.own("place")] = replace(current_place(before), x=None)


def current_place(target: str) -> PosteriorPlace:
    """What the visitor or the link set on the stage for this target."""
    return read_place(KEYS.told(), visit_of(KEYS, target), st.session_state[KEYS.own("place")])


def stage_view(target: str, view: TargetView, shown: ShownRun, place: PosteriorPlace) -> PosteriorStageView:
    """What the stage shows of this target, run and place."""
    moment: Moment | None = st.session_state.get(KEYS.own("moment"))
    settings = cast(PlaneVaeSettings, MODELS[MODEL].settings.from_dict(shown.experiment.settings))
    first = view.samples[0]
    temperature = moment.temperature if moment else 1.0
    return PosteriorStageView(
        **common_view(KEYS, target, view, shown, temperature=temperature),
        x=place.x or (round(float(first[0]), 3), round(float(first[1]), 3)),
        place=visit_of(KEYS, target),
        is_chosen=place.x is not None,
        zoomed=place.view == "q",
        n_latents=settings.n_latents,
        is_bound=settings.beta == 1 and settings.free_bits == 0 and settings.warm_up == 0,
    )


def draw_below(shown: ShownRun, view: TargetView, x: Point, moment: Moment | None) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_plane_formula(shown.run, x, moment.step if moment else None),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_plane_charts(shown.run, view.entropy, key=KEYS.own("charts")),
        code=lambda: draw_plane_code(shown.experiment),
    )


draw_page()
