"""Whose runs a visitor is shown.

What ships and the first finished run of an experiment are what everybody opens. A run that was stopped, failed, or
repeats a finished one is its visitor's: shown in this visit, listed for this visitor alone. So are all runs on a
visitor's own data. A link that names a run opens it for everybody who has the link: whoever passes it on decides that.
"""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from app.house import house
from engines.datasets import DATASETS
from engines.training import Experiment
from engines.training.run import Run

_KNOWN = "visit/known_runs"  # names of runs that this session trained, or that a link named
_FOLLOWED = "visit/followed_runs"  # by digest of the experiment: the run that is shown in place of the common one
WHO_SEES = (
    "Your pictures, and what is trained on them, are shown to you alone: this server lists them for no other visitor. "
    "Whoever gets the link of your page from you sees them too. They stay on this server, cut to small squares, "
    "until whoever keeps it deletes them."
)


def note_run(name: str) -> None:
    """Remember a run that this visitor trained or was given the link of."""
    st.session_state.setdefault(_KNOWN, set()).add(name)


def follow_run(name: str, experiment: Experiment) -> None:
    """Show this run of an experiment from now on, instead of the one that everybody opens."""
    note_run(name)
    st.session_state.setdefault(_FOLLOWED, {})[experiment.digest] = name


def unfollow_run(experiment: Experiment) -> None:
    """Show what everybody opens of an experiment again."""
    st.session_state.get(_FOLLOWED, {}).pop(experiment.digest, None)


def run_of(experiment: Experiment) -> tuple[str, Run | None]:
    """The name of the run of an experiment that this visitor is shown, and the run itself once it has ended.

    That is the visitor's own latest one, else the stored one that everybody opens, else one in training; the name is
    empty if there is none.
    """
    home, own = house(), st.session_state.get(_FOLLOWED, {}).get(experiment.digest, "")
    if own and home.workers.standing(own) is not None:
        return own, None
    run = home.shelves.get(own) or home.shelves.get(experiment.digest)
    return (run.name, run) if run is not None else (home.workers.running(experiment.digest), None)


def listed_runs() -> list[Run]:
    """All stored runs that this visitor may be shown, what ships first."""
    known = st.session_state.get(_KNOWN, set())
    return [run for run, is_open, names in _all(house().shelves.stamp) if is_open or names & known]


@lru_cache(maxsize=2)
def _all(stamp: object) -> tuple[tuple[Run, bool, frozenset[str]], ...]:
    """All runs, whether each is shown to everybody, and its names; made anew when one came or went, or ended."""
    own, found, common = house().shelves.own, [], set()
    for store in reversed(house().shelves.stores):
        for run in sorted(store.list(), key=lambda run: run.info.started):
            digest, is_common = run.experiment.digest, False
            if run.info.state == "finished" and digest not in common:
                common.add(digest)
                is_common = True
            is_private = store is own and DATASETS[run.experiment.dataset].group == "yours"
            names = frozenset({run.name, digest} if is_common else {run.name})
            found.append((run, is_common and not is_private, names))
    return tuple(found)
