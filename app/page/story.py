"""What every page tells in the same way: another target over the stage; numbers, card, experiments, code under it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.navigation import NAVIGATION
from app.page.keys import PageKeys
from app.page.lessons import draw_experiments
from app.page.visit import WATCH

Draw = Callable[[], object]


def ask(keys: PageKeys, question: str) -> None:
    """The page's question, under the field's term for what it shows."""
    term = next((entry.title for entry in NAVIGATION if entry.folder == (keys.folder or keys.page)), "")
    st.html(f'<p class="term">{term}</p>')
    st.title(question, anchor=False)


def choose_target(keys: PageKeys, pick: Callable[[PageKeys, str], str], start: Callable[[str, str], object]) -> str:
    """The picker of targets or sets of pictures; another one starts afresh.

    Args:
        keys: Session keys of the page.
        pick: Draws the picker, given the present target; returns the one to show.
        start: Is told the target of before and the new one when they differ: sets what is usual there.
    """
    before: str = st.session_state[keys.own("target")]
    target = pick(keys, before)
    if target != before:
        start(before, target)
        st.session_state[keys.own("target")] = target
        st.session_state[keys.own("moment")] = None
        st.session_state.pop(keys.own("problems"), None)
        st.session_state.pop(keys.own(WATCH), None)
    return target


def tell_below(
    keys: PageKeys,
    *,
    numbers: Draw,
    card: Draw,
    charts: Draw,
    code: Draw,
    title: str = "In numbers",
    start: Callable[[dict[str, str]], object] | None = None,
) -> None:
    """Tell the lower part of a page.

    Args:
        keys: Its session keys.
        numbers: Draws the formula with its numbers.
        card: Draws the model card.
        charts: Draws the charts, in an expander of their own that computes nothing while it is closed.
        code: Draws the code; called when its expander is open.
        title: Over the numbers.
        start: As for `draw_experiments`.
    """
    left, right = st.columns([1.15, 1])
    with left:
        st.subheader(title, anchor=False)
        numbers()
    with right:
        card()
    draw_experiments(keys, start)
    charts()
    draw_code(keys, code)


def draw_code(keys: PageKeys, draw: Draw) -> None:
    """An expander with the code; nothing is highlighted before it is opened."""
    box = st.expander(
        "The code that made this picture", icon=":material/code:", key=keys.own("code"), on_change="rerun"
    )
    if box.open:
        with box:
            draw()
