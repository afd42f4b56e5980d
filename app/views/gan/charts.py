"""The charts of a GAN in the plane: modes, quality and losses over training, and the stored sweep of cures."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.page.charts import show_drawing
from app.views.gan.figures import draw_game_losses, draw_modes_curve, draw_quality_curve, draw_sweep
from app.views.gan.odds import published_table
from app.views.gan.target import PERFECT_QUALITY
from engines.gan.plane.spec import PUBLISHED
from engines.training.run import Run

SWEEP = Path(__file__).resolve().parents[3] / "assets" / "measured" / "gan_sweep.json"


@lru_cache(maxsize=1)
def sweep() -> dict[str, Any] | None:
    """The stored sweep; None before it was measured."""
    return json.loads(SWEEP.read_text(encoding="utf-8")) if SWEEP.exists() else None


def draw_gan_charts(run: Run | None, *, key: str) -> None:
    """An expander with all charts; nothing is computed before it is opened."""
    box = st.expander(
        "Charts: modes, quality and losses over training; games and cures over seeds",
        icon=":material/show_chart:",
        key=key,
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        if run is None:
            st.caption("The charts of this run come when it has ended.")
        else:
            _draw_run(run, key)
        if found := sweep():
            _draw_sweep(found, key)


def _draw_run(run: Run, key: str) -> None:
    snapshots = run.snapshots
    counted = [s for s in snapshots if "modes" in s.metrics]
    left, right = st.columns(2)
    if counted:
        steps, metrics = [s.step for s in counted], [s.metrics for s in counted]
        n_modes = len(metrics[0]["mode_shares"])
        modes = [m["modes"] for m in metrics], [m["modes_fair"] for m in metrics]
        show_drawing(left, draw_modes_curve(steps, *modes, n_modes), f"{key}/modes")
        quality = [m["high_quality"] for m in metrics]
        show_drawing(right, draw_quality_curve(steps, quality, PERFECT_QUALITY), f"{key}/quality")
    trained = [s for s in snapshots if "discriminator_game" in s.losses]
    if trained:
        losses = ([s.losses[f"{player}_game"] for s in trained] for player in ("discriminator", "generator"))
        show_drawing(st.container(), draw_game_losses([s.step for s in trained], *losses), f"{key}/loss")
    info = run.info
    st.caption(
        f"Trained on {info.device} in {info.seconds:.1f} s, seed {run.experiment.seed}, {info.n_parameters:,} "
        f"parameters, torch {info.versions.get('torch', '?')}. 2,500 samples a point, as in VEEGAN and PacGAN."
    )


def _draw_sweep(found: dict[str, Any], key: str) -> None:
    """Games and cures over seeds: the family's stability, measured; beside the rows of papers."""
    st.markdown("**Games and cures, over seeds**")
    show_drawing(st.container(), draw_sweep(found["rows"]), f"{key}/sweep")
    protocol = found.get("protocol", {})
    if protocol:
        st.caption("; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in protocol.items()) + ".")
    st.markdown("**The published ring and grid**")
    for column, name in zip(st.columns(2), PUBLISHED, strict=True):
        column.markdown(published_table(name))
    st.caption(
        "Other nets and other noise in each: a row says what was reached, not what a cure adds. True samples: 98.9 %."
    )
