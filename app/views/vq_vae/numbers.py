"""A VQ-VAE in numbers: what a picture costs, what pulls encoder and codes together, and the code behind it."""

from __future__ import annotations

import streamlit as st

from app.page.bounds import last_measured
from app.source import source_of
from app.theme import ROLES
from app.views.flows.formula import script_of
from engines.datasets import Examples
from engines.training import Experiment
from engines.training.run import Run
from engines.vae.quantizer import VectorQuantizer
from engines.vae.vq_vae import VqVaeSettings

BOUND = (
    r"\log p(x) \;\ge\; \underbrace{\log p(x\,|\,c)}_{-\text{distortion}} + "
    r"\underbrace{\textstyle\sum_t \log p(c_t\,|\,c_{<t})}_{-\text{rate: the prior}},\qquad c = \text{codes}(x)"
)
PULL = r"L = -\tfrac{1}{D}\log p(x\,|\,c) + \lambda\, \big\| z - \text{sg}(e_c) \big\|^2"


def draw_code_formula(run: Run | None, experiment: Experiment, examples: Examples) -> None:
    """The bound and the commitment loss, with the held-out means once a run has ended."""
    last = last_measured(run)
    st.latex(BOUND)
    if run is None or last is None:
        st.latex(PULL)
        st.caption("Once a run has ended, its numbers stand here.")
        return
    measured = {name: values[0] for name, values in last.metrics.items()}
    red, green = ROLES["error"]["light"], ROLES["field"]["light"]
    st.latex(
        rf"{measured['bound']:.1f} = -\textcolor{{{red}}}{{{measured['distortion']:.1f}}} "
        rf"- \textcolor{{{green}}}{{{measured['rate']:.1f}}}\ \text{{nats}}"
    )
    st.caption(
        f"Mean over {len(examples.test):,} held-out pictures, ± {measured['bound_error']:.1f}: a lower bound, "
        f"{measured['bits_per_dim']:.3f} bits per dimension. Without a prior, all codes alike, the rate would be "
        f"{measured['uniform_rate']:.1f} nats."
    )
    st.latex(PULL)
    commitment = VqVaeSettings.from_dict(experiment.settings).commitment
    pull = last.losses.get("codes_commitment")
    now = "" if pull is None else f"; at the end of the training the distance, of both levels, was {pull:.3f}"
    st.caption(
        f"The encoder is pulled to the codes that it chose with λ = {commitment:g}{now}. sg: no gradient passes; the "
        "codes themselves follow as running means."
    )


def draw_codes_code(experiment: Experiment) -> None:
    """The lines that compute the same run, and the quantizer."""
    st.code(script_of(experiment), language="python")
    st.caption("What turns vectors into codes, from engines/vae/quantizer.py:")
    st.code(source_of(VectorQuantizer), language="python")
