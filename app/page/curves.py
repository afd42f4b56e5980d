"""Curves over training: arrays in, a plotly figure and its alt text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.theme import ROLES, Role

_STYLES: tuple[tuple[Role, str], ...] = (("model", "solid"), ("field", "dash"))


@dataclass(frozen=True)
class Drawing:
    """A figure and what it says, for those who cannot see it."""

    figure: go.Figure
    alt: str


def draw_kl_curve(steps: Sequence[int], kl: Sequence[float], error: Sequence[float]) -> Drawing:
    """KL(data || model) over training, with a band of two standard errors.

    Args:
        steps: Training steps.
        kl: Nats, one for each step.
        error: Standard errors, nats.
    """
    colour = ROLES["model"]["light"]
    upper = [k + 2 * e for k, e in zip(kl, error, strict=True)]
    lower = [max(k - 2 * e, 1e-4) for k, e in zip(kl, error, strict=True)]
    figure = go.Figure()
    figure.add_scatter(
        x=list(steps), y=upper, mode="lines", line_width=0, showlegend=False, hoverinfo="skip", name="upper"
    )
    figure.add_scatter(
        x=list(steps),
        y=lower,
        mode="lines",
        line_width=0,
        fill="tonexty",
        name="± 2 standard errors",
        fillcolor="rgba(204,122,0,0.18)",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=list(steps), y=list(kl), mode="lines+markers", name="KL(data ‖ model)", line_color=colour, marker_size=5
    )
    figure.update_yaxes(type="log", title="KL (nats, logarithmic)")
    finish(figure)
    return Drawing(figure, f"KL from data to model falls from {kl[0]:.3g} to {kl[-1]:.3g} nats in {steps[-1]:,} steps.")


def draw_loss_curve(steps: Sequence[int], loss: Sequence[float], entropy: float) -> Drawing:
    """Training loss over steps, with the entropy of the data, below which no loss can stay.

    Args:
        steps: Training steps.
        loss: Mean negative log-likelihood since the point before, nats.
        entropy: Of the data, nats.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=list(steps),
        y=list(loss),
        mode="lines+markers",
        name="loss",
        line_color=ROLES["model"]["light"],
        marker_size=5,
    )
    ends = [0, steps[-1]]
    figure.add_scatter(
        x=ends,
        y=[entropy, entropy],
        mode="lines",
        name="entropy of the data",
        line={"color": ROLES["data"]["light"], "dash": "dash"},
    )
    figure.update_yaxes(title="negative log-likelihood (nats)")
    finish(figure)
    gap = loss[-1] - entropy
    return Drawing(
        figure, f"The loss falls from {loss[0]:.3f} to {loss[-1]:.3f} nats, {gap:.3f} above the entropy of the data."
    )


def draw_two_losses(
    names: Sequence[str], steps: Sequence[Sequence[int]], losses: Sequence[Sequence[float]], entropy: float
) -> Drawing:
    """Training losses of two models on the same data, with the entropy of the data.

    Args:
        names: Of the two.
        steps: Of each.
        losses: Of each: mean negative log-likelihood since the point before, nats.
        entropy: Of the data, nats.
    """
    figure, styles = go.Figure(), _STYLES
    for name, at, loss, (role, dash) in zip(names, steps, losses, styles, strict=True):
        line = {"color": ROLES[role]["light"], "dash": dash}
        figure.add_scatter(x=list(at), y=list(loss), mode="lines+markers", name=name, line=line, marker_size=5)
    ends = [0, max((at[-1] for at in steps if at), default=1)]
    line = {"color": ROLES["data"]["light"], "dash": "dot"}
    figure.add_scatter(x=ends, y=[entropy, entropy], mode="lines", name="entropy of the data", line=line)
    figure.update_yaxes(title="negative log-likelihood (nats)")
    finish(figure)
    last = ", ".join(f"{name} {loss[-1]:.3f}" for name, loss in zip(names, losses, strict=True) if loss)
    return Drawing(figure, f"Final losses in nats: {last}; the entropy of the data is {entropy:.3f}.")


def finish(figure: go.Figure) -> None:
    """What all curves over training share: their axis, size and legend."""
    figure.update_xaxes(title="training step")
    figure.update_layout(
        height=300, margin={"l": 10, "r": 10, "t": 10, "b": 10}, legend={"orientation": "h", "y": 1.12}
    )
