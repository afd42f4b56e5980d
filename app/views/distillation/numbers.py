"""Distillation on a page: presets, the loss with its numbers, charts and code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.house import house
from app.page.charts import show_drawing
from app.source import source_of
from app.theme import ROLES
from app.views.distillation.figures import draw_clocks, draw_kls, draw_pitches
from app.views.flows.formula import script_of
from engines.datasets.tones import PITCHES
from engines.flows.distillation.base import PAIRS_SHARE, Distillation, pairs_until
from engines.flows.distillation.tones import ToneDistillation
from engines.models import MODELS
from engines.settings import Settings
from engines.training import Experiment
from engines.training.run import Run

FORMULA = (
    r"\text{KL}(\text{student} \,\|\, \text{teacher}) &= "
    r"\mathbb{E}_{x \sim \text{student}} \big[ \log p_{\text{student}}(x) - \log p_{\text{teacher}}(x) \big]"
)
POWER = r"w \sum_f \frac{(P_{\text{student}}(f) - P_{\text{data}}(f))^2}{\sum_f P_{\text{data}}(f)^2}"
PAIRS = r"v \, \mathbb{E}_z \Big| \frac{x_{\text{student}}(z) - x_{\text{teacher}}(z)}{\sigma} \Big|^2"
TERMS = {"power": POWER, "pair": PAIRS}
BEST = {"distillation": ("distillation", "moons"), "tone_distillation": ("tone_distillation", "tones")}
MOST_DIGITS = 4  # of a number with its error
HUGE = 1e4  # nats from which on a number is written with an exponent


def presets_of(model: str, target: str) -> dict[str, Settings]:
    """Named settings on a data set, what is usual there first."""
    return {"as usual": MODELS[model].usual(target).settings, **MODELS[model].presets}


def handover_of(experiment: Experiment) -> int:
    """The step from which the student learns."""
    return round(float(experiment.settings["student_from"]) * experiment.steps)


def marks_of(experiment: Experiment) -> tuple[tuple[int, str], ...]:
    """Where the training takes a turn, in words for the player."""
    marks = ((handover_of(experiment), "the student begins"),)
    if not experiment.settings["pair_weight"]:
        return marks
    share = pairs_until(float(experiment.settings["student_from"]))
    return (*marks, (round(share * experiment.steps), "now by KL, too"))


def last_measures(run: Run | None) -> Mapping[str, Any]:
    """The measures of a run's last snapshot; empty if there is none."""
    return run.snapshots[-1].metrics if run is not None and run.snapshots else {}


def nats(value: float, digits: int = 3) -> str:
    """A number of nats in LaTeX."""
    if abs(value) < HUGE:
        return f"{value:.{digits}f}"
    figures, _, power = f"{value:.1e}".partition("e")
    return rf"{figures}\cdot 10^{{{int(power)}}}"


def with_error(value: float, error: float, colour: str = "") -> str:
    """A number with its standard error in LaTeX, both to the digit in which the error begins."""
    digits = min(MOST_DIGITS, max(0, -math.floor(math.log10(error)))) if error > 0 else MOST_DIGITS
    text = nats(value, digits)
    if colour:
        text = rf"\textcolor{{{colour}}}{{{text}}}"
    return rf"{text} \pm {nats(error, digits)}"


# ---- numbers ----


def draw_distillation_formula(experiment: Experiment, run: Run | None) -> None:
    """What the student minimises, and the numbers of the run's end."""
    weights = {name: float(experiment.settings.get(f"{name}_weight", 0.0)) for name in TERMS}
    more = "".join(rf" \\ &\quad + {TERMS[name]}" for name, weight in weights.items() if weight)
    loss = r" \\ \text{loss} &= \text{KL}" + more if more else ""
    st.latex(rf"\begin{{aligned}} {FORMULA}{loss} \end{{aligned}}")
    found = last_measures(run)
    if "distilled_kl" not in found or "student_sample_ms" not in found:
        st.caption("Once a run has ended, its numbers stand here.")
        return
    teal, orange = ROLES["field"]["light"], ROLES["model"]["light"]
    kl = with_error(found["distilled_kl"], found["distilled_kl_error"])
    lines = [rf"\text{{KL}}(\text{{student}} \,\|\, \text{{teacher}}) &= {kl}"]
    for who, name, colour in (("teacher", "teacher_", teal), ("student", "", orange)):
        kl = with_error(found[f"{name}kl"], found[f"{name}kl_error"], colour)
        lines.append(rf"\text{{KL}}(\text{{data}} \,\|\, \text{{{who}}}) &= {kl}")
    st.latex(r"\begin{aligned} " + r" \\ ".join(lines) + r"\ \text{nats} \end{aligned}")
    st.caption(_words(weights))


