"""Two flows side by side on the same data and seed, and a gallery of all that are stored."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from app.canvas.stage import Moment, read_moment
from app.page.charts import draw_losses
from app.page.keys import PageKeys, write_link
from app.page.lessons import draw_experiments
from app.page.plane_stage import common_view
from app.page.runs import ShownRun, start_training
from app.page.story import ask, choose_target, draw_code
from app.page.targets import TargetView, pick_target, target_view
from app.page.visit import draw_problems, open_page, read_step
from app.views.flow_compare.gallery import draw_flow_gallery
from app.views.flow_compare.pair import FlowPairView, draw_flow_pair
from app.views.flow_compare.sides import TARGETS, choices, flow_costs, gallery, read_choice, run_of
from app.views.flows.formula import script_of
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.models import MODELS
from engines.settings import setting_fields
from engines.training import Experiment, Plan

KEYS = PageKeys("flow_compare")
SIDES = ("a", "b")
USUAL = {"target": "ring", "a": "realnvp", "b": "autoregressive_spline"}
COSTS = {
    "step_ms": "A training step of 256 points, ms",
    "density_ms": "1,000 densities, ms",
    "sample_ms": "1,000 samples, ms",
}
SEED = next(field for field in setting_fields(Plan) if field.name == "seed")


def draw_page() -> None:
    """The page from top to bottom."""
    open_page(KEYS, read_link)
    take_up(KEYS.told("gallery"))
    ask(KEYS, "Which flow bends better, and what does it pay?")
    st.caption(
        "Two flows learn the same density from the same seed and are shown on the same axes. Their KL from the data is "
        "measured the same way, so the curves may be compared; a flow is as good as the layers that it is made of."
    )
    target = choose_target(KEYS, pick_target, lambda before, target: None)
    draw_problems(KEYS)
    shown = draw_sides(target)
    attempt = st.session_state.get(KEYS.own("attempt"), 0)
    moment = read_moment(KEYS.told(), shown[0].digest, attempt)
    moment = moment or st.session_state.get(KEYS.own("moment"))
    write_link(KEYS, link_of(target, moment))
    view = target_view(target, DATASETS[target].settings())
    draw_flow_pair(stage_view(target, view, shown, attempt), key=KEYS.canvas("stage"))
    draw_table(shown)
    draw_gallery(target)
    draw_experiments(KEYS)
    draw_losses([run.run for run in shown], names_now(), view.entropy[0], key=KEYS.own("charts"))
    draw_code(KEYS, lambda: [st.code(script_of(side.experiment), language="python") for side in shown])


def read_link(query: dict[str, str], problems: list[str]) -> str:
    """Targets, sides, seed and step of an address; returns the target."""
    target = query.get("target", USUAL["target"])
    if target not in DATASETS or DATASETS[target].kind != "plane":
        problems.append(f"There is no target {target[:30]!r} in the plane. The default, {USUAL['target']}, is shown.")
        target = USUAL["target"]
    for side in SIDES:
        st.session_state[KEYS.widget("side", side)] = read_choice(query.get(side, USUAL[side]), USUAL[side], problems)
    try:
        seed = SEED.parse(query.get("seed", "0"))
    except SettingError as error:
        problems.append(f"{error} The default, 0, is used.")
        seed = 0
    st.session_state[KEYS.widget("plan", "seed")] = seed
    st.session_state[KEYS.own("moment")] = Moment(read_step(query.get("at", ""), problems), 1.0)
    return target


def take_up(told: Any) -> None:
    """Put a run that was chosen in the gallery on its side."""
    choice = told.get("choice") if told is not None else None
    if not isinstance(choice, dict) or choice == st.session_state.get(KEYS.own("taken")):
        return
    st.session_state[KEYS.own("taken")] = choice
    model, target, side = choice.get("model"), choice.get("target"), choice.get("side")
    if model in choices() and target in TARGETS and side in (0, 1):
        st.session_state[KEYS.widget("side", SIDES[int(str(side))])] = model
        st.session_state[KEYS.widget("plan", "seed")] = 0
        if target != st.session_state[KEYS.own("target")]:
            st.session_state[KEYS.own("target")] = target
            st.session_state.pop(KEYS.canvas("picker"), None)
        st.session_state[KEYS.own("moment")] = None


def draw_sides(target: str) -> tuple[ShownRun, ShownRun]:
    """The row of controls: left, right, seed, and one button for both."""
    left, right, seed, train = st.columns([2.4, 2.4, 1.2, 1.3], vertical_alignment="bottom")
    for column, side, label in ((left, "a", "Left"), (right, "b", "Right")):
        key = KEYS.widget("side", side)
        column.selectbox(label, list(choices()), key=key, format_func=lambda k: choices()[k].title)
    with seed:
        key = KEYS.widget("plan", "seed")
        st.number_input(SEED.label, int(SEED.low or 0), int(SEED.high or 0), step=1, key=key, help=SEED.help)
    shown = tuple(run_of(experiment) for experiment in experiments_now(target))
    train.button(
        "Train both",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        key=KEYS.own("train"),
        on_click=partial(train_both, target),
    )
    return shown[0], shown[1]


def experiments_now(target: str) -> list[Experiment]:
    """What stands on the two sides."""
    seed = int(st.session_state[KEYS.widget("plan", "seed")])
    return [choices()[st.session_state[KEYS.widget("side", side)]].experiment(target, seed) for side in SIDES]


def names_now() -> tuple[str, str]:
    """What the two sides are called."""
    first, second = (choices()[st.session_state[KEYS.widget("side", side)]].title for side in SIDES)
    return first, second


def train_both(target: str) -> None:
    """Queue both trainings; equal ones are one."""
    for experiment in {each.digest: each for each in experiments_now(target)}.values():
        start_training(KEYS, experiment)


def link_of(target: str, moment: Moment | None) -> dict[str, str]:
    """What the address bar should say."""
    texts = {"target": target, "seed": str(st.session_state[KEYS.widget("plan", "seed")])}
    texts |= {side: st.session_state[KEYS.widget("side", side)] for side in SIDES}
    texts = {name: text for name, text in texts.items() if text != {**USUAL, "seed": "0"}[name]}
    return texts | ({} if moment is None or moment.step is None else {"at": str(moment.step)})


def stage_view(target: str, view: TargetView, shown: tuple[ShownRun, ShownRun], attempt: int) -> FlowPairView:
    """What the stage shows of this target and these two runs."""
    left, right = shown
    common = common_view(KEYS, target, view, left, attempt=attempt)
    return FlowPairView(**common, rival=right.digest, names=names_now())


def draw_table(shown: tuple[ShownRun, ShownRun]) -> None:
    """What the two paid, once their runs have ended."""
    rows = [("KL(data ‖ model), nats", kl_words), ("Parameters", size_words)]
    rows += [(label, partial(cost_words, what)) for what, label in COSTS.items()]
    rows.append(("Idea", lambda shown: MODELS[shown.experiment.model].idea))
    names = names_now()
    lines = [f"| | {names[0]} | {names[1]} |", "|---|---|---|"]
    lines += [f"| **{label}** | {words(shown[0])} | {words(shown[1])} |" for label, words in rows]
    st.subheader("What it costs, and what it buys", anchor=False)
    st.markdown("\n".join(lines))
    st.caption(
        "KL is an estimate on held-out points with its standard error. Milliseconds are of each flow's usual size, all "
        "measured in one run on one processor core, so only their ratios carry over to another machine."
    )


def kl_words(shown: ShownRun) -> str:
    """The final KL with its error."""
    metrics = shown.run.snapshots[-1].metrics if shown.run else {}
    return f"{metrics['kl']:.4f} ± {metrics['kl_error']:.4f}" if "kl" in metrics else "not trained yet"


def cost_words(what: str, shown: ShownRun) -> str:
    """What the model costs at its usual size, in milliseconds."""
    costs = flow_costs().get(shown.experiment.model, {})
    return f"{costs[what]:.2f}" if what in costs else "–"


def size_words(shown: ShownRun) -> str:
    """How many weights it has."""
    return f"{shown.run.info.n_parameters:,}" if shown.run else "–"


def draw_gallery(target: str) -> None:
    """All stored flows as a table of pictures."""
    st.subheader("The gallery: every flow on six targets", anchor=False)
    st.caption("Learned densities of the stored runs, with KL(data ‖ model) in nats; the lowest of a column is bold.")
    cells, pictures = gallery()
    titles = {key: MODELS[key].title for key in dict.fromkeys(cell.model for cell in cells)}
    titles |= {key: DATASETS[key].title for key in TARGETS}
    sides = [(st.session_state[KEYS.widget("side", side)], target) for side in SIDES]
    draw_flow_gallery(cells, pictures, titles, TARGETS, sides, key=KEYS.canvas("gallery"))


draw_page()
