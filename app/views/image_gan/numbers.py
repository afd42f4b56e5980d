"""A game about pictures in numbers: its formula, how good, varied and new its samples are, its charts and its code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
import torch

from app.canvas.told import told
from app.page.charts import show_drawing
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from app.views.image_diffusion.numbers import last_metrics
from app.views.image_gan.figures import QUALITIES, draw_classes, draw_players, draw_quality_of_game
from engines.datasets import DATASETS
from engines.datasets.faces import FACTORS
from engines.gan.images.base import PictureGame
from engines.gan.images.convolutional import PictureGanSettings
from engines.gan.images.style import StyleGan
from engines.gan.losses import LOSSES
from engines.metrics.classifier import N_CLASSES, digit_classifier, knows
from engines.nets.picture_nets import ladder_of
from engines.nets.style_nets import StyledConvolution
from engines.settings import Settings
from engines.training import Experiment
from engines.training.run import Run

MEASURED = Path(__file__).resolve().parents[3] / "assets" / "measured" / "gan_pictures.json"
PENALTIES = {
    "r1": r"\tfrac{\gamma}{2}\,\mathbb{E}_{x}\,\lVert\nabla D(x)\rVert^2",
    "r1_r2": r"\tfrac{\gamma}{2}\,(\mathbb{E}\,\lVert\nabla D(x)\rVert^2 + \mathbb{E}\,\lVert\nabla D(G(z))\rVert^2)",
    "gradient_penalty": r"\lambda\,\mathbb{E}_{\hat x}\,(\lVert\nabla D(\hat x)\rVert - 1)^2",
    "dragan": r"\lambda\,\mathbb{E}_{\tilde x}\,(\lVert\nabla D(\tilde x)\rVert - 1)^2",
}


# What the monitor offers -> settings that differ.
CURES: Mapping[str, Mapping[str, Any]] = {
    "minibatch_std": {"minibatch_std": True},
    "pack": {"pack": 2},
    "rate": {"discriminator_rate": 1.0},
    "penalty": {"penalty": "r1"},
    "steps": {"n_discriminator": 1},
}
LEAST_PENALTY, MOST_PENALTY = 0.5, 10.0  # of the cure that doubles an R1 that is there


def cured(settings: Settings, state: object) -> PictureGanSettings | None:
    """The settings with the cure that the canvas tells ("<run>/<cure>/..."); None if it tells none."""
    cure = told(state, "cure")
    words = cure.split("/") if isinstance(cure, str) else []
    if len(words) < 2 or words[1] not in CURES or not isinstance(settings, PictureGanSettings):
        return None
    change = dict(CURES[words[1]])
    if words[1] == "penalty":
        before = settings.penalty_weight if settings.penalty == "r1" else 0.0
        change["penalty_weight"] = min(MOST_PENALTY, max(LEAST_PENALTY, 2 * before))
    return replace(settings, **change)


@lru_cache(maxsize=1)
def measured() -> dict[str, Any]:
    """What benchmarks/bench_properties_gan_pictures.py found on the stored runs; empty before it has run."""
    return json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}


@lru_cache(maxsize=4)
def kinds_of(dataset: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Names of the kinds that the monitor can tell on this set, and their true shares among held-out pictures."""
    examples = DATASETS[dataset].examples() if dataset in ("mnist_5k", "digits", "faces") else None
    if examples is not None and knows(examples.event_shape, examples.levels, examples.classes):
        with torch.inference_mode():
            found = digit_classifier(examples.event_shape)(examples.test.float()).argmax(1)
        return examples.classes, _shares(found, N_CLASSES)
    if dataset == "faces" and examples is not None and examples.test_factors is not None:
        return FACTORS[-1].values, _shares(examples.test_factors[:, -1], len(FACTORS[-1].values))
    return (), ()


def _shares(found: torch.Tensor, n: int) -> tuple[float, ...]:
    return tuple((torch.bincount(found, minlength=n).double() / len(found)).tolist())


