"""Flows in two dimensions: bend a Gaussian into a target, and keep exact count of the probability."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.canvas.stage import Moment, StageView, draw_stage, is_lane_blocked, read_moment
from app.house import house
from app.panels.charts import draw_charts
from app.panels.experiment import ShownRun, link_parameters
from app.panels.lessons import draw_experiments
from app.panels.numbers import draw_code, draw_formula
from app.panels.properties import draw_properties
from app.panels.targets import TargetView, draw_own_target, pick_target, target_view
from app.panels.training import draw_controls
from app.panels.visit import draw_problems, open_visit, restart_with
from app.state import PageKeys, write_link
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS

KEYS = PageKeys("flows")
MODEL = "realnvp"
PRESETS = {
    "8 couplings": MODELS[MODEL].settings(),
    "4 couplings": MODELS[MODEL].presets["small"],
    "16 couplings, wider": MODELS[MODEL].presets["large"],
}


def draw_page() -> None:
    """The page from top to bottom."""
    open_visit(KEYS, model=MODEL, target="moons")
    heading = st.container()
    target = choose_target()
    with heading:
        draw_heading(DATASETS[target].phrase or DATASETS[target].title)
    draw_problems(KEYS)
    draw_own_target(KEYS, target)
    shown = draw_controls(KEYS, MODEL, target, PRESETS)
    # Until the stage has spoken, the moment is the one that the link named.
    attempt = st.session_state.get(KEYS.own("attempt"), 0)
    moment = read_moment(st.session_state.get(KEYS.own("stage")), shown.digest, attempt)
    moment = moment or st.session_state.get(KEYS.own("moment"))
    write_link(link_parameters(KEYS, MODEL, target, shown, moment))
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(str(error), icon=":material/draw:")
        return
    if is_lane_blocked(st.session_state.get(KEYS.own("stage"))):
        draw_without_lane(target, view, shown)
    else:
        draw_stage(stage_view(target, view, shown), key=KEYS.own("stage"))
    draw_below(shown, view)


def draw_heading(target: str) -> None:
    """The page's question."""
    st.title(f"How do you bend a Gaussian into {target}, and keep count of the probability?", anchor=False)
    st.caption(
        "A flow is a chain of invertible layers. Each layer moves the points and tells by how much it stretched the "
        "space around them; the sum is the exact density."
    )


def choose_target() -> str:
    """The picker; another target starts afresh."""
    before = st.session_state[KEYS.own("target")]
    target = pick_target(KEYS, before)
    if target != before:
        st.session_state[KEYS.own("target")] = target
        st.session_state[KEYS.own("moment")] = None
        st.session_state.pop(KEYS.own("problems"), None)
    return target


def stage_view(target: str, view: TargetView, shown: ShownRun) -> StageView:
    """What the stage shows of this target and run."""
    moment: Moment | None = st.session_state.get(KEYS.own("moment"))
    settings = shown.experiment.dataset_settings
    return StageView(
        target=f"{target} {sorted(settings.items())}",
        target_title=DATASETS[target].title,
        target_note=f"{view.n_components} Gaussian{'s' if view.n_components > 1 else ''}, known exactly",
        truth=view.truth,
        samples=view.samples,
        window=view.window,
        entropy=view.entropy,
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        temperature=moment.temperature if moment else 1.0,
        at=moment.step if moment else None,
        autoplay=True,
    )


def draw_without_lane(target: str, view: TargetView, shown: ShownRun) -> None:
    """The stage where a proxy blocks WebSockets: the snapshots come with the page's own data, once a second."""

    def draw() -> None:
        replay, standing = house().hub.replay(shown.digest)
        if standing.get("ended") and shown.run is None:
            st.rerun()  # it has just ended: the whole page takes it up as a stored run
        view_now = replace(stage_view(target, view, shown), replay=replay, standing=standing)
        draw_stage(view_now, key=KEYS.own("stage"))

    st.fragment(draw, run_every=1.0 if shown.run is None else None)()


def draw_below(shown: ShownRun, view: TargetView) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    left, right = st.columns([1.15, 1])
    with left:
        st.subheader("In numbers", anchor=False)
        x, y = (float(v) for v in view.samples[0])
        draw_formula(shown.run, (x, y))
    with right:
        draw_properties(MODEL)
    chosen = draw_experiments("flows", KEYS.own("lesson"))
    draw_charts(shown.run, view.entropy, key=KEYS.own("charts"))
    with st.expander("The code that made this picture", icon=":material/code:"):
        draw_code(shown.experiment)
    if chosen:
        restart_with(KEYS, chosen)


draw_page()
