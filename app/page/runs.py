"""The experiment that a page's widgets describe: from a link, to a link, into training, and forked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from app.canvas.stage import Moment
from app.house import house
from app.page.keys import PageKeys, current_settings, load_settings, store_settings, texts_of
from app.page.own_runs import follow_run, run_of, unfollow_run
from app.page.trail import note_training
from engines.datasets import DATASETS
from engines.errors import GenLabError, UnknownKeyError
from engines.models import MODELS
from engines.registry import Registry
from engines.settings import Value
from engines.training import Experiment, Plan
from engines.training.run import Run


@dataclass(frozen=True)
class ShownRun:
    """The run on the stage.

    Attributes:
        experiment: What its widgets describe, or the fork that was asked for.
        digest: Name of the run if it is in training or stored here, else empty: that of the visitor's own run, or of
            the one that everybody opens.
        run: The stored run once it has ended, else None.
        asked: What was asked for, while that waits for a worker and this is what was shown before; else None.
    """

    experiment: Experiment
    digest: str
    run: Run | None
    asked: ShownRun | None = None


def open_link(keys: PageKeys, query: Mapping[str, str], *, model: str, target: str) -> tuple[str, list[str]]:
    """Set all widgets from a link; returns the target and a sentence for each thing in it that is impossible."""
    problems: list[str] = []
    if run := query.get("run"):
        stored = house().shelves.get(run)
        experiment = stored.experiment if stored is not None else house().workers.experiment(run)
        try:
            if experiment is not None:
                follow_run(stored.name if stored is not None else run, experiment)
                return _open_run(keys, experiment), problems
            problems.append(
                f"The run {run[:16]!r} of this link is not stored here: runs stay with the server that trained them. "
                "The settings of the link are kept; press Train to compute it anew."
            )
        except GenLabError as error:
            problems.append(f"The run {run[:16]!r} of this link was made by another version of GenLab. {error}")
    wanted = query.get("target", target)
    alike = [spec for spec in DATASETS.values() if wanted == spec.key or spec.kind == DATASETS[target].kind]
    try:
        spec = Registry("data set", alike)[wanted]
    except UnknownKeyError as error:
        problems.append(f"{error} The default, {target}, is shown.")
        spec = DATASETS[target]
    usual = MODELS[model].usual(spec.key)
    problems += load_settings(keys, f"target.{spec.key}", spec.settings(), texts_of("target", query))
    problems += load_settings(keys, "model", usual.settings, texts_of("model", query))
    problems += load_settings(keys, "plan", usual.plan, texts_of("plan", query))
    unfollow_run(described_experiment(keys, model, spec.key))  # a link that names no run opens what everybody opens
    return spec.key, problems


def described_experiment(keys: PageKeys, model: str, target: str) -> Experiment:
    """The experiment that the widgets describe now."""
    settings = current_settings(keys, "model", MODELS[model].settings)
    target_settings = current_settings(keys, f"target.{target}", DATASETS[target].settings)
    plan = current_settings(keys, "plan", Plan)
    return Experiment.make(model, target, settings, target_settings, Plan.from_dict(plan.to_dict()))


def link_parameters(keys: PageKeys, model: str, target: str, shown: ShownRun, moment: Moment | None) -> dict[str, str]:
    """What the address bar should say of the run and of the moment on its stage."""
    link = run_parameters(keys, model, target, shown)
    if moment is not None:
        link |= {} if moment.step is None else {"at": str(moment.step)}
        link |= {} if moment.temperature == 1 else {"temperature": f"{moment.temperature:g}"}
    return link


def run_parameters(keys: PageKeys, model: str, target: str, shown: ShownRun) -> dict[str, str]:
    """What the address bar should say of the run: its settings, and its name where they alone lead to another one."""
    asked = shown.asked or shown
    name = {"run": asked.digest} if _needs_name(asked) else {}
    return {"target": target} | settings_texts(keys, model, target) | name


def _needs_name(shown: ShownRun) -> bool:
    """Whether it is a fork, or a run of this visitor's own in place of the one that everybody opens."""
    if not shown.digest or shown.experiment.origin:
        return bool(shown.digest)
    common = house().shelves.get(shown.experiment.digest)
    return shown.run is not None if common is None else common.name != shown.digest


