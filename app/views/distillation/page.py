"""Distillation as in Parallel WaveNet: a teacher slow to sample, and a student that learns from it to be fast."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import cast

import numpy as np
import streamlit as st

from app.canvas.stage import Moment, read_moment
from app.page.keys import PageKeys, write_link
from app.page.plane_stage import common_view, draw_plane_stage
from app.page.properties import draw_properties
from app.page.runs import ShownRun, link_parameters, open_link, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.targets import draw_own_target, pick_target, target_view
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page, read_step
from app.views.distillation.canvas import (
    DistillationStageView,
    SoundView,
    draw_distillation_stage,
    draw_sound_stage,
    read_sound_step,
)
from app.views.distillation.numbers import (
    draw_clock_table,
    draw_distillation_charts,
    draw_distillation_code,
    draw_distillation_formula,
    handover_of,
    marks_of,
    presets_of,
)
from app.words import plain
from engines.datasets import DATASETS
from engines.datasets.tones import RATE, ToneSettings, tone_density
from engines.errors import DataError
from engines.tensors import make_rng, to_numpy

KEYS = PageKeys("distillation", stage="points")
PARTS = {"points": "Points", "sound": "Sound"}
MODELS_OF = {"points": "distillation", "sound": "tone_distillation"}
FIRST = {"points": "moons", "sound": "tones"}
N_WAVES = 6


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "Can a slow teacher make a fast student?")
    st.caption(
        "An autoregressive flow makes a sample one number after the other, each waiting for those before it. Turned "
        "round, such a flow makes all at once, but learns slowly from data. So the first learns from the data, and the "
        "second from the first: from pairs of noise and what the teacher made of it, then on samples of its own, as in "
        "Parallel WaveNet."
    )
    part = choose_part()
    target = choose_data(part)
    draw_problems(KEYS)
    if part == "points":
        draw_own_target(KEYS, target)
    model = MODELS_OF[part]
    shown = draw_controls(KEYS, model, target, presets_of(model, target))
    moment = current_moment(part, shown)
    link = link_parameters(KEYS, model, target, shown, moment)
    write_link(
        KEYS, link if part == "points" else {n: text for n, text in link.items() if n != "target"} | {"part": part}
    )
    try:
        draw_stage(part, target, shown)
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    draw_below(part, target, shown)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the target."""
    part = query.get("part", "points")
    if part not in PARTS:
        problems.append(f"Expected part=points or part=sound, got {part[:20]!r}. Points are shown.")
        part = "points"
    target, wrong = open_link(KEYS, query, model=MODELS_OF[part], target=FIRST[part])
    step = read_step(query.get("at", ""), problems, otherwise="The end of the run is shown.")
    problems += wrong
    if (DATASETS[target].kind == "plane") != (part == "points") or DATASETS[target].kind not in ("plane", "wave"):
        problems.append(f"{DATASETS[target].title} does not fit here. The default, {FIRST[part]}, is shown.")
        target = FIRST[part]
        use_usual(KEYS, MODELS_OF[part], target)
    st.session_state[KEYS.own("moment")] = Moment(step, 1.0)
    st.session_state[KEYS.own("part")] = part
    st.session_state[KEYS.own("visit")] = secrets.token_hex(4)
    return target


def choose_part() -> str:
    """Points or sound; another part begins with what is usual there."""
    before = st.session_state[KEYS.own("part")]
    key = KEYS.own("parts")
    st.session_state.setdefault(key, before)
    chosen = st.segmented_control(
        "View", list(PARTS), format_func=PARTS.__getitem__, key=key, label_visibility="collapsed"
    )
    part = chosen or before
    if part != before:
        st.session_state[KEYS.own("part")] = part
        change_target(part, FIRST[part])
    return part


def choose_data(part: str) -> str:
    """The picker in the plane; of the other part there is one set."""
    if part != "points":
        return st.session_state[KEYS.own("target")]
    return choose_target(KEYS, pick_target, lambda before, target: change_target(part, target))


def change_target(part: str, target: str) -> None:
    """Begin anew with what is usual there."""
    st.session_state[KEYS.own("target")] = target
    st.session_state[KEYS.own("problems")] = []
    st.session_state[KEYS.own("moment")] = None
    use_usual(KEYS, MODELS_OF[part], target)


def current_moment(part: str, shown: ShownRun) -> Moment | None:
    """Where the stage says that the visitor is; before it has spoken, where the link says."""
    attempt, state = st.session_state.get(KEYS.own("attempt"), 0), KEYS.told(part)
    held: Moment | None = st.session_state.get(KEYS.own("moment"))
    if part == "points":
        return read_moment(state, shown.digest, attempt) or held
    if state is None or not getattr(state, "moment", None):
        return held
    return Moment(read_sound_step(state, shown.digest, attempt), 1.0)


def draw_stage(part: str, target: str, shown: ShownRun) -> None:
    """The canvas of the part; where a proxy blocks WebSockets, pictures of the plane come with the page's own data."""
    if part == "sound":
        draw_sound_stage(sound_view(shown), key=KEYS.canvas(part))
        return
    draw_plane_stage(points_view(target, shown), shown, draw_distillation_stage, key=KEYS.canvas(part))


def points_view(target: str, shown: ShownRun) -> DistillationStageView:
    """What the stage of the plane shows."""
    view = target_view(target, DATASETS[target].settings.from_dict(shown.experiment.dataset_settings))
    turns = {"handover": handover_of(shown.experiment), "marks": marks_of(shown.experiment)}
    return DistillationStageView(**common_view(KEYS, target, view, shown), **turns)


def sound_view(shown: ShownRun) -> SoundView:
    """What the stage of sound shows."""
    settings = cast(ToneSettings, ToneSettings.from_dict(shown.experiment.dataset_settings))
    waves, entropy, error = tones_shown(settings)
    moment: Moment | None = st.session_state.get(KEYS.own("moment"))
    return SoundView(
        run=shown.digest,
        attempt=st.session_state.get(KEYS.own("attempt"), 0),
        steps=shown.experiment.steps,
        handover=handover_of(shown.experiment),
        marks=marks_of(shown.experiment),
        at=moment.step if moment else None,
        entropy=(entropy, error),
        rate=RATE,
        waves=waves,
    )


@lru_cache(maxsize=8)
def tones_shown(settings: ToneSettings) -> tuple[np.ndarray, float, float]:
    """A few held-out tones, and the entropy of all in nats per wave with its standard error."""
    density, rng = tone_density(settings), make_rng(12)
    waves, _ = density.sample(4000, rng=rng)
    surprise = -density.log_prob(waves)
    return to_numpy(waves[:N_WAVES]), float(surprise.mean()), float(surprise.std()) / len(surprise) ** 0.5


def draw_below(part: str, target: str, shown: ShownRun) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""

    def draw_numbers() -> None:
        draw_distillation_formula(shown.experiment, shown.run)
        draw_clock_table(shown.run)

    tell_below(
        KEYS,
        numbers=draw_numbers,
        card=lambda: draw_properties(MODELS_OF[part]),
        charts=lambda: draw_distillation_charts(shown.run, key=KEYS.own("charts")),
        code=lambda: draw_distillation_code(shown.experiment),
    )


draw_page()