def sides_of(model: str, event_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Side of each resolution of a style-based model; empty for others."""
    if model != "style_gan":
        return ()
    ladder = ladder_of(event_shape)
    return tuple(max(ladder.height, ladder.width) * 2**k for k in range(ladder.n_doublings + 1))


def draw_game_formula(experiment: Experiment, run: Run | None) -> None:
    """What the two players minimise, with its penalty, and the numbers of this run once it has ended."""
    settings = experiment.settings
    rules = LOSSES[str(settings.get("loss", "non_saturating"))]
    st.latex(rules.formula)
    penalty, weight = str(settings.get("penalty", "r1")), float(settings.get("penalty_weight", settings.get("r1", 0)))
    terms = r"r = D(x),\quad f = D(G(z)),\quad \zeta(t) = \log(1 + e^t)"
    st.latex(terms)
    if penalty in PENALTIES and weight:
        symbol = r"\gamma" if penalty.startswith("r1") else r"\lambda"
        st.latex(rf"D:\ +\ {PENALTIES[penalty]},\quad {symbol} = \textcolor{{{ROLES['error']['light']}}}{{{weight:g}}}")
    metrics = last_metrics(run)
    if "logit_fake" not in metrics:
        st.caption("Once a run has ended, its numbers stand here.")
        return
    st.caption(quality_in_words(metrics, experiment.dataset))


def quality_in_words(metrics: Mapping[str, Any], dataset: str) -> str:
    """How good, how varied and how new samples are, and what the discriminator makes of it, in sentences."""
    said = [
        f"The discriminator gives its training pictures {metrics['logit_seen']:.1f} in the mean, held-out ones "
        f"{metrics['logit_held_out']:.1f}, made ones {metrics['logit_fake']:.1f}."
    ]
    if "frechet" in metrics:
        said.append(
            f"1,500 samples: squared Fréchet distance (FID-like) {metrics['frechet']:.1f} to the held-out digits, "
            f"KL of the classes {metrics['class_kl']:.3f} nats, {100 * metrics['coverage']:.0f} % of them "
            "reached."
        )
    if "modes" in metrics:
        said.append(
            f"{metrics['modes']:,.0f} of 1,000 modes in {metrics['n_modes_of']:,.0f} samples, KL "
            f"{metrics['mode_kl']:.3f} nats. {stacked_floor()}PacGAN's table has 1,000 and 0.06 for two packed "
            "pictures, on stacked MNIST."
        )
    if "coverage" in metrics and "frechet" not in metrics:
        said.append(f"Samples reach {100 * metrics['coverage']:.0f} % of the held-out pictures, by pixels.")
    said.append(
        f"Their distance to the nearest training picture is {metrics['neighbour_ratio']:.2f} times that of held-out "
        "pictures. All are estimates from samples: a GAN has no density."
    )
    return " ".join(said)


def stacked_floor() -> str:
    """What true stacked digits measure, as a sentence."""
    floor = measured().get("stacked_floor")
    return "" if floor is None else f"True stacked digits: {floor['modes']:,.0f} and {floor['mode_kl']:.3f}. "


def draw_game_charts(run: Run | None, dataset: str, *, key: str) -> None:
    """An expander with both players' losses, the quality and the classes by step."""
    box = st.expander(
        "Charts: the two players, quality, kinds by step", icon=":material/show_chart:", key=key, on_change="rerun"
    )
    if not box.open:
        return
    with box:
        if run is None or len(run.snapshots) < 2:
            st.caption("The charts come when the run has ended.")
            return
        left, right = st.columns(2)
        trained = [s for s in run.snapshots if "generator_loss" in s.losses]
        losses = {name: [s.losses[f"{name}_loss"] for s in trained] for name in ("discriminator", "generator")}
        show_drawing(left, draw_players([s.step for s in trained], losses), f"{key}/players")
        steps, ends = [s.step for s in run.snapshots], last_metrics(run)
        measures = {name: [s.metrics[name] for s in run.snapshots] for name in QUALITIES if name in ends}
        show_drawing(right, draw_quality_of_game(steps, measures), f"{key}/quality")
        names, shares = kinds_of(dataset)
        if names and "classes" in ends:
            found = [s.metrics["classes"] for s in run.snapshots]
            show_drawing(st.container(), draw_classes(steps, found, names, shares), f"{key}/classes")
        info = run.info
        st.caption(
            f"This run, trained on {info.device} in {info.seconds:.0f} s, seed {run.experiment.seed}, "
            f"{info.n_parameters:,} parameters, torch {info.versions.get('torch', '?')}. While it trains 300 samples "
            "are measured, at the end 1,500 of small pictures."
        )


def draw_game_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and what its players do."""
    st.code(script_of(experiment), language="python")
    st.caption("A step of each player, from engines/gan/images/base.py:")
    steps = (PictureGame._discriminator_loss, PictureGame._generator_loss)  # noqa: SLF001
    st.code("\n".join(source_of(step) for step in steps), language="python")
    if experiment.model == "style_gan":
        st.caption("How styles act, from engines/nets/style_nets.py, and how they are cut short and mixed:")
        parts = (StyledConvolution.forward, StyleGan.styles, StyleGan._make)  # noqa: SLF001
        st.code("\n".join(source_of(part) for part in parts), language="python")
