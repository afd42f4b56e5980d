"""The real server as schools install it: below a path, behind a proxy that takes the path away or rewrites Host."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from engines.training.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
MOONS = ROOT / "checkpoints" / "flow" / "realnvp-moons"
PUBLIC = "http://public.name"
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    location /genlab/ {{ proxy_pass http://127.0.0.1:{behind}; }}
    location /taken/away/ {{ proxy_pass http://127.0.0.1:{behind}/; }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server below /genlab/ that pages of a public name may use."""
    folder, port = tmp_path_factory.mktemp("installed"), free_port()
    options = ["--server.port", str(port), "--server.baseUrlPath", "genlab", "--server.corsAllowedOrigins", PUBLIC]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", *options]
    settings = os.environ | {"GENLAB_RUNS": str(folder / "runs"), "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{port}/genlab/_stcore/health", server)
        yield port
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def proxy(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx with its own defaults, so that it rewrites Host."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed here")
    folder, own = tmp_path_factory.mktemp("nginx"), free_port()
    (folder / "conf").write_text(NGINX.format(folder=folder, port=own, behind=port), encoding="utf-8")
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    try:
        wait_for(f"http://127.0.0.1:{own}/genlab/_stcore/health", process)
        yield own
    finally:
        process.terminate()
        process.wait(10)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 250
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def kind_of(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        return answer.headers["Content-Type"].split(";")[0], answer.read()


def answer_of(url: str, origin: Any = None) -> Any:
    """What the live lane says to a question, from a page of some origin."""
    question = {"id": 1, "run": Run.load(MOONS).experiment.digest, "step": None, "what": "samples", "n": 3}
    with connect(url, origin=origin, open_timeout=20) as lane:
        lane.send(json.dumps(question))
        return lane.recv(20)


@pytest.mark.parametrize("base", ["/genlab", ""])
def test_scripts_and_lane_answer_below_the_path_and_at_the_root(base: str, port: int) -> None:
    kind, script = kind_of(f"http://127.0.0.1:{port}{base}/lane/js/canvas/stage.js")
    assert "javascript" in kind and script == (ROOT / "app" / "canvas" / "stage.js").read_bytes()
    assert isinstance(answer_of(f"ws://127.0.0.1:{port}{base}/lane/decode"), bytes)


@pytest.mark.parametrize("base", ["/genlab", "/taken/away"])
def test_scripts_and_lane_answer_behind_a_proxy_that_rewrites_host(base: str, proxy: int) -> None:
    kind, _ = kind_of(f"http://127.0.0.1:{proxy}{base}/lane/js/canvas/stage.js")
    assert "javascript" in kind
    assert isinstance(answer_of(f"ws://127.0.0.1:{proxy}{base}/lane/decode", PUBLIC), bytes)
    assert isinstance(answer_of(f"ws://127.0.0.1:{proxy}{base}/lane/decode", f"http://127.0.0.1:{proxy}"), bytes)
    with pytest.raises(InvalidStatus):
        answer_of(f"ws://127.0.0.1:{proxy}{base}/lane/decode", "http://evil.example")


@pytest.mark.parametrize("end", ["", "/"])
def test_the_first_page_opens_at_its_own_path_with_its_query(end: str, port: int) -> None:
    start = f"http://127.0.0.1:{port}/genlab"
    assert page_behind(f"{start}/flows{end}?target=rings&x=a%20b%26") == f"{start}/?target=rings&x=a%20b%26"
    assert page_behind(f"{start}/flows{end}") == f"{start}/"
    assert page_behind(f"{start}/score?target=rings") == f"{start}/score?target=rings"


@pytest.mark.parametrize("base", ["/genlab", "/taken/away"])
def test_the_first_page_s_own_path_leads_to_the_root_behind_a_proxy(base: str, proxy: int) -> None:
    # Where the proxy takes a path away from a server that has one itself, Streamlit has no pages: only the way is seen.
    start = f"http://127.0.0.1:{proxy}{base}"
    assert redirect_of(f"{start}/flows?target=rings") == f"{start}/?target=rings"
    assert redirect_of(f"{start}/flows/") == f"{start}/"


def page_behind(url: str) -> str:
    """Where a browser that asks for a page ends, if that is a page."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        assert answer.headers["Content-Type"].startswith("text/html") and b'id="root"' in answer.read()
        return answer.geturl()


def redirect_of(url: str) -> str:
    """Where a browser is sent from here."""
    place = urlsplit(url)
    connection = HTTPConnection(place.netloc, timeout=10)
    connection.request("GET", f"{place.path}?{place.query}" if place.query else place.path)
    answer = connection.getresponse()
    assert answer.status == 307
    connection.close()
    return urljoin(url, answer.headers["Location"])
