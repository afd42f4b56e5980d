"""What the live lane serves over HTTP: the canvases' scripts, and no other file of the program."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.app.lane import running_lane

APP = Path(__file__).resolve().parents[2] / "app"
OTHERS = [
    "main.js",
    "main.py",
    "live/routes.py",
    "canvas/stage.css",
    "../app/canvas/stage.js",
    "canvas/../../engines/stage.js",
    "%2e%2e/app/canvas/stage.js",
    ".streamlit/config.toml",
    ".streamlit/config.js",
    "canvas\\stage.js",
    "canvas/stage.js%00",
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running_lane() as lane:
        yield lane.port


def fetched(port: int, path: str) -> tuple[int, str, bytes]:
    """Status, kind and content; the path goes as it is, which no browser would send so."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", f"/lane/js/{path}")
        response = connection.getresponse()
        return response.status, response.headers.get("Content-Type", ""), response.read()


def test_every_script_is_served_and_asked_for_again(port: int) -> None:
    scripts = sorted(APP.rglob("*.js"))
    assert len(scripts) > 90
    for script in scripts:
        status, kind, content = fetched(port, script.relative_to(APP).as_posix())
        assert status == 200 and "javascript" in kind and content == script.read_bytes(), script


@pytest.mark.parametrize("path", OTHERS)
def test_nothing_else_is_served(port: int, path: str) -> None:
    assert fetched(port, path)[0] == 404
