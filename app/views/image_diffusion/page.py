"""From noise to image: chains that follow what a denoiser believes, forwards and backwards in time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial

import numpy as np
import streamlit as st

from app.page.keys import PageKeys, write_link
from app.page.pictures import draw_own_picture, draw_own_set, examples_of, open_pictures, own_picture, pick_pictures
from app.page.places import open_place, place_in_run, start_at
from app.page.properties import draw_properties
from app.page.runs import ShownRun, run_parameters, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.image_diffusion.asks import EMPIRICAL_PICTURES
from app.views.image_diffusion.canvas import (
    MOST_EXAMPLES,
    DenoisingPlace,
    DenoisingView,
    draw_denoising,
)
from app.views.image_diffusion.numbers import draw_denoising_charts, draw_denoising_code, draw_denoising_formula
from app.words import plain
from engines.datasets import Examples
from engines.errors import DataError
from engines.models import MODELS
from engines.samplers import Range
from engines.score.image_denoiser import noise_range
from engines.score.picture_denoiser import ImageDenoiserSettings
from engines.settings import Settings

KEYS = PageKeys("denoising", "image_diffusion", stage="bench")
FIRST, MODEL = "mnist_5k", "image_denoiser"


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "How does a picture come out of noise?")
    st.caption(
        "A net has learned one thing: what picture to expect behind any amount of noise. Ask it, move a little towards "
        "its answer, ask again. Drag time both ways and watch it make up its mind."
    )
    dataset = choose_target(KEYS, pick_pictures, start_on)
    draw_problems(KEYS)
    draw_own_set(KEYS, dataset)
    try:
        examples = examples_of(KEYS, dataset)
    except DataError as error:
        st.info(plain(error), icon=":material/image_not_supported:")
        return
    turn = ("Your picture", ":material/add_photo_alternate:", partial(draw_own_picture, KEYS))
    shown = draw_controls(KEYS, MODEL, dataset, presets_of(dataset), turn=turn)
    place = current_place(shown, examples)
    write_link(KEYS, run_parameters(KEYS, MODEL, dataset, shown) | place.texts())
    draw_denoising(denoising_view(shown, dataset, examples, place), key=KEYS.canvas("bench"))
    draw_below(shown, dataset)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the set of pictures."""
    open_place(KEYS, DenoisingPlace, query, problems)
    return open_pictures(KEYS, query, problems, model=MODEL, target=FIRST)


def start_on(before: str, dataset: str) -> None:
    """Another set: what is best there."""
    start_at(KEYS, DenoisingPlace())
    use_usual(KEYS, MODEL, dataset)


def presets_of(dataset: str) -> dict[str, Settings]:
    """Named settings on this set, what is usual there first."""
    usual = MODELS[MODEL].usual(dataset).settings
    assert isinstance(usual, ImageDenoiserSettings)  # noqa: S101
    return {
        f"{usual.width} channels": usual,
        "quick, 16 channels": replace(usual, width=16),
        "little noise only": replace(usual, noise_median=0.1, noise_spread=0.5),
    }


def current_place(shown: ShownRun, examples: Examples) -> DenoisingPlace:
    """Where the bench says that the visitor is; before it has spoken, where the link says."""
    place = place_in_run(KEYS, DenoisingPlace, shown)
    return replace(place, label=-2) if place.label >= len(examples.classes) else place


def denoising_view(shown: ShownRun, dataset: str, examples: Examples, place: DenoisingPlace) -> DenoisingView:
    """What the bench shows of this run."""
    own = own_picture(KEYS, examples.event_shape)
    bright = examples.test[:MOST_EXAMPLES].float() * (255 / (examples.levels - 1))
    known = f"the first {EMPIRICAL_PICTURES:,}" if len(examples.train) > EMPIRICAL_PICTURES else "all"
    return DenoisingView(
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        dataset=dataset,
        event_shape=examples.event_shape,
        sigmas=sigmas_of(examples),
        classes=examples.classes,
        originals=bright.round().numpy().astype(np.uint8),
        place=place,
        own=None if own is None else own.pixels,
        own_id="" if own is None else own.name,
        empirical=f"The perfect denoiser of {known} training pictures can end nowhere else.",
    )


@lru_cache(maxsize=6)
def sigmas_of(examples: Examples) -> Range:
    """Least and largest noise of a training on these pictures; reading their largest distance takes a moment."""
    return noise_range(examples)


def draw_below(shown: ShownRun, dataset: str) -> None:
    """Under the bench: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_denoising_formula(shown.run, dataset),
        card=lambda: draw_properties(MODEL),
        charts=lambda: draw_denoising_charts(shown.run, dataset, key=KEYS.own("charts")),
        code=lambda: draw_denoising_code(shown.experiment),
    )


draw_page()
