"""The runs that a visitor has trained in this visit: a chip for each in the sidebar, which leads back to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from app.house import house
from app.page.keys import PageKeys
from engines.datasets import DATASETS
from engines.models import MODELS
from engines.training import Experiment

TRAIL = "visit/trail"  # in the session: name of a run -> Chip, the oldest first
MOST = 6  # chips
EVERY = 2.0  # seconds between two looks at a training
LABELS = {"queued": "waiting", "paused": "paused", "failed": "failed", "diverged": "diverged"}


@dataclass(frozen=True)
class Chip:
    """A run of this visit.

    Attributes:
        run: Its name.
        experiment: What was trained.
        page: Name of the page's keys.
        link: Address of the page as it showed the run first; empty until then.
    """

    run: str
    experiment: Experiment
    page: str
    link: Mapping[str, str] = field(default_factory=dict)


def note_training(keys: PageKeys, name: str, experiment: Experiment) -> None:
    """A training was asked for on a page; of each experiment the last one counts, and the newest stand last."""
    trail: dict[str, Chip] = st.session_state.setdefault(TRAIL, {})
    for other in [key for key, chip in trail.items() if chip.experiment == experiment]:
        del trail[other]
    trail[name] = Chip(name, experiment, keys.page)


def note_link(page: str, link: Mapping[str, str]) -> None:
    """The address of a page, now that it shows what was asked for there last."""
    trail: dict[str, Chip] = st.session_state.get(TRAIL, {})
    for name, chip in trail.items():
        if chip.page == page and not chip.link:
            rest = {key: text for key, text in link.items() if key != "at"}
            trail[name] = replace(chip, link=rest | {"run": name})  # also when it is stopped, and nobody else's


def chips() -> list[Chip]:
    """The newest runs of this visit that can be gone to, the newest first."""
    trail: dict[str, Chip] = st.session_state.get(TRAIL, {})
    return [chip for chip in reversed(trail.values()) if chip.link][:MOST]


def label_of(chip: Chip) -> str:
    """Data, model, and how far it is: "ring of 8, RealNVP 34 %"."""
    experiment = chip.experiment
    title = f"{DATASETS[experiment.dataset].title}, {MODELS[experiment.model].title}"
    standing = house().workers.standing(chip.run)
    if standing is None or standing.has_ended:
        run = house().shelves.get(chip.run)
        is_whole = run is not None and run.info.state == "finished"
        return title if run is None or is_whole else f"{title} {run.info.state} at {run.info.step:,}"
    share = f"{100 * standing.step / max(1, standing.steps):.0f} %"
    return f"{title} {LABELS.get(standing.state, share)}"


def is_live(chip: Chip) -> bool:
    """Whether it is waiting or in training."""
    standing = house().workers.standing(chip.run)
    return standing is not None and not standing.has_ended


def draw_trail() -> Chip | None:
    """Draw the chips; they follow the trainings while there are any. Returns the one that was pressed."""
    found = chips()
    if not found:
        return None
    with st.sidebar:
        st.caption("Runs of this visit")
        st.fragment(_draw_chips, run_every=EVERY if any(map(is_live, found)) else None)()
    return st.session_state.pop("visit/pressed_chip", None)


def _draw_chips() -> None:
    for chip in chips():
        icon = ":material/progress_activity:" if is_live(chip) else ":material/check:"
        if st.button(label_of(chip), key=f"chip/{chip.run}", icon=icon, type="tertiary"):
            st.session_state["visit/pressed_chip"] = chip
            st.rerun()
