"""Generative adversarial networks in the plane: the game made visible, and a mode monitor that can be trusted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

import streamlit as st

from app.canvas.stage import Moment
from app.page.keys import PageKeys, write_link
from app.page.places import open_place, place_in_visit, visit_of
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.properties import draw_properties
from app.page.runs import ShownRun, link_parameters
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from app.views.gan.canvas import GanPlace, GanStageView, draw_gan_stage, read_cure
from app.views.gan.charts import draw_gan_charts
from app.views.gan.numbers import changes_of, draw_gan_code, draw_gan_formula, origin_of, start_cure
from app.views.gan.odds import draw_odds
from app.views.gan.target import gan_target
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.gan.plane.settings import PlaneGanSettings
from engines.models import MODELS

KEYS = PageKeys("gans", "gan")
MODEL = "plane_gan"
NARROW = 0.1  # standard deviation of the ring's modes: narrow enough to be lost
FIRST = {"target": "ring", "target.std": str(NARROW)}


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "What happens when two nets play against each other?")
    st.caption(
        "The generator G makes points out of noise, the discriminator D tells them from real ones; each learns from "
        "the other, and neither ever sees a density."
    )
    target = choose_target(KEYS, pick_target, start_on)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    presets = {"default": MODELS[MODEL].usual(target).settings, **MODELS[MODEL].presets}
    shown = draw_controls(KEYS, MODEL, target, presets, changes=changes_of)
    moment, place = current_moment(KEYS, shown), place_in_visit(KEYS, GanPlace, target)
    write_link(KEYS, link_parameters(KEYS, MODEL, target, shown, moment) | place.texts())
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, shown)
    draw_plane_stage(stage, shown, partial(draw_gan_stage, on_cure=cure_pressed), key=KEYS.canvas("stage"))
    draw_below(shown, moment)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link, the stage too; returns the target."""
    query = query if {"target", "run"} & set(query) else query | FIRST
    open_place(KEYS, GanPlace, query, problems)
    return read_visit(KEYS, query, problems, model=MODEL, target=FIRST["target"])


def start_on(before: str, target: str) -> None:
    """Another target keeps view and layers, but no moves: they are of the old one."""
    st.session_state[KEYS.own("place")] = replace(place_in_visit(KEYS, GanPlace, before), moves="")
    if target == FIRST["target"]:
        st.session_state.setdefault(KEYS.widget(f"target.{target}", "std"), NARROW)


def cure_pressed() -> None:
    """A cure of the alarm was pressed: fork from there with that one setting changed."""
    start_cure(KEYS, read_cure(KEYS.told()))


def stage_view(target: str, view: TargetView, shown: ShownRun) -> GanStageView:
    """What the stage shows of this target and run; nothing that the stage itself tells, so that it stays the same."""
    experiment = shown.experiment
    dataset_settings = tuple(sorted(experiment.dataset_settings.items()))
    about = gan_target(target, dataset_settings)
    place: GanPlace = st.session_state[KEYS.own("place")]
    return GanStageView(
        **common_view(KEYS, target, view, shown, target_note=""),
        **vars(about),
        settings=cast(PlaneGanSettings, PlaneGanSettings.from_dict(experiment.settings)),
        place=place,
        visit=visit_of(KEYS, target),
        origin=origin_of(experiment) if shown.digest else None,
    )


def draw_below(shown: ShownRun, moment: Moment | None) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    step = moment.step if moment else None
    draw_odds(shown.experiment)
    tell_below(
        KEYS,
        numbers=lambda: draw_gan_formula(shown.experiment, shown.run, step),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_gan_charts(shown.run, key=KEYS.own("charts")),
        code=lambda: draw_gan_code(shown.experiment),
    )


draw_page()
