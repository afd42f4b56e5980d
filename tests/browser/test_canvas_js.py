"""The canvases' own arithmetic, run in the browser: the wire format, colours, and the finer grid."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute

from app.theme import ROLES
from engines.blobs import pack
from engines.datasets import DATASETS
from engines.probes import cell_centres

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GRID = 128
UNPACK = """async (text) => {
  const { unpack } = await import("/lane/js/canvas/live.js");
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const shifted = new Uint8Array(bytes.length + 3).subarray(3);  // as it may come: not aligned
  shifted.set(bytes);
  const { numbers, ...parts } = unpack(shifted);
  const code = (v) => {
    const raw = new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
    return btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join(""));
  };
  const arrays = Object.entries(parts).map(([name, part]) => {
    return [name, [part.shape, part.values.constructor.name, code(part.values)]];
  });
  return [numbers, Object.fromEntries(arrays)];
}"""
TO_GRID = """async ([shape, values]) => {
  const { toGrid } = await import("/lane/js/canvas/density.js");
  return [...toGrid({ shape, values: Float32Array.from(values) })];
}"""
RAMP = """async ([from, to]) => {
  const { ramp } = await import("/lane/js/canvas/live.js");
  return [...ramp(from, to)];
}"""
OVERTAKEN = """async (bytes) => {
  const { mountStage } = await import("/lane/js/canvas/mounting.js");
  const made = [], closed = [];
  class Kind {
    constructor() { made.push(this); this.updates = 0; }
    update() { this.updates += 1; }
    close() { closed.push(this); }
  }
  const place = document.body.appendChild(document.createElement("div"));
  const mount = () => mountStage(Kind, { parentElement: place, data: Uint8Array.from(bytes) });
  mount()();  // the clean-up of a change that another one overtook
  const unmount = mount();
  const before = [made.length, made[0].updates, closed.length];
  place.remove();
  unmount();
  unmount();
  return [before, closed.length, made[0] === closed[0]];
}"""
ASK = """async () => {
  const { Decoder } = await import("/lane/js/canvas/live.js");
  const heard = [], decoder = new Decoder(() => heard.push("blocked"));
  const said = (name) => (error) => heard.push(`${name}: ${error.message}`);
  const ask = (channel, n) => decoder.ask(channel, { n }, () => {}, said(channel + n));
  globalThis.asked = { heard, decoder, ask };
  ask("a", 1);
  ask("a", 2);  // before anything could leave: it takes the place of the other
  ask("b", 3);
}"""
DTYPES = {"float16": "Float32Array", "float32": "Float32Array", "float64": "Float64Array"} | {
    "uint8": "Uint8Array",
    "int16": "Int16Array",
    "int32": "Int32Array",
}


@pytest.fixture(scope="module")
def page(chromium: Browser, server: Any) -> Iterator[Page]:
    """An empty page of the server's own address."""
    page = chromium.new_page()
    page.goto(f"{server.url}_stcore/health")
    yield page
    page.close()