def settings_texts(keys: PageKeys, model: str, target: str) -> dict[str, str]:
    """The settings that differ from what is usual for this model and target, as parameters of a link."""
    usual = MODELS[model].usual(target)
    bases = {"target": DATASETS[target].settings(), "model": usual.settings, "plan": usual.plan}
    groups = {"target": f"target.{target}", "model": "model", "plan": "plan"}
    texts: dict[str, str] = {}
    for prefix, base in bases.items():
        held = current_settings(keys, groups[prefix], type(base))
        texts |= {f"{prefix}.{name}": text for name, text in held.changed(base).items()}
    return texts


def use_usual(keys: PageKeys, model: str, target: str) -> None:
    """Set the widgets of model and plan to what this model does best with on this target."""
    usual = MODELS[model].usual(target)
    store_settings(keys, "model", usual.settings)
    store_settings(keys, "plan", usual.plan)


def find_run(keys: PageKeys, described: Experiment) -> ShownRun:
    """The run to show: the fork that was asked for last, as long as the settings stay, else the described one."""
    fork: Experiment | None = st.session_state.get(keys.own("fork"))
    if fork is not None and st.session_state.get(keys.own("fork_base")) == described.digest:
        experiment = fork
    else:
        st.session_state.pop(keys.own("fork"), None)
        experiment = described
    return ShownRun(experiment, *run_of(experiment))


def start_training(keys: PageKeys, experiment: Experiment) -> bool:
    """Queue a training; what goes wrong is said on the page. Whether it went well. Meant as a button's callback."""
    try:
        name = house().workers.submit(experiment)
    except GenLabError as error:
        st.session_state[keys.own("problems")] = [str(error)]
        return False
    follow_run(name, experiment)
    note_training(keys, name, experiment)
    st.session_state[keys.own("attempt")] = st.session_state.get(keys.own("attempt"), 0) + 1
    st.session_state[keys.own("moment")] = None
    return True


def start_fork(
    keys: PageKeys, run: Run, described: Experiment, step: int, change: tuple[str, Value] | None = None
) -> None:
    """Continue from a kept step of a run with the settings of the fork's widgets. Meant as a button's callback.

    Args:
        keys: Session keys of the page.
        run: What is left.
        described: What the widgets describe.
        step: A step that keeps its weights.
        change: A setting of the model with its new value; the widgets follow. None: the plan alone may differ.
    """
    plan = current_settings(keys, "fork", Plan).to_dict()
    fork = run.experiment.fork(step, **plan)
    if change is not None:
        fork, described = _changed(keys, fork, change)
    st.session_state[keys.own("fork")] = fork
    st.session_state[keys.own("fork_base")] = described.digest
    start_training(keys, fork)


def _changed(keys: PageKeys, fork: Experiment, change: tuple[str, Value]) -> tuple[Experiment, Experiment]:
    """A fork with one setting of its model changed, and what the widgets describe when they say so too."""
    settings = MODELS[fork.model].settings.from_dict(dict(fork.settings) | dict([change]))
    store_settings(keys, "model", settings)
    return replace(fork, settings=settings.to_dict()), described_experiment(keys, fork.model, fork.dataset)


def _open_run(keys: PageKeys, experiment: Experiment) -> str:
    """Set all widgets to a stored run's experiment; returns its target."""
    spec = DATASETS[experiment.dataset]
    store_settings(keys, f"target.{spec.key}", spec.settings.from_dict(experiment.dataset_settings))
    store_settings(keys, "model", MODELS[experiment.model].settings.from_dict(experiment.settings))
    store_settings(keys, "plan", experiment.plan)
    if experiment.origin:
        st.session_state[keys.own("fork")] = experiment
        st.session_state[keys.own("fork_base")] = described_experiment(keys, experiment.model, spec.key).digest
    return spec.key
