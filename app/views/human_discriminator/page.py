"""Human discriminator: a minute of real or generated, scored against the trained and the best of all discriminators."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from app.page.keys import PageKeys, write_link
from app.page.lessons import draw_experiments
from app.page.own_runs import listed_runs, note_run
from app.page.story import ask, draw_code
from app.page.titles import titles_of
from app.page.visit import draw_problems, open_page
from app.views.human_discriminator.asks import JUDGED
from app.views.human_discriminator.canvas import QuizView, draw_quiz, read_result
from engines.datasets import DATASETS
from engines.gan.human_quiz import N_ESTIMATED
from engines.training.run import Run

KEYS = PageKeys("judge", "human_discriminator", stage="quiz")
USUAL = "plane_gan-ring"  # judged first
FORMULA = (
    r"D^*(x) = \frac{p(x)}{p(x) + q(x)} \qquad \text{right in } \tfrac12 + \tfrac14 \int |p - q| \text{ of the cases}"
)


def draw_page() -> None:
    """The page from top to bottom."""
    ask(KEYS, "Can you tell what is real?")
    st.caption(
        "For one minute you are the discriminator: real or generated? A trained net and, in the plane, the best judge "
        "that mathematics allows answer the same questions."
    )
    note_run(st.query_params.get("run", ""))
    runs = judged_runs()
    if not runs:
        st.info("No generator is stored here yet: train a GAN first, then come back.", icon=":material/info:")
        return
    open_page(KEYS, partial(read_link, runs))
    draw_problems(KEYS)
    run, step = choose_generator(runs)
    seed = current_seed()
    write_link(KEYS, {"run": run.name, "seed": str(seed)} | ({} if step is None else {"at": str(step)}))
    draw_quiz(view_of(run, step, seed), key=KEYS.canvas("quiz"))
    draw_below(run)


def judged_runs() -> dict[str, Run]:
    """The stored runs whose generator can be judged, by digest: the usual one first, then what ships, by name."""
    judged = [run for run in listed_runs() if run.experiment.model in JUDGED and run.info.step]
    return {run.name: run for run in sorted(judged, key=_place_of)}


def _place_of(run: Run) -> tuple[bool, int, bool, str]:
    name = run.folder.name
    is_own = name == run.name
    return name != USUAL, JUDGED.index(run.experiment.model), is_own, name


def read_link(runs: dict[str, Run], query: dict[str, str], problems: list[str]) -> str:
    """Set everything from a link; returns the run."""
    wanted, seed, at = query.get("run", ""), query.get("seed", "1"), query.get("at", "")
    digest = next((digest for digest, run in runs.items() if wanted in (digest, run.folder.name)), "")
    if wanted and not digest:
        problems.append(f"The run {wanted[:16]!r} of this link is not stored here, so the first one is judged.")
    if not (seed.isascii() and seed.isdigit() and len(seed) <= 4):
        problems.append(f"Expected a whole number from 0 to 9999 after seed=, got {seed[:20]!r}. 1 is used.")
        seed = "1"
    digest = digest or next(iter(runs))
    st.session_state[KEYS.widget("own", "run")] = digest
    st.session_state[KEYS.own("seed")] = int(seed)
    kept = runs[digest].weight_steps
    if at and not (at.isascii() and at.isdigit() and int(at) in kept):
        names = ", ".join(map(str, kept)) or "the last alone"
        problems.append(f"Step {at[:12]!r} keeps no weights here (kept: {names}), so the last one is judged.")
    elif at:
        st.session_state[KEYS.widget("own", "step")] = int(at)
    return digest


def choose_generator(runs: dict[str, Run]) -> tuple[Run, int | None]:
    """Which generator, and how far it was trained."""
    left, right = st.columns([2, 1.4], vertical_alignment="bottom")
    key, held = KEYS.widget("own", "run"), KEYS.widget("own", "step")
    digest = left.selectbox("Whose generator", list(runs), key=key, format_func=titles_of(runs).__getitem__)
    run = runs[digest]
    if len(run.weight_steps) < 2:
        return run, None
    if st.session_state.get(held) not in run.weight_steps:
        st.session_state[held] = run.weight_steps[-1]
    step = right.select_slider("Trained for", run.weight_steps, key=held, format_func=lambda n: f"{n:,} steps")
    return run, None if step == run.weight_steps[-1] else int(step)


def current_seed() -> int:
    """Of the questions: what the table asked for last, else what the link says."""
    if told := read_result(KEYS.told()):
        st.session_state[KEYS.own("seed")] = told["seed"]  # what the table told is forgotten while another page is open
    return st.session_state[KEYS.own("seed")]


def view_of(run: Run, step: int | None, seed: int) -> QuizView:
    """What the table shows."""
    spec = DATASETS[run.experiment.dataset]
    data: Any = spec.data(spec.settings.from_dict(run.experiment.dataset_settings))
    window = getattr(data, "window", None)
    shape = (2,) if window else tuple(data.event_shape)
    return QuizView(run.name, step, seed, spec.title, window, shape)


def draw_below(run: Run) -> None:
    """Under the table: the theory, experiments, code."""
    st.subheader("In numbers", anchor=False)
    st.latex(FORMULA)
    st.caption(
        "p: the density of the data, exact. q: that of the generator, estimated from "
        f"{N_ESTIMATED:,} of its points. The line is an estimate of a lower limit: a judge close to the best of all is "
        "made of one half of the generated points and scored on the other half and on true points, so that it is right "
        "50 % of the time, within its error, where nothing can be told. "
        "Errors of scores are standard errors of a share."
    )
    draw_experiments(KEYS)
    draw_code(KEYS, lambda: st.code(script_of(run), language="python"))


def script_of(run: Run) -> str:
    """A few lines that ask the same questions with the engines alone."""
    name, experiment = run.folder.name, run.experiment
    is_plane = DATASETS[experiment.dataset].kind == "plane"
    make = "plane_quiz(run.model(), data, seed=1)" if is_plane else "picture_quiz(run.model(), data.test, seed=1)"
    return (
        "from engines.datasets import DATASETS\n"
        f"from engines.gan.human_quiz import {make.split('(')[0]}\n"
        "from engines.training.run import Run\n\n"
        f'run = Run.load("checkpoints/gan/{name}")  # or its folder in runs/\n'
        f"spec = DATASETS[{experiment.dataset!r}]\n"
        f"data = spec.data(spec.settings.from_dict(run.experiment.dataset_settings))\n"
        f"quiz = {make}\n"
        "print((quiz.logits > 0).eq(quiz.is_real).float().mean())  # how often the trained discriminator is right\n"
    )


draw_page()
