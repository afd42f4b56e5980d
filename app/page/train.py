"""The row of controls over the stage: the model's size, what can be turned, fork, and Train."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import streamlit as st

from app.canvas.told import told_moment
from app.page.controls import draw_settings
from app.page.keys import PageKeys, current_settings, store_settings
from app.page.runs import ShownRun, described_experiment, find_run, start_fork, start_training
from app.page.targets import draw_target_settings
from app.page.waiting import draw_waiting, stay_while_waiting
from engines.models import MODELS
from engines.settings import Settings, Value
from engines.training import Plan

POPOVER_WIDTH = 320  # pixels
AS_SET = "as set under More"
UNCHANGED = "nothing changed in the model"


def draw_controls(
    keys: PageKeys,
    model: str,
    target: str,
    presets: dict[str, Settings],
    *,
    turn: tuple[str, str, Callable[[], object]] | None = None,
    changes: Callable[[Settings], Mapping[str, tuple[str, Value]]] | None = None,
    lead: Callable[[], object] | None = None,
    without: tuple[str, ...] = (),
) -> ShownRun:
    """Draw the row; returns the run that its widgets ask for.

    Args:
        keys: Session keys of the page.
        model: Key of the model.
        target: Key of the target.
        presets: Named settings of the model, the default first.
        turn: Title, icon and content of the second control; None: the settings of the target.
        changes: From a run's settings to what a fork may change, by what a visitor reads; None: the plan alone.
        lead: Draws a control before the model's size, such as the choice of the model itself.
        without: Settings of the model that the page draws elsewhere.
    """
    title, icon, draw_turn = turn or ("Target", ":material/tune:", partial(draw_target_settings, keys, target))
    widths = [1.9, 2.0, 1.3, 1.2, 1.2, 1.1] if lead else [2.4, 1.6, 1.3, 1.3, 1.1]
    *first, size, second, more, fork, train = st.columns(widths, vertical_alignment="bottom")
    if lead:
        with first[0]:
            lead()
    with size:
        _draw_presets(keys, model, presets, is_named=lead is None)
    with second.popover(title, icon=icon, width="stretch"), st.container(width=POPOVER_WIDTH):
        draw_turn()
    with more.popover("More", icon=":material/settings:", width="stretch"), st.container(width=POPOVER_WIDTH):
        draw_settings(keys, "plan", Plan)
        st.divider()
        draw_settings(keys, "model", MODELS[model].settings, without=without)
    shown = stay_while_waiting(keys, find_run(keys, described_experiment(keys, model, target)))
    with fork.popover(
        "Fork", icon=":material/call_split:", width="stretch", disabled=not shown.run or not shown.run.weight_steps
    ):
        _draw_fork(keys, shown, changes)
    train.button(
        "Train",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        key=keys.own("train"),
        on_click=partial(_train, keys, model, target),
    )
    draw_waiting(keys, shown)
    return shown


def _train(keys: PageKeys, model: str, target: str) -> None:
    """Train what the widgets hold when the press arrives: a number typed just before comes in the same message."""
    start_training(keys, described_experiment(keys, model, target))


def _draw_presets(keys: PageKeys, model: str, presets: dict[str, Settings], *, is_named: bool) -> None:
    """Named sizes, with the model's name before them or not; when the settings under More fit none, it says so."""
    key = keys.own("preset")
    current = current_settings(keys, "model", MODELS[model].settings)
    names = [name for name, settings in presets.items() if settings == current]
    st.session_state[key] = names[0] if names else AS_SET

    def choose() -> None:
        if st.session_state[key] in presets:
            store_settings(keys, "model", presets[st.session_state[key]])

    st.selectbox(
        "Model",
        [*presets, *([] if names else [AS_SET])],
        key=key,
        format_func=lambda name: f"{MODELS[model].title}, {name}" if is_named else name,
        on_change=choose,
        label_visibility="collapsed",
    )


def _draw_fork(
    keys: PageKeys, shown: ShownRun, changes: Callable[[Settings], Mapping[str, tuple[str, Value]]] | None
) -> None:
    """Continue a stored run from one of its kept steps, with a changed plan, or with one setting changed."""
    if shown.run is None or not shown.run.weight_steps:
        return
    kept = shown.run.weight_steps
    key = keys.own("fork_step")
    if _is_new(keys, "fork_of", shown.digest):  # a fork begins with the plan of the run that it leaves
        store_settings(keys, "fork", shown.experiment.plan)
    step = _shown_step(keys, kept)
    if _is_new(keys, "fork_at", (shown.digest, step)) or st.session_state.get(key) not in kept:
        st.session_state[key] = step
    with st.container(width=POPOVER_WIDTH):
        had = "at a step" if len(kept) > 1 else "at its end"
        st.markdown(f"Start a new run from the weights that this one had {had}, with a changed plan.")
        step = st.select_slider("From step", kept, key=key) if len(kept) > 1 else st.session_state[key]
        change = _draw_change(keys, changes(_settings_of(shown))) if changes else None
        draw_settings(keys, "fork", Plan)
        described = described_experiment(keys, shown.experiment.model, shown.experiment.dataset)
        begin = partial(start_fork, keys, shown.run, described, int(step), change)
        st.button("Start the fork", key=keys.own("start_fork"), on_click=begin)


def _is_new(keys: PageKeys, name: str, value: object) -> bool:
    """Whether something differs from what was noted under that name last; notes it."""
    before = st.session_state.get(keys.own(name))
    st.session_state[keys.own(name)] = value
    return before != value


def _shown_step(keys: PageKeys, kept: Sequence[int]) -> int:
    """The kept step that the stage shows, or the last one before it; the end where it tells none."""
    moment = told_moment(keys.told()) or {}
    step = moment.get("shown", moment.get("step"))  # while a training is followed the address names no step
    return max((each for each in kept if isinstance(step, int) and each <= step), default=kept[-1])


def _settings_of(shown: ShownRun) -> Settings:
    return MODELS[shown.experiment.model].settings.from_dict(shown.experiment.settings)


def _draw_change(keys: PageKeys, changes: Mapping[str, tuple[str, Value]]) -> tuple[str, Value] | None:
    """Which setting of the model a fork changes, if any."""
    key, names = keys.own("fork_change"), [UNCHANGED, *changes]
    if st.session_state.get(key) not in names:
        st.session_state[key] = UNCHANGED
    return changes.get(st.selectbox("With one change", names, key=key))
