"""The page of the human discriminator, run as Streamlit runs it, and the question that its canvas asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.views.human_discriminator.canvas import QuizView, read_result
from engines.blobs import unpack
from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, checked, link_of, opener, sentences, turn


@pytest.fixture(scope="session")
def game(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small GAN of the ring after 30 steps."""
    experiment = Experiment.default("plane_gan", "ring", steps=30, settings={"width": 16})
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("judge") / "run")


@pytest.fixture
def come(home: House, game: Run) -> Open:
    """Opens the page by a link, with the small GAN in the store."""

    def open_page(link: Mapping[str, str] | None = None, *, has_runs: bool = True) -> AppTest:
        if has_runs:
            home.shelves.own.add(game)
        return opener("views/human_discriminator/page.py")(link)

    return open_page


def test_without_any_generator_it_says_what_to_do(come: Open) -> None:
    page = come(has_runs=False)
    assert "train a GAN first" in page.info[0].value


def test_a_link_names_generator_step_and_questions(come: Open, game: Run) -> None:
    digest, step = game.experiment.digest, game.weight_steps[1]
    page = come({"run": digest, "at": str(step), "seed": "7"})
    assert link_of(page) == {"run": digest, "at": str(step), "seed": "7"}
    assert sentences(page) == []
    page = turn(page, "judge.own.step", game.weight_steps[-1])
    assert link_of(page) == {"run": digest, "seed": "7"}


def test_what_was_chosen_stays_when_the_page_runs_anew(come: Open, home: House, tmp_path: Path) -> None:
    """Streamlit knows a choice by its title alone, so no two runs may be called alike."""
    settings = {"width": 16, "n_hidden": 1, "momentum": 0.0, "r1": 0.2}  # a title has no room for the seed
    for seed in (1, 2):
        twin = Experiment.default("plane_gan", "ring", steps=20, settings=settings, seed=seed)
        home.shelves.own.add(train_and_store(Trainer(twin, device="cpu"), tmp_path / str(seed)))
    for digest in (run.experiment.digest for run in home.shelves.own.list()):
        page = come({"run": digest, "seed": "7"})
        assert link_of(checked(page.run()))["run"] == digest


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ({"run": "nonsense"}, "not stored here"),
        ({"seed": "-3"}, "whole number from 0 to 9999"),
        ({"at": "999"}, "keeps no weights"),
        ({"at": "²"}, "keeps no weights"),
    ],
)
def test_an_impossible_link_is_explained(come: Open, link: dict[str, str], sentence: str) -> None:
    assert any(sentence in each for each in sentences(come(link)))


def test_the_lessons_name_runs_that_ship() -> None:
    shipped = {each.name for each in SHIPPED}
    for entry in experiments("human_discriminator"):
        assert entry["link"]["run"] in shipped


def test_the_answer_holds_questions_and_verdicts(game: Run) -> None:
    model: Any = game.model()
    ask = read_ask({"what": "quiz", "run": game.experiment.digest, "step": None, "seed": 3})
    found = type(ask).answer(model, game, [ask])[ask]
    n = len(found["x"])
    assert found["x"].shape == (n, 2) and found["is_real"].shape == found["logits"].shape == found["optimal"].shape
    assert set(np.unique(found["is_real"])) == {0, 1}
    assert found["map"].shape == (64, 64)
    # After 30 steps the best judge tells a generator from its data, and the ceiling says so.
    right = ((found["optimal"] > 0) == found["is_real"]).mean()
    assert right > 0.75 and abs(right - found["ceiling"][0]) < 0.2


@pytest.mark.parametrize("seed", [-1, 10_000, 1.5, "3", None])
def test_a_nonsense_seed_is_refused(seed: object) -> None:
    with pytest.raises(SettingError, match="Expected seed from 0 to 9999"):
        read_ask({"what": "quiz", "run": "x", "step": None, "seed": seed})


def test_other_models_cannot_be_judged(trained: Run) -> None:
    ask = read_ask({"what": "quiz", "run": trained.experiment.digest, "step": None, "seed": 3})
    with pytest.raises(SettingError, match="Only generators"):
        ask.check(trained.model(), trained)


@pytest.mark.parametrize("state", [None, {}, {"result": None}, {"result": {"seed": "4"}}, {"result": {"seed": 10_000}}])
def test_a_nonsense_state_says_nothing(state: object) -> None:
    assert read_result(state) is None


def test_the_view_is_one_blob() -> None:
    density: Any = DATASETS["ring"].density
    numbers = unpack(QuizView("abc", None, 3, "ring", density.window, (2,)).to_bytes())[1]
    assert (numbers["run"], numbers["seed"], numbers["seconds"]) == ("abc", 3, 60)
