"""The server is stopped in mid-run: all is gone within 3 s, and what was trained is stored."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest
from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.alone]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stop_in_mid_run_leaves_nothing_but_the_snapshots(
    number: signal.Signals, own_server: Any, chromium: Browser, make_visitor: Any
) -> None:
    visitor = make_visitor(chromium, own_server, {"plan.steps": "20000"}).train()
    visitor.wait("genlabStage.snapshots.length > 4")
    digest, n_shown = visitor.ask("digest"), visitor.ask("snapshots.length")
    assert own_server.workers()
    seconds = own_server.stop(number)
    print(f"gone after {seconds:.2f} s")
    assert own_server.process.poll() is not None
    assert own_server.descendants() == []
    assert seconds < 3
    assert not own_server.is_listening
    run = own_server.store.get(digest)
    assert len(run.snapshots) >= n_shown
    assert run.info.state == "stopped"
    assert run.info.reason
    assert run.model() is not None
    assert not list(own_server.folder.rglob("*.part"))
    assert "Traceback" not in own_server.log, own_server.log
    visitor.page.get_by_text("The connection to the live lane is lost").wait_for()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_a_killed_server_takes_its_workers_along(own_server: Any, chromium: Browser, make_visitor: Any) -> None:
    visitor = make_visitor(chromium, own_server, {"plan.steps": "20000"}).train()
    visitor.wait("genlabStage.snapshots.length > 4")
    digest, n_shown = visitor.ask("digest"), visitor.ask("snapshots.length")
    seconds = own_server.stop(signal.SIGKILL)
    assert own_server.descendants() == []
    assert seconds < 3
    run = own_server.store.get(digest)
    assert len(run.snapshots) >= n_shown
    assert run.model() is not None
