"""Titles of stored runs for a list to choose from: what was trained on what, and how it differs from what is usual."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engines.datasets import DATASETS
from engines.models import MODELS
from engines.plan import Plan
from engines.settings import Settings, Value, setting_fields
from engines.training import Experiment
from engines.training.run import Run

MOST_CHANGES = 3  # that a title names


def titles_of(runs: Mapping[str, Run]) -> dict[str, str]:
    """A title for each run, no two alike: Streamlit knows a choice by what it is called.

    Args:
        runs: By digest.
    """
    titles = {digest: title_of(run) for digest, run in runs.items()}
    counts = Counter(titles.values())
    return {digest: f"{title} ({digest[:6]})" if counts[title] > 1 else title for digest, title in titles.items()}


def title_of(run: Run) -> str:
    """A run in words."""
    experiment = run.experiment
    usual = f"{experiment.model}-{experiment.dataset}"
    title = f"{DATASETS[experiment.dataset].title}: {MODELS[experiment.model].title}"
    if run.folder.name.startswith(usual):  # it ships under this name
        special = run.folder.name.removeprefix(usual).replace("-", " ").replace("_", " ").strip()
        return f"{title}, {special}" if special else title
    changes = unusual_in(experiment)
    more = [f"{len(changes) - MOST_CHANGES} more"] if len(changes) > MOST_CHANGES else []
    return f"{title}, trained here" + "".join(f", {change}" for change in changes[:MOST_CHANGES] + more)


def unusual_in(experiment: Experiment) -> list[str]:
    """What of an experiment is not as usual for its model on its data, in words."""
    usual = Experiment.default(experiment.model, experiment.dataset)
    changes = [
        *_changed(MODELS[experiment.model].settings, experiment.settings, usual.settings),
        *_changed(DATASETS[experiment.dataset].settings, experiment.dataset_settings, usual.dataset_settings),
        *_changed(Plan, experiment.plan.to_dict(), usual.plan.to_dict()),
    ]
    return changes + ([f"forked at step {experiment.origin.partition('@')[2]}"] if experiment.origin else [])


def _changed(kind: type[Settings], held: Mapping[str, Value], usual: Mapping[str, Value]) -> list[str]:
    fields = [field for field in setting_fields(kind) if field.name in held and not field.is_hidden]
    return [_said(field.in_text, held[field.name]) for field in fields if held[field.name] != usual.get(field.name)]


def _said(label: str, value: Value) -> str:
    if isinstance(value, bool):
        return f"{label} {'on' if value else 'off'}"
    return f"{label} {value:g}" if isinstance(value, int | float) else f"{label} {value.replace('_', ' ')}"
