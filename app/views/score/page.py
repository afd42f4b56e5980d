"""Score and Langevin: a learned field beside the exact one at every noise level, and particles that follow it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import streamlit as st

from app.canvas.points import Point, point_of_text
from app.canvas.stage import Moment
from app.page.keys import PageKeys, texts_of, write_link
from app.page.places import name_visit, visit_of
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.properties import draw_properties
from app.page.runs import ShownRun, link_parameters
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from app.views.plane_vae.canvas import FARTHEST
from app.views.score.asks import dial_of, exact_field, target_of
from app.views.score.canvas import ScoreStageView, draw_score_stage, read_point, read_walk
from app.views.score.numbers import draw_score_charts, draw_score_code, draw_score_formula
from app.views.score.target import score_target
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS
from engines.samplers.walks import WalkSettings
from engines.score.score_field import ScoreFieldSettings, trained_range
from engines.settings import Settings

KEYS = PageKeys("score")
MODEL = "score_field"


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "How do particles find the data when only the slope is known?")
    st.caption(
        "The network learned, at every noise level, which way the density rises. Turn the noise down slowly, and "
        "particles that began anywhere settle on the data."
    )
    target = choose_target(KEYS, pick_target, start_on)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    shown = draw_controls(KEYS, MODEL, target, presets_on(target))
    moment, walk, point = current_moment(KEYS, shown), current_walk(target), current_point(target)
    write_link(KEYS, link_parameters(KEYS, MODEL, target, shown, moment) | own_link(walk, point))
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, shown)
    draw_plane_stage(stage, shown, draw_score_stage, key=KEYS.canvas("stage"))
    draw_below(shown, walk, moment)


def presets_on(target: str) -> dict[str, Settings]:
    """The model's presets, each on top of what is usual for the target."""
    usual, default = MODELS[MODEL].usual(target).settings, MODELS[MODEL].settings()
    presets: dict[str, Settings] = {"every noise level": usual}
    for name, preset in MODELS[MODEL].presets.items():
        texts = preset.changed(default)
        presets[name] = type(usual).from_texts(texts, usual)[0]
    return presets


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link, the walk and the point too; returns the target."""
    target = read_visit(KEYS, query, problems, model=MODEL, target="ring")
    texts = texts_of("walk", query)
    walk, wrong = WalkSettings.from_texts(texts)
    problems += wrong
    for name in texts.keys() - walk.to_dict().keys():
        problems.append(f"There is nothing named {name[:40]!r} about a walk, so it is left out.")
    text = query.get("x", "")
    point = point_of_text(text, farthest=FARTHEST)
    if text and point is None:
        problems.append(f"Expected two numbers for x, such as 0.5,-1, got {text[:20]!r}. No point is chosen.")
    name_visit(KEYS)
    st.session_state[KEYS.own("walk")], st.session_state[KEYS.own("point")] = cast(WalkSettings, walk), point
    return target


def start_on(before: str, target: str) -> None:
    """Another target keeps the walk, but not the noise level and the point: they are of the old one."""
    st.session_state[KEYS.own("walk")] = replace(current_walk(before), sigma=0.0)
    st.session_state[KEYS.own("point")] = None


def current_walk(target: str) -> WalkSettings:
    """The walk that the visitor or the link set on this target."""
    return read_walk(KEYS.told(), visit_of(KEYS, target)) or st.session_state[KEYS.own("walk")]


def current_point(target: str) -> Point | None:
    """The point that the visitor or the link chose on this target; None if nobody did."""
    told = read_point(KEYS.told(), visit_of(KEYS, target))
    return told or st.session_state.get(KEYS.own("point"))


def own_link(walk: WalkSettings, point: Point | None) -> dict[str, str]:
    """What a link says of walk and point."""
    link = {f"walk.{name}": text for name, text in walk.changed().items()}
    return link | ({} if point is None else {"x": f"{point[0]:g},{point[1]:g}"})


def stage_view(target: str, view: TargetView, shown: ShownRun) -> ScoreStageView:
    """What the stage shows of this target and run; nothing that the stage itself tells, so that it stays the same."""
    experiment = shown.experiment
    settings = cast(ScoreFieldSettings, MODELS[MODEL].settings.from_dict(experiment.settings))
    dataset_settings = tuple(sorted(experiment.dataset_settings.items()))
    dial, about = dial_of(experiment), score_target(target, dataset_settings)
    return ScoreStageView(
        **common_view(KEYS, target, view, shown, target=f"{target} {dataset_settings} {dial}"),
        exact=exact_field(target, dataset_settings, dial),
        modes=about.modes,
        mode_shares=about.mode_shares,
        band=about.band,
        spread=about.spread,
        trained=trained_range(settings),
        walk=st.session_state[KEYS.own("walk")],
        point=st.session_state[KEYS.own("point")],
        place=visit_of(KEYS, target),
        is_denoising=settings.objective == "denoising",
    )


def draw_below(shown: ShownRun, walk: WalkSettings, moment: Moment | None) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_score_formula(walk, dial_of(shown.experiment), target_of(shown.experiment)),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_score_charts(shown.run, moment.step if moment else None, key=KEYS.own("charts")),
        code=lambda: draw_score_code(shown.experiment, walk),
    )


draw_page()
