"""The frame of a visit to a page: it opens from a link, is left and found again as it was, and may be set up anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import streamlit as st

from app.canvas.stage import Moment
from app.page.keys import LINKS, SETUPS, PageKeys, keep_widgets
from app.page.runs import open_link
from app.words import plain

MAX_TEMPERATURE = 1.5
TO_OPEN = "to_open"  # of a page: the link that opens it next; a browser's address may come late
KEPT = (SETUPS, TO_OPEN, "attempt", "own_picture", "upload_set_note")  # what no link holds, and setting up leaves
PAGE = "visit/page"  # in the session: path of the page that was drawn last
NOWHERE = "/"  # no page's path; the first page's is empty
NAMES = "visit/names"  # in the session: path of a page -> its keys' name
TO_TOP = "visit/to_top"  # in the session: how often a button far below has set a page up
SCROLLED = "visit/scrolled"  # in the session: the same, when the page was scrolled to its top last
MARK = ":orange[●]"  # on what an experiment has changed
WATCH = "watch"  # of a page: the experiment that has set it up
# A page that still grows ends a scroll half way: it is begun again for some seconds, unless a hand takes over.
SCROLL = """
(() => { // %d
  const main = document.querySelector("[data-testid=stMain]");
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  const climb = () => main.scrollTo({ top: 0, behavior });
  const hands = ["wheel", "pointerdown", "keydown"];
  let before;
  const watch = setInterval(() => {
    if (main.scrollTop > 0 && main.scrollTop === before) climb();
    before = main.scrollTop;
  }, 200);
  const end = () => {
    clearInterval(watch);
    for (const hand of hands) removeEventListener(hand, end, true);
  };
  for (const hand of hands) addEventListener(hand, end, true);
  setTimeout(end, 4000);
  climb();
})();
"""
# Streamlit makes a step of the browser's history of each change of an address; here only another page is one.
ADDRESS = """
if (!history.genlabPush) {
  history.genlabPush = history.pushState;
  history.pushState = function (state, title, url) {
    const isHere = url != null && new URL(url, location.href).pathname === location.pathname;
    return (isHere ? history.replaceState : history.genlabPush).call(history, state, title, url);
  };
}
"""


@dataclass(frozen=True)
class SetUp:
    """What sets a page up.

    Attributes:
        title: Of the experiment.
        watch: What to watch there.
        link: How the page stands then.
        before: What the page's widgets held when it was pressed, by key.
    """

    title: str
    watch: str
    link: Mapping[str, str]
    before: Mapping[str, Any] = field(default_factory=dict)


# ---- coming and going ----


def arrive(path: str) -> None:
    """Called by the frame before a page is drawn: one that is come back to opens by the last address that it had.

    An address with parameters, as of a link or of the browser's Back, counts more.
    """
    last, name = st.session_state.get(PAGE), name_of(path)
    if last not in (None, path) and name:
        begin_anew(PageKeys(name), st.query_params.to_dict() or address_of(path))
    st.session_state[PAGE] = path  # last: a run that is broken off before arrives again


def go_to(page: Any, link: Mapping[str, str]) -> NoReturn:
    """Open a page of the navigation by a link, even if it is the one that is shown."""
    st.session_state[PAGE] = NOWHERE
    st.switch_page(page, query_params=dict(link))


def name_of(path: str) -> str:
    """Name of the keys of a page that was drawn in this visit; else empty."""
    return st.session_state.get(NAMES, {}).get(path, "")


def address_of(path: str) -> dict[str, str]:
    """The parameters that the page of a path had in its address last."""
    return st.session_state.get(LINKS, {}).get(name_of(path), {})


def begin_anew(keys: PageKeys, link: Mapping[str, str]) -> None:
    """Forget how the page is set, but for what no link can hold; it opens by this link, and its canvases begin anew."""
    st.session_state[keys.own(TO_OPEN)] = dict(link)
    st.query_params.from_dict(dict(link))
    st.session_state[keys.own(SETUPS)] = st.session_state.get(keys.own(SETUPS), 0) + 1
    kept = {keys.own(name) for name in KEPT}
    for name in list(st.session_state):
        if str(name).startswith((f"{keys.page}.", f"{keys.page}/")) and name not in kept:
            del st.session_state[name]


def is_first_run(keys: PageKeys) -> bool:
    """Whether the page is to be set from the link; later, what the visitor set is kept."""
    keep_widgets(keys)
    st.session_state.setdefault(NAMES, {})[st.session_state.get(PAGE, "")] = keys.page
    return keys.own("target") not in st.session_state


def open_page(keys: PageKeys, read: Callable[[dict[str, str], list[str]], str]) -> None:
    """At the first run of a visit, set everything from the link.

    Args:
        keys: Session keys of the page.
        read: Sets what the page has from the link's parameters, adds a sentence for each impossible one, and returns
            the target.
    """
    if not is_first_run(keys):
        return
    problems: list[str] = []
    query = st.session_state.get(keys.own(TO_OPEN), st.query_params.to_dict())
    target = read(dict(query), problems)
    st.session_state[keys.own("problems")] = problems
    st.session_state[keys.own("target")] = target
    st.session_state.pop(keys.own(TO_OPEN), None)


def read_visit(keys: PageKeys, query: Mapping[str, str], problems: list[str], *, model: str, target: str) -> str:
    """What a page of one model in the plane reads of a link: experiment, step and temperature; returns the target."""
    wanted, wrong = open_link(keys, query, model=model, target=target)
    problems += wrong
    st.session_state[keys.own("moment")] = Moment(
        read_step(query.get("at", ""), problems), _temperature(query.get("temperature", "1"), problems)
    )
    return wanted


# ---- set up anew ----


def set_up(keys: PageKeys, wanted: SetUp) -> None:
    """Set the page up as a link says, as if it had been opened by it. Meant as a button's callback."""
    before = {str(key): value for key, value in st.session_state.items() if str(key).startswith(f"{keys.page}.")}
    begin_anew(keys, wanted.link)
    st.session_state[keys.own(WATCH)] = replace(wanted, before=before)
    st.session_state[TO_TOP] = st.session_state.get(TO_TOP, 0) + 1


