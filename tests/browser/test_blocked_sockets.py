"""A proxy lets no WebSocket of the live lane through: the pictures come with the page instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LANE = "**/lane/**"


def test_a_stored_run_plays_without_sockets(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link, LANE)
    visitor.page.get_by_text("are blocked on the way here").wait_for()
    visitor.wait("genlabStage.snapshots.at(-1)?.step === 300")
    visitor.page.get_by_role("slider", name="Training step").focus()
    visitor.page.keyboard.press("Home")
    visitor.wait_for_step(0)
    visitor.page.keyboard.press("End")
    visitor.wait_for_step(300)
    visitor.keep("blocked")


def test_a_game_says_why_it_cannot_begin(visit: Callable) -> None:
    visitor = visit(None, LANE, at=("judge", "globalThis.genlabQuiz"))
    visitor.page.get_by_text("are blocked on the way here").wait_for()


def test_a_training_is_watched_without_sockets(visit: Callable) -> None:
    visitor = visit({"plan.seed": "401", "plan.steps": "150"}, LANE)
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait("genlabStage.snapshots.length > 2")
    first = visitor.shown_step
    visitor.wait(f"genlabStage.current.step > {first}")
    visitor.wait("genlabStage.standing.ended", 60)
    visitor.wait_for_step(150)
    steps = visitor.ask("snapshots.map((s) => s.step)")
    assert steps == sorted(set(steps))
