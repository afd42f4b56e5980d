"""The bound of a VAE in the plane and what it misses: in numbers at a point, in charts, and the code behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import streamlit as st
import torch

from app.canvas.points import Point
from app.house import house
from app.page.charts import show_drawing
from app.page.curves import draw_kl_curve
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from app.views.plane_vae.figures import draw_gap
from engines.errors import RunFormatError
from engines.training import Experiment
from engines.training.run import Run
from engines.vae.latent_quadrature import LatentNodes
from engines.vae.plane_vae import PlaneVae

FORMULA = (
    r"\log p(x) &= \underbrace{\mathbb{E}_q \log p(x \mid z) - \mathrm{KL}(q \,\|\, \text{prior})}_{\text{the bound}}"
    r" + \underbrace{\mathrm{KL}(q \,\|\, p(z \mid x))}_{\text{the gap}}"
)


@dataclass(frozen=True)
class PointTerms:
    """What stands in the formula, nats: log p(x) by quadrature with its error, distortion and rate."""

    log_prob: float
    error: float
    distortion: float
    rate: float

    @property
    def gap(self) -> float:
        """KL of q to the true posterior."""
        return self.log_prob + self.distortion + self.rate


@lru_cache(maxsize=64)
def terms_at(digest: str, started: float, step: int | None, x: Point) -> PointTerms:
    """The terms at a point under a stored run's weights of a step; `started` tells trainings of a run apart.

    Raises:
        RunFormatError: If the run or its weights are not there.
    """
    run = house().shelves.get(digest)
    if run is None:
        raise RunFormatError(f"There is no run {digest!r} here.")
    model, point = run.model(step), torch.tensor([x])
    with torch.inference_mode():
        value, error = model.log_prob_estimate(point)
        rate, distortion = model.rate_and_distortion(point)
    return PointTerms(float(value), float(error), float(distortion), float(rate.sum()))


def draw_plane_formula(run: Run | None, x: Point, step: int | None) -> None:
    """The identity behind the bound, with the numbers of a point once a run has ended."""
    if run is None:
        st.latex(rf"\begin{{aligned}} {FORMULA} \end{{aligned}}")
        st.caption("Once a run has ended, the numbers of the chosen point stand here.")
        return
    kept = step if step in run.weight_steps else None
    try:
        terms = terms_at(run.name, run.info.started, kept, x)
    except RunFormatError as error:
        st.latex(rf"\begin{{aligned}} {FORMULA} \end{{aligned}}")
        st.caption(str(error))
        return
    red = ROLES["error"]["light"]
    numbers = (
        rf"{terms.log_prob:.3f} &= {-terms.distortion:.3f} - {terms.rate:.3f} + "
        rf"\textcolor{{{red}}}{{{terms.gap:.3f}}}\ \text{{nats}}"
    )
    st.latex(rf"\begin{{aligned}} {FORMULA} \\ {numbers} \end{{aligned}}")
    st.caption(
        f"At x = ({_minus(x[0], 2)}, {_minus(x[1], 2)}), weights of "
        f"{'the end' if kept is None else f'step {kept:,}'}. The left side is an integral over the latents, by "
        f"quadrature to within {max(terms.error, 1e-5):.5f} nats; the expectation is a Gauss-Hermite sum, so no noise "
        "is in any of the numbers."
    )


def draw_plane_charts(run: Run | None, entropy: tuple[float, float], *, key: str) -> None:
    """An expander with bound and log p, and the KL, over training; nothing is computed before it is opened."""
    box = st.expander(
        "Charts: bound, log p and KL over training", icon=":material/show_chart:", key=key, on_change="rerun"
    )
    if not box.open:
        return
    with box:
        measured = [s for s in run.snapshots if "bound" in s.metrics] if run is not None else []
        if run is None or len(measured) < 2:
            st.caption("The charts come when the run has ended.")
            return
        steps = [s.step for s in measured]
        rows = {n: [s.metrics[n] for s in measured] for n in ("log_prob", "bound", "kl", "kl_error")}
        left, right = st.columns(2)
        show_drawing(left, draw_gap(steps, rows["log_prob"], rows["bound"], entropy[0]), f"{key}/gap")
        show_drawing(right, draw_kl_curve(steps, rows["kl"], rows["kl_error"]), f"{key}/kl")
        last, info = measured[-1].metrics, run.info
        st.caption(
            f"At the end: gap {last['bound_gap']:.3f}, rate {last['rate']:.3f}, distortion "
            f"{_minus(last['distortion'])} nats, {last['active_units']:.0f} latents in use, decoder noise "
            f"{last['noise']:.3f}. Trained on {info.device} in {info.seconds:.1f} s, seed {run.experiment.seed}, "
            f"{info.n_parameters:,} parameters, torch {info.versions.get('torch', '?')}. "
            "log p by quadrature over the latents, on held-out points."
        )


def _minus(value: float, digits: int = 3) -> str:
    """A number in running text, with a true minus."""
    return f"{value:.{digits}f}".replace("-", "\u2212")


def draw_plane_code(experiment: Experiment) -> None:
    """The lines that compute the same run, its objective, and the sum behind log p(x)."""
    st.code(script_of(experiment), language="python")
    st.caption("The bound, from engines/vae/plane_vae.py, and log p(x), from engines/vae/latent_quadrature.py:")
    parts = (PlaneVae.rate_and_distortion, PlaneVae.log_prob_estimate, LatentNodes)
    st.code("\n".join(source_of(part) for part in parts), language="python")
