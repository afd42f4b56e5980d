"""The formula of a flow with the numbers of a real point filled in, and the code that made the picture."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
import torch

from app.house import house
from app.source import source_of
from app.theme import ROLES
from app.views.flows.model import facts_of
from engines.errors import RunFormatError
from engines.models import MODELS
from engines.training import Experiment, Plan
from engines.training.run import Run

MOST_SOURCES = 3  # of layers whose code is shown


@lru_cache(maxsize=64)
def terms_at(digest: str, started: float, x: float, y: float, step: int | None = None) -> tuple[float, float]:
    """log p_base(z) and the sum of log-determinants at a point under a stored run's weights of a step, in nats.

    `started` tells trainings of the same run apart.

    Raises:
        RunFormatError: If the run or its weights are not there.
    """
    run = house().shelves.get(digest)
    if run is None:
        raise RunFormatError(f"There is no run {digest!r} here.")
    model = run.model(step).double()
    with torch.inference_mode():
        z, log_det = model.to_latent(torch.tensor([[x, y]], dtype=torch.float64))
        return float(model.base_log_prob(z)), float(log_det)


def draw_formula(run: Run | None, point: tuple[float, float], step: int | None = None) -> None:
    """The change of variables, with the numbers of a point once a run has ended.

    Args:
        run: Whose weights; None: it has not ended.
        point: In data units.
        step: At which step; the nearest one that keeps its weights is taken. None: the end.
    """
    formula = r"\log p(x) = \log p_0(z) + \sum_i \log\left|\det \frac{\partial z_i}{\partial z_{i-1}}\right|"
    if run is None:
        st.latex(formula)
        st.caption("Once a run has ended, the numbers of the ledger's point stand here.")
        return
    kept = min(run.weight_steps, key=lambda s: abs(s - step)) if run.weight_steps and step is not None else None
    try:
        base, volume = terms_at(run.name, run.info.started, *point, kept)
    except RunFormatError as error:
        st.latex(formula)
        st.caption(str(error))
        return
    grey, orange = ROLES["base"]["light"], ROLES["model"]["light"]
    total = base + volume
    change = round(total, 3) - round(base, 3)  # as the ledger prints it, so that the printed numbers add up
    sign = "-" if change < 0 else "+"
    numbers = rf" &= \textcolor{{{grey}}}{{{_short(base)}}} {sign} \textcolor{{{orange}}}{{{_short(abs(change))}}}"
    lines = formula.replace("=", "&=", 1) + rf" \\ {numbers} = {_short(total)}"
    st.latex(rf"\begin{{aligned}} {lines}\ \text{{nats}} \end{{aligned}}")
    when = "the final weights" if kept is None else f"the weights of step {kept:,}"
    st.caption(
        f"At x = ({point[0]:g}, {point[1]:g}), with {when}: the base density of its latent, and by how much all layers "
        "together stretched the space around it. Exact. Drag the cross on the stage, and let go."
    )


def _short(value: float) -> str:
    """Three decimals; three digits with an exponent for what has exploded."""
    if abs(value) < 1e4:
        return f"{value:.3f}"
    digits, _, power = f"{value:.2e}".partition("e")
    return rf"{digits}\cdot 10^{{{int(power)}}}"


def draw_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the layers that they train."""
    st.code(script_of(experiment), language="python")
    settings = MODELS[experiment.model].settings.from_dict(experiment.settings)
    for kind in facts_of(experiment.model, settings).kinds[:MOST_SOURCES]:
        st.caption(f"The layer {kind.name!r}, from {kind.__module__.replace('.', '/')}.py:")
        st.code(source_of(kind), language="python")


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