def is_changed(keys: PageKeys, widget: str) -> bool:
    """Whether a widget holds something else than before the experiment whose note stands over the stage."""
    watched: SetUp | None = st.session_state.get(keys.own(WATCH))
    return watched is not None and watched.before.get(widget, now := st.session_state.get(widget)) != now


def follow_to_top() -> None:
    """After an experiment was set up far below: let the visitor see what it set up. Call it when the page stands."""
    count = st.session_state.get(TO_TOP, 0)
    if count > st.session_state.get(SCROLLED, 0):
        st.session_state[SCROLLED] = count
        st.html(f"<script>{SCROLL % count}</script>", unsafe_allow_javascript=True)  # a new text, so that it runs again


def keep_address() -> None:
    """Let what changes on a page change its address in place, so that the browser's Back leads to the page before."""
    st.html(f"<script>{ADDRESS}</script>", unsafe_allow_javascript=True)


# ---- what is said over the stage ----


def draw_problems(keys: PageKeys) -> None:
    """Sentences on what in the link was impossible or went wrong with a button, and what to watch in an experiment."""
    sentences = st.session_state.get(keys.own("problems"), [])
    if sentences:
        _draw_note(keys, "problems", st.warning, "\n\n".join(map(plain, sentences)), ":material/info:")
    watched: SetUp | None = st.session_state.get(keys.own(WATCH))
    if watched is not None:
        words = f"**{watched.title}.** Watch: {watched.watch} (Settings that it changed are marked {MARK}.)"
        _draw_note(keys, WATCH, st.info, words, ":material/science:")


def _draw_note(keys: PageKeys, name: str, draw: Callable[..., object], words: str, icon: str) -> None:
    """A note that stays until it is read."""
    left, right = st.columns([8, 1], vertical_alignment="center")
    with left:
        draw(words, icon=icon)
    right.button("Got it", width="stretch", key=keys.own(f"got_{name}"), on_click=_forget, args=(keys.own(name),))


def _forget(key: str) -> None:
    st.session_state.pop(key, None)


# ---- reading a link ----


def read_step(text: str, problems: list[str], *, otherwise: str = "The run plays from its start.") -> int | None:
    """The step that a link names; None without one, and a sentence if it is no number."""
    if not text or (text.isascii() and text.isdigit() and len(text) < 9):
        return int(text) if text else None
    problems.append(f"Expected a whole number of steps after at=, got {text[:20]!r}. {otherwise}")
    return None


def _temperature(text: str, problems: list[str]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if 0 <= value <= MAX_TEMPERATURE:
        return value
    problems.append(f"Expected a temperature from 0 to {MAX_TEMPERATURE}, got {text[:20]!r}. The default, 1, is used.")
    return 1.0
