"""Dirac-GAN: the smallest adversarial game as a field of two numbers; why some games circle and some converge."""

from __future__ import annotations

import secrets

import streamlit as st

from app.page.keys import PageKeys, write_link
from app.page.properties import draw_properties
from app.page.story import ask, tell_below
from app.page.visit import draw_problems, open_page
from app.views.dirac_gan.canvas import DiracPlace, DiracView, draw_dirac, place_of_link, read_dirac_place
from app.views.dirac_gan.numbers import draw_dirac_code, draw_dirac_formula, draw_dirac_table

KEYS = PageKeys("dirac", "dirac_gan")


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "Why do some GANs circle, and some converge?")
    st.caption(
        "The smallest GAN there is: all data at 0, a generator that makes one point θ, a discriminator that is a line "
        "of slope ψ. Two numbers play, so the whole game is a picture. Drag the start, and watch where it goes."
    )
    draw_problems(KEYS)
    place = current_place()
    write_link(KEYS, place.texts())
    draw_dirac(
        DiracView(st.session_state[KEYS.own("place")], st.session_state[KEYS.own("visit")]), key=KEYS.canvas("stage")
    )
    tell_below(
        KEYS,
        numbers=lambda: draw_dirac_formula(place.game),
        card=lambda: draw_properties("dirac"),
        charts=lambda: draw_dirac_table(place.game, key=KEYS.own("table")),
        code=lambda: draw_dirac_code(place),
    )


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; the data are a single point."""
    st.session_state[KEYS.own("place")] = place_of_link(query, problems)
    st.session_state[KEYS.own("visit")] = secrets.token_hex(4)
    return "dirac"


def current_place() -> DiracPlace:
    """Where the stage says that the visitor is; before it has spoken, where the link says."""
    told = read_dirac_place(KEYS.told(), st.session_state[KEYS.own("visit")])
    return told or st.session_state[KEYS.own("place")]


draw_page()
