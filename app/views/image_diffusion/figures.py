"""A denoiser in figures: its loss by noise level, its quality by network calls, and how near it is to copying."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES, Role

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
COLOURS: tuple[Role, ...] = ("field", "error", "base", "data", "model")


def draw_level_losses(sigmas: Sequence[float], held_out: Sequence[float], seen: Sequence[float]) -> Drawing:
    """Weighted denoising loss at each noise level, on held-out and on seen pictures: what gapes is learned by heart.

    Args:
        sigmas: Noise levels on the scale -1 ... 1 of pixels.
        held_out: Loss there on held-out pictures; 1 is no better than a guess.
        seen: The same on pictures of the training.
    """
    figure = go.Figure()
    curves: tuple[tuple[str, Sequence[float], Role, str], ...]
    curves = (("held out", held_out, "model", "solid"), ("seen", seen, "error", "dot"))
    for name, losses, role, dash in curves:
        figure.add_scatter(
            x=list(sigmas),
            y=list(losses),
            mode="lines+markers",
            name=name,
            line={"color": ROLES[role]["light"], "dash": dash},
        )
    finish(figure)
    figure.update_xaxes(type="log", title="noise σ (black -1, white 1)")
    figure.update_yaxes(title="weighted squared error", rangemode="tozero")
    gap = sum(h - s for h, s in zip(held_out, seen, strict=True)) / len(held_out)
    return Drawing(figure, f"Denoising loss by noise level; held-out pictures cost {gap:.3f} more than seen ones.")


def draw_quality(
    samplers: Mapping[str, Mapping[str, Sequence[float]]], titles: Mapping[str, str], floor: float, own: float | None
) -> Drawing:
    """Fréchet distance by network calls, one line for each sampler, with what training pictures themselves have.

    Args:
        samplers: Key -> {"calls": ..., "frechet": ...}.
        titles: Key -> name.
        floor: Distance of the training pictures to the held-out ones.
        own: Distance of the run that is shown, with the usual sampler.
    """
    figure = go.Figure()
    for (key, found), role, dash in zip(samplers.items(), COLOURS, DASHES, strict=False):
        line = {"color": ROLES[role]["light"], "dash": dash}
        figure.add_scatter(
            x=list(found["calls"]), y=list(found["frechet"]), mode="lines+markers", name=titles[key], line=line
        )
    widest = [min(min(found["calls"]) for found in samplers.values()), max(max(f["calls"]) for f in samplers.values())]
    line = {"color": ROLES["data"]["light"], "dash": "dash"}
    figure.add_scatter(x=widest, y=[floor, floor], mode="lines", name="training pictures", line=line)
    if own is not None:
        marker = {"symbol": "star", "size": 12, "color": ROLES["model"]["light"]}
        figure.add_scatter(x=[19], y=[own], mode="markers", name="this run, Heun", marker=marker)
    finish(figure)
    figure.update_xaxes(type="log", tickvals=[3, 5, 10, 20, 50, 100, 200], title="network calls for a picture")
    highest = max(max(found["frechet"]) for found in samplers.values())
    limits = [math.log10(0.8 * floor), math.log10(1.2 * highest)]
    figure.update_yaxes(
        type="log", range=limits, tickvals=[10, 20, 50, 100, 200], title="Fréchet distance (classifier features²)"
    )
    figure.update_layout(height=360, legend={"orientation": "h", "y": -0.25})
    best = min((min(found["frechet"]), titles[key]) for key, found in samplers.items())
    return Drawing(
        figure, f"Fréchet distance by network calls: best {best[0]:.1f} by {best[1]}; training pictures {floor:.1f}."
    )


def draw_novelty(rows: Mapping[str, float], own: float | None) -> Drawing:
    """Distance to the nearest training picture, over that of held-out pictures, for several ways to make pictures.

    Args:
        rows: What -> ratio; 0 copies, 1 is as new as held-out pictures.
        own: Ratio of the run that is shown.
    """
    shown: dict[str, Any] = dict(rows) | ({} if own is None else {"this run": own})
    figure = go.Figure()
    colours = [ROLES["error" if value < 0.5 else "model"]["light"] for value in shown.values()]
    figure.add_bar(
        y=list(shown), x=list(shown.values()), orientation="h", marker_color=colours, width=0.55, name="ratio",
        text=[f"{value:.2f}" for value in shown.values()], textposition="outside", showlegend=False,
    )  # fmt: skip
    figure.add_vrect(x0=0.9, x1=1.1, fillcolor=ROLES["data"]["light"], opacity=0.15, line_width=0, layer="below")
    figure.add_vline(x=1, line_color=ROLES["data"]["light"], layer="below")
    finish(figure)
    figure.update_xaxes(title="distance to the nearest training picture: 0 copies, 1 as held-out ones", range=[0, 1.75])
    figure.update_yaxes(title="")
    words = ", ".join(f"{name} {value:.2f}" for name, value in shown.items())
    return Drawing(figure, f"Memorisation gauge, 0 copies and 1 as new as held-out pictures: {words}.")
