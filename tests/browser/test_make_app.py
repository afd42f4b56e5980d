"""Ending make ends the app: the server that `make app` starts, and its workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(300)]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here")
def test_ending_make_ends_the_server(tmp_path: Path) -> None:
    port = free_port()
    settings = os.environ | {"PORT": str(port), "GENLAB_RUNS": str(tmp_path / "runs")}
    settings.pop("MAKEFLAGS", None)
    with (tmp_path / "log").open("wb") as log:
        make = subprocess.Popen(
            ["make", "-o", ".venv/installed", "app"], cwd=ROOT, env=settings, stdout=log, stderr=log
        )
    everything = [psutil.Process(make.pid)]
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", make)
        everything += psutil.Process(make.pid).children(recursive=True)
        assert len(everything) >= 2  # make, the server, and its workers
        make.send_signal(signal.SIGTERM)
        make.wait(20)
        _, alive = psutil.wait_procs(everything[1:], timeout=10)
        assert not alive
    finally:
        for process in everything:
            if process.is_running():
                process.kill()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 200
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
