"""Teacher and student over training, their clocks, and how often each pitch comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.page.curves import Drawing, finish
from app.theme import ROLES

COLOURS = {"data": ROLES["data"]["light"], "teacher": ROLES["field"]["light"], "student": ROLES["model"]["light"]}
LEAST = 1e-4  # nats that a logarithmic axis still shows


def draw_kls(steps: Sequence[int], kls: Mapping[str, Sequence[float]], handover: int) -> Drawing:
    """The KLs of teacher and student over training.

    Args:
        steps: Training steps.
        kls: Name of a curve -> nats, one for each step; "teacher", "student" and "student against teacher".
        handover: Step from which the student learns.
    """
    figure = go.Figure()
    marks = {"teacher": ("teacher", "solid"), "student": ("student", "solid")}
    for name, values in kls.items():
        colour, dash = marks.get(name, ("student", "dash"))
        line = {"color": COLOURS[colour], "dash": dash}
        shown = [max(value, LEAST) for value in values]
        figure.add_scatter(x=list(steps), y=shown, mode="lines+markers", name=_named(name), line=line, marker_size=5)
    figure.add_vline(x=handover, line_dash="dot", line_color=ROLES["base"]["light"])
    figure.update_yaxes(type="log", title="KL (nats, logarithmic)")
    finish(figure)
    ends = ", ".join(f"{_named(name)} {values[-1]:.3g}" for name, values in kls.items())
    return Drawing(figure, f"KL over {steps[-1]:,} steps; the student learns from {handover:,} on. In the end {ends}.")


def draw_clocks(clocks: Mapping[int, Mapping[str, float]]) -> Drawing:
    """Milliseconds for 1,000 samples of teacher and student by the number of features.

    Args:
        clocks: Number of features D -> measures of a run, `teacher_sample_ms` and `student_sample_ms` among them.
    """
    figure = go.Figure()
    sizes = [f"D = {size}" for size in clocks]
    for who in ("teacher", "student"):
        found = [facts[f"{who}_sample_ms"] for facts in clocks.values()]
        text = [f"{value:.3g} ms" for value in found]
        figure.add_bar(x=sizes, y=found, name=who, marker_color=COLOURS[who], text=text, textposition="outside")
    figure.update_yaxes(type="log", title="time for 1,000 samples (ms, logarithmic)")
    finish(figure)
    figure.update_layout(barmode="group", margin_t=30)
    figure.update_xaxes(title="features of an example")
    said = "; ".join(
        f"at D = {size} the student is {facts['teacher_sample_ms'] / facts['student_sample_ms']:.1f} times as fast"
        for size, facts in clocks.items()
    )
    return Drawing(figure, f"Time for 1,000 samples: {said}.")


def draw_pitches(pitches: Sequence[str], shares: Mapping[str, Sequence[float]]) -> Drawing:
    """How often each pitch comes: in the data, from the teacher, from the student.

    Args:
        pitches: Their names.
        shares: "data", "teacher", "student" -> share of each pitch.
    """
    figure = go.Figure()
    for who, values in shares.items():
        figure.add_bar(x=list(pitches), y=list(values), name=who, marker_color=COLOURS[who])
    figure.update_yaxes(title="share of the waves", rangemode="tozero")
    finish(figure)
    figure.update_layout(barmode="group")
    figure.update_xaxes(title="pitch")
    rarest = min(zip(shares["student"], pitches, strict=True))
    return Drawing(figure, f"Shares of {len(pitches)} pitches; the student's rarest is {rarest[1]}, {rarest[0]:.0%}.")


def _named(name: str) -> str:
    if name in ("teacher", "student"):
        return f"KL(data ‖ {name})"
    return "KL(student ‖ teacher)"
