"""The charts that prove a run: drawn when they are opened, for a run that has ended."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.page.curves import Drawing, draw_kl_curve, draw_loss_curve, draw_two_losses
from engines.training.run import Run


def draw_charts(run: Run | None, entropy: tuple[float, float], *, key: str) -> None:
    """An expander with loss and KL over training; nothing is computed before it is opened."""
    box = st.expander("Charts: loss and KL over training", icon=":material/show_chart:", key=key, on_change="rerun")
    if not box.open:
        return
    with box:
        if run is None:
            st.caption("The charts come when the run has ended.")
            return
        left, right = st.columns(2)
        snapshots = run.snapshots
        measured = [s for s in snapshots if "kl" in s.metrics]
        trained = [s for s in snapshots if "loss" in s.losses]
        if measured:
            kl, error = [s.metrics["kl"] for s in measured], [s.metrics["kl_error"] for s in measured]
            show_drawing(left, draw_kl_curve([s.step for s in measured], kl, error), f"{key}/kl")
        if trained:
            losses = [s.losses["loss"] for s in trained]
            show_drawing(right, draw_loss_curve([s.step for s in trained], losses, entropy[0]), f"{key}/loss")
        info = run.info
        st.caption(
            f"Trained on {info.device} in {info.seconds:.1f} s, seed {run.experiment.seed}, "
            f"{info.n_parameters:,} parameters, torch {info.versions.get('torch', '?')}. "
            "KL by the paired estimator on held-out points."
        )


def draw_losses(runs: Sequence[Run | None], names: Sequence[str], entropy: float, *, key: str) -> None:
    """An expander with the losses of two runs; nothing is computed before it is opened."""
    box = st.expander("Charts: both losses over training", icon=":material/show_chart:", key=key, on_change="rerun")
    if not box.open:
        return
    with box:
        ended = [run for run in runs if run is not None]
        if len(ended) < len(runs):
            st.caption("The chart comes when both runs have ended.")
            return
        trained = [[s for s in run.snapshots if "loss" in s.losses] for run in ended]
        steps = [[s.step for s in each] for each in trained]
        losses = [[s.losses["loss"] for s in each] for each in trained]
        show_drawing(st.container(), draw_two_losses(names, steps, losses, entropy), f"{key}/losses")


def show_drawing(place: DeltaGenerator, drawing: Drawing, key: str) -> None:
    """A figure with its alt text."""
    place.plotly_chart(drawing.figure, key=key, alt=drawing.alt, config={"displayModeBar": False})
