"""A game about pictures in figures: what its players lose, how good its samples are, and which kinds they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES, Role

QUALITIES: Mapping[str, tuple[str, Role]] = {
    "coverage": ("coverage of held-out pictures", "data"),
    "neighbour_ratio": ("newness (held out = 1)", "field"),
    "class_kl": ("KL of the kinds, nats", "model"),
    "mode_kl": ("KL of the 1,000 modes, nats", "model"),
}
DASHES = ("solid", "dash", "dot", "dashdot")


def draw_players(steps: Sequence[int], losses: Mapping[str, Sequence[float]]) -> Drawing:
    """What each player loses, by training step.

    Args:
        steps: Training steps.
        losses: "discriminator" and "generator" -> mean loss since the point before.
    """
    figure = go.Figure()
    for (name, values), role, dash in zip(losses.items(), ("data", "model"), DASHES, strict=False):
        line = {"color": ROLES[role]["light"], "dash": dash}
        figure.add_scatter(x=list(steps), y=list(values), mode="lines", name=name, line=line)
    finish(figure)
    figure.update_yaxes(title="loss (nats where it is a cross-entropy)")
    ends = ", ".join(f"{name} {values[-1]:.2f}" for name, values in losses.items())
    return Drawing(figure, f"Losses of the two players by step; at the end: {ends}.")


def draw_quality_of_game(steps: Sequence[int], measures: Mapping[str, Sequence[float]]) -> Drawing:
    """How good, varied and new samples are, by training step.

    Args:
        steps: Training steps.
        measures: Keys of QUALITIES that were measured -> values.
    """
    figure = go.Figure()
    for (key, values), dash in zip(measures.items(), DASHES, strict=False):
        name, role = QUALITIES[key]
        line = {"color": ROLES[role]["light"], "dash": dash}
        figure.add_scatter(x=list(steps), y=list(values), mode="lines+markers", name=name, line=line, marker_size=4)
    finish(figure)
    figure.update_yaxes(title="measure", rangemode="tozero")
    ends = ", ".join(f"{QUALITIES[key][0]} {values[-1]:.2f}" for key, values in measures.items())
    return Drawing(figure, f"Quality of the samples by step; at the end: {ends}.")


def draw_classes(
    steps: Sequence[int], shares: Sequence[Sequence[float]], names: Sequence[str], true: Sequence[float]
) -> Drawing:
    """Share of each kind among the samples by training step, as a map: dark rows are kinds that are missing.

    Args:
        steps: Training steps.
        shares: For each step the share of each kind.
        names: Of the kinds.
        true: Share of each among held-out pictures.
    """
    rows = [
        [min(2.0, each[k] / max(true[k], 1e-6)) for each in shares] for k in range(len(names))
    ]  # (kinds, steps), 1 as often as it should be
    figure = go.Figure()
    figure.add_heatmap(
        x=[f"{step:,}" for step in steps], y=list(names), z=rows, zmin=0, zmax=2, name="share over true share",
        colorscale=[[0, "#16222e"], [0.5, ROLES["field"]["light"]], [1, "#fff3c4"]],
        colorbar={"title": "times its<br>true share", "tickvals": [0, 1, 2], "ticktext": ["0", "1", "2 or more"]},
    )  # fmt: skip
    finish(figure)
    figure.update_xaxes(title="training step", type="category", nticks=10)
    figure.update_yaxes(title="kind", type="category")
    figure.update_layout(height=300)
    missing = [name for name, row in zip(names, rows, strict=True) if row[-1] < 0.2]
    said = f"missing: {', '.join(missing)}" if missing else "none is missing"
    return Drawing(figure, f"Share of each kind by training step, over its true share; at the end {said}.")
