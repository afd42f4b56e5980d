"""A running server, a browser, and visitors who see what a person would see."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as TooLateError

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.store import RunStore
from engines.training.storing import train_and_store
from tests.browser.chromium import launch

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "test-results"
START_SECONDS = 90
PATIENCE = 40.0  # seconds that a slow and busy machine may take for anything whose speed is not the point
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'
SMALL = {"n_couplings": 2, "width": 8}
AT_END = "genlabStage.standing?.stored && genlabStage.current?.step === 300"  # of the stored run, which has come whole
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
expect.set_options(timeout=1000 * PATIENCE)


def at_rest(stage: str = "genlabStage") -> str:
    """JavaScript: whether the model has answered all questions of a stage, and all that has changed is painted."""
    return f"(({{ isDirty, decoder }}) => !isDirty && !decoder.pending.size && !decoder.next.size)({stage})"


@dataclass
class Server:
    """GenLab, started as `make app` starts it, with a store of its own."""

    process: subprocess.Popen[Any]
    port: int
    folder: Path
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    @classmethod
    def start(cls, folder: Path) -> Server:
        port = free_port()
        settings = os.environ | {"GENLAB_RUNS": str(folder / "runs"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
        with (folder / "log").open("wb") as log:
            streams: Any = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            process = subprocess.Popen(command, cwd=ROOT, env=settings, start_new_session=True, **streams)
        server = cls(process, port, folder)
        try:
            server.wait_for_health()
        except BaseException:
            server.end()
            raise
        return server

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    @property
    def store(self) -> RunStore:
        return RunStore(self.folder / "runs")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def wait_for_health(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}_stcore/health", timeout=2) as answer:  # noqa: S310
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self.log}")

    def descendants(self) -> list[psutil.Process]:
        """All processes that it has started and that live; each is remembered."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self.seen[child.pid] = child
        return [child for child in self.seen.values() if lives(child)]

    def workers(self) -> list[psutil.Process]:
        """The training processes."""
        return [child for child in self.descendants() if "spawn_main" in " ".join(child.cmdline())]

    def stop(self, number: signal.Signals = signal.SIGTERM, most_seconds: float = 15.0) -> float:
        """Send a signal; seconds until the server and all that it started are gone."""
        self.descendants()
        start = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)  # Ctrl-C in a terminal reaches the workers as well
        else:
            self.process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(most_seconds)
        while self.descendants() and time.monotonic() - start < most_seconds:
            time.sleep(0.02)
        return time.monotonic() - start

    def end(self) -> None:
        """Make sure that nothing is left."""
        left = self.descendants()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for child in left:
            with suppress(psutil.NoSuchProcess):
                child.kill()

    @property
    def is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Visitor:
    """A person at the page."""

    def __init__(
        self, page: Page, server: Server, path: str = "", ready: str = "globalThis.genlabStage?.truth"
    ) -> None:
        self.page = page
        self.path = path
        self.ready = ready
        self.server = server
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        page.set_default_timeout(1000 * PATIENCE)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))

    def _hear(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        # Streamlit's own front end first looks for its server below the page's path; the 404 tells it to look above.
        if message.type == "error" and not urlsplit(url).path.startswith(f"/{self.path}/_stcore/"):
            self.errors.append(f"{message.text} {url}")

    def _note(self, url: str) -> None:
        if urlsplit(url).scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(str(urlsplit(url).hostname))

    def open(self, link: dict[str, str] | None = None) -> Visitor:
        """Go to the page by a link and wait until the stage stands."""
        self.page.goto(f"{self.server.url}{self.path}?{urlencode(link or {})}")
        return self.settle()

    def reload(self) -> Visitor:
        self.page.reload()
        return self.settle()

    def settle(self) -> Visitor:
        """Wait until the script has run and the stage stands."""
        self.wait(self.ready)
        self.page.wait_for_selector(SETTLED, state="attached")
        return self

    def train(self, seconds: float = PATIENCE) -> Visitor:
        """Press Train and wait for the first picture."""
        attempt = self.ask("attempt")
        self.page.get_by_test_id("stBaseButton-primary").first.click()
        self.wait(f"genlabStage.attempt > {attempt} && genlabStage.snapshots.length", seconds)
        return self

    def stop_training(self) -> None:
        """End the run on the stage, so that the next test has the worker for itself."""
        self.page.evaluate("genlabStage.socket.send({ do: 'stop' })")
        self.wait("genlabStage.standing.ended")

    def ask(self, expression: str) -> Any:
        """Value of an expression in terms of the stage."""
        return self.page.evaluate(f"genlabStage.{expression}")

    def wait(self, condition: str, seconds: float = PATIENCE) -> None:
        """Wait until a JavaScript expression is true."""
        self.page.wait_for_function(condition, timeout=1000 * seconds, polling=20)

    def wait_for_value(self, expression: str, wanted: Any) -> None:
        """Wait until a JavaScript expression has this value."""
        is_there = f"(wanted) => JSON.stringify({expression}) === JSON.stringify(wanted)"
        try:
            self.page.wait_for_function(is_there, arg=wanted, timeout=1000 * PATIENCE, polling=50)
        except TooLateError:
            assert self.page.evaluate(expression) == wanted

    def wait_for_change(self, expression: str, before: Any) -> Any:
        """The value of a JavaScript expression as soon as it differs from an earlier one."""
        is_new = f"(old) => {{ const v = {expression}; return JSON.stringify(v) !== JSON.stringify(old) && [v]; }}"
        return self.page.wait_for_function(is_new, arg=before, timeout=1000 * PATIENCE, polling=50).json_value()[0]

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something holds that takes more than JavaScript to see."""
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, f"waited in vain: {what}; the link says {self.link}"
            self.page.wait_for_timeout(50)

    def picture(self, name: str = "model") -> str:
        """The pixels of one of the stage's canvases."""
        return self.ask(f"cards.{name}.canvas.toDataURL()")

    def wait_for_other_picture(self, before: str, name: str = "model") -> str:
        """The pixels of one of the stage's canvases as soon as they differ from earlier ones."""
        return self.wait_for_change(f"genlabStage.cards.{name}.canvas.toDataURL()", before)

    def press(self, name: str) -> None:
        """Press a button of the player by the beginning of its name."""
        self.page.get_by_role("button", name=name).click()

    def press_at_once(self, part: Locator, key: str, times: int) -> None:
        """Press a key several times before anything can be painted, as a quick hand does on a slow machine."""
        event = "new KeyboardEvent('keydown', { key, bubbles: true })"
        part.evaluate(f"(part, [key, n]) => {{ while (n--) part.dispatchEvent({event}); }}", [key, times])

    def text(self, part: str) -> str:
        """What a part of the stage says."""
        return self.page.locator(part).first.inner_text()

    @property
    def shown_step(self) -> int:
        return int(self.text(".player .where b").replace(",", ""))

    def wait_for_step(self, step: int) -> None:
        """Wait until the player says that it stands at a step."""
        expect(self.page.locator(".player .where b").first).to_have_text(f"{step:,}")

    @property
    def link(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))

    def wait_for_link(self, **parts: str) -> None:
        """Wait until the address bar says this."""
        wanted = {name.replace("__", "."): value for name, value in parts.items()}
        self.wait_until(lambda: wanted.items() <= self.link.items(), f"a link with {wanted}")

    def wait_for_whole_link(self, link: dict[str, str]) -> None:
        """Wait until the address bar says this and nothing else."""
        self.wait_until(lambda: self.link == link, f"the link {link}")

    def keep(self, name: str) -> Path:
        """Keep a picture of the page for eyes."""
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def keep_whole(self, name: str) -> Path:
        """Keep a picture of the page from top to end, as a visitor with a very high screen would see it."""
        size = self.page.viewport_size
        assert size
        height = self.page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": height + 40})
        self.page.evaluate(TWO_FRAMES)  # the second is drawn at the new size
        path = self.keep(name)
        self.page.set_viewport_size(size)
        return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not stop it."""
    running = Server.start(tmp_path_factory.mktemp("server"))
    yield running
    seconds = running.stop()
    left = running.descendants()
    running.end()
    assert not left, f"left behind: {left}"
    assert seconds < 3
    assert "Traceback" not in running.log, running.log


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of one test's own, for it to stop."""
    running = Server.start(tmp_path)
    yield running
    running.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; one a module, for as long as it lives no other event loop can run in this thread."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(server: Server, chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Lets a visitor come by a link; at the end nobody may have seen an error or a foreign host."""
    visitors: list[Visitor] = []
    contexts: list[BrowserContext] = []

    def come(
        link: dict[str, str] | None = None, blocked: str = "", at: tuple[str, str] | None = None, **options: Any
    ) -> Visitor:
        contexts.append(chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options}))
        visitors.append(Visitor(contexts[-1].new_page(), server, *(at or ())))
        if blocked:  # as a proxy would that lets no such WebSocket through
            contexts[-1].route_web_socket(blocked, lambda socket: socket.close())
        return visitors[-1].open(link)

    yield come
    for context in contexts:
        context.close()
    for visitor in visitors:
        assert visitor.errors == []
        assert visitor.hosts == {"localhost"}


@pytest.fixture(scope="session")
def stored(server: Server) -> Run:
    """A small finished run in the server's store."""
    experiment = Experiment.default("realnvp", "moons", steps=300, settings=SMALL)
    return train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture(scope="session")
def stored_link(stored: Run) -> dict[str, str]:
    """The link that opens the stored run."""
    assert stored.info.state == "finished"
    return {"target": "moons", "model.n_couplings": "2", "model.width": "8", "plan.steps": "300"}


@pytest.fixture
def make_visitor() -> Iterator[Callable[..., Visitor]]:
    """Lets a visitor come to a server of a test's own; its end may be rough."""
    contexts: list[BrowserContext] = []

    def come(browser: Browser, server: Server, link: dict[str, str]) -> Visitor:
        contexts.append(browser.new_context())
        return Visitor(contexts[-1].new_page(), server).open(link)

    yield come
    for context in contexts:
        context.close()
