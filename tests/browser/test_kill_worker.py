"""A worker is killed in mid-run: the visitor is told, what was shown stays, the next run works."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.alone]


def busiest(processes: list[psutil.Process]) -> psutil.Process:
    """The process that computed most in half a second."""
    before = [sum(process.cpu_times()[:2]) for process in processes]
    time.sleep(0.5)
    return max(zip(processes, before, strict=True), key=lambda pair: sum(pair[0].cpu_times()[:2]) - pair[1])[0]


def test_a_killed_worker_is_said_and_hurts_nobody(visit: Callable, server: object) -> None:
    visitor = visit({"plan.seed": "301", "plan.steps": "20000"}).train()
    visitor.wait("genlabStage.snapshots.length > 3")
    worker = busiest(server.workers())  # pyright: ignore[reportAttributeAccessIssue]
    worker.kill()
    start = time.monotonic()
    visitor.page.get_by_text("The worker that trained this run died").wait_for()
    seconds = time.monotonic() - start
    print(f"told after {seconds:.2f} s")
    assert seconds < 3
    assert visitor.ask("standing.state") == "failed"
    n_shown = visitor.ask("snapshots.length")
    assert n_shown > 3
    assert visitor.ask("current.samples.length") > 0
    visitor.keep("killed")

    run = server.store.get(visitor.ask("digest"))  # pyright: ignore[reportAttributeAccessIssue]
    assert run.info.state == "failed"
    assert len(run.snapshots) == n_shown

    visitor.train(80)  # the run that failed, anew, as soon as another worker has started
    visitor.wait("genlabStage.standing.state === 'running' && genlabStage.current.step > 10")
    expect(visitor.page.get_by_text("The worker that trained this run died")).to_have_count(0)
    visitor.stop_training()
