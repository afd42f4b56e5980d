"""A denoiser in numbers: its formula at a level, how good and how new its samples are, and the code behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.page.charts import show_drawing
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from app.views.image_diffusion.figures import draw_level_losses, draw_novelty, draw_quality
from engines.samplers import SAMPLERS, diffusion
from engines.score.picture_denoiser import ImageDenoiser
from engines.training import Experiment
from engines.training.run import Run

BELIEF = r"D(x;\sigma) = \mathbb{E}[\,x_0 \mid x_0 + \sigma z = x\,]"
FLOW = r"\frac{dx}{d\sigma} = \frac{x - D(x;\sigma)}{\sigma} = -\sigma\,\nabla_x \log p_\sigma(x)"
MEASURED = Path(__file__).resolve().parents[3] / "assets" / "measured" / "denoising.json"


@lru_cache(maxsize=1)
def measured() -> dict[str, Any]:
    """What benchmarks/bench_properties_denoising.py found on the stored runs."""
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def draw_denoising_formula(run: Run | None, dataset: str) -> None:
    """What a denoiser is, what follows from it, and how good this one's samples are once a run has ended."""
    st.latex(BELIEF)
    st.latex(FLOW)
    metrics = last_metrics(run)
    if "level_losses" not in metrics:
        st.caption("Once a run has ended, its numbers stand here.")
        return
    error, level = _worst(metrics)
    held, seen = metrics["held_out_loss"], metrics["seen_loss"]
    red, orange = ROLES["error"]["light"], ROLES["model"]["light"]
    st.latex(
        rf"\text{{loss}} = \textcolor{{{orange}}}{{{held:.3f}}}\ \text{{held out}},\quad "
        rf"\textcolor{{{red}}}{{{seen:.3f}}}\ \text{{seen}}"
    )
    st.caption(
        "Mean over eight levels of noise, each weighted so that 1 is no better than a guess; worst at "
        f"σ = {level:.2g}: {error:.2f}. {quality_words(metrics, dataset)}"
    )


def quality_words(metrics: Mapping[str, Any], dataset: str) -> str:
    """How good and how new samples are, in a sentence."""
    if "neighbour_ratio" not in metrics:
        return ""
    times = f"{metrics['neighbour_ratio']:.2f} times"
    ratio = f"The distance of samples to the nearest training picture is {times} that of held-out pictures."
    if "frechet" not in metrics:
        return ratio
    floor = measured().get(dataset, {}).get("floor")
    true = f", the training digits themselves {floor['frechet']:.1f}" if floor else ""
    return (
        f"1,500 samples have a squared Fréchet distance (FID-like) of {metrics['frechet']:.1f} to the held-out digits "
        f"on our own classifier's features{true}; they reach {100 * metrics['coverage']:.0f} % of them. {ratio}"
    )


def draw_denoising_charts(run: Run | None, dataset: str, *, key: str) -> None:
    """An expander with loss by level, quality by calls and novelty; nothing is computed before it is opened."""
    box = st.expander(
        "Charts: loss by noise, quality by calls, copying", icon=":material/show_chart:", key=key, on_change="rerun"
    )
    if not box.open:
        return
    with box:
        metrics = last_metrics(run)
        if run is None or "level_losses" not in metrics:
            st.caption("The charts come when the run has ended.")
            return
        left, right = st.columns(2)
        losses = (metrics["level_sigmas"], metrics["level_losses"], metrics["level_losses_seen"])
        show_drawing(left, draw_level_losses(*losses), f"{key}/levels")
        titles = {name: spec.title for name, spec in SAMPLERS.items()}
        stored = measured().get(dataset)
        if stored is not None and "samplers" in stored:
            drawing = draw_quality(stored["samplers"], titles, stored["floor"]["frechet"], metrics.get("frechet"))
            show_drawing(right, drawing, f"{key}/quality")
        if stored is not None:
            show_drawing(
                st.container(), draw_novelty(stored["novelty"], metrics.get("neighbour_ratio")), f"{key}/novelty"
            )
        info = run.info
        st.caption(
            f"Loss: this run, trained on {info.device} in {info.seconds:.0f} s, seed {run.experiment.seed}, "
            f"{info.n_parameters:,} parameters, torch {info.versions.get('torch', '?')}. Quality by calls and copying: "
            "the stored run, by benchmarks/bench_properties_denoising.py."
        )


def draw_denoising_code(experiment: Experiment) -> None:
    """The lines that compute the same run, the denoiser, and a sampler."""
    st.code(script_of(experiment), language="python")
    st.caption("What is asked of the net, from engines/score/picture_denoiser.py:")
    st.code(
        source_of(ImageDenoiser._precondition) + "\n" + source_of(ImageDenoiser._loss),
        language="python",
    )  # noqa: SLF001
    st.caption("And the sampler, from engines/samplers/diffusion.py:")
    st.code(source_of(diffusion.heun), language="python")


def last_metrics(run: Run | None) -> Mapping[str, Any]:
    """The measures of a run's last snapshot; empty if there is none."""
    return run.snapshots[-1].metrics if run is not None and run.snapshots else {}


def _worst(metrics: Mapping[str, Any]) -> tuple[float, float]:
    return max(zip(metrics["level_losses"], metrics["level_sigmas"], strict=True))
