"""Flows in two dimensions: bend a Gaussian into a target, and keep exact count of the probability."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from app.canvas.stage import Moment
from app.page.charts import draw_charts
from app.page.keys import PageKeys, write_link
from app.page.places import open_place, place_in_visit, visit_of
from app.page.plane_stage import common_view, current_moment, draw_plane_stage
from app.page.properties import CARDS, draw_properties
from app.page.runs import ShownRun, link_parameters, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.targets import TargetView, draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_visit
from app.views.flows.canvas import FlowPlace, FlowStageView, Point, draw_flow_stage
from app.views.flows.formula import draw_code, draw_formula
from app.views.flows.model import DEFAULT, draw_flow_choice, facts_of, flow_of_link, follow_target, presets_of
from app.views.flows.stack import draw_stack_builder
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS

KEYS = PageKeys("flows")
FIRST = "moons"


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    heading = st.container()
    target = choose_target(KEYS, pick_target, start_on)
    flow = st.session_state[KEYS.own("flow")]
    with heading:
        draw_heading(DATASETS[target].phrase or DATASETS[target].title, flow)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    lead, without = partial(draw_flow_choice, KEYS, target), ("layers",) if flow == "stack" else ()
    shown = draw_controls(KEYS, flow, target, presets_of(KEYS, flow, target), lead=lead, without=without)
    if flow == "stack":
        draw_stack_builder(KEYS)
    moment, place = current_moment(KEYS, shown), place_in_visit(KEYS, FlowPlace, target)
    flow_part = {} if flow == DEFAULT else {"flow": flow}
    write_link(KEYS, flow_part | link_parameters(KEYS, flow, target, shown, moment) | place.texts())
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    stage = stage_view(target, view, shown, place)
    draw_plane_stage(stage, shown, draw_flow_stage, key=KEYS.canvas("stage"))
    draw_below(shown, view, place.x or stage.first_x, moment)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link: the flow and what is set on the stage too; returns the target."""
    flow = flow_of_link(query, problems)
    st.session_state[KEYS.own("flow")] = flow
    open_place(KEYS, FlowPlace, query, problems)
    target = DATASETS[read_visit(KEYS, query, problems, model=flow, target=FIRST)]
    if target.kind == "plane":
        return target.key
    problems.append(f"{target.title} does not fit here: it lies in no plane. The default, {FIRST}, is shown.")
    use_usual(KEYS, flow, FIRST)
    return FIRST


def draw_heading(target: str, flow: str) -> None:
    """The page's question, and what this flow does."""
    ask(KEYS, f"How do you bend a Gaussian into {target}, and keep count of the probability?")
    st.caption(
        "A flow is a chain of invertible layers. Each layer moves the points and tells by how much it stretched the "
        f"space around them; the sum is the exact density. **{MODELS[flow].title}:** {MODELS[flow].idea}"
    )


def start_on(before: str, target: str) -> None:
    """Another target: what this flow does best with there, and a point of its own."""
    st.session_state[KEYS.own("place")] = replace(place_in_visit(KEYS, FlowPlace, before), x=None)
    follow_target(KEYS, st.session_state[KEYS.own("flow")], before, target)


def stage_view(target: str, view: TargetView, shown: ShownRun, place: FlowPlace) -> FlowStageView:
    """What the stage shows of this target and run."""
    moment: Moment | None = st.session_state.get(KEYS.own("moment"))
    experiment = shown.experiment
    facts = facts_of(experiment.model, MODELS[experiment.model].settings.from_dict(experiment.settings))
    first = view.samples[0]
    return FlowStageView(
        **common_view(KEYS, target, view, shown, temperature=moment.temperature if moment else 1.0),
        names=facts.names,
        base=facts.base,
        ways=facts.ways,
        first_x=(round(float(first[0]), 2), round(float(first[1]), 2)),
        place=place,
        visit=visit_of(KEYS, target),
    )


def draw_below(shown: ShownRun, view: TargetView, x: Point, moment: Moment | None) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    flow = shown.experiment.model

    def draw_card() -> None:
        if (Path(CARDS) / f"{flow}.json").exists():
            draw_properties(flow)
        else:
            st.subheader("Where it comes from", anchor=False)
            st.markdown(f"{MODELS[flow].idea}  \n{MODELS[flow].paper}.")

    tell_below(
        KEYS,
        numbers=lambda: draw_formula(shown.run, x, moment.step if moment else None),
        card=draw_card,
        charts=lambda: draw_charts(shown.run, view.entropy, key=KEYS.own("charts")),
        code=lambda: draw_code(shown.experiment),
    )


draw_page()
