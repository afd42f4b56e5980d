"""A real server for measurements, started fresh and stopped afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.machine import ROOT
from engines.training import Experiment


@contextmanager
def running_server() -> Iterator[str]:
    """Start the app on a free port with an empty store; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
        log = (Path(folder) / "log").open("wb")
        runs = {**os.environ, "GENLAB_RUNS": f"{folder}/runs", "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, cwd=ROOT, env=runs, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{port}"
        try:
            _wait(url)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(10)
            log.close()


def _wait(url: str) -> None:
    for _ in range(240):
        with suppress(OSError):
            if urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).status == 200:  # noqa: S310
                return
        time.sleep(0.25)
    raise RuntimeError("The server did not come up within a minute.")


def shipped_digest() -> str:
    """The run that ships for the page's default state."""
    return Experiment.default("realnvp", "moons").digest