def unpack_in_browser(page: Page, arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    found_numbers, found = page.evaluate(UNPACK, base64.b64encode(pack(arrays, numbers)).decode())
    return found_numbers, found


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_arrive_bit_for_bit(dtype: str, page: Page) -> None:
    rng = np.random.default_rng(1)
    array = (100 * rng.normal(size=(3, 5))).astype(dtype)
    sent = {"first": array, "empty": array[:0], "second": array.T}
    numbers, found = unpack_in_browser(page, sent, {"step": 3, "name": "é"})
    assert numbers == {"step": 3, "name": "é"}
    assert found.keys() == sent.keys()
    for name, expected in sent.items():
        shape, kind, text = found[name]
        assert (tuple(shape), kind) == (expected.shape, DTYPES[dtype])
        wide = expected.astype("float32") if dtype == "float16" else expected
        assert base64.b64decode(text) == np.ascontiguousarray(wide).tobytes()


def test_every_half_float_is_read_as_numpy_reads_it(page: Page) -> None:
    """Subnormal, infinite and NaN ones too."""
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    _, found = unpack_in_browser(page, {"all": halves}, {})
    values = np.frombuffer(base64.b64decode(found["all"][2]), np.float32)
    np.testing.assert_array_equal(values, halves.astype(np.float32))
    assert (np.signbit(values) == np.signbit(halves))[~np.isnan(values)].all()


@pytest.mark.parametrize("target", ["moons", "two_modes", "gaussian", "banana"])
@pytest.mark.parametrize("resolution", [48, 64, 128])
def test_a_coarse_grid_becomes_the_fine_density(target: str, resolution: int, page: Page) -> None:
    density: Any = DATASETS[target].density
    coarse = density.log_prob(cell_centres(density.window, resolution).double())
    exact = density.log_prob(cell_centres(density.window, GRID).double()).exp().numpy()
    found = np.array(page.evaluate(TO_GRID, [[resolution, resolution], coarse.tolist()]))
    top = exact.max()
    seen = exact > 0.05 * top
    worst = np.abs(found / exact - 1)[seen].max()
    print(f"{target} {resolution}: {worst:.4f} of the density, {np.abs(found - exact).max() / top:.4f} of the top")
    assert np.abs(found - exact).max() < 0.01 * top
    assert np.abs(found - exact).mean() < 0.001 * top


@pytest.mark.parametrize(
    ("value", "digits", "text"), [(32210, 1, "3.2·10⁴"), (0.00047, 0, "5·10⁻⁴"), (-1.5e12, 2, "−1.50·10¹²")]
)
def test_powers_are_written_as_people_write_them(value: float, digits: int, text: str, page: Page) -> None:
    script = 'async (them) => (await import("/lane/js/canvas/number_text.js")).powerText(...them)'
    assert page.evaluate(script, [value, digits]) == text


class Lossy:
    """A lane that hangs up after the first question of some connections; the answer to one is its number, as text."""

    def __init__(self, page: Page, n_lost: int, code: int = 1001, *, opens: bool = True) -> None:
        self.n_lost, self.code, self.opens = n_lost, code, opens
        self.asked: list[list[int]] = []
        page.route_web_socket("**/lane/decode", self.connect)

    def connect(self, socket: WebSocketRoute) -> None:
        self.asked.append([])
        hangs_up = len(self.asked) <= self.n_lost
        if hangs_up and not self.opens:
            socket.close(code=self.code)
        socket.on_message(lambda text: self.answer(socket, json.loads(text), hangs_up=hangs_up))

    def answer(self, socket: WebSocketRoute, question: dict[str, int], *, hangs_up: bool) -> None:
        self.asked[-1].append(question["n"])
        if hangs_up:
            socket.close(code=self.code, reason="Enough.")
        else:
            socket.send(json.dumps({"id": question["id"], "text": f"answer {question['n']}"}))


def heard(page: Page, count: int) -> list[str]:
    page.wait_for_function(f"globalThis.asked?.heard.length >= {count}")
    page.wait_for_timeout(100)
    return page.evaluate("asked.decoder.close() || asked.heard")


def test_a_question_outlives_its_connection(server: Any, chromium: Browser) -> None:
    with closing(chromium.new_page()) as page:
        lane = Lossy(page, n_lost=1)
        page.goto(f"{server.url}_stcore/health")
        page.evaluate(ASK)
        assert heard(page, 2) == ["a2: answer 2", "b3: answer 3"]
        assert 1 not in sum(lane.asked, []) and lane.asked[-1] == [2, 3]


def test_a_newer_question_takes_the_place_of_one_that_was_lost(server: Any, chromium: Browser) -> None:
    with closing(chromium.new_page()) as page:
        lane = Lossy(page, n_lost=1)
        page.goto(f"{server.url}_stcore/health")
        page.evaluate(ASK)
        page.wait_for_function("asked.decoder.next.size === 2")  # both wait for the next connection
        page.evaluate("asked.ask('a', 4)")
        assert sorted(heard(page, 2)) == ["a4: answer 4", "b3: answer 3"]
        assert sorted(lane.asked[-1]) == [3, 4]


@pytest.mark.parametrize(
    ("n_lost", "code", "sentence", "n_connections"),
    [(9, 1011, "The connection was lost each time", 3), (1, 4429, "Enough. Reload to try again.", 1)],
)
def test_what_fails_each_time_is_given_up(
    n_lost: int, code: int, sentence: str, n_connections: int, server: Any, chromium: Browser
) -> None:
    with closing(chromium.new_page()) as page:
        lane = Lossy(page, n_lost, code)
        page.goto(f"{server.url}_stcore/health")
        page.evaluate(ASK)
        said = heard(page, 2)
        assert [text.partition(": ")[0] for text in said] == ["a2", "b3"] and all(sentence in text for text in said)
        assert len([asked for asked in lane.asked if asked]) == n_connections


def test_connections_that_never_succeed_are_called_blocked(server: Any, chromium: Browser) -> None:
    with closing(chromium.new_page()) as page:
        Lossy(page, n_lost=2, opens=False)
        page.goto(f"{server.url}_stcore/health")
        page.evaluate(ASK)
        assert heard(page, 3) == ["blocked", "a2: answer 2", "b3: answer 3"]


def test_what_cannot_be_seen_does_no_harm(page: Page) -> None:
    """A density of zero comes as the lowest half float."""
    values = np.full(16, -65504.0)
    values[5] = 0.0
    found = np.array(page.evaluate(TO_GRID, [[4, 4], values.tolist()]))
    assert np.isfinite(found).all()
    assert found.max() < 3


def test_ramps_go_evenly_from_end_to_end(page: Page) -> None:
    ends = ("#ffffff", ROLES["model"]["light"])
    table = np.array(page.evaluate(RAMP, list(ends)), dtype=np.uint32).view(np.uint8).reshape(256, 4)
    for row, end in ((0, ends[0]), (255, ends[1])):
        assert table[row, :3] == pytest.approx([int(end[i : i + 2], 16) for i in (1, 3, 5)], abs=1)
    assert (table[:, 3] == 255).all()
    luminance = table[:, :3].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) <= 0.6).all()


def test_a_stage_that_was_closed_lets_go(visit: Callable, stored_link: dict[str, str]) -> None:
    """At unmount: no socket, no animation is left."""
    visitor = visit(stored_link)
    visitor.wait("genlabStage.standing")
    visitor.page.evaluate("genlabStage.close()")
    visitor.wait("genlabStage.socket.socket.readyState === WebSocket.CLOSED")
    visitor.wait("genlabStage.decoder.lane.socket.readyState === WebSocket.CLOSED")
    last = visitor.ask("last")
    visitor.page.wait_for_timeout(200)
    assert visitor.ask("last") == last


def test_a_change_that_another_one_overtakes_costs_nothing(page: Page) -> None:
    """A game, a drawing or a stage lives on until its place has left the page, and is closed once."""
    assert page.evaluate(OVERTAKEN, list(pack({}, {}))) == [[1, 2, 0], 1, True]
