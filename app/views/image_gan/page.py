"""Pictures from a game: a generator and a discriminator of pictures, convolutional or style-based."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from app.page.keys import PageKeys, current_settings, store_settings, write_link
from app.page.pictures import draw_own_set, examples_of, open_pictures, pick_pictures
from app.page.places import open_place, place_in_run, start_at
from app.page.properties import draw_properties
from app.page.runs import (
    ShownRun,
    described_experiment,
    run_parameters,
    start_training,
    use_usual,
)
from app.page.story import ask, choose_target, tell_below
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.image_gan.canvas import GamePlace, GameView, draw_game
from app.views.image_gan.numbers import (
    cured,
    draw_game_charts,
    draw_game_code,
    draw_game_formula,
    kinds_of,
    sides_of,
)
from app.words import plain
from engines.datasets import Examples
from engines.errors import DataError
from engines.gan.images.convolutional import COLLAPSED, PictureGanSettings
from engines.gan.images.style import StyleGanSettings
from engines.metrics.stacked_modes import knows_stacked
from engines.models import MODELS
from engines.settings import Settings

KEYS = PageKeys("gan_pictures", "image_gan", stage="bench")
FIRST = "mnist_5k"
GAMES = {"picture_gan": "DCGAN", "style_gan": "StyleGAN"}


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "Can two nets that fight learn to draw?")
    st.caption(
        "One net makes pictures of noise and never sees a real one. The other tells made from real, and its slope is "
        "all that the first one learns from. Watch the wall while they play; then take a picture in hand and bend it."
    )
    dataset = choose_target(KEYS, pick_pictures, start_on)
    draw_problems(KEYS)
    draw_own_set(KEYS, dataset)
    try:
        examples = examples_of(KEYS, dataset)
    except DataError as error:
        st.info(plain(error), icon=":material/image_not_supported:")
        return
    model: str = st.session_state[KEYS.own("model")]
    turn = (GAMES[model], ":material/swap_horiz:", draw_kinds)
    shown = draw_controls(KEYS, model, dataset, presets_of(model, dataset), turn=turn)
    place = place_in_run(KEYS, GamePlace, shown)
    write_link(KEYS, link_of(model, dataset, shown, place))
    draw_game(
        game_view(shown, examples, place), key=KEYS.canvas("bench"), on_cure=partial(train_with_cure, model, dataset)
    )
    draw_below(shown, dataset)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the set of pictures."""
    model = query.get("game", "picture_gan")
    if model not in GAMES:
        problems.append(f"Expected one of {', '.join(GAMES)} after game=, got {model[:20]!r}. The first is shown.")
        model = "picture_gan"
    st.session_state[KEYS.own("model")] = model
    open_place(KEYS, GamePlace, query, problems)
    return open_pictures(KEYS, query, problems, model=model, target=FIRST)


def start_on(before: str, dataset: str) -> None:
    """Another set: what is best there."""
    start_over(st.session_state[KEYS.own("model")], dataset)


def draw_kinds() -> None:
    """The choice between the two kinds of generators."""
    key = KEYS.own("kind")
    st.session_state[key] = st.session_state[KEYS.own("model")]

    def choose() -> None:
        start_over(st.session_state[key], st.session_state[KEYS.own("target")])

    st.radio(
        "Kind of game",
        list(GAMES),
        key=key,
        format_func=lambda model: MODELS[model].title,
        captions=[MODELS[model].idea for model in GAMES],
        on_change=choose,
        label_visibility="collapsed",
    )


def start_over(model: str, dataset: str) -> None:
    """Set the page up with what a model does best with on a set."""
    st.session_state[KEYS.own("model")], st.session_state[KEYS.own("target")] = model, dataset
    start_at(KEYS, GamePlace())
    st.session_state[KEYS.own("problems")] = []
    use_usual(KEYS, model, dataset)


def train_with_cure(model: str, dataset: str) -> None:
    """Change the settings as the monitor proposes, and train. Meant as a callback of the canvas."""
    settings = cured(current_settings(KEYS, "model", MODELS[model].settings), KEYS.told())
    if settings is not None:
        store_settings(KEYS, "model", settings)
        start_training(KEYS, described_experiment(KEYS, model, dataset))


def presets_of(model: str, dataset: str) -> dict[str, Settings]:
    """Named settings on this set, what is usual there first."""
    usual = MODELS[model].usual(dataset).settings
    if isinstance(usual, StyleGanSettings):
        other = {"growing" if not usual.grows else "full size from the start": replace(usual, grows=not usual.grows)}
        return {"usual here": usual, **other, "without mixing": replace(usual, mixing=0.0)}
    assert isinstance(usual, PictureGanSettings)  # noqa: S101
    return {
        "usual here": usual,
        "that collapses": COLLAPSED,
        "Wasserstein with gradient penalty": replace(
            usual, loss="wasserstein", penalty="gradient_penalty", penalty_weight=10.0, n_discriminator=3
        ),
        "hinge and spectral norm": replace(usual, loss="hinge", penalty="none", spectral_norm=True),
        "relativistic, R1 and R2": replace(usual, loss="relativistic", penalty="r1_r2"),
    }


def link_of(model: str, dataset: str, shown: ShownRun, place: GamePlace) -> dict[str, str]:
    """What the address bar should say."""
    game = {} if model == "picture_gan" else {"game": model}
    return run_parameters(KEYS, model, dataset, shown) | game | place.texts()


def game_view(shown: ShownRun, examples: Examples, place: GamePlace) -> GameView:
    """What the studio shows of this run."""
    experiment = shown.experiment
    names, shares = kinds_of(experiment.dataset)
    return GameView(
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=experiment.steps,
        model=experiment.model,
        dataset=experiment.dataset,
        loss=str(experiment.settings.get("loss", "non_saturating")),
        event_shape=examples.event_shape,
        sides=sides_of(experiment.model, examples.event_shape),
        classes=names,
        true_shares=shares,
        is_stacked=knows_stacked(examples.event_shape, examples.levels),
        place=place,
    )


def draw_below(shown: ShownRun, dataset: str) -> None:
    """Under the studio: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_game_formula(shown.experiment, shown.run),
        card=lambda: draw_properties(shown.experiment.model),
        charts=lambda: draw_game_charts(shown.run, dataset, key=KEYS.own("charts")),
        code=lambda: draw_game_code(shown.experiment),
    )


draw_page()
