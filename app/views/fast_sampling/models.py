"""The three models on the page of shortcuts: their settings, from a link and to one, how they stand, and training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from app.house import house
from app.page.controls import draw_settings
from app.page.keys import PageKeys, current_settings, load_settings, store_settings, texts_of
from app.page.own_runs import run_of
from app.page.runs import start_training
from app.page.targets import draw_target_settings
from app.page.train import POPOVER_WIDTH
from app.views.fast_sampling.asks import MODELS_OF_WAYS
from app.views.fast_sampling.canvas import ShownModel
from engines.datasets import DATASETS
from engines.errors import UnknownKeyError
from engines.models import MODELS
from engines.training import Experiment, Plan
from engines.training.run import Run

NAMES = {"score_field": "Score network", "flow_matching": "Flow and reflow", "consistency": "Student"}
_PLAN = frozenset(Plan().to_dict())


@dataclass(frozen=True)
class Trained:
    """One of the models on the page.

    Attributes:
        experiment: What its widgets describe.
        is_live: Whether it is in training or in the queue.
        run: The stored run, unless it is being made.
        name: Name of the run.
    """

    experiment: Experiment
    is_live: bool
    run: Run | None
    name: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing to show of it."""
        return not self.is_live and self.run is None

    def shown(self) -> ShownModel:
        """What the stage is told of it."""
        title = NAMES[self.experiment.model]
        return ShownModel(title, self.name, self.is_live, words_of(self.run), self.experiment.steps)


def words_of(run: Run | None) -> str:
    """How a stored run came about; an end that was none is said."""
    if run is None:
        return "not trained yet"
    info, day = run.info, datetime.fromtimestamp(run.info.started, UTC).date()
    state = "" if info.state == "finished" else f"{info.state}, "
    return f"{state}stored {day}, {info.step:,} steps, {info.seconds:.0f} s"


# ---- from a link, to a link ----


def open_models(keys: PageKeys, query: Mapping[str, str], *, target: str) -> tuple[str, list[str]]:
    """Set all widgets from a link; returns the target and a sentence for each thing in it that is impossible."""
    problems: list[str] = []
    try:
        spec = DATASETS[query.get("target", target)]
        if spec.kind != "plane":
            raise UnknownKeyError(f"{spec.title} is no target of the plane.")
    except UnknownKeyError as error:
        problems.append(f"{error} The default, {target}, is shown.")
        spec = DATASETS[target]
    problems += load_settings(keys, f"target.{spec.key}", spec.settings(), texts_of("target", query))
    for model in MODELS_OF_WAYS:
        usual, texts = MODELS[model].usual(spec.key), texts_of(model, query)
        plan = {name: text for name, text in texts.items() if name in _PLAN}
        problems += load_settings(keys, plan_group(model), usual.plan, plan)
        problems += load_settings(keys, model, usual.settings, {n: t for n, t in texts.items() if n not in _PLAN})
    return spec.key, problems


def plan_group(model: str) -> str:
    """The group of widgets that holds a model's plan."""
    return f"{model}_plan"


def use_usual_models(keys: PageKeys, target: str) -> None:
    """Set the widgets of all models to what each does best with on this target."""
    for model in MODELS_OF_WAYS:
        usual = MODELS[model].usual(target)
        store_settings(keys, model, usual.settings)
        store_settings(keys, plan_group(model), usual.plan)


def models_link(keys: PageKeys, target: str) -> dict[str, str]:
    """Everything that differs from what is usual on this target, as parameters of a link."""
    spec = DATASETS[target]
    texts = _changed(keys, f"target.{target}", "target", spec.settings())
    for model in MODELS_OF_WAYS:
        usual = MODELS[model].usual(target)
        texts |= _changed(keys, model, model, usual.settings) | _changed(keys, plan_group(model), model, usual.plan)
    return {"target": target} | texts


def _changed(keys: PageKeys, group: str, prefix: str, base: Any) -> dict[str, str]:
    changed = current_settings(keys, group, type(base)).changed(base)
    return {f"{prefix}.{name}": text for name, text in changed.items()}


# ---- how they stand ----


def described(keys: PageKeys, model: str, target: str) -> Experiment:
    """The experiment that the widgets of a model describe now."""
    settings = current_settings(keys, model, MODELS[model].settings)
    plan = current_settings(keys, plan_group(model), Plan)
    about = current_settings(keys, f"target.{target}", DATASETS[target].settings)
    return Experiment.make(model, target, settings, about, Plan.from_dict(plan.to_dict()))


def find_models(keys: PageKeys, target: str) -> dict[str, Trained]:
    """All models on the page, each in training, stored or missing."""
    return {model: _find(described(keys, model, target)) for model in MODELS_OF_WAYS}


def _find(experiment: Experiment) -> Trained:
    name, run = run_of(experiment)
    return Trained(experiment, bool(name) and run is None, run, name)


def has_ended(found: Trained) -> bool:
    """Whether a training that was seen under way is over."""
    return house().workers.standing(found.name) is None


# ---- controls ----


def draw_model_controls(keys: PageKeys, target: str) -> dict[str, Trained]:
    """The row over the stage; returns the models that its widgets ask for."""
    *columns, last = st.columns([1.3, 1.5, 1.6, 1.2, 1.7], vertical_alignment="bottom")
    with columns[0].popover("Target", icon=":material/tune:", width="stretch"), st.container(width=POPOVER_WIDTH):
        draw_target_settings(keys, target)
    for column, model in zip(columns[1:], MODELS_OF_WAYS, strict=True):
        popover = column.popover(NAMES[model], icon=":material/settings:", width="stretch")
        with popover, st.container(width=POPOVER_WIDTH):
            draw_settings(keys, plan_group(model), Plan)
            st.divider()
            draw_settings(keys, model, MODELS[model].settings)
    models = find_models(keys, target)
    _draw_train(keys, target, models, last)
    return models


def _draw_train(keys: PageKeys, target: str, models: Mapping[str, Trained], place: Any) -> None:
    missing = [model for model, found in models.items() if found.is_missing]
    words = "Train the three" if missing else "Train anew"
    help_text = "Queues what is missing." if missing else "All three are here; this makes them again while you watch."
    place.button(
        words,
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        help=help_text,
        disabled=not missing and all(found.is_live for found in models.values()),
        key=keys.own("train"),
        on_click=partial(train_missing, keys, target),
    )


def train_missing(keys: PageKeys, target: str) -> None:
    """Queue the models that are missing, or all if none is. Meant as a button's callback."""
    models = find_models(keys, target)
    wanted = [m for m, found in models.items() if found.is_missing] or [m for m, f in models.items() if not f.is_live]
    for model in wanted:
        if not train_one(keys, model, target):
            return


def train_one(keys: PageKeys, model: str, target: str) -> bool:
    """Queue a model; what goes wrong is said on the page. Whether it went well."""
    return start_training(keys, described(keys, model, target))
