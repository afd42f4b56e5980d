"""CycleGAN: points and pictures are translated between two domains of which nobody has seen a pair."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from app.canvas.told import told_moment
from app.page.keys import PageKeys, write_link
from app.page.pictures import draw_own_picture, own_picture
from app.page.places import open_place, place_in_visit, start_at, training_of, visit_of
from app.page.properties import draw_properties
from app.page.runs import ShownRun, open_link, run_parameters, use_usual
from app.page.story import ask, choose_target, tell_below
from app.page.targets import draw_own_target, pick_target
from app.page.train import draw_controls
from app.page.visit import draw_problems, open_page
from app.views.cyclegan.canvas import (
    CyclePicturesView,
    CyclePlace,
    CyclePointsView,
    draw_cycle_pictures,
    draw_cycle_points,
)
from app.views.cyclegan.numbers import (
    beside_of,
    domains_of,
    draw_cycle_charts,
    draw_cycle_code,
    draw_cycle_formula,
    presets_of,
)
from app.words import plain
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.gan.cyclegan.tasks import TASKS

KEYS = PageKeys("cycle", "cyclegan", stage="points")
PARTS = {"points": "Points of the plane", "pictures": "Pictures of faces"}
MODELS_OF = {"points": "plane_cycle", "pictures": "picture_cycle"}
FIRST = {"points": "moons", "pictures": "faces"}


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    ask(KEYS, "How do you translate without a dictionary?")
    st.caption(
        "Two heaps of examples, and nobody says which belongs to which. Two translators learn to turn each kind into "
        "the other; what holds them together is that there and back again must lead home."
    )
    part = choose_part()
    target = choose_data(part)
    draw_problems(KEYS)
    model = MODELS_OF[part]
    if part == "points":
        draw_own_target(KEYS, target)
        turn = None
    else:
        turn = ("Your picture", ":material/add_photo_alternate:", partial(draw_own_picture, KEYS))
    shown = draw_controls(KEYS, model, target, presets_of(model, target), turn=turn)
    place = current_place(part, shown)
    write_link(KEYS, link_of(part, target, shown, place))
    try:
        draw_stage(part, shown)
    except DataError as error:
        st.error(plain(error), icon=":material/draw:")
        return
    draw_below(part, shown)


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns domain A."""
    part = query.get("part", "points")
    if part not in PARTS:
        problems.append(f"Expected part=points or part=pictures, got {part[:20]!r}. Points are shown.")
        part = "points"
    target, wrong = open_link(KEYS, query, model=MODELS_OF[part], target=FIRST[part])
    open_place(KEYS, CyclePlace, query, problems)
    problems += wrong
    if (DATASETS[target].kind == "plane") != (part == "points") or (part == "pictures" and target != "faces"):
        problems.append(f"{DATASETS[target].title} does not fit here. The default, {FIRST[part]}, is shown.")
        target = FIRST[part]
        use_usual(KEYS, MODELS_OF[part], target)
    st.session_state[KEYS.own("part")] = part
    return target


def choose_part() -> str:
    """Points or pictures; another part begins with what is usual there."""
    before = st.session_state[KEYS.own("part")]
    key = KEYS.own("parts")
    st.session_state.setdefault(key, before)
    chosen = st.segmented_control(
        "Part", list(PARTS), format_func=PARTS.__getitem__, key=key, label_visibility="collapsed"
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
    use_usual(KEYS, MODELS_OF[part], target)
    start_at(KEYS, CyclePlace())


def current_place(part: str, shown: ShownRun) -> CyclePlace:
    """Where the visitor is; a step that was told of another run says nothing about this one."""
    place, told = place_in_visit(KEYS, CyclePlace, stage=part), told_moment(KEYS.told(part), visit=visit_of(KEYS))
    is_elsewhere = told is not None and told.get("of") != training_of(KEYS, shown)
    return replace(place, step=None) if is_elsewhere else place


def link_of(part: str, target: str, shown: ShownRun, place: CyclePlace) -> dict[str, str]:
    """What the address bar should say."""
    link = run_parameters(KEYS, MODELS_OF[part], target, shown)
    if part != "points":  # of pictures there is one set
        link = {name: text for name, text in link.items() if name != "target"} | {"part": part}
    return link | place.texts()


def draw_stage(part: str, shown: ShownRun) -> None:
    """The canvas of the part."""
    experiment = shown.experiment
    common = {
        "run": shown.digest,
        "attempt": st.session_state.get(KEYS.own("attempt"), 0),
        "steps": experiment.steps,
        "place": st.session_state[KEYS.own("place")],
        "visit": visit_of(KEYS),
    }
    if part == "points":
        beside, weight = beside_of(experiment)
        own = float(experiment.settings["cycle"])
        domains = domains_of(experiment)
        view = CyclePointsView(**common, domains=domains, weight=own, beside=beside, beside_weight=weight)
        draw_cycle_points(view, key=KEYS.canvas(part))
        return
    task = TASKS[str(experiment.settings["task"])]
    picture = own_picture(KEYS, (3, 32, 32))
    pixels, name = (None, "") if picture is None else (picture.pixels, picture.name)
    view = CyclePicturesView(**common, words=task.words, idea=task.idea, own=pixels, own_id=name)
    draw_cycle_pictures(view, key=KEYS.canvas(part))


def draw_below(part: str, shown: ShownRun) -> None:
    """Under the stage: numbers, properties, experiments, charts, code."""
    tell_below(
        KEYS,
        numbers=lambda: draw_cycle_formula(shown.experiment, shown.run),
        card=lambda: draw_properties(MODELS_OF[part]),
        charts=lambda: draw_cycle_charts(shown.run, key=KEYS.own("charts")),
        code=lambda: draw_cycle_code(shown.experiment),
    )


draw_page()
