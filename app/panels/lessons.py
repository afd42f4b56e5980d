"""Experiments to try: one click sets the state; what to watch, and the cure. The texts are data in assets/."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

LESSONS = Path(__file__).resolve().parents[2] / "assets" / "lessons"


@lru_cache(maxsize=16)
def experiments(page: str) -> tuple[dict[str, Any], ...]:
    """The experiments of a page."""
    with (LESSONS / f"{page}.toml").open("rb") as file:
        return tuple(tomllib.load(file)["experiment"])


def draw_experiments(page: str, key: str) -> dict[str, str] | None:
    """Draw the experiments; returns the link of the one that was just chosen."""
    st.subheader("Experiments to try", anchor=False)
    chosen = None
    columns = st.columns(3)
    for index, entry in enumerate(experiments(page)):
        with columns[index % 3], st.container(border=True, height="stretch"):
            st.markdown(f"**{entry['title']}**  \n{entry['what']}")
            st.caption(f"**Watch:** {entry['watch']}  \n**Cure:** {entry['cure']}")
            if st.button("Set it up", key=f"{key}/{index}", icon=":material/science:"):
                chosen = dict(entry["link"])
    return chosen
