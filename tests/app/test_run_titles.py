"""Titles of runs: what they say, and that no two are alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.page.titles import title_of, titles_of, unusual_in
from engines.build_checkpoints import SHIPPED
from engines.training import Experiment
from engines.training.run import Run, RunInfo


class Stored:
    """As much of a run as its title needs."""

    def __init__(self, experiment: Experiment, name: str = "", **info: Any) -> None:
        self.experiment = experiment
        self.info = RunInfo(experiment, "CPU", **{"state": "finished", **info})
        self.folder = Path(name or experiment.digest)


def stored(experiment: Experiment, name: str = "", **info: Any) -> Run:
    return cast(Any, Stored(experiment, name, **info))


def test_a_run_of_ones_own_says_what_is_not_as_usual() -> None:
    usual = Experiment.default("plane_gan", "ring")
    assert title_of(stored(usual)) == "ring of 8: GAN, trained here"
    changed = Experiment.default("plane_gan", "ring", settings={"loss": "least_squares", "clip": 0.5}, seed=3)
    assert unusual_in(changed) == ["loss least squares", "weight clipping 0.5", "seed 3"]
    assert title_of(stored(changed)) == "ring of 8: GAN, trained here, loss least squares, weight clipping 0.5, seed 3"
    fork = changed.fork(900)
    assert unusual_in(fork)[-2:] == ["seed 3", "forked at step 900"]
    assert title_of(stored(fork)).endswith("seed 3, 1 more")


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda each: each.name)
def test_what_ships_is_called_by_its_name(shipped: Any) -> None:
    experiment = Experiment.default(shipped.model, shipped.dataset, **shipped.changes)
    title = title_of(stored(experiment, shipped.name))
    assert "trained here" not in title and title == title.strip(" ,")


def test_no_two_are_called_alike() -> None:
    settings = {"width": 16, "n_hidden": 1, "momentum": 0.0}
    usual = Experiment.default("plane_gan", "ring")
    first = Experiment.default("plane_gan", "ring", settings=settings, seed=1)
    runs = {each.digest: stored(each) for each in (first, replace(first, seed=2), usual)}
    titles = titles_of(runs)
    assert len(set(titles.values())) == 3
    assert titles[first.digest].endswith(f"1 more ({first.digest[:6]})")


def test_a_title_says_whose_a_run_is_and_where_it_stopped() -> None:
    """The first finished one is everybody's; a repetition and what did not finish are the visitor's."""
    usual = Experiment.default("plane_gan", "ring")
    names = [f"{usual.digest}-0000000{i}" for i in range(4)]
    runs = {
        names[0]: stored(usual),
        names[1]: stored(usual, state="stopped", step=1444),
        names[2]: stored(usual),
        names[3]: stored(usual, state="running", step=7),
    }
    assert list(titles_of(runs).values()) == [
        "ring of 8: GAN, trained here",
        "ring of 8: GAN, yours, stopped at 1,444",
        "ring of 8: GAN, yours",
        "ring of 8: GAN, yours, stopped at 7",
    ]
