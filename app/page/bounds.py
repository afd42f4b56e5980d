"""The bound of a VAE in numbers, in charts, and the code behind it."""

from __future__ import annotations

import streamlit as st

from app.page.bound_figures import draw_bounds, draw_parts
from app.page.charts import show_drawing
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from engines.datasets import Examples
from engines.training import Experiment, Snapshot
from engines.training.run import Run
from engines.vae.measures import MEASURED
from engines.vae.objective import Objective

FORMULA = (
    r"\log p(x) \;\ge\; \underbrace{\mathbb{E}_{q(z|x)} \log p(x|z)}_{-\text{distortion}}"
    r" - \underbrace{\mathrm{KL}\big(q(z|x)\,\|\,p(z)\big)}_{\text{rate}}"
)


def draw_bound_formula(run: Run | None, member: int, name: str, examples: Examples) -> None:
    """The evidence lower bound, with the held-out means of the chosen model once a run has ended."""
    last = last_measured(run)
    if run is None or last is None:
        st.latex(FORMULA)
        st.caption("Once a run has ended, its numbers stand here.")
        return
    measured = {
        key: last.metrics[key][member] for key in ("rate", "distortion", "bound", "bits_per_dim", "bound_error")
    }
    red, green = ROLES["error"]["light"], ROLES["field"]["light"]
    numbers = (
        rf"{measured['bound']:.2f} = -\textcolor{{{red}}}{{{measured['distortion']:.2f}}} "
        rf"- \textcolor{{{green}}}{{{measured['rate']:.2f}}}\ \text{{nats}}"
    )
    st.latex(FORMULA)
    st.latex(numbers)
    tight = (
        f" With 500 weighted samples: {last.metrics['bound_500'][0]:.2f} nats." if "bound_500" in last.metrics else ""
    )
    is_binarised = _is_bernoulli(run.experiment)
    unit = "bits for each pixel of the binarised picture" if is_binarised else "bits per dimension"
    n = min(MEASURED, len(examples.test))
    st.caption(
        f"{name}, mean over {n:,} held-out pictures, ± {measured['bound_error']:.2f}: the evidence lower bound (ELBO), "
        f"{measured['bits_per_dim']:.3f} {unit}.{tight}"
    )


def draw_bound_charts(run: Run | None, member: int, name: str, *, key: str) -> None:
    """An expander with the bound and its parts over training; nothing is computed before it is opened."""
    box = st.expander("Charts: the bound over training", icon=":material/show_chart:", key=key, on_change="rerun")
    if not box.open:
        return
    with box:
        measured = [s for s in run.snapshots if "bound" in s.metrics] if run is not None else []
        if run is None or len(measured) < 2:
            st.caption("The charts come when the run has ended.")
            return
        steps = [s.step for s in measured]
        rows = {n: [s.metrics[n][member] for s in measured] for n in ("bound", "seen_bound", "rate", "distortion")}
        left, right = st.columns(2)
        show_drawing(left, draw_bounds(steps, rows["bound"], rows["seen_bound"]), f"{key}/bound")
        show_drawing(right, draw_parts(steps, [max(r, 1e-3) for r in rows["rate"]], rows["distortion"]), f"{key}/parts")
        info = run.info
        st.caption(
            f"{name}. Trained on {info.device} in {info.seconds:.1f} s, seed {run.experiment.seed}, "
            f"{info.n_parameters:,} parameters in all, torch {info.versions.get('torch', '?')}."
        )


def draw_model_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the objective."""
    st.code(script_of(experiment), language="python")
    st.caption("What is minimised, from engines/vae/objective.py:")
    st.code(source_of(Objective), language="python")


def last_measured(run: Run | None) -> Snapshot | None:
    """The last snapshot of a run that holds a bound."""
    measured = [s for s in run.snapshots if "bound" in s.metrics] if run is not None else []
    return measured[-1] if measured else None


def _is_bernoulli(experiment: Experiment) -> bool:
    return experiment.settings.get("likelihood") == "bernoulli"
