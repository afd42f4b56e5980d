"""A training that waits for a worker: the run that was shown before stays on the stage, and the page says so."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.keys import PageKeys
from engines.training.run import Run
from engines.training.standing import Standing
from tests.app.conftest import FakeWorkers
from tests.app.pages import Open, checked, link_of, press, turn, wanted


def words_of(page: AppTest) -> list[str]:
    return [box.value for box in page.caption if "waits" in box.value]


def leave_buttons(page: AppTest) -> list[str]:
    return [str(button.key) for button in page.button if button.label == "Leave the queue"]


@pytest.fixture
def queued(visit: Open, home: House, stored: Run, workers: FakeWorkers) -> tuple[AppTest, str]:
    """A page that shows a stored run while another seed of it waits, and the name of the one that waits."""
    page = visit({"run": stored.experiment.digest})
    turn(page, PageKeys("flows").widget("plan", "seed"), 5)
    experiment = wanted(page, home)
    assert experiment.seed == 5
    workers.standings[experiment.digest] = Standing("queued", ahead=2, steps=experiment.steps, wait=40.0)
    return checked(page.run()), experiment.digest


def test_the_run_before_stays_and_the_queue_is_told(queued: tuple[AppTest, str], stored: Run) -> None:
    page, _ = queued
    (words,) = words_of(page)
    assert "2 runs ahead of it, about 40 s" in words and "Shown until then: the run before." in words
    assert page.session_state["flows/shown_before"] == stored.name
    assert link_of(page)["plan.seed"] == "5"  # the address names what was asked for


def test_it_gives_way_once_the_training_begins(queued: tuple[AppTest, str], workers: FakeWorkers) -> None:
    page, name = queued
    workers.standings[name] = Standing("running", step=1, steps=40)
    assert words_of(checked(page.run())) == [] and leave_buttons(page) == []


def test_the_queue_can_be_left(queued: tuple[AppTest, str], workers: FakeWorkers) -> None:
    page, name = queued
    (key,) = leave_buttons(page)
    press(page, key)
    assert workers.commands == [(name, "stop")]
