"""What every page tells under its stage, in one order: numbers, card, experiments, charts, code."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.page.keys import PageKeys
from app.page.lessons import draw_experiments

Draw = Callable[[], object]


def tell_below(
    page: str,
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
        page: Its folder in app/views.
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
    draw_experiments(page, keys, start)
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
