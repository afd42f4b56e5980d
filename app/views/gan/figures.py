"""Figures of adversarial games: arrays in, a plotly figure and its alt text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES


def draw_modes_curve(steps: Sequence[int], found: Sequence[float], fair: Sequence[float], n_modes: int) -> Drawing:
    """Modes found over training, and those with at least a fifth of their share."""
    figure = go.Figure()
    figure.add_scatter(x=list(steps), y=list(found), name="with any sample", line_color=ROLES["base"]["light"])
    figure.add_scatter(
        x=list(steps), y=list(fair), name="with a fifth of its share", line_color=ROLES["model"]["light"]
    )
    dash = {"color": ROLES["data"]["light"], "dash": "dash"}
    figure.add_scatter(x=[0, steps[-1]], y=[n_modes] * 2, mode="lines", name="all of them", line=dash)
    figure.update_yaxes(title="modes of the data found", rangemode="tozero")
    finish(figure)
    return Drawing(figure, f"Modes found: {found[0]:g} at first, {found[-1]:g} of {n_modes} at step {steps[-1]:,}.")


def draw_quality_curve(steps: Sequence[int], quality: Sequence[float], perfect: float) -> Drawing:
    """Share of samples of high quality over training, against that of a perfect sampler."""
    figure = go.Figure()
    figure.add_scatter(x=list(steps), y=[100 * q for q in quality], name="samples", line_color=ROLES["model"]["light"])
    dash = {"color": ROLES["data"]["light"], "dash": "dash"}
    figure.add_scatter(x=[0, steps[-1]], y=[100 * perfect] * 2, mode="lines", name="a perfect sampler", line=dash)
    figure.update_yaxes(title="within 3 standard deviations (%)", rangemode="tozero")
    finish(figure)
    return Drawing(
        figure, f"High quality ends at {100 * quality[-1]:.1f} %; a perfect sampler scores {100 * perfect:.1f} %."
    )


def draw_game_losses(steps: Sequence[int], discriminator: Sequence[float], generator: Sequence[float]) -> Drawing:
    """The losses of both players over training: neither says how good the samples are."""
    figure = go.Figure()
    figure.add_scatter(x=list(steps), y=list(discriminator), name="discriminator", line_color=ROLES["field"]["light"])
    figure.add_scatter(x=list(steps), y=list(generator), name="generator", line_color=ROLES["model"]["light"])
    figure.update_yaxes(title="loss (nats, or units of the game)")
    finish(figure)
    ends = f"{discriminator[-1]:.3f} and {generator[-1]:.3f}"
    return Drawing(figure, f"The losses of discriminator and generator end at {ends}.")


def draw_sweep(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Games by cures: median of the modes found over seeds as colour, with the spread in words.

    Args:
        rows: "loss", "cure", "modes" (one number a seed), "high_quality" and "reverse_kl" likewise.
    """
    losses, cures = (list(dict.fromkeys(row[name] for row in rows)) for name in ("loss", "cure"))
    cells = {(row["loss"], row["cure"]): row for row in rows}
    values = [[_median(cells.get((loss, cure))) for cure in cures] for loss in losses]
    texts = [[_spread(cells.get((loss, cure))) for cure in cures] for loss in losses]
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=[cure.replace("_", " ") for cure in cures],
            y=[loss.replace("_", " ") for loss in losses],
            text=texts,
            texttemplate="%{text}",
            name="modes",
            colorscale=[[0, "#f2f3f5"], [1, ROLES["model"]["light"]]],
            colorbar={"title": "modes"},
        )
    )
    figure.update_xaxes(title="cure", side="top")
    figure.update_yaxes(title="game", autorange="reversed")
    height = 120 + 46 * len(losses)
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 40, "b": 10})
    best = max(rows, key=lambda row: (_median(row) or 0, median(row["high_quality"])))
    alt = f"Median modes found over {len(best['modes'])} seeds; best: {best['loss']} with {best['cure']}."
    return Drawing(figure, alt.replace("_", " "))


def _median(row: Mapping[str, Any] | None) -> float | None:
    return None if row is None else median(row["modes"])


def _spread(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    quality = 100 * median(row["high_quality"])
    return f"{median(row['modes']):g} ({min(row['modes']):g}–{max(row['modes']):g})<br>{quality:.0f} %"
