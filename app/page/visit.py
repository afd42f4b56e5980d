"""The frame of a visit to a page: it opens from a link, says what in it was impossible, and may start over."""

from __future__ import annotations

import streamlit as st

from app.canvas.stage import Moment
from app.page.keys import PageKeys, keep_widgets
from app.page.runs import open_link
from app.words import plain

MAX_TEMPERATURE = 1.5
TO_TOP = "visit/to_top"  # in the session: the page was set up anew by a button far below
SCROLL = """
const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0, behavior: isStill ? "auto" : "smooth" });
"""


def open_visit(keys: PageKeys, *, model: str, target: str) -> None:
    """At the first run of a visit, set everything from the link; later, keep what the visitor set."""
    keep_widgets(keys)
    if keys.own("target") in st.session_state:
        return
    wanted, problems = open_link(keys, st.query_params.to_dict(), model=model, target=target)
    moment = Moment(read_step(st.query_params.get("at", ""), problems), _temperature(problems))
    st.session_state[keys.own("moment")] = moment
    st.session_state[keys.own("problems")] = problems
    st.session_state[keys.own("target")] = wanted


def draw_problems(keys: PageKeys) -> None:
    """Sentences on what in the link was impossible, and on what went wrong with a button; they stay until read."""
    sentences = st.session_state.get(keys.own("problems"), [])
    if not sentences:
        return
    left, right = st.columns([8, 1], vertical_alignment="center")
    left.warning("\n\n".join(map(plain, sentences)), icon=":material/info:")
    right.button("Got it", key=keys.own("got_it"), on_click=st.session_state.pop, args=(keys.own("problems"),))


def restart_with(keys: PageKeys, link: dict[str, str]) -> None:
    """Set the page up as a link says, as if it had been opened by it."""
    for name in [n for n in st.session_state if str(n).startswith((f"{keys.page}.", f"{keys.page}/"))]:
        del st.session_state[name]
    st.query_params.from_dict(link)
    st.session_state[TO_TOP] = True
    st.rerun()


def follow_to_top() -> None:
    """After an experiment was set up far below: let the visitor see what it set up. Call it when the page stands."""
    if st.session_state.pop(TO_TOP, False):
        st.html(f"<script>{SCROLL}</script>", unsafe_allow_javascript=True)


def read_step(text: str, problems: list[str], *, otherwise: str = "The run plays from its start.") -> int | None:
    """The step that a link names; None without one, and a sentence if it is no number."""
    if not text or (text.isascii() and text.isdigit() and len(text) < 9):
        return int(text) if text else None
    problems.append(f"Expected a whole number of steps after at=, got {text[:20]!r}. {otherwise}")
    return None


def _temperature(problems: list[str]) -> float:
    text = st.query_params.get("temperature", "1")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if 0 <= value <= MAX_TEMPERATURE:
        return value
    problems.append(f"Expected a temperature from 0 to {MAX_TEMPERATURE}, got {text[:20]!r}. The default, 1, is used.")
    return 1.0
