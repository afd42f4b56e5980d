"""A training that waits for a free worker: what was on the stage before stays there, and a line says how long."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.house import house
from app.page.keys import PageKeys
from app.page.runs import ShownRun

EVERY = 0.5  # seconds between two looks at the queue


def stay_while_waiting(keys: PageKeys, asked: ShownRun) -> ShownRun:
    """What was asked for; while that waits for a worker, the run of the same model that was shown before."""
    key = keys.own("shown_before")
    if asked.run is not None:
        st.session_state[key] = asked.digest
    before = house().shelves.get(st.session_state.get(key, ""))
    if before is None or not waits(asked):
        return asked
    had, wanted = before.experiment, asked.experiment
    if (had.model, had.dataset) != (wanted.model, wanted.dataset):
        return asked
    return ShownRun(had, before.name, before, asked)


def waits(slot: ShownRun) -> bool:
    """Whether a run has not begun, since others hold the workers."""
    standing = house().workers.standing(slot.digest) if slot.run is None and slot.digest else None
    return standing is not None and standing.state == "queued" and standing.ahead > 0 and not standing.step


def draw_waiting(keys: PageKeys, shown: ShownRun) -> None:
    """One line while what was asked for waits; the page runs anew once it begins."""
    if shown.asked is not None:
        tell_queue = partial(_tell, keys, shown.asked)
        st.fragment(tell_queue, run_every=EVERY)()


def _tell(keys: PageKeys, asked: ShownRun) -> None:
    if not waits(asked):
        st.rerun()
    house().workers.note_watched([asked.digest])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/hourglass_top: {_words(asked)} Shown until then: the run before.")
        st.button("Leave the queue", key=keys.own("leave_queue"), type="tertiary", on_click=partial(_leave, asked))


def _leave(asked: ShownRun) -> None:
    house().workers.command(asked.digest, "stop")


def _words(asked: ShownRun) -> str:
    standing = house().workers.standing(asked.digest)
    if standing is None:
        return "Your training begins."
    wait = "" if standing.wait is None else f", about {standing.wait:.0f} s"
    return f"Your training waits: {standing.ahead} {'run' if standing.ahead == 1 else 'runs'} ahead of it{wait}."
