"""Autoencoders in the plane: the bound of a VAE beside the integral that it bounds, at every point."""

from __future__ import annotations

import secrets
from typing import cast

import streamlit as st

from app.canvas.points import Point, point_of_text
from app.canvas.stage import Moment
from app.page.keys import PageKeys, write_link
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.properties import draw_properties
from app.page.runs import ShownRun, link_parameters
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from app.views.plane_vae.canvas import (
    FARTHEST,
    PosteriorStageView,
    draw_posterior_stage,
    read_point,
    read_zoomed,
)
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
    moment, point = current_moment(KEYS, shown), current_point(target)
    link = link_parameters(KEYS, MODEL, target, shown, moment)
    link |= {} if point is None else {"x": f"{point[0]:g},{point[1]:g}"}
    write_link(KEYS, link | ({"view": "q"} if is_zoomed() else {}))
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, shown, point)
    draw_plane_stage(stage, shown, draw_posterior_stage, key=KEYS.canvas("stage"))
    draw_below(shown, view, stage.x, moment)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link, the point too; returns the target."""
    text = query.get("x", "")
    point = point_of_text(text, farthest=FARTHEST)
    if text and point is None:
        problems.append(f"Expected two numbers for x, such as 0.5,-1, got {text[:20]!r}. A point of the data is shown.")
    st.session_state[KEYS.own("opened")] = secrets.token_hex(4)
    st.session_state[KEYS.own("point")] = point
    st.session_state[KEYS.own("zoomed")] = query.get("view") == "q"
    return read_visit(KEYS, query, problems, model=MODEL, target="moons")


def start_on(before: str, target: str) -> None:
    """Another target: no point is chosen yet."""
    st.session_state[KEYS.own("point")] = None


def current_point(target: str) -> Point | None:
    """The point that the visitor or the link chose on this target; None if nobody did."""
    told = read_point(KEYS.told(), place_of(target))
    return told or st.session_state.get(KEYS.own("point"))


def is_zoomed() -> bool:
    """Whether the posterior is shown around q."""
    told = read_zoomed(KEYS.told())
    return st.session_state[KEYS.own("zoomed")] if told is None else told


def place_of(target: str) -> str:
    """Name of this visit and target: a point that was chosen elsewhere says nothing here."""
    return f"{st.session_state[KEYS.own('opened')]} {target}"


def stage_view(target: str, view: TargetView, shown: ShownRun, point: Point | None) -> PosteriorStageView:
    """What the stage shows of this target, run and point."""
    moment: Moment | None = st.session_state.get(KEYS.own("moment"))
    settings = cast(PlaneVaeSettings, MODELS[MODEL].settings.from_dict(shown.experiment.settings))
    first = view.samples[0]
    temperature = moment.temperature if moment else 1.0
    return PosteriorStageView(
        **common_view(KEYS, target, view, shown, temperature=temperature),
        x=point or (round(float(first[0]), 3), round(float(first[1]), 3)),
        place=place_of(target),
        is_chosen=point is not None,
        zoomed=is_zoomed(),
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
