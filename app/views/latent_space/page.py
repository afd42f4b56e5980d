"""Autoencoders: a latent space under the finger, and a sweep over the price of information."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from app.page.bounds import draw_bound_charts, draw_bound_formula, draw_model_code
from app.page.keys import PageKeys, write_link
from app.page.pictures import draw_own_picture, draw_own_set, examples_of, open_pictures, own_picture, pick_pictures
from app.page.places import open_place, place_in_run, start_at
from app.page.properties import draw_properties
from app.page.runs import ShownRun, run_parameters, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.latent_space.canvas import Member, StudioPlace, StudioView, draw_studio
from app.words import plain
from engines.datasets import Examples
from engines.errors import DataError
from engines.models import MODELS
from engines.probes import N_EXAMPLES, N_PICTURES
from engines.settings import Settings
from engines.vae.gaussian_vae import VaeSettings

KEYS = PageKeys("vae", "latent_space", stage="studio")
FIRST = "faces"


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "What does each direction of the latent space mean?")
    st.caption(
        "The encoder turns a picture into a small cloud of codes; the decoder draws a picture from any code. "
        "Raise β, the price of a code, and the codes must share less and mean more."
    )
    dataset = choose_target(KEYS, pick_pictures, start_on)
    draw_problems(KEYS)
    draw_own_set(KEYS, dataset)
    try:
        examples = examples_of(KEYS, dataset)
    except DataError as error:
        st.info(plain(error), icon=":material/image_not_supported:")
        return
    model = choose_model(examples)
    turn = ("Your picture", ":material/add_photo_alternate:", partial(draw_own_picture, KEYS))
    shown = draw_controls(KEYS, model, dataset, presets_of(model, dataset), turn=turn)
    place = current_place(shown)
    write_link(KEYS, link_of(model, dataset, shown, place))
    draw_studio(studio_view(shown, examples, place), key=KEYS.canvas("studio"))
    draw_below(shown, place, examples)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the set of pictures."""
    model = "conditional_vae" if query.get("kind") == "conditional_vae" else "vae"
    st.session_state[KEYS.own("model")] = model
    open_place(KEYS, StudioPlace, query, problems)
    return open_pictures(KEYS, query, problems, model=model, target=FIRST)


def start_on(before: str, dataset: str) -> None:
    """Another set: what is best there."""
    start_at(KEYS, StudioPlace())
    use_usual(KEYS, st.session_state[KEYS.own("model")], dataset)


def choose_model(examples: Examples) -> str:
    """Whether the model is told the class, where there are classes."""
    before = st.session_state[KEYS.own("model")]
    if not examples.classes:
        model = "vae"
    else:
        st.session_state.setdefault(KEYS.own("is_told"), before == "conditional_vae")
        is_told = st.toggle("Tell the model the class", key=KEYS.own("is_told"), help=MODELS["conditional_vae"].idea)
        model = "conditional_vae" if is_told else "vae"
    if model != before:
        st.session_state[KEYS.own("model")] = model
        use_usual(KEYS, model, st.session_state[KEYS.own("target")])
    return model


def presets_of(model: str, dataset: str) -> dict[str, Settings]:
    """Named settings on this set, what is usual there first."""
    usual = MODELS[model].usual(dataset).settings
    assert isinstance(usual, VaeSettings)  # noqa: S101  (both models have these settings)
    if model == "conditional_vae":
        return {"told the class": usual, "one style number": replace(usual, n_latents=1)}
    one = {"betas": "1", "free_bits": "0", "capacities": "0"}
    large = {"n_latents": 16, "width": 384} if dataset == "digits" else {}
    return {
        "eight β at once": replace(usual, **one | {"betas": usual.betas}),
        "β = 1": replace(usual, **one | large),
        "two latents": replace(usual, **one | {"n_latents": 2}),
        "collapsed, and free bits as a cure": replace(usual, **one | {"betas": "20", "free_bits": "0 0.1 0.3 1"}),
        "a capacity in nats": replace(usual, **one | {"capacities": "2 5 10 20"}),
    }


def current_place(shown: ShownRun) -> StudioPlace:
    """Where the visitor is, with a model that this run has."""
    place = place_in_run(KEYS, StudioPlace, shown)
    return place if 0 <= place.member < len(members_of(shown)) else replace(place, member=first_member(shown))


def members_of(shown: ShownRun) -> tuple[Member, ...]:
    """The models of a run, named by what differs between them."""
    prices = VaeSettings.from_dict(shown.experiment.settings).prices()
    what, values = axis_of(shown)
    betas = prices.betas if len(prices.betas) > 1 else prices.betas * prices.n_models
    return tuple(Member(f"{what} {v:g}", f"{v:g}", beta) for v, beta in zip(values, betas, strict=True))


def axis_of(shown: ShownRun) -> tuple[str, tuple[float, ...]]:
    """What differs between the models of a run, and its values."""
    prices = VaeSettings.from_dict(shown.experiment.settings).prices()
    if len(prices.free_bits) > 1:
        return "free bits", prices.free_bits
    return ("capacity", prices.capacities) if len(prices.capacities) > 1 else ("β", prices.betas)


def first_member(shown: ShownRun) -> int:
    """The model that opens first: the one whose β is nearest to 1, the plain VAE."""
    betas = [member.beta for member in members_of(shown)]
    return min(range(len(betas)), key=lambda k: abs(betas[k] - 1))


def link_of(model: str, dataset: str, shown: ShownRun, place: StudioPlace) -> dict[str, str]:
    """What the address bar should say."""
    link = run_parameters(KEYS, model, dataset, shown)
    link |= {"kind": model} if model != "vae" else {}
    return link | (place if len(members_of(shown)) > 1 else replace(place, member=-1)).texts()


def studio_view(shown: ShownRun, examples: Examples, place: StudioPlace) -> StudioView:
    """What the studio shows of this run."""
    shape = examples.event_shape
    own = own_picture(KEYS, shape)
    bright = examples.test[:N_PICTURES].float() * (255 / (examples.levels - 1))
    labels = examples.test_labels
    return StudioView(
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        members=members_of(shown),
        axis_title={"β": "β, the price of a code", "free bits": "Free bits", "capacity": "Capacity"}[axis_of(shown)[0]],
        event_shape=shape,
        originals=bright.round().numpy().astype(np.uint8),
        probe_labels=None if labels is None else labels[:N_EXAMPLES].tolist(),
        classes=examples.classes,
        factors=tuple(factor.name for factor in examples.factors),
        is_conditional=shown.experiment.model == "conditional_vae",
        place=place,
        own=None if own is None else own.pixels,
        own_id="" if own is None else own.name,
    )


def draw_below(shown: ShownRun, place: StudioPlace, examples: Examples) -> None:
    """Under the studio: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_bound_formula(shown.run, place.member, members_of(shown)[place.member].name, examples),
        card=lambda: draw_properties("vae"),
        charts=lambda: draw_bound_charts(
            shown.run, place.member, members_of(shown)[place.member].name, key=KEYS.own("charts")
        ),
        code=lambda: draw_model_code(shown.experiment),
    )


draw_page()
