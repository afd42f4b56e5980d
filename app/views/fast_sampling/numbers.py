"""Shortcuts in numbers: the steps and what they cost, quality against network calls, likelihood, and the code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app.house import house
from app.page.charts import show_drawing
from app.source import source_of
from app.views.fast_sampling.asks import WAYS, WaysAsk
from app.views.fast_sampling.canvas import WaysPlace
from app.views.fast_sampling.figures import draw_likelihood_by_steps, draw_quality_by_calls, draw_straightness
from app.views.fast_sampling.models import NAMES, Trained
from app.views.flows.formula import script_of
from app.views.score.asks import band_of
from engines.errors import GenLabError
from engines.samplers.langevin import annealed_langevin
from engines.score.consistency import ConsistencyStudent
from engines.score.flow_matching import LIKELIHOOD_STEPS as FLOW_STEPS
from engines.score.flow_matching import FlowMatching
from engines.score.measures import LIKELIHOOD_STEPS, N_SAMPLES

MEASURED = Path(__file__).resolve().parents[3] / "assets" / "measured" / "shortcuts.json"
FORMULA = (
    r"\text{Langevin:}\quad & x' = x + a\,s(x,\sigma) + \sqrt{2a}\,z && 301\ \text{times} \\"
    r"\text{flow:}\quad & x' = x + \tfrac{1}{n}\,v(x,t) && n = %d \\"
    r"\text{student:}\quad & x' = f(x + \sigma z,\ \sigma) && %s"
)


@lru_cache(maxsize=1)
def measured() -> dict[str, Any]:
    """What benchmarks/bench_shortcuts.py found on the stored runs."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


# ---- the formula ----


def draw_shortcut_formula(models: Mapping[str, Trained], place: WaysPlace) -> None:
    """One step of each kind of way with the numbers of the dial, and how straight the two flows are."""
    jumps = WAYS["consistency"].clip(place.calls)
    said = f"{jumps}\\ \\text{{time{'s' if jumps > 1 else ''}}}"
    st.latex(rf"\begin{{aligned}} {FORMULA % (WAYS['flow'].clip(place.calls), said)} \end{{aligned}}")
    metrics = last_metrics(models["flow_matching"])
    if "straightness" not in metrics:
        st.caption("How straight the ways of the flows are stands here once they are trained.")
        return
    crooked, straight = metrics["flow_straightness"], metrics["straightness"]
    numbers = rf"{crooked:.3f}\ \text{{(flow)}}, \quad {straight:.4f}\ \text{{(reflow)}}"
    st.latex(rf"\begin{{aligned}} &\mathbb{{E}}\,\|x_1 - x_0 - v\|^2: \\ &{numbers} \end{{aligned}}")
    st.caption(
        "Where it is 0 every way is a straight line, and one step is as good as many. The reflow is "
        f"{crooked / straight:,.0f} times straighter. Measured on 500 ways of held-out noise, in squared "
        "widths of the data."
    )


def last_metrics(found: Trained) -> Mapping[str, Any]:
    """The measures at the end of a run; empty without one."""
    return found.run.snapshots[-1].metrics if found.run is not None and found.run.snapshots else {}


# ---- charts ----


def draw_shortcut_charts(target: str, models: Mapping[str, Trained], *, key: str) -> None:
    """Quality against network calls; the rest is folded, and computed when it is opened."""
    st.subheader("Quality against network calls", anchor=False)
    _draw_quality(models, key)
    box = st.expander(
        "Charts: time for each sample, straightness, likelihood by the ODE",
        icon=":material/show_chart:",
        key=key,
        on_change="rerun",
    )
    if box.open:
        with box:
            _draw_times()
            left, right = st.columns(2)
            with left:
                _draw_straightness(models["flow_matching"], key)
            with right:
                _draw_likelihood(models, key)


def _draw_quality(models: Mapping[str, Trained], key: str) -> None:
    metrics = {model: last_metrics(found) for model, found in models.items()}
    curves = {
        way: (metrics[spec.model][f"calls_{way}"], metrics[spec.model][f"energies_{way}"])
        for way, spec in WAYS.items()
        if f"energies_{way}" in metrics[spec.model]
    }
    if not curves:
        st.caption("The curves come when the models are trained; each is measured at the end of its run.")
        return
    experiment = next(found.run.experiment for found in models.values() if found.run is not None)
    band = band_of(experiment.dataset, tuple(sorted(experiment.dataset_settings.items())), N_SAMPLES)
    drawing = draw_quality_by_calls(curves, {way: WAYS[way].title for way in curves}, band)
    show_drawing(st.container(), drawing, f"{key}/quality")
    sources = "; ".join(f"{NAMES[m]}: {f.shown().words}" for m, f in models.items() if f.run is not None)
    st.caption(
        "Energy distance of 2,000 samples from 2,000 true ones, measured at the end of each run. One true sample in "
        "twenty lies above the band. It is an estimate (a U-statistic): that of good samples scatters around 0 and may "
        f"be negative; values below an eighth of the band are drawn there. {sources}."
    )


