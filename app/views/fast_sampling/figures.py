"""Shortcuts in charts: quality against network calls, how straight ways are, and likelihood by the steps of an ODE."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES, Role
from app.views.score.figures import DASHES, LEAST, SYMBOLS

STYLES: Mapping[str, tuple[Role, int]] = {  # colour of the network that is called; dash and symbol tell its ways apart
    "annealed": ("field", 0),
    "predictor_corrector": ("field", 1),
    "ancestral": ("field", 2),
    "ddim": ("field", 3),
    "heun": ("field", 4),
    "flow": ("data", 0),
    "reflow": ("data", 1),
    "consistency": ("model", 0),
}
LABELLED_APART = 0.17  # of the logarithm of distance: labels that are nearer are moved


def draw_quality_by_calls(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], titles: Mapping[str, str], band: tuple[float, float]
) -> Drawing:
    """Energy distance from the data against network calls, a curve for each way, named at its first point.

    Args:
        curves: Way -> calls, energy distances (data units).
        titles: Way -> its name.
        band: Median and 95th percentile of the energy distances of true samples from the same reference.
    """
    figure, floor = go.Figure(), max(LEAST, band[1] / 8)
    blue = ROLES["data"]["light"]
    figure.add_hrect(y0=floor / 1.5, y1=band[1], fillcolor=blue, opacity=0.12, line_width=0)
    for way, (calls, energies) in curves.items():
        role, i = STYLES.get(way, ("base", 0))
        line, shown = {"color": ROLES[role]["light"], "dash": DASHES[i]}, [max(e, floor) for e in energies]
        marker = {"size": 7, "symbol": SYMBOLS[i]}
        figure.add_scatter(
            x=list(calls), y=shown, mode="lines+markers", name=titles[way], line=line, marker=marker, showlegend=False
        )
    for label in _labels(curves, titles, floor):
        figure.add_annotation(**label)
    words = {
        "text": f"band of true samples, up to {band[1]:.4f}",
        "showarrow": False,
        "font": {"color": blue, "size": 12},
    }
    figure.add_annotation(x=0.03, y=math.log10(band[1]), xanchor="left", yanchor="top", **words)
    figure.update_yaxes(type="log", title="energy distance (data units)")
    finish(figure)
    ticks = [1, 2, 3, 5, 10, 20, 50, 100, 300]
    figure.update_xaxes(type="log", title="network calls for each sample", tickvals=ticks, range=[-0.32, 2.72])
    figure.update_layout(height=420)
    inside = {
        w: min((c for c, e in zip(*curve, strict=True) if e <= band[1]), default=None) for w, curve in curves.items()
    }
    said = ", ".join(f"{titles[w]} {f'from {c} on' if c else 'never'}" for w, c in inside.items())
    return Drawing(figure, f"Network calls that reach the band of true samples ({band[1]:.4f}): {said}.")


def _labels(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], titles: Mapping[str, str], floor: float
) -> list[dict[str, object]]:
    """Names at the first points of the curves; at one call, where several begin, those that would touch are moved."""
    found: list[dict[str, object]] = []
    height = -math.inf
    for way in sorted(curves, key=lambda way: curves[way][1][0]):
        calls, energies = curves[way][0][0], max(curves[way][1][0], floor)
        at, is_first = math.log10(energies), calls == 1
        height = max(at, height + LABELLED_APART) if is_first else height
        place = {"x": math.log10(calls), "y": height if is_first else at, "xanchor": "right" if is_first else "left"}
        shift = {"xshift": -9 if is_first else 7, "yshift": 0 if is_first else 9, "showarrow": False}
        font = {"color": ROLES[STYLES.get(way, ("base", 0))[0]]["light"], "size": 12}
        found.append({"text": titles[way], "font": font, **place, **shift})
    return found


def draw_straightness(flow: Mapping[int, float], reflow: Mapping[int, float]) -> Drawing:
    """E|x_1 - x_0 - v|² along the ways of a flow and of its reflow, over training; 0 where one step is enough.

    Args:
        flow: Training step -> in squared widths of the data.
        reflow: The same, from where it begins to learn.
    """
    figure = go.Figure()
    for name, values, i in (("flow", flow, 0), ("reflow", reflow, 1)):
        line, shown = {"color": ROLES["data"]["light"], "dash": DASHES[i]}, [max(v, LEAST) for v in values.values()]
        figure.add_scatter(x=list(values), y=shown, mode="lines+markers", name=name, line=line, marker_size=5)
    figure.update_yaxes(type="log", title="mean of |x₁ − x₀ − v|² (squared widths)", tickformat="~g")
    finish(figure)
    crooked, straight = list(flow.values())[-1], list(reflow.values())[-1]
    return Drawing(
        figure,
        f"At the end the flow bends by {crooked:.3f}, its reflow by {straight:.4f}: "
        f"{crooked / max(straight, 1e-12):,.0f} times straighter.",
    )


def draw_likelihood_by_steps(
    steps: Sequence[int], found: Mapping[str, Sequence[float]], exact: float, noised: float
) -> Drawing:
    """Mean -log p of held-out points as the ODE finds it with more and more steps, beside the least that is possible.

    Args:
        steps: Of Heun's method.
        found: Name of a model -> nats, one for each number of steps.
        exact: Of the target itself: no model can have less.
        noised: Of the target with the least noise.
    """
    figure = go.Figure()
    lowest = min(min(values) for values in found.values())
    figure.add_hrect(
        y0=min(lowest, exact) - 0.05, y1=exact, fillcolor=ROLES["error"]["light"], opacity=0.1, line_width=0
    )
    for i, (name, values) in enumerate(found.items()):
        line = {"color": ROLES["data" if i else "field"]["light"], "dash": DASHES[i]}
        figure.add_scatter(x=list(steps), y=list(values), mode="lines+markers", name=name, line=line, marker_size=6)
    figure.add_hline(y=exact, line={"color": ROLES["error"]["light"], "dash": "dash", "width": 1.5})
    figure.add_annotation(
        x=math.log10(steps[-1]),
        y=(exact + lowest) / 2,
        text="impossible: better than the truth",
        showarrow=False,
        xanchor="right",
    )
    figure.update_yaxes(title="mean −log p (nats)")
    finish(figure)
    figure.update_xaxes(type="log", title="steps of the ODE", tickvals=list(steps))
    said = "; ".join(f"{n} {v[0]:.3f} with {steps[0]} steps, {v[-1]:.3f} with {steps[-1]}" for n, v in found.items())
    return Drawing(figure, f"The truth is {exact:.3f} nats ({noised:.3f} with the least noise). {said}.")
