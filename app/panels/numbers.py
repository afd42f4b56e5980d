"""The formula of a flow with the numbers of a real point filled in, and the code that made the picture."""

from __future__ import annotations

import inspect
from functools import lru_cache

import streamlit as st
import torch

from app.house import house
from app.theme import ROLES
from engines.flows.couplings import AffineCoupling
from engines.training import Experiment, Plan
from engines.training.run import Run


@lru_cache(maxsize=32)
def terms_at(digest: str, started: float, x: float, y: float) -> tuple[float, float]:
    """log p_base(z) and the sum of log-determinants at a point under a stored run's final model, in nats.

    `started` tells trainings of the same run apart.
    """
    run = house().shelves.get(digest)
    if run is None:
        raise KeyError(digest)
    model = run.model()
    z, log_det = model.to_latent(torch.tensor([[x, y]]))
    return float(model.base_log_prob(z)), float(log_det)


def draw_formula(run: Run | None, point: tuple[float, float]) -> None:
    """The change of variables, with numbers once a run has ended."""
    formula = r"\log p(x) = \log p_0(z) + \sum_i \log\left|\det \frac{\partial z_i}{\partial z_{i-1}}\right|"
    if run is None:
        st.latex(formula)
        st.caption("Once a run has ended, the numbers of one data point stand here.")
        return
    base, volume = terms_at(run.experiment.digest, run.info.started, *point)
    grey, orange = ROLES["base"]["light"], ROLES["model"]["light"]
    numbers = rf" &= \textcolor{{{grey}}}{{{_short(base)}}} {volume:+.3f} = {_short(base + volume)}"
    numbers = numbers.replace(f"{volume:+.3f}", rf"\textcolor{{{orange}}}{{{volume:+.3f}}}")
    lines = formula.replace("=", "&=", 1) + r" \\" + numbers
    st.latex(rf"\begin{{aligned}} {lines}\ \text{{nats}} \end{{aligned}}")
    st.caption(
        f"At the data point x = ({point[0]:.2f}, {point[1]:.2f}), with the final weights: the base density of its "
        "latent, and by how much all layers together stretched the space around it. Exact."
    )


def _short(value: float) -> str:
    """Three decimals; three digits with an exponent for what has exploded."""
    if abs(value) < 1e4:
        return f"{value:.3f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return rf"{digits}\cdot 10^{{{int(power)}}}"


def draw_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the layer that they train."""
    st.code(script_of(experiment), language="python")
    st.caption("The layer itself, from engines/flows/layers.py:")
    st.code(inspect.getsource(AffineCoupling), language="python")


def script_of(experiment: Experiment) -> str:
    """A few lines that compute an experiment with the engines alone."""
    default = Experiment.default(experiment.model, experiment.dataset)
    names = ("settings", "dataset_settings", *Plan().to_dict())
    changed = {n: getattr(experiment, n) for n in names if getattr(experiment, n) != getattr(default, n)}
    arguments = "".join(f",\n    {name}={dict(v) if isinstance(v, dict) else v!r}" for name, v in changed.items())
    return (
        "from engines.training import Experiment, train\n\n"
        f"experiment = Experiment.default(\n    {experiment.model!r}, {experiment.dataset!r}{arguments},\n)\n"
        "for snapshot in train(experiment):\n"
        '    print(snapshot.step, snapshot.losses, snapshot.metrics)  # arrays: snapshot.arrays["log_prob"]\n'
    )
