"""Dirac-GAN: the smallest adversarial game as a field of two numbers; why some games circle and some converge."""

from __future__ import annotations

import secrets

import streamlit as st

from app.page.keys import PageKeys, keep_widgets, write_link
from app.page.lessons import draw_experiments
from app.page.properties import draw_properties
from app.page.visit import draw_problems, restart_with
from app.views.dirac_gan.canvas import DiracPlace, DiracView, draw_dirac, place_of_link, read_dirac_place
from app.views.dirac_gan.numbers import draw_dirac_code, draw_dirac_formula, draw_dirac_table

KEYS = PageKeys("dirac")


def draw_page() -> None:
    """The page from top to bottom."""
    open_here()
    st.title("Why do some GANs circle, and some converge?", anchor=False)
    st.caption(
        "The smallest GAN there is: all data at 0, a generator that makes one point θ, a discriminator that is a line "
        "of slope ψ. Two numbers play, so the whole game is a picture. Drag the start, and watch where it goes."
    )
    draw_problems(KEYS)
    place = current_place()
    write_link(place.texts())
    st.session_state[KEYS.own("last")] = place
    draw_dirac(
        DiracView(st.session_state[KEYS.own("place")], st.session_state[KEYS.own("visit")]), key=KEYS.own("stage")
    )
    left, right = st.columns([1.15, 1])
    with left:
        st.subheader("In numbers", anchor=False)
        draw_dirac_formula(place.game)
    with right:
        draw_properties("dirac")
    chosen = draw_experiments("dirac_gan", KEYS.own("lesson"))
    draw_dirac_table(place.game, key=KEYS.own("table"))
    with st.expander("The code that made this picture", icon=":material/code:"):
        draw_dirac_code(place)
    if chosen:
        restart_with(KEYS, chosen)


def open_here() -> None:
    """At the first run of a visit, set everything from the link; after another page, from what was set last."""
    keep_widgets(KEYS)
    if KEYS.own("place") not in st.session_state:
        problems: list[str] = []
        st.session_state[KEYS.own("place")] = place_of_link(st.query_params.to_dict(), problems)
        st.session_state[KEYS.own("problems")] = problems
        st.session_state[KEYS.own("visit")] = secrets.token_hex(4)
    elif KEYS.own("stage") not in st.session_state:
        st.session_state[KEYS.own("place")] = st.session_state.get(KEYS.own("last"), DiracPlace())
        st.session_state[KEYS.own("visit")] = secrets.token_hex(4)


def current_place() -> DiracPlace:
    """Where the stage says that the visitor is; before it has spoken, where the link says."""
    told = read_dirac_place(st.session_state.get(KEYS.own("stage")), st.session_state[KEYS.own("visit")])
    return told or st.session_state[KEYS.own("place")]


draw_page()
