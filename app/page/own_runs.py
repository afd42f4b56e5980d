"""Whose runs a visitor may be shown: those on a visitor's own data are listed for that visitor alone.

A link that names a run opens it for everybody who has the link: whoever passes it on decides that.
"""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from app.house import house
from engines.datasets import DATASETS
from engines.training.run import Run
from engines.training.store import RunStore

_KNOWN = "visit/known_runs"  # digests that this session trained, or that a link named
WHO_SEES = (
    "Your pictures, and what is trained on them, are shown to you alone: this server lists them for no other visitor. "
    "Whoever gets the link of your page from you sees them too. They stay on this server, cut to small squares, "
    "until whoever keeps it deletes them."
)


def note_run(digest: str) -> None:
    """Remember a run that this visitor trained or was given the link of."""
    st.session_state.setdefault(_KNOWN, set()).add(digest)


def listed_runs() -> list[Run]:
    """All stored runs that this visitor may be shown, what ships first."""
    stores = reversed(house().shelves.stores)
    return [run for store in stores for run in _all(store, store.stamp) if _is_listed(run, store)]


def _is_listed(run: Run, store: RunStore) -> bool:
    is_private = store is house().shelves.own and DATASETS[run.experiment.dataset].group == "yours"
    return not is_private or run.experiment.digest in st.session_state.get(_KNOWN, set())


@lru_cache(maxsize=4)
def _all(store: RunStore, stamp: int) -> tuple[Run, ...]:
    """The runs of a store; looked for anew when one came or went, or ended."""
    return tuple(store.list())
