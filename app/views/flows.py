"""Flows in two dimensions: bend a Gaussian into a target, and keep exact count of the probability."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.canvas.stage import Moment, StageView, draw_stage, read_moment
from app.controls import draw_settings
from app.panels.charts import draw_charts
from app.panels.experiment import (
    ShownRun,
    described_experiment,
    find_run,
    link_parameters,
    open_link,
    start_fork,
    start_training,
)
from app.panels.lessons import draw_experiments
from app.panels.numbers import draw_code, draw_formula
from app.panels.properties import draw_properties
from app.panels.targets import TargetView, draw_own_target, draw_target_settings, pick_target, target_view
from app.state import PageKeys, keep_widgets, store_settings, write_link
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS
from engines.training import Plan

KEYS = PageKeys("flows")
MODEL = "realnvp"
DEFAULT_TARGET = "moons"
POPOVER_WIDTH = 320  # pixels


def open_page() -> None:
    """At the first run of a visit: everything comes from the link."""
    keep_widgets(KEYS)
    if KEYS.own("target") in st.session_state:
        return
    target, problems = open_link(KEYS, st.query_params.to_dict(), model=MODEL, target=DEFAULT_TARGET)
    at, temperature = st.query_params.get("at", ""), st.query_params.get("temperature", "1")
    st.session_state[KEYS.own("moment")] = Moment(_step(at, problems), _number(temperature, problems))
    st.session_state[KEYS.own("problems")] = problems
    st.session_state[KEYS.own("target")] = target


def _step(text: str, problems: list[str]) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if text:
        problems.append(f"Expected a whole number of steps after at=, got {text[:20]!r}. The run plays from its start.")
    return None


def _number(text: str, problems: list[str]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if 0 <= value <= 1.5:
        return value
    problems.append(f"Expected a temperature from 0 to 1.5, got {text[:20]!r}. The default, 1, is used.")
    return 1.0


def draw_heading(title: str) -> None:
    st.title(f"How do you bend a Gaussian into {title}, and keep count of the probability?", anchor=False)
    st.caption(
        "A flow is a chain of invertible layers. Each layer moves the points and tells by how much it stretched the "
        "space around them; the sum is the exact density."
    )


def draw_problems() -> None:
    """Sentences on what in the link was impossible, and on what went wrong with a button; they stay until read."""
    sentences = st.session_state.get(KEYS.own("problems"), [])
    if not sentences:
        return
    left, right = st.columns([8, 1], vertical_alignment="center")
    left.warning("\n\n".join(sentences), icon=":material/info:")
    right.button("Got it", key=KEYS.own("got_it"), on_click=st.session_state.pop, args=(KEYS.own("problems"),))


def draw_controls(target: str) -> None:
    """One row: the flow, what can be turned, and Train."""
    presets = {"8 couplings": MODELS[MODEL].settings(), "4 couplings": MODELS[MODEL].presets["small"]}
    presets["16 couplings, wider"] = MODELS[MODEL].presets["large"]
    flow, turn, more, fork, train = st.columns([2.4, 1.6, 1.3, 1.3, 1.1], vertical_alignment="bottom")
    with flow:
        key = KEYS.own("preset")

        def choose_preset() -> None:
            store_settings(KEYS, "model", presets[st.session_state[key]])

        st.selectbox(
            "Flow",
            presets,
            key=key,
            format_func=lambda name: f"RealNVP, {name}",
            on_change=choose_preset,
            label_visibility="collapsed",
        )
    with turn.popover("Target", icon=":material/tune:", width="stretch"), st.container(width=POPOVER_WIDTH):
        draw_target_settings(KEYS, target)
    with more.popover("More", icon=":material/settings:", width="stretch"), st.container(width=POPOVER_WIDTH):
        draw_settings(KEYS, "plan", Plan)
        st.divider()
        draw_settings(KEYS, "model", MODELS[MODEL].settings)
    described = described_experiment(KEYS, MODEL, target)
    shown = find_run(KEYS, described)
    with fork.popover("Fork", icon=":material/call_split:", width="stretch", disabled=shown.run is None), st.container(
        width=POPOVER_WIDTH
    ):
        draw_fork(shown)
    train.button(
        "Train",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        key=KEYS.own("train"),
        on_click=partial(train_now, target),
        help="Train this flow from its untrained start, now. The same settings give the same run, bit for bit.",
    )


def train_now(target: str) -> None:
    """Train what the widgets hold when the press arrives: a number typed just before comes in the same message."""
    start_training(KEYS, described_experiment(KEYS, MODEL, target))


def draw_fork(shown: ShownRun) -> None:
    """Continue a stored run from one of its kept steps, with a changed plan."""
    if shown.run is None:
        return
    st.markdown("Start a new run from the weights that this one had at a step, with a changed plan.")
    kept = shown.run.weight_steps
    if st.session_state.get(KEYS.own("fork_step")) not in kept:
        st.session_state[KEYS.own("fork_step")] = kept[-1]
    step = st.select_slider("From step", kept, key=KEYS.own("fork_step"))
    draw_settings(KEYS, "fork", Plan)
    described = described_experiment(KEYS, MODEL, shown.experiment.dataset)
    st.button(
        "Start the fork",
        key=KEYS.own("start_fork"),
        on_click=partial(start_fork, KEYS, shown.run, described, int(step)),
    )


def stage_view(target: str, view: TargetView, shown: ShownRun) -> StageView:
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


def draw_page() -> None:
    open_page()
    heading = st.container()
    target = pick_target(KEYS, st.session_state[KEYS.own("target")])
    if target != st.session_state[KEYS.own("target")]:
        st.session_state[KEYS.own("target")] = target
        st.session_state[KEYS.own("moment")] = None
        st.session_state.pop(KEYS.own("problems"), None)
    with heading:
        spec = DATASETS[target]
        draw_heading(spec.phrase or spec.title)
    draw_problems()
    draw_own_target(KEYS, target)
    draw_controls(target)
    shown = find_run(KEYS, described_experiment(KEYS, MODEL, target))
    # Until the stage has spoken, the moment is the one that the link named.
    moment = read_moment(st.session_state.get(KEYS.own("stage"))) or st.session_state.get(KEYS.own("moment"))
    write_link(link_parameters(KEYS, MODEL, target, shown, moment))
    try:
        view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    except DataError as error:
        st.error(str(error), icon=":material/draw:")
        return
    draw_stage(stage_view(target, view, shown), key=KEYS.own("stage"))
    x, y = (float(v) for v in view.samples[0])
    left, right = st.columns([1.15, 1])
    with left:
        st.subheader("In numbers", anchor=False)
        draw_formula(shown.run, (x, y))
    with right:
        draw_properties(MODEL)
    chosen = draw_experiments("flows", KEYS.own("lesson"))
    draw_charts(shown.run, view.entropy, key=KEYS.own("charts"))
    with st.expander("The code that made this picture", icon=":material/code:"):
        draw_code(shown.experiment)
    if chosen:
        restart_with(chosen)


def restart_with(link: dict[str, str]) -> None:
    """Set the page up as a link says, as if it had been opened by it."""
    for name in [n for n in st.session_state if str(n).startswith(("flows.", "flows/"))]:
        del st.session_state[name]
    st.query_params.from_dict(link)
    st.rerun()


draw_page()
