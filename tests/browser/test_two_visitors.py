"""Two visitors with the same link watch the same run, and neither can take it from the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LINK = {"plan.seed": "201", "plan.steps": "20000"}


def test_two_visitors_watch_the_same_run(visit: Callable) -> None:
    first, other = visit(LINK), visit(LINK)
    first.train()
    other.train()  # the same experiment: it joins, nothing starts anew
    assert first.ask("digest") == other.ask("digest")
    assert other.ask("snapshots[0].step") == 0
    first.wait("genlabStage.standing.watchers === 2")
    other.wait("genlabStage.standing.watchers === 2")
    expect(first.page.locator(".player .status").first).to_contain_text("2 watching")
    first.wait("genlabStage.snapshots.length > 5")
    other.wait("genlabStage.snapshots.length > 5")
    kls = [visitor.ask("snapshots.slice(0, 5).map((s) => [s.step, s.metrics.kl])") for visitor in (first, other)]
    assert kls[0] == kls[1]

    first.press("Play or pause")
    first.page.get_by_text("Your picture is held at step").wait_for()
    held, running = first.shown_step, other.ask("current.step")
    other.wait(f"genlabStage.current.step > {running + 20} && genlabStage.standing.state === 'running'")
    assert first.shown_step == held
    first.press("Play or pause")  # catch up
    first.wait(f"genlabStage.following && genlabStage.current.step > {held}")

    other.reload()  # who comes later sees the run from its start
    other.wait("genlabStage.standing?.state === 'running' && genlabStage.snapshots.length > 5")
    assert other.ask("snapshots[0].step") == 0
    other.page.close()
    first.wait("genlabStage.standing.watchers === 1")
    first.press("Play or pause")
    first.wait("genlabStage.standing.state === 'paused'")
    first.stop_training()


def test_another_run_waits_its_turn(visit: Callable, server: object) -> None:
    """As many runs as there are workers go on at once; the next one is told how many are ahead."""
    n_workers = len(server.workers())  # pyright: ignore[reportAttributeAccessIssue]
    assert n_workers > 0
    busy = [visit(LINK | {"plan.seed": str(210 + i)}).train() for i in range(n_workers)]
    last = visit({"plan.seed": "220", "plan.steps": "20"})
    last.page.get_by_test_id("stBaseButton-primary").first.click()
    last.page.get_by_text("ahead of yours").wait_for()
    expect(last.page.locator(".note").first).to_contain_text(f"{n_workers} run")
    for visitor in busy:
        visitor.stop_training()
    last.wait("genlabStage.standing?.state === 'finished'")
