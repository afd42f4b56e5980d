"""The player: a stored run stands at its end until a large button plays it, and a step back begins at what is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import AT_END

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
LARGE = "Play the training from its start"
# The player as it stands while a run in training is followed: its index is the one where the visitor last stood.
FOLLOW = "genlabStage.player.show({ ...genlabStage.player.state, live: true, ended: false, following: true, index: 0 })"


def test_a_stored_run_stands_at_its_end_until_it_is_played(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link, reduced_motion="reduce")
    visitor.wait(AT_END)
    large = visitor.page.get_by_role("button", name=LARGE)
    expect(large).to_be_visible()
    visitor.keep("player-large")
    large.focus()
    visitor.page.keyboard.press("Enter")
    visitor.wait("genlabStage.current.step < 300")
    expect(large).to_be_hidden()
    visitor.wait(f"!genlabStage.player.isPlaying && {AT_END}")
    expect(large).to_be_hidden()


def test_a_step_back_while_following_begins_at_what_is_shown(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link, reduced_motion="reduce")
    visitor.wait(AT_END)
    last = visitor.ask("snapshots.length") - 1
    visitor.page.evaluate(FOLLOW)
    visitor.page.evaluate("genlabStage.player.step(-1)")
    assert visitor.ask("index") == last - 1
    visitor.page.evaluate(FOLLOW.replace("index: 0", "index: 0, step: 299.5"))  # a live picture after a snapshot
    visitor.page.evaluate("genlabStage.player.step(-1)")
    assert visitor.ask("index") == last - 1
