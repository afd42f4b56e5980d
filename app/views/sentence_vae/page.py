"""Between two names: a VAE that writes letter by letter, its collapse, and what brings the code back into use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from app.canvas.told import told_moment
from app.page.bounds import draw_bound_charts
from app.page.keys import PageKeys, write_link
from app.page.places import open_place, place_in_run, training_of, visit_of
from app.page.properties import draw_properties
from app.page.runs import ShownRun, open_link, run_parameters, use_usual
from app.page.story import ask, tell_below
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.sentence_vae.canvas import NameLabView, NamePlace, draw_namelab
from app.views.sentence_vae.numbers import PAIRS, draw_name_code, draw_name_formula, draw_names, draw_pairs, open_names
from engines.datasets import DATASETS
from engines.models import MODELS
from engines.probes import N_EXAMPLES

KEYS = PageKeys("names", "sentence_vae", stage="lab")
MODEL, DATASET = "name_vae", "names"
PRESETS = {
    "annealed, with letter dropout": MODELS[MODEL].settings(),
    "collapsed": MODELS[MODEL].presets["collapsed"],
    "free bits": MODELS[MODEL].presets["free bits"],
}


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "What lies between two names?")
    st.caption(
        "The encoder turns a place name into a small cloud of codes; the decoder writes a name from any code, letter "
        "by letter. Drag from one name to the other, and read the places in between."
    )
    draw_problems(KEYS)
    a, b = draw_names(KEYS)
    turn = ("Pairs to try", ":material/swap_horiz:", partial(draw_pairs, KEYS))
    shown = draw_controls(KEYS, MODEL, DATASET, PRESETS, turn=turn)
    place = current_place(shown)
    write_link(KEYS, link_of(shown, a, b, place))
    draw_namelab(lab_view(shown, a, b, place), key=KEYS.canvas("lab"))
    draw_below(shown, a)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the data set."""
    dataset, wrong = open_link(KEYS, query, model=MODEL, target=DATASET)
    problems += wrong
    if dataset != DATASET:
        problems.append(f"{DATASETS[dataset].title} is no list of names. The place names are shown.")
        use_usual(KEYS, MODEL, DATASET)
    problems += open_names(KEYS, query.get("a", PAIRS[0][0]), query.get("b", PAIRS[0][1]))
    open_place(KEYS, NamePlace, query, problems)
    return DATASET


def current_place(shown: ShownRun) -> NamePlace:
    """Where the visitor is; in another run it is the same share of the way, but that has other latents."""
    place = place_in_run(KEYS, NamePlace, shown)
    if told_moment(KEYS.told(), of=training_of(KEYS, shown)) is not None:
        st.session_state[KEYS.own("place")] = replace(place, z=None)
    return place


def link_of(shown: ShownRun, a: str, b: str, place: NamePlace) -> dict[str, str]:
    """What the address bar should say."""
    link = {"a": a, "b": b} | run_parameters(KEYS, MODEL, DATASET, shown)
    del link["target"]
    return link | place.texts()


def lab_view(shown: ShownRun, a: str, b: str, place: NamePlace) -> NameLabView:
    """What the lab shows of this run."""
    examples = DATASETS[DATASET].examples()
    return NameLabView(
        run=shown.digest,
        visit=visit_of(KEYS),
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
    tell_below(
        KEYS,
        numbers=lambda: draw_name_formula(shown.run, name),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_bound_charts(shown.run, 0, MODELS[MODEL].title, key=KEYS.own("charts")),
        code=lambda: draw_name_code(shown.experiment),
    )


draw_page()
