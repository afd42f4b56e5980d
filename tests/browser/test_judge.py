"""A minute as the discriminator in a real browser: by hand and by keyboard, scored like the other judges."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("judge", "globalThis.genlabQuiz?.quiz")


@pytest.fixture(scope="session")
def stored_game(server: Server) -> Run:
    """A small GAN of the ring in the server's store."""
    experiment = Experiment.default("plane_gan", "ring", steps=30, settings={"width": 16})
    return train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture
def table(visit: Callable, stored_game: Run) -> Callable:
    """Opens the quiz about the small GAN."""
    return lambda **options: visit({"run": stored_game.experiment.digest, "seed": "5"}, at=AT, **options)


def test_a_game_is_played_scored_and_ends_with_the_clock(table: Callable) -> None:
    visitor = table()
    page = visitor.page
    expect(page.get_by_role("button", name="Real")).to_be_disabled()
    page.get_by_role("button", name="Start").click()
    truth: list[int] = page.evaluate("[...genlabQuiz.quiz.is_real.values]")
    for is_real in truth[:6]:  # always right, in all three ways
        page.get_by_role("button", name="Real" if is_real else "Generated").click()
    for is_real in truth[6:9]:
        page.keyboard.press("r" if is_real else "f")  # R would have Streamlit run the page anew
    page.keyboard.press("ArrowLeft" if truth[9] else "ArrowRight")  # wrong
    visitor.wait_for_value("genlabQuiz.answers.length", 10)
    expect(page.get_by_text("✗ Wrong")).to_be_visible()
    expect(page.locator(".judge .name").first).to_contain_text("9 of 10 · 90 %")
    others: list[float] = page.evaluate("[...genlabQuiz.quiz.optimal.values]")
    best = sum((value > 0) == bool(is_real) for value, is_real in zip(others[:10], truth[:10], strict=True))
    expect(page.get_by_text(f"{best} of 10").first).to_be_visible()
    page.evaluate("genlabQuiz.startedAt -= 60000")  # a minute later
    expect(page.get_by_text("Time is up.")).to_be_visible()
    expect(page.get_by_text("You and the trained discriminator:")).to_be_visible()
    page.get_by_role("button", name="Play again").click()
    visitor.wait("genlabQuiz.phase === 'playing' && genlabQuiz.numbers.seed === 6")
    visitor.wait_for_link(seed="6")


def test_a_game_goes_on_after_a_look_at_another_page(table: Callable) -> None:
    visitor = table()
    link = visitor.link
    visitor.page.get_by_role("button", name="Start").click()
    for count, key in enumerate("rf", 1):
        visitor.page.keyboard.press(key)
        visitor.wait_for_value("genlabQuiz.answers.length", count)
    answers = visitor.page.evaluate("genlabQuiz.answers")
    visitor.page.get_by_role("link", name="Dirac-GAN: convergence").click()
    visitor.wait("globalThis.genlabStage")
    visitor.page.evaluate("globalThis.before = genlabQuiz")
    visitor.page.get_by_role("link", name="Real or fake?").click()
    visitor.wait("genlabQuiz !== before && genlabQuiz.phase === 'playing'")
    assert visitor.page.evaluate("genlabQuiz.answers") == answers
    visitor.wait_for_whole_link(link)  # and the same generator is chosen


def test_its_keys_are_not_those_of_the_page_around(table: Callable) -> None:
    """In Streamlit R runs the page anew, and C opens a dialog that clears caches."""
    visitor = table()
    visitor.page.get_by_role("button", name="Start").click()
    script = "document.querySelector('[data-testid=stApp]').dataset.testScriptState"
    visitor.page.evaluate(f"globalThis.seen = []; setInterval(() => seen.push({script}), 5)")
    for count, key in enumerate("rRrf", 1):
        visitor.page.keyboard.press(key)
        visitor.wait_for_value("genlabQuiz.answers.length", count)
    visitor.page.wait_for_timeout(500)
    assert visitor.page.evaluate("[...new Set(seen)]") == ["notRunning"]


def test_the_table_fits_and_can_be_played_without_the_clock(table: Callable) -> None:
    visitor = table()
    visitor.page.get_by_label("without the clock").check()
    visitor.page.get_by_role("button", name="Start").click()
    visitor.page.evaluate("genlabQuiz.startedAt -= 90000")
    visitor.wait("genlabQuiz.phase === 'playing'")
    check_everywhere(visitor, "judge", stage="genlabQuiz")
    assert visitor.page.evaluate("genlabQuiz.phase") == "playing"
