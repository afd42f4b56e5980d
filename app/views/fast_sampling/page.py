"""Fewer network calls: Langevin dynamics, its ODE, a flow, its reflow and a student, from the same noise."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.canvas.stage import is_lane_blocked
from app.page.keys import PageKeys, write_link
from app.page.places import open_place, place_in_visit, visit_of
from app.page.properties import draw_properties
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.visit import draw_problems, open_page
from app.views.fast_sampling.asks import frame_of, noise_of
from app.views.fast_sampling.canvas import ShortcutsView, WaysPlace, draw_shortcuts
from app.views.fast_sampling.models import (
    Trained,
    draw_model_controls,
    has_ended,
    models_link,
    open_models,
    train_one,
    use_usual_models,
)
from app.views.fast_sampling.numbers import answer_here, draw_shortcut_charts, draw_shortcut_code, draw_shortcut_formula
from app.views.score.asks import density_of
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.tensors import to_numpy

KEYS = PageKeys("shortcuts", "fast_sampling")
FIRST = "ring"


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "How few looks at the network are enough?")
    st.caption(
        "Langevin dynamics asks its network 301 times for every sample. Ways that were straightened, and a student "
        "that jumps to their end, ask once. All panels begin with the same noise: turn the dial of calls, and see who "
        "arrives."
    )
    target = choose_target(KEYS, pick_target, start_on)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    models, place = draw_model_controls(KEYS, target), place_in_visit(KEYS, WaysPlace)
    write_link(KEYS, models_link(KEYS, target) | place.texts())
    about = models["score_field"].experiment.dataset_settings
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(about))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, models)
    if is_lane_blocked(KEYS.told()):
        draw_without_lane(stage, target, models)
    else:
        draw_shortcuts(stage, key=KEYS.canvas("stage"))
    draw_below(target, models, place)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link, the stage too; returns the target."""
    target, wrong = open_models(KEYS, query, target=FIRST)
    open_place(KEYS, WaysPlace, query, wrong)
    problems += wrong
    return target


def start_on(before: str, target: str) -> None:
    """Another target: what is usual there; the stage keeps its place."""
    use_usual_models(KEYS, target)


def stage_view(target: str, view: TargetView, models: dict[str, Trained]) -> ShortcutsView:
    """What the stage shows. It holds nothing that the stage itself tells, so it stays the same."""
    about = tuple(sorted(models["score_field"].experiment.dataset_settings.items()))
    mean, scale = frame_of(density_of(target, about))
    return ShortcutsView(
        visit=visit_of(KEYS),
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        target_title=DATASETS[target].title,
        truth=view.truth,
        window=view.window,
        mean=(float(mean[0]), float(mean[1])),
        scale=scale,
        noise=to_numpy(noise_of(0)),
        models={key: found.shown() for key, found in models.items()},
        place=st.session_state[KEYS.own("place")],
    )


def draw_without_lane(stage: ShortcutsView, target: str, models: dict[str, Trained]) -> None:
    """The stage where a proxy blocks WebSockets: the answers come with the page's own data."""

    def draw() -> None:
        if any(found.is_live and has_ended(found) for found in models.values()):
            st.rerun()
        place = place_in_visit(KEYS, WaysPlace)  # what the stage tells reruns this fragment alone
        write_link(KEYS, models_link(KEYS, target) | place.texts())
        told = replace(stage, place=place, answers=answer_here(models, place), is_blocked=True)
        draw_shortcuts(told, key=KEYS.canvas("stage"))

    st.fragment(draw, run_every=1.0 if any(found.is_live for found in models.values()) else None)()


def draw_below(target: str, models: dict[str, Trained], place: WaysPlace) -> None:
    """Under the stage: numbers, properties, charts, experiments, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_shortcut_formula(models, place),
        card=lambda: draw_properties("shortcuts"),
        charts=lambda: draw_shortcut_charts(target, models, key=KEYS.own("charts")),
        code=lambda: draw_shortcut_code(models),
        start=train_wanted,
    )


def train_wanted(link: dict[str, str]) -> None:
    """Train the model that a chosen experiment wants trained while the visitor looks."""
    if model := link.get("train"):
        open_page(KEYS, read_link)
        train_one(KEYS, model, st.session_state[KEYS.own("target")])


draw_page()
