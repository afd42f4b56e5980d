"""The stage of a run in the plane: what each kind of it shows, where its visitor is, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from app.canvas.stage import Moment, StageView, is_lane_blocked, read_moment
from app.house import house
from app.page.keys import PageKeys
from app.page.runs import ShownRun
from app.page.targets import TargetView
from engines.datasets import DATASETS


def common_view(keys: PageKeys, dataset: str, view: TargetView, shown: ShownRun, **other: Any) -> dict[str, Any]:
    """The fields of `StageView`, for a stage of any kind that shows this data set and run, but for `other` ones."""
    moment: Moment | None = st.session_state.get(keys.own("moment"))
    common = {
        "target": f"{dataset} {sorted(shown.experiment.dataset_settings.items())}",
        "target_title": DATASETS[dataset].title,
        "target_note": f"{view.n_components} Gaussian{'s' if view.n_components > 1 else ''}, known exactly",
        "truth": view.truth,
        "samples": view.samples,
        "window": view.window,
        "entropy": view.entropy,
        "run": shown.digest,
        "attempt": st.session_state.get(keys.own("attempt"), 0),
        "steps": shown.experiment.steps,
        "temperature": 1.0,
        "at": moment.step if moment else None,
        "autoplay": False,
    }
    return common | other


def current_moment(keys: PageKeys, shown: ShownRun) -> Moment | None:
    """Where the stage says that the visitor is; before it has spoken, where the link says."""
    attempt = st.session_state.get(keys.own("attempt"), 0)
    told = read_moment(keys.told("stage"), shown.digest, attempt)
    return told or st.session_state.get(keys.own("moment"))


def draw_plane_stage(stage: StageView, shown: ShownRun, draw: Callable[..., object], *, key: str) -> None:
    """The stage, by what draws its kind; where a proxy blocks WebSockets, it gets its snapshots from the page."""
    if is_lane_blocked(st.session_state.get(key)):
        draw_without_lane(stage, shown, draw, key=key)
    else:
        draw(stage, key=key)


def draw_without_lane(stage: StageView, shown: ShownRun, draw: Callable[..., object], *, key: str) -> None:
    """The stage with the snapshots of its run in the page's own data, once a second."""

    def draw_replay() -> None:
        replay, standing = house().hub.replay(shown.digest)
        if standing.get("ended") and shown.run is None:
            st.rerun()  # it has just ended: the whole page takes it up as a stored run
        draw(replace(stage, replay=replay, standing=standing), key=key)

    st.fragment(draw_replay, run_every=1.0 if shown.run is None else None)()
