"""Bounds over training: arrays in, a plotly figure and its alt text out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES


def draw_bounds(steps: Sequence[int], held_out: Sequence[float], seen: Sequence[float]) -> Drawing:
    """Evidence lower bound of held-out and of seen examples over training, and where overfitting begins.

    Args:
        steps: Training steps.
        held_out: Mean bound on held-out examples, nats.
        seen: Mean bound on examples of the training, nats.
    """
    figure = go.Figure()
    _line(figure, steps, seen, "seen in training", ROLES["base"]["light"], "dash")
    _line(figure, steps, held_out, "held out", ROLES["model"]["light"], "solid")
    best = max(range(len(steps)), key=lambda i: held_out[i])
    said = (
        f"The held-out bound rises from {held_out[0]:.1f} to {held_out[-1]:.1f} nats, the seen one to {seen[-1]:.1f}."
    )
    if best < len(steps) - 1 and held_out[best] - held_out[-1] > 0.5:
        figure.add_vline(x=steps[best], line_color=ROLES["error"]["light"], annotation_text="overfits from here")
        said += f" From step {steps[best]:,} on it falls: the model overfits."
    low = sorted(held_out)[len(held_out) // 4]
    figure.update_yaxes(
        title="bound (nats)", range=[low - 0.15 * (max(seen) - low), max(seen) + 0.1 * (max(seen) - low)]
    )
    finish(figure)
    return Drawing(figure, said)


def draw_parts(steps: Sequence[int], rate: Sequence[float], distortion: Sequence[float]) -> Drawing:
    """Rate and distortion over training.

    Args:
        steps: Training steps.
        rate: Mean KL, nats.
        distortion: Mean -log p(x given z), nats.
    """
    figure = go.Figure()
    _line(figure, steps, distortion, "distortion", ROLES["error"]["light"], "solid")
    _line(figure, steps, rate, "rate", ROLES["field"]["light"], "dot")
    figure.update_yaxes(title="nats (logarithmic)", type="log")
    finish(figure)
    return Drawing(
        figure,
        f"Distortion falls from {distortion[0]:.1f} to {distortion[-1]:.1f} nats; "
        f"the rate goes from {rate[0]:.2f} to {rate[-1]:.2f}.",
    )


def _line(figure: go.Figure, x: Sequence[int], y: Sequence[float], name: str, colour: str, dash: str) -> None:
    line = {"color": colour, "dash": dash}
    figure.add_scatter(x=list(x), y=list(y), mode="lines+markers", name=name, line=line, marker_size=5)
