"""A GAN in the plane in numbers: its losses filled in, what a fork changed, charts, and the code behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import streamlit as st

from app.house import house
from app.page.keys import PageKeys, store_settings
from app.page.runs import described_experiment, start_fork
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from app.views.gan.canvas import Cure, Origin, said
from engines.gan.losses import LOSSES
from engines.gan.plane.cures import tried_cures
from engines.gan.plane.gan import PlaneGan
from engines.gan.plane.settings import PlaneGanSettings
from engines.settings import Settings, Value
from engines.training import Experiment
from engines.training.run import Run
from engines.training.snapshot import Snapshot

# D's loss where it can tell nothing: in numbers, and in LaTeX.
NOTHING: Mapping[str, tuple[float, str]] = {
    "non_saturating": (math.log(4), r"\log 4"),
    "minimax": (math.log(4), r"\log 4"),
    "least_squares": (0.25, r"\tfrac14"),
    "wasserstein": (0.0, "0"),
    "hinge": (2.0, "2"),
    "relativistic": (math.log(2), r"\log 2"),
}
FURTHER = {"r2": 0.1, "n_discriminator": 1, "decays": True, "pack": 4, "pieces": 16}


def changes_of(settings: Settings) -> dict[str, tuple[str, Value]]:
    """What a fork may change, as a visitor reads it: all cures, and back to none."""
    held = settings.to_dict()
    wanted = [*tried_cures(), *FURTHER.items()]
    wanted += [("loss", key) for key in LOSSES]
    return {said(name, value): (name, value) for name, value in wanted if held[name] != value}


def start_cure(keys: PageKeys, cure: Cure | None) -> None:
    """Fork with the cure that was pressed on the stage; what goes wrong is said on the page."""
    run = house().shelves.get(cure.run) if cure else None
    if cure is None or run is None:
        sentence = "This run cannot be forked: it is not stored here any more. Press Train to compute it anew."
        st.session_state[keys.own("problems")] = [sentence]
        return
    store_settings(keys, "fork", run.experiment.plan)
    described = described_experiment(keys, run.experiment.model, run.experiment.dataset)
    start_fork(keys, run, described, cure.step, (cure.name, cure.value))


def origin_of(experiment: Experiment) -> Origin | None:
    """Where a fork came from and what it changed; None for a run of its own."""
    digest, _, step = experiment.origin.partition("@")
    if not step.isdigit():
        return None
    parent = house().shelves.get(digest)
    if parent is None:
        return Origin(digest, int(step), "its settings unknown", "the settings of now")
    was, became = differences(parent.experiment, experiment)
    return Origin(digest, int(step), was, became)


def differences(parent: Experiment, child: Experiment) -> tuple[str, str]:
    """What differs between two experiments, before and after, as a visitor reads it."""
    names = [name for name, value in child.settings.items() if parent.settings.get(name) != value]
    was, became = ([said(name, each.settings[name]) for name in names] for each in (parent, child))
    for name in ("seed", "learning_rate", "batch_size"):
        if getattr(parent, name) != getattr(child, name):
            for texts, each in ((was, parent), (became, child)):
                texts.append(f"{name.replace('_', ' ')} {getattr(each, name):g}")
    return ", ".join(was) or "nothing changed", ", ".join(became) or "nothing changed but the noise"


def snapshot_at(run: Run | None, step: int | None) -> Snapshot | None:
    """The snapshot of a step, or the last one with losses."""
    trained = [s for s in run.snapshots if "discriminator_game" in s.losses] if run else []
    return next((s for s in reversed(trained) if step is None or s.step <= step), None)


def draw_gan_formula(experiment: Experiment, run: Run | None, step: int | None) -> None:
    """The losses of the game, with the numbers of a step filled in."""
    settings = cast(PlaneGanSettings, PlaneGanSettings.from_dict(experiment.settings))
    game, (nothing, nothing_text) = LOSSES[settings.loss], NOTHING[settings.loss]
    st.latex(game.formula)
    if "zeta" in game.formula:
        st.latex(r"\zeta(t) = \log(1 + e^t),\qquad r = D(x),\ f = D(G(z))")
    st.caption(_of_noise(settings))
    shown = snapshot_at(run, step)
    if shown is None:
        st.caption("Once a run has ended, the numbers of a step stand here.")
        return
    d, g = shown.losses["discriminator_game"], shown.losses["generator_game"]
    orange, teal = ROLES["model"]["light"], ROLES["field"]["light"]
    st.latex(
        rf"L_D = \textcolor{{{teal}}}{{{_number(d)}}}\ \ (\text{{D can tell nothing: }} {nothing_text} = {nothing:.3f})"
        rf"\qquad L_G = \textcolor{{{orange}}}{{{_number(g)}}}"
    )
    st.caption(_about(shown, settings))
    if penalties := _penalties(settings):
        st.latex(penalties)


def _about(shown: Snapshot, settings: PlaneGanSettings) -> str:
    """Where the numbers come from."""
    answers = f"mean answer {shown.metrics['real']:+.2f} on real points, {shown.metrics['fake']:+.2f} on fakes"
    tells = ""
    if settings.loss in ("non_saturating", "minimax"):
        bound = max(0.0, math.log(2) - shown.losses["discriminator_game"] / 2)
        tells = (
            f" Half of what L_D lies below log 4 is a lower bound on the Jensen-Shannon divergence: {bound:.3f} nats. "
            "At the game's end D is ½ everywhere."
        )
    return (
        f"Step {shown.step:,}: means over the batches since the snapshot before; {answers} (1,000 points each).{tells} "
        f"{LOSSES[settings.loss].paper}."
    )


def _of_noise(settings: PlaneGanSettings) -> str:
    """What the noise lets the generator do with the gaps between modes."""
    if settings.pieces == 1:
        return (
            "The noise is in one piece and G is continuous: what it makes hangs together, with bridges between the "
            "modes. Their cure: several noise mixture components, under More or Fork."
        )
    return (
        f"The noise lies in {settings.pieces} pieces, equally likely: G is continuous on each, and free to jump "
        "between them, so that modes need no bridges. Gurumurthy et al. 2017, arXiv:1706.02071; why one piece is not "
        "enough: Tanielian et al. 2020, arXiv:2006.04596."
    )


def _number(value: float) -> str:
    if abs(value) < 1e4:
        return f"{value:.3f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return rf"{digits}\cdot 10^{{{int(power)}}}"


def _penalties(settings: PlaneGanSettings) -> str:
    """What is added to D's loss, in LaTeX."""
    slope = r"|\nabla D(x)|"
    parts = {
        settings.r1: rf"\tfrac{{{settings.r1:g}}}{{2}}\,\mathbb{{E}}_{{\text{{real}}}}{slope}^2",
        settings.r2: rf"\tfrac{{{settings.r2:g}}}{{2}}\,\mathbb{{E}}_{{\text{{fake}}}}{slope}^2",
    }
    shown = [text for weight, text in parts.items() if weight]
    between = rf"\,\mathbb{{E}}_{{\text{{between}}}}({slope} - 1)^2"
    shown += [rf"{settings.gradient_penalty:g}{between}"] if settings.gradient_penalty else []
    around = rf"\,\mathbb{{E}}_{{\text{{around real}}}}({slope} - 1)^2"
    shown += [rf"{settings.dragan:g}{around}"] if settings.dragan else []
    return rf"\text{{added to }} L_D:\quad {' + '.join(shown)}" if shown else ""


def draw_gan_code(experiment: Experiment) -> None:
    """The lines that compute the same run, the parts of a step, and the optimum."""
    st.code(script_of(experiment), language="python")
    st.caption("What each player minimises, from engines/gan/plane/gan.py and losses.py:")
    parts = (PlaneGan.discriminator_loss, PlaneGan.generator_loss)
    st.code("\n".join(source_of(part) for part in parts), language="python")
    st.caption(
        "The optimal discriminator is drawn from the exact density of the data and an estimate of the generator's from "
        "4,096 samples (engines/gan/plane/optimal.py), both blurred by the same narrow Gaussian: so the estimate "
        "has no bias, only noise, and the picture is pale where fewer than about one sample would lie."
    )
