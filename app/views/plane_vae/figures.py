"""The bound and what it bounds, over training: arrays in, a plotly figure and its alt text out."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES


def draw_gap(steps: Sequence[int], log_prob: Sequence[float], bound: Sequence[float], entropy: float) -> Drawing:
    """Mean log p(x) and mean bound over training, the gap between them shaded, and the most that log p can reach.

    Args:
        steps: Training steps.
        log_prob: Mean log p(x) on held-out points, nats.
        bound: Mean evidence lower bound on the same points, nats.
        entropy: Of the data, nats; its negative is the mean log density of the data itself.
    """
    figure = go.Figure()
    _line(figure, steps, bound, "bound (ELBO)", ROLES["error"]["light"])
    _line(figure, steps, log_prob, "log p(x), by quadrature", ROLES["model"]["light"], fill="tonexty")
    ends = [steps[0], steps[-1]]
    dashed = {"color": ROLES["data"]["light"], "dash": "dash"}
    figure.add_scatter(x=ends, y=[-entropy] * 2, mode="lines", name="the data's own log density", line=dashed)
    low = sorted(bound)[len(bound) // 8]
    figure.update_yaxes(title="mean over held-out points (nats)", range=[low - 0.1, -entropy + 0.15 * (-entropy - low)])
    finish(figure)
    gap = log_prob[-1] - bound[-1]
    return Drawing(
        figure,
        f"Mean log p(x) ends at {log_prob[-1]:.3f} nats, its bound {gap:.3f} nats below; "
        f"the data's own log density is {-entropy:.3f}.",
    )


def _line(figure: go.Figure, x: Sequence[int], y: Sequence[float], name: str, colour: str, fill: str = "none") -> None:
    shade = f"rgba{tuple(int(ROLES['error']['light'][i : i + 2], 16) for i in (1, 3, 5)) + (0.15,)}"
    figure.add_scatter(
        x=list(x),
        y=list(y),
        mode="lines+markers",
        name=name,
        line_color=colour,
        marker_size=5,
        fill=fill,
        fillcolor=shade,
    )
