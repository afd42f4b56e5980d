"""What becomes of a translation over its training: distance and way back of points, gain of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES

COLOURS = (ROLES["model"]["light"], ROLES["field"]["light"])


def draw_translation(
    steps: Sequence[int], there: Sequence[float], back: Sequence[float], names: tuple[str, str], axis: str
) -> Drawing:
    """One measure of both directions over training.

    Args:
        steps: Training steps.
        there: The measure from A to B.
        back: The same from B to A.
        names: What the directions are called.
        axis: Title of the axis, with its unit.
    """
    figure = go.Figure()
    for values, name, colour, dash in zip((there, back), names, COLOURS, ("solid", "dash"), strict=True):
        line = {"color": colour, "dash": dash}
        figure.add_scatter(x=list(steps), y=list(values), mode="lines+markers", name=name, line=line, marker_size=5)
    figure.update_yaxes(title=axis)
    finish(figure)
    ends = f"{names[0]} {there[-1]:.3g}, {names[1]} {back[-1]:.3g}"
    return Drawing(figure, f"{axis.capitalize()} over {steps[-1]:,} steps: in the end {ends}.")