def _words(weights: Mapping[str, float]) -> str:
    said = (
        "Both log densities are exact; each KL is an estimate, on own samples of the student or on held-out "
        "data, with its standard error. "
    )
    if not weights["pair"]:
        said += (
            "The student minimises the first line alone, so it may leave out what the teacher can do: then the last "
            "line is large, while the first is small."
        )
    else:
        said += (
            f"For the first {100 * PAIRS_SHARE:.0f} % of its time the student looks only at pairs of noise and what "
            f"the teacher has made of it, then at the divergence as well; their weight v is {weights['pair']:g}."
        )
    return said + (f" The power loss has weight w = {weights['power']:g}." if weights["power"] else "")


def draw_clock_table(run: Run | None) -> None:
    """What a thousand samples and a thousand densities cost both."""
    found = last_measures(run)
    if "student_sample_ms" not in found:
        return
    rows = ""
    for what, title in (("sample", "1,000 samples"), ("density", "1,000 log densities")):
        cells = [
            f"{found[f'{who}_{what}_ms']:.3g} ms, {_passes(found[f'{who}_{what}_passes'])}"
            for who in ("teacher", "student")
        ]
        ratio = found[f"teacher_{what}_ms"] / found[f"student_{what}_ms"]
        rows += f"| {title} | {cells[0]} | {cells[1]} | {_times(ratio)} |\n"
    st.markdown("| | teacher | student | the student is |\n|---|---|---|---|\n" + rows)
    device = run.info.device if run is not None else ""
    st.caption(f"Median of five by the clock at the end of the run, on {device}. A pass: one call of one layer's net.")


def _passes(count: float) -> str:
    return f"{count:.0f} pass{'es' if count > 1 else ''}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} × as fast" if ratio >= 1 else f"{1 / ratio:.1f} × slower"


# ---- charts ----


def draw_distillation_charts(run: Run | None, *, key: str) -> None:
    """An expander with the KLs over training, the clocks by size, and the pitches of sound."""
    title = "Charts: KLs over training, and speed by the number of features"
    box = st.expander(title, icon=":material/show_chart:", key=key, on_change="rerun")
    if not box.open:
        return
    measured = [s for s in run.snapshots if "distilled_kl" in s.metrics] if run is not None else []
    if run is None or not measured:
        box.caption("The charts come when the run has ended.")
        return
    names = {"teacher": "teacher_kl", "student": "kl", "student against teacher": "distilled_kl"}
    left, right = box.columns(2)
    kls = {title: [s.metrics[name] for s in measured] for title, name in names.items()}
    show_drawing(left, draw_kls([s.step for s in measured], kls, handover_of(run.experiment)), f"{key}/kls")
    clocks = _clocks(run)
    if clocks:
        show_drawing(right, draw_clocks(clocks), f"{key}/clocks")
    last = last_measures(run)
    if "student_pitches" in last:
        shares = {who: last[f"{who}_pitches"] for who in ("data", "teacher", "student")}
        show_drawing(left, draw_pitches(PITCHES, shares), f"{key}/pitches")
        right.caption(
            "Pitches: the exact posterior under the density of the data, mean over 2,000 waves. It has to name one of "
            "the four even for a wave that is none of them: look at the spectrum as well."
        )
    info = run.info
    box.caption(
        f"Trained on {info.device} in {info.seconds:.0f} s, seed {run.experiment.seed}, {info.n_parameters:,} "
        f"parameters, torch {info.versions.get('torch', '?')}. The clocks of the other size are of its stored run."
    )


def _clocks(run: Run) -> dict[int, Mapping[str, float]]:
    """Measures at the end of this run and of the stored one of the other model, by number of features."""
    runs: dict[str, Run | None] = {
        model: house().shelves.get(Experiment.default(*named).digest) for model, named in BEST.items()
    }
    runs[run.experiment.model] = run
    found = {64 if model == "tone_distillation" else 2: last_measures(each) for model, each in runs.items()}
    return {size: facts for size, facts in found.items() if "student_sample_ms" in facts}


def draw_distillation_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the student's loss."""
    st.code(script_of(experiment), language="python")
    kind = ToneDistillation if experiment.model == "tone_distillation" else Distillation
    st.caption(f"The student's samples and its loss, from {kind.__module__.replace('.', '/')}.py:")
    st.code(
        "\n".join(
            source_of(part)
            for part in (
                Distillation.own_samples,
                Distillation._divergence,  # noqa: SLF001
                Distillation.off_on_pairs,
                kind._student_loss,  # noqa: SLF001
            )
        ),
        language="python",
    )
