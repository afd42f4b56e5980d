"""Between two names: a VAE that writes letter by letter, its collapse, and what brings the code back into use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from uuid import uuid4

import numpy as np
import streamlit as st

from app.page.bounds import draw_bound_charts
from app.page.keys import PageKeys, keep_widgets, write_link
from app.page.lessons import draw_experiments
from app.page.properties import draw_properties
from app.page.runs import ShownRun, open_link, settings_texts, use_usual
from app.page.train import draw_controls
from app.page.visit import draw_problems, restart_with
from app.views.sentence_vae.canvas import NameLabView, NamePlace, draw_namelab, place_of_link, read_name_place
from app.views.sentence_vae.numbers import PAIRS, draw_name_code, draw_name_formula, draw_names, draw_pairs, open_names
from engines.datasets import DATASETS
from engines.models import MODELS
from engines.probes import N_EXAMPLES

KEYS = PageKeys("names")
MODEL, DATASET = "name_vae", "names"
PRESETS = {
    "annealed, with letter dropout": MODELS[MODEL].settings(),
    "collapsed": MODELS[MODEL].presets["collapsed"],
    "free bits": MODELS[MODEL].presets["free bits"],
}


def draw_page() -> None:
    """The page from top to bottom."""
    open_visit()
    st.title("What lies between two names?", anchor=False)
    st.caption(
        "The encoder turns a place name into a small cloud of codes; the decoder writes a name from any code, letter "
        "by letter. Drag from one name to the other, and read the places in between."
    )
    draw_problems(KEYS)
    a, b = draw_names(KEYS)
    turn = ("Pairs to try", ":material/swap_horiz:", partial(draw_pairs, KEYS))
    shown = draw_controls(KEYS, MODEL, DATASET, PRESETS, turn=turn)
    place = current_place(shown)
    write_link(link_of(shown, a, b, place))
    draw_namelab(lab_view(shown, a, b, place), key=KEYS.own("lab"))
    draw_below(shown, a)


def open_visit() -> None:
    """At the first run of a visit, set everything from the link; later, keep what the visitor set."""
    keep_widgets(KEYS)
    if KEYS.own("place") in st.session_state:
        return
    query = st.query_params.to_dict()
    dataset, problems = open_link(KEYS, query, model=MODEL, target=DATASET)
    if dataset != DATASET:
        problems.append(f"{DATASETS[dataset].title} is no list of names. The place names are shown.")
        use_usual(KEYS, MODEL, DATASET)
    problems += open_names(KEYS, query.get("a", PAIRS[0][0]), query.get("b", PAIRS[0][1]))
    st.session_state[KEYS.own("problems")] = problems
    st.session_state[KEYS.own("visit")] = uuid4().hex
    st.session_state[KEYS.own("place")] = place_of_link(query)


def current_place(shown: ShownRun) -> NamePlace:
    """Where the lab says that the visitor is; before it has spoken, where the link says."""
    attempt = st.session_state.get(KEYS.own("attempt"), 0)
    told = read_name_place(st.session_state.get(KEYS.own("lab")), shown.digest, attempt)
    if told is None:
        return st.session_state[KEYS.own("place")]
    st.session_state[KEYS.own("place")] = replace(told, z=None)  # another run has other latents
    return told


def link_of(shown: ShownRun, a: str, b: str, place: NamePlace) -> dict[str, str]:
    """What the address bar should say."""
    link = {"a": a, "b": b} | settings_texts(KEYS, MODEL, DATASET)
    if shown.experiment.origin and shown.digest:
        link["run"] = shown.digest
    link |= {} if place.t is None else {"t": f"{place.t:g}"}
    link |= {} if place.way == "straight" else {"way": place.way}
    return link | ({"z": " ".join(f"{v:g}" for v in place.z)} if place.z else {})


def lab_view(shown: ShownRun, a: str, b: str, place: NamePlace) -> NameLabView:
    """What the lab shows of this run."""
    examples = DATASETS[DATASET].examples()
    return NameLabView(
        run=shown.digest,
        visit=st.session_state[KEYS.own("visit")],
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        a=a,
        b=b,
        symbols=examples.symbols,
        probe=examples.test[:N_EXAMPLES].numpy().astype(np.uint8),
        place=place,
    )


def draw_below(shown: ShownRun, name: str) -> None:
    """Under the lab: numbers, properties, experiments, charts, code."""
    left, right = st.columns([1.15, 1])
    with left:
        st.subheader("In numbers", anchor=False)
        draw_name_formula(shown.run, name)
    with right:
        draw_properties(MODEL)
    chosen = draw_experiments("sentence_vae", KEYS.own("lesson"))
    draw_bound_charts(shown.run, 0, MODELS[MODEL].title, key=KEYS.own("charts"))
    with st.expander("The code that made this picture", icon=":material/code:"):
        draw_name_code(shown.experiment)
    if chosen:
        restart_with(KEYS, chosen)


draw_page()
