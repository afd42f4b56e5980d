"""A score field in charts: its error by noise level and by density, its loss, and what samplers make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES, Role

LEAST = 1e-5  # of what a logarithmic axis shows
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")


def draw_error_by_level(sigmas: Sequence[float], errors: Sequence[float]) -> Drawing:
    """Mean of sigma² |s - s*|² over the noised data, by noise level.

    Args:
        sigmas: Data units.
        errors: Without a unit; the field that is zero everywhere has about 2 or less.
    """
    figure = go.Figure()
    _line(figure, sigmas, [max(e, LEAST) for e in errors], "score error", "error", "solid")
    figure.update_yaxes(type="log", dtick="D2", title="σ² · mean squared error of the score")
    finish(figure)
    figure.update_xaxes(type="log", dtick=1, title="noise σ (data units)")
    worst = max(range(len(errors)), key=lambda i: errors[i])
    return Drawing(
        figure,
        f"The score error is {errors[worst]:.4f} at most, at sigma {sigmas[worst]:.3f}, and "
        f"{sum(errors) / len(errors):.4f} in the mean over {len(errors)} levels.",
    )


def draw_error_by_density(shares: Mapping[str, Sequence[float]]) -> Drawing:
    """Squared error of the scaled score over the window, by how much density there is.

    Args:
        shares: For each noise level, in words, the mean error in ten equal parts of the window, the emptiest first.
    """
    figure, places = go.Figure(), [f"{10 * i}–{10 * i + 10} %" for i in range(10)]
    for i, (name, errors) in enumerate(shares.items()):
        line = {"color": ROLES["error"]["light"], "dash": DASHES[i % len(DASHES)]}
        shown = [max(e, LEAST) for e in errors]
        figure.add_scatter(x=places, y=shown, mode="lines+markers", name=name, line=line, marker_size=5)
    figure.update_yaxes(type="log", dtick=1, title="σ² · squared error of the score")
    finish(figure)
    figure.update_xaxes(title="cells of the window, from the emptiest to the densest")
    first = next(iter(shares.values()))
    ends = f"from {first[0]:.3g} in the emptiest tenth to {first[-1]:.3g} in the densest"
    return Drawing(figure, f"At the least noise the error falls {ends}.")


def draw_loss_and_fisher(
    sigmas: Sequence[float], losses: Sequence[float], least: Sequence[float], errors: Sequence[float]
) -> Drawing:
    """The denoising loss by level beside the least that any field can have; their gap is the Fisher divergence.

    Args:
        sigmas: Data units.
        losses: Mean of |sigma s + z|².
        least: The same of the exact score.
        errors: Mean of sigma² |s - s*|²: the exact Fisher divergence, weighted.
    """
    figure = go.Figure()
    _line(figure, sigmas, losses, "denoising loss", "model", "solid")
    _line(figure, sigmas, least, "of the exact score", "data", "dash")
    _line(figure, sigmas, errors, "exact Fisher divergence, σ²-weighted", "error", "dot")
    figure.update_yaxes(title="mean over the noised data", rangemode="tozero")
    finish(figure)
    figure.update_xaxes(type="log", dtick=1, title="noise σ (data units)")
    gap = sum(losses) / len(losses) - sum(least) / len(least)
    return Drawing(
        figure,
        f"The denoising loss is {sum(losses) / len(losses):.3f} in the mean, {gap:.4f} above that of the exact score; "
        f"the exact Fisher divergence is {sum(errors) / len(errors):.4f}.",
    )


def draw_error_over_training(steps: Sequence[int], errors: Sequence[float], gaps: Sequence[float]) -> Drawing:
    """The exact Fisher divergence over training, and by how much the denoising loss is above its least.

    Args:
        steps: Training steps.
        errors: Mean over levels of sigma² |s - s*|².
        gaps: Mean loss minus that of the exact score on the same points; noise makes some negative.
    """
    figure = go.Figure()
    shown = [(s, g) for s, g in zip(steps, gaps, strict=True) if g > LEAST]
    _line(figure, [s for s, _ in shown], [g for _, g in shown], "denoising loss above its least", "model", "solid")
    _line(figure, steps, [max(e, LEAST) for e in errors], "exact Fisher divergence", "error", "dot")
    figure.update_yaxes(type="log", dtick=1, title="mean over noise levels (logarithmic)")
    finish(figure)
    return Drawing(
        figure, f"The exact Fisher divergence falls from {errors[0]:.3g} to {errors[-1]:.3g} in {steps[-1]:,} steps."
    )


def draw_quality(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], band: tuple[float, float]) -> Drawing:
    """Energy distance from the data against network calls, one curve a sampler, with the band of true samples.

    Args:
        curves: Name -> calls, energy distances (data units).
        band: Median and 95th percentile of the energy distances of true samples from the same reference.
    """
    figure, floor = go.Figure(), max(LEAST, band[1] / 8)
    roles: tuple[Role, ...] = ("field", "model", "base", "data", "error")
    shade = {"fillcolor": ROLES["data"]["light"], "opacity": 0.13, "line_width": 0}
    figure.add_hrect(y0=floor / 2, y1=band[1], annotation_text="true against true", **shade)
    for i, (name, (calls, energies)) in enumerate(curves.items()):
        line = {"color": ROLES[roles[i % 5]]["light"], "dash": DASHES[i % 5]}
        shown = [max(e, floor) for e in energies]
        marker = {"size": 7, "symbol": SYMBOLS[i % 5]}
        figure.add_scatter(x=list(calls), y=shown, mode="lines+markers", name=name, line=line, marker=marker)
    figure.update_yaxes(type="log", dtick=1, title="energy distance (data units)")
    finish(figure)
    figure.update_xaxes(type="log", dtick=1, title="network calls for each particle")
    inside = {
        n: min((c for c, e in zip(*curve, strict=True) if e <= band[1]), default=None) for n, curve in curves.items()
    }
    said = ", ".join(f"{name} {f'from {calls} calls on' if calls else 'never'}" for name, calls in inside.items())
    return Drawing(figure, f"Within the band of true samples ({band[1]:.4f}): {said}.")


def _line(figure: go.Figure, x: Sequence[float], y: Sequence[float], name: str, role: Role, dash: str) -> None:
    line = {"color": ROLES[role]["light"], "dash": dash}
    figure.add_scatter(x=list(x), y=list(y), mode="lines+markers", name=name, line=line, marker_size=5)
