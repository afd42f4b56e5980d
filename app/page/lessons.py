"""Experiments to try: one click sets the state; what to watch, and the cure. The texts are data beside the page."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.page.facts import fill

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


def draw_experiments(page: str, key: str) -> dict[str, str] | None:
    """Draw the experiments; returns the link of the one that was just chosen."""
    st.subheader("Experiments to try", anchor=False)
    chosen = None
    entries = experiments(page)
    for start in range(0, len(entries), PER_ROW):
        for column, index in zip(st.columns(PER_ROW), range(start, min(start + PER_ROW, len(entries))), strict=False):
            with column, st.container(border=True, height="stretch"):
                if _draw_one(entries[index], f"{key}/{index}"):
                    chosen = dict(entries[index]["link"])
    return chosen


def _draw_one(entry: dict[str, Any], key: str) -> bool:
    """One experiment; whether it was chosen now."""
    st.markdown(f"**{entry['title']}**  \n{entry['what']}")
    st.caption(f"**Watch:** {entry['watch']}  \n**Cure:** {entry['cure']}")
    return st.button("Set it up", key=key, icon=":material/science:")
