"""Titles of stored runs for a list to choose from: what was trained on what, and how it differs from what is usual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from engines.datasets import DATASETS
from engines.models import MODELS
from engines.plan import Plan
from engines.settings import Settings, Value, setting_fields
from engines.training import Experiment
from engines.training.run import ENDED, Run

MOST_CHANGES = 3  # that a title names
MOST_KEPT = 4096  # experiments whose words are kept ready


def titles_of(runs: Mapping[str, Run]) -> dict[str, str]:
    """A title for each run, no two alike: Streamlit knows a choice by what it is called.

    Args:
        runs: By name.
    """
    commons = {run.experiment.digest: name for name, run in reversed([*runs.items()]) if run.info.state == "finished"}
    titles = {name: title_of(run, is_own=_is_own(name, run, commons)) for name, run in runs.items()}
    counts = Counter(titles.values())
    return {name: f"{title} ({_short(name)})" if counts[title] > 1 else title for name, title in titles.items()}


def _is_own(name: str, run: Run, commons: Mapping[str, str]) -> bool:
    """Whether a run is its visitor's alone: it did not finish, or repeats one that had."""
    return run.info.state != "finished" or commons[run.experiment.digest] != name


def _short(name: str) -> str:
    digest, _, attempt = name.partition("-")
    return f"{digest[:6]}-{attempt}" if attempt else digest[:6]


def title_of(run: Run, *, is_own: bool = False) -> str:
    """A run in words: what it is of, and whether it ships, was trained here, or is the visitor's own."""
    experiment = run.experiment
    usual = f"{experiment.model}-{experiment.dataset}"
    title = f"{DATASETS[experiment.dataset].title}: {MODELS[experiment.model].title}"
    if run.folder.name.startswith(usual):  # it ships under this name
        special = run.folder.name.removeprefix(usual).replace("-", " ").replace("_", " ").strip()
        return f"{title}, {special}" if special else title
    changes = _unusual_in(experiment)
    more = [f"{len(changes) - MOST_CHANGES} more"] if len(changes) > MOST_CHANGES else []
    whose = f"{'yours' if is_own else 'trained here'}{end_of(run)}"
    return f"{title}, {whose}" + "".join(f", {change}" for change in [*changes[:MOST_CHANGES], *more])


def end_of(run: Run) -> str:
    """Where a run ended early, to be put behind its title; empty for one that finished."""
    state = run.info.state
    if state == "finished":
        return ""
    return f", {state if state in ENDED else 'stopped'} at {run.info.step:,}"


def unusual_in(experiment: Experiment) -> list[str]:
    """What of an experiment is not as usual for its model on its data, in words."""
    return list(_unusual_in(experiment))


@lru_cache(maxsize=MOST_KEPT)
def _unusual_in(experiment: Experiment) -> tuple[str, ...]:
    usual = Experiment.default(experiment.model, experiment.dataset)
    changes = [
        *_changed(MODELS[experiment.model].settings, experiment.settings, usual.settings),
        *_changed(DATASETS[experiment.dataset].settings, experiment.dataset_settings, usual.dataset_settings),
        *_changed(Plan, experiment.plan.to_dict(), usual.plan.to_dict()),
    ]
    fork = [f"forked at step {experiment.origin.partition('@')[2]}"] if experiment.origin else []
    return (*changes, *fork)


def _changed(kind: type[Settings], held: Mapping[str, Value], usual: Mapping[str, Value]) -> list[str]:
    fields = [field for field in setting_fields(kind) if field.name in held and not field.is_hidden]
    return [_said(field.label, held[field.name]) for field in fields if held[field.name] != usual.get(field.name)]


def _said(label: str, value: Value) -> str:
    label = label[0].lower() + label[1:] if label[1:2].islower() else label
    if isinstance(value, bool):
        return f"{label} {'on' if value else 'off'}"
    return f"{label} {value:g}" if isinstance(value, int | float) else f"{label} {value.replace('_', ' ')}"
