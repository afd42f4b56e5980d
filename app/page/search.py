"""The search in the sidebar: a term leads to the page, or the experiment on it, that shows it."""

from __future__ import annotations

import streamlit as st

from app.navigation import NAVIGATION
from app.terms import Hit, search

KEY = "visit/search"


def draw_search() -> Hit | None:
    """Draw the box over the sidebar's other parts; returns the hit that was pressed."""
    with st.sidebar:
        text = st.text_input(
            "Search",
            key=KEY,
            placeholder="Search: mode collapse, CycleGAN, ELBO",
            icon=":material/search:",
            max_chars=80,
            label_visibility="collapsed",
        )
        if not text:
            return None
        hits = search(text)
        if not hits:
            st.caption("Nothing by that name. Try a model, a measure, or what goes wrong: mode collapse.")
        pressed = None
        for index, hit in enumerate(hits):
            if st.button(label_of(hit), key=f"hit/{index}/{hit.term}", type="tertiary", icon=icon_of(hit)):
                pressed = hit
        return pressed


def label_of(hit: Hit) -> str:
    """The term, and the page that shows it where that says something else."""
    return hit.term if hit.term == hit.page else f"{hit.term}  \n:gray[{hit.page}]"


def icon_of(hit: Hit) -> str:
    """The icon of the hit's page."""
    return next(entry.icon for entry in NAVIGATION if entry.path == hit.path)
