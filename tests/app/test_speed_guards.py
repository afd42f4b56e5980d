"""What makes Streamlit fast here, and keeps it private: each test fails when its guard is lost."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.theme import ROLES, SURFACES, Theme

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
CONFIG = APP / ".streamlit" / "config.toml"

# The real server, started as the Makefile starts it, with one more route that tells how it is set up.
PROBE = """
import asyncio, gc, sys
import torch
from starlette.responses import JSONResponse
from starlette.routing import Route
import app.live.routes as routes

NAMES = (
    "runner.postScriptGC", "browser.gatherUsageStats", "logger.hideWelcomeMessage", "global.maxCachedMessageAge"
)

async def probe(request):
    import streamlit as st
    loop = type(asyncio.get_running_loop()).__module__
    options = {name: st.get_option(name) for name in NAMES}
    facts = {"frozen": gc.get_freeze_count(), "loop": loop, "torch_threads": torch.get_num_threads()}
    return JSONResponse({"options": options, **facts})

build = routes.build_routes
routes.build_routes = lambda: [Route("/probe", probe), *build()]
from streamlit.web.cli import main
sys.argv = ["streamlit", "run", "app/main.py", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """How the running server is set up."""
    folder, port = tmp_path_factory.mktemp("probe"), free_port()
    settings = os.environ | {"GENLAB_RUNS": str(folder / "runs"), "PYTHONPATH": str(ROOT)}
    settings.pop("GENLAB_THREADS", None)
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-c", PROBE, "--server.port", str(port)]
        server = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield answer_of(f"http://127.0.0.1:{port}/probe", server)
    finally:
        server.terminate()
        server.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer_of(url: str, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.mark.slow
def test_no_forced_garbage_collection_after_each_script(facts: dict[str, Any]) -> None:
    assert facts["options"]["runner.postScriptGC"] is False


@pytest.mark.slow
def test_the_heap_of_the_heavy_imports_is_frozen(facts: dict[str, Any]) -> None:
    assert facts["frozen"] > 100_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run on Windows")
def test_uvloop_runs_the_server(facts: dict[str, Any]) -> None:
    """Plain asyncio leaves out TCP_NODELAY: replies wait 40 ms."""
    assert facts["loop"].split(".")[0] == "uvloop"


@pytest.mark.slow
def test_the_server_keeps_to_one_torch_thread(facts: dict[str, Any]) -> None:
    assert facts["torch_threads"] == 1


@pytest.mark.slow
def test_the_server_does_not_call_home(facts: dict[str, Any]) -> None:
    assert facts["options"]["browser.gatherUsageStats"] is False
    assert facts["options"]["logger.hideWelcomeMessage"] is True  # the welcome asks a server for our address


@pytest.mark.slow
def test_a_browser_holds_what_it_said_to_hold(facts: dict[str, Any]) -> None:
    """It names the messages that it holds when it asks for a run, and forgets some when the run before ends.

    A reference to a forgotten one breaks the connection ("Cached ForwardMsg MISS"). At the usual age of 2 runs that met
    sliders that go back and forth; at this age the message would have to come back after exactly as many runs.
    """
    assert facts["options"]["global.maxCachedMessageAge"] == 50


def test_streamlit_is_pinned() -> None:
    """What is guarded here was measured on one version."""
    import streamlit

    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"streamlit=={streamlit.__version__}" in lines


def calls(path: Path) -> set[str]:
    """Names of all attributes that a file uses: plotly_chart of st.plotly_chart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def modules(path: Path) -> set[str]:
    """Top names of all modules that a file imports, at any place."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def users(name: str) -> set[str]:
    """Files of the app that use an attribute of that name."""
    return {str(path.relative_to(APP)) for path in APP.rglob("*.py") if name in calls(path)}


def test_figures_that_stand_still_are_the_only_plotly() -> None:
    """st.plotly_chart remounts at each change of data: a third of the frames stay blank."""
    assert users("plotly_chart") == {"page/charts.py"}
    importers = {path.name for path in APP.rglob("*.py") if "plotly" in modules(path)}
    assert importers <= {"figures.py", "bound_figures.py", "curves.py", "lifespan.py"}


@pytest.mark.parametrize("name", ["line_chart", "area_chart", "scatter_chart", "altair_chart", "pyplot"])
def test_no_other_chart_is_drawn(name: str) -> None:
    assert not users(name)


def test_sliders_of_streamlit_are_for_settings_only() -> None:
    """st.slider is silent while it is dragged, so what moves a picture is a slider of ours."""
    assert users("slider") == {"page/controls.py"}


CLOCKED = {  # function -> why the clock may run
    "_draw_chips": "a line of words in the sidebar, while a run of this visit goes on",
    "draw": "the stage where WebSockets are blocked",
    "draw_replay": "the same",
    "tell_queue": "a line while a training of this visit waits for a worker, which no canvas watches meanwhile",
}


def clocked(path: Path) -> set[str]:
    """Functions of a file that Streamlit runs again by a clock."""
    calls = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
    timed = [call for call in calls if any(word.arg == "run_every" for word in call.keywords)]
    return {ast.unparse(call.args[0]) if call.args else "a decorator" for call in timed}


def test_nothing_reruns_by_a_clock_while_the_live_lane_is_open() -> None:
    """What moves is pushed; only where a proxy blocks WebSockets the page asks again and again."""
    assert set().union(*map(clocked, APP.rglob("*.py"))) == set(CLOCKED)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_streamlits_theme_has_our_colours(theme: Theme) -> None:
    found = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"][theme]
    surfaces = {
        "backgroundColor": "background",
        "secondaryBackgroundColor": "panel",
        "textColor": "ink",
        "borderColor": "line",
    }
    expected = {"primaryColor": ROLES["data"][theme]}
    assert found == expected | {name: SURFACES[surface][theme] for name, surface in surfaces.items()}


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, other: str) -> float:
    low, high = sorted((luminance(first), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_text_can_be_read(theme: Theme, ground: str) -> None:
    """WCAG 2.2 asks for 4.5; what is drawn in the colour of a role always has a label as well."""
    below = SURFACES[ground][theme]
    assert contrast(SURFACES["ink"][theme], below) > 7
    assert contrast(SURFACES["soft"][theme], below) > 4.5
    for role, pair in ROLES.items():
        assert contrast(pair[theme], below) > 2.5, role


def test_streamlit_fetches_no_font() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    assert "http" not in text
    assert not any("://" in path.read_text(encoding="utf-8") for path in APP.rglob("*.css"))
