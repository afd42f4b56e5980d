"""Experiments to try: one click sets the state; what to watch, and the cure. The texts are data beside the page."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.page.facts import fill
from app.page.keys import PageKeys
from app.page.visit import SetUp, set_up

PER_ROW = 3
VIEWS = Path(__file__).resolve().parents[1] / "views"


@lru_cache(maxsize=16)
def experiments(page: str) -> tuple[dict[str, Any], ...]:
    """The experiments of the page in app/views/<page>/."""
    with (VIEWS / page / "lessons.toml").open("rb") as file:
        return tuple(map(_filled, tomllib.load(file)["experiment"]))


def _filled(entry: dict[str, Any]) -> dict[str, Any]:
    """The experiment with its measured numbers in place."""
    return {name: fill(value) if isinstance(value, str) else value for name, value in entry.items()}


def draw_experiments(keys: PageKeys, start: Callable[[dict[str, str]], object] | None = None) -> None:
    """Draw the experiments of a page; a press on one sets the page up.

    Args:
        keys: Session keys of the page.
        start: Is told the link of the one that was pressed, once the page is set up.
    """
    st.subheader("Experiments to try", anchor=False)
    entries = experiments(keys.folder or keys.page)
    for first in range(0, len(entries), PER_ROW):
        for column, index in zip(st.columns(PER_ROW), range(first, min(first + PER_ROW, len(entries))), strict=False):
            with column, st.container(border=True, height="stretch"):
                _draw_one(entries[index], keys, keys.own(f"lesson/{index}"), start)


def _draw_one(
    entry: dict[str, Any], keys: PageKeys, key: str, start: Callable[[dict[str, str]], object] | None
) -> None:
    st.markdown(f"**{entry['title']}**  \n{entry['what']}")
    st.caption(f"**Watch:** {entry['watch']}  \n**Cure:** {entry['cure']}")
    st.button("Open this experiment", key=key, icon=":material/science:", on_click=_press, args=(entry, keys, start))


def _press(entry: dict[str, Any], keys: PageKeys, start: Callable[[dict[str, str]], object] | None) -> None:
    link = dict(entry["link"])
    set_up(keys, SetUp(entry["title"], entry["watch"], {name: text for name, text in link.items() if name != "train"}))
    if start is not None:
        start(link)
