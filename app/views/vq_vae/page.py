"""Codes that are discrete: a picture as two maps of numbers that can be changed by hand, and a prior that spells."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from app.canvas.told import told_moment
from app.page.bounds import draw_bound_charts
from app.page.keys import PageKeys, write_link
from app.page.pictures import draw_own_picture, draw_own_set, examples_of, open_pictures, own_picture, pick_pictures
from app.page.places import open_place, place_in_run, start_at, training_of
from app.page.properties import draw_properties
from app.page.runs import ShownRun, run_parameters, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.vq_vae.canvas import CodebookView, CodePlace, check_codes, draw_codebook
from app.views.vq_vae.numbers import draw_code_formula, draw_codes_code
from app.words import plain
from engines.datasets import Examples
from engines.errors import DataError
from engines.models import MODELS
from engines.settings import Settings
from engines.vae.vq_nets import count_halvings, padded_size
from engines.vae.vq_vae import VqVaeSettings

KEYS = PageKeys("codes", "vq_vae", stage="codebook")
FIRST, MODEL = "faces", "vq_vae"
N_ORIGINALS = 12
Shapes = tuple[tuple[int, ...], tuple[int, ...]]


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    heading = st.container()
    st.caption(
        "The encoder spells a picture in an alphabet of codes, a coarse map and a fine one, and the decoder reads it "
        "back. Change a word and see what it said; a language model has learned which words follow each other."
    )
    dataset = choose_target(KEYS, pick_pictures, start_on)
    draw_problems(KEYS)
    draw_own_set(KEYS, dataset)
    try:
        examples = examples_of(KEYS, dataset)
    except DataError as error:
        with heading:
            ask(KEYS, "What can a picture say in a few words?")
        st.info(plain(error), icon=":material/image_not_supported:")
        return
    shapes = shapes_of(examples.event_shape)
    with heading:
        ask(KEYS, f"What can a picture say in {count_cells(shapes)} words?")
    turn = ("Your picture", ":material/add_photo_alternate:", partial(draw_own_picture, KEYS))
    shown = draw_controls(KEYS, MODEL, dataset, presets_of(dataset), turn=turn)
    place = current_place(shown, shapes)
    write_link(KEYS, run_parameters(KEYS, MODEL, dataset, shown) | place.texts())
    draw_codebook(codebook_view(shown, examples, shapes, place), key=KEYS.canvas("codebook"))
    draw_below(shown, examples)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the set of pictures."""
    open_place(KEYS, CodePlace, query, problems)
    return open_pictures(KEYS, query, problems, model=MODEL, target=FIRST)


def start_on(before: str, dataset: str) -> None:
    """Another set: what is best there."""
    start_at(KEYS, CodePlace())
    use_usual(KEYS, MODEL, dataset)


def shapes_of(event_shape: tuple[int, ...]) -> Shapes:
    """Rows and columns of the coarse and of the fine map of these pictures."""
    halvings = count_halvings(event_shape)
    fine = tuple(side >> halvings for side in padded_size(event_shape, halvings))
    return tuple(side // 2 for side in fine), fine


def count_cells(shapes: Shapes) -> int:
    """Codes of a picture."""
    return sum(math.prod(shape) for shape in shapes)


def presets_of(dataset: str) -> dict[str, Settings]:
    """Named settings on this set, what is usual there first."""
    usual = MODELS[MODEL].usual(dataset).settings
    assert isinstance(usual, VqVaeSettings)  # noqa: S101
    return {
        f"{usual.n_codes} codes": usual,
        "tiny codebook": replace(usual, n_codes=2 if usual.n_codes <= 8 else 4),
        "large codebook": replace(usual, n_codes=256),
        "dead codes": replace(usual, n_codes=256, keeps_codes_alive=False),
        "no commitment": replace(usual, commitment=0.0),
    }


def current_place(shown: ShownRun, shapes: Shapes) -> CodePlace:
    """Where the workbench says that the visitor is; before it has spoken, where the link says."""
    place = place_in_run(KEYS, CodePlace, shown)
    is_told = told_moment(KEYS.told(), of=training_of(KEYS, shown)) is not None
    if not is_told and shown.experiment.digest != st.session_state.setdefault(KEYS.own("of"), shown.experiment.digest):
        place = replace(place, codes="")  # codes of the link mean nothing to another model
    n_codes = VqVaeSettings.from_dict(shown.experiment.settings).n_codes
    if place.codes and (wrong := check_codes(place.codes, count_cells(shapes), n_codes)):
        place = replace(place, codes="")
        st.session_state[KEYS.own("place")] = place
        st.session_state.setdefault(KEYS.own("problems"), []).append(
            f"{wrong} The picture is shown with its own codes."
        )
        st.rerun()
    if place.cell >= math.prod(shapes[place.level]):
        place = replace(place, cell=0)
    return place


def codebook_view(shown: ShownRun, examples: Examples, shapes: Shapes, place: CodePlace) -> CodebookView:
    """What the workbench shows of this run."""
    shape = examples.event_shape
    own = own_picture(KEYS, shape)
    bright = examples.test[:N_ORIGINALS].float() * (255 / (examples.levels - 1))
    return CodebookView(
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        event_shape=shape,
        padded=padded_size(shape, count_halvings(shape)),
        shapes=shapes,
        n_codes=VqVaeSettings.from_dict(shown.experiment.settings).n_codes,
        originals=bright.round().numpy().astype(np.uint8),
        place=place,
        own=None if own is None else own.pixels,
        own_id="" if own is None else own.name,
    )


def draw_below(shown: ShownRun, examples: Examples) -> None:
    """Under the workbench: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_code_formula(shown.run, shown.experiment, examples),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_bound_charts(shown.run, 0, MODELS[MODEL].title, key=KEYS.own("charts")),
        code=lambda: draw_codes_code(shown.experiment),
    )


draw_page()