def _minus(value: float) -> str:
    return f"{value:.4f}".replace("-", "\u2212")


def _place(facts: Mapping[str, float]) -> str:
    return "inside" if facts["energy"] <= facts["band"] else "outside"


def _draw_times() -> None:
    found = measured()
    rows = "".join(
        f"| {WAYS[way].title} | {facts['calls']} | {facts['microseconds']:.1f} | {facts['ratio']:,.0f} × | "
        f"{_minus(facts['energy'])} | {_place(facts)} ({facts['band']:.4f}) |\n"
        for way, facts in found["ways"]["ring"].items()
    )
    st.markdown(
        "| way | network calls | µs a sample | as fast as Langevin | energy distance | band of true samples |\n"
        "|---|---:|---:|---:|---:|---|\n" + rows
    )
    st.caption(
        f"The stored runs on the ring of eight, all in one run of benchmarks/bench_shortcuts.py on one thread of a "
        f"{found['machine']['processor']}, torch {found['machine']['torch']}: median processor time of "
        f"{found['repeats']} times 2,000 samples; energy distance: mean of {found['seeds']} seeds."
    )


def _draw_straightness(found: Trained, key: str) -> None:
    rows = [s for s in found.run.snapshots if "straightness" in s.metrics and s.step] if found.run is not None else []
    settings = found.experiment.settings
    share = float(settings["reflow_from"])
    flow = {s.step: s.metrics["flow_straightness"] for s in rows}
    reflow = {s.step: s.metrics["straightness"] for s in rows if s.step > share * found.experiment.steps}
    if not reflow:
        st.caption("Straightness over training comes when the flow and its reflow are trained.")
        return
    show_drawing(st.container(), draw_straightness(flow, reflow), f"{key}/straight")
    st.caption(
        f"Noise–data coupling: {settings['pairing']}. The reflow begins to learn after "
        f"{100 * share:.0f} % of the training. {found.shown().words.capitalize()}."
    )


def _draw_likelihood(models: Mapping[str, Trained], key: str) -> None:
    facts = measured()["likelihood"]
    names = {"score_field": NAMES["score_field"], "flow_matching": "Flow"}
    found = {title: facts[model] for model, title in names.items()}
    show_drawing(
        st.container(), draw_likelihood_by_steps(facts["steps"], found, facts["exact"], facts["noised"]), f"{key}/nll"
    )
    said = " ".join(f"{title}: {kl_words(last_metrics(models[model]))}." for model, title in names.items())
    st.caption(
        f"The stored runs on the ring of eight, {facts['n']:,} held-out points, the exact trace: with few steps an ODE "
        f"can look better than perfect. Here KL from the data, by {FLOW_STEPS} steps (flow) and {LIKELIHOOD_STEPS} "
        "(score network); its error includes what half the steps change, and the Gaussian at the largest σ: "
        f"{said}"
    )


def kl_words(metrics: Mapping[str, Any]) -> str:
    """The KL of a run, or why there is none."""
    if "kl" in metrics:
        return f"{metrics['kl']:.3f} ± {metrics['kl_error']:.3f} nats"
    if "likelihood_error" in metrics:
        return f"not shown, because halving the steps changes log p by {metrics['likelihood_error']:.2f} nats"
    return "not measured yet"


# ---- where no WebSocket comes through ----


def answer_here(models: Mapping[str, Trained], place: WaysPlace) -> dict[str, dict[str, np.ndarray]]:
    """What the stage would ask for, asked by the page itself."""
    answers = {}
    for way in place.ways:
        found = models[WAYS[way].model]
        if found.run is None:
            continue
        ask = WaysAsk(found.run.name, None, way, WAYS[way].clip(place.calls), seed=place.seed)
        answer = house().decoder.compute([ask])[ask]
        if not isinstance(answer, GenLabError):
            answers[way] = answer
    return answers


# ---- code ----


def draw_shortcut_code(models: Mapping[str, Trained]) -> None:
    """The lines that compute the same runs, and the ways themselves."""
    for found in models.values():
        st.code(script_of(found.experiment), language="python")
    st.caption(
        "The ways, from engines/samplers/langevin.py, engines/score/flow_matching.py and engines/score/consistency.py:"
    )
    parts: tuple[Any, ...] = (annealed_langevin, FlowMatching.carry, ConsistencyStudent.jumps, ConsistencyStudent.jump)
    st.code("\n".join(source_of(part) for part in parts), language="python")
