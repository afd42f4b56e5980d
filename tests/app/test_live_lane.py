"""The live lane over real sockets, without workers: what is watched, what is answered, what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit import config
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.house import House
from app.live.plane_asks import SamplesAsk
from app.live.routes import MAX_MESSAGE, MAX_PER_SECOND
from engines.blobs import pack
from engines.datasets import DATASETS
from engines.errors import GenLabError
from engines.flows.flow import Flow
from engines.probes import cell_centres, fixed_noise
from engines.training.run import Run
from engines.training.workers import RunEvent, Standing
from tests.app.lane import Sockets, ask, closing_code, wait_until

# ---- watch ----


def test_a_stored_run_is_sent_whole_then_how_it_stands(lane: Sockets, stored: Run) -> None:
    socket = lane(f"watch?run={stored.experiment.digest}")
    snapshots = [socket.recv(10) for _ in stored.snapshots]
    assert snapshots == list(stored.blobs())
    standing = json.loads(socket.recv(10))
    assert standing["type"] == "standing"
    assert (standing["state"], standing["step"], standing["steps"]) == ("finished", 40, 40)
    assert standing["stored"] and standing["ended"]


@pytest.mark.parametrize("run", ["", "deadbeefdeadbeef", "../../etc/passwd", "x" * 5000, "%00"])
def test_an_unknown_run_is_refused(run: str, lane: Sockets) -> None:
    assert closing_code(lane(f"watch?run={run}")) == 4404


FOREIGN = [
    "http://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://[::1",
    "file://",
    "http://a@evil.example",
]


@pytest.mark.parametrize("path", ["watch?run=deadbeefdeadbeef", "decode"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_is_refused_before_it_is_let_in(path: str, origin: Any, lane: Sockets) -> None:
    """A page that is ours after all, behind a proxy that we do not know of, then takes the script lane."""
    with pytest.raises(InvalidStatus) as refused:
        lane(path, origin=origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    ("option", "value", "origin"),
    [
        ("server.corsAllowedOrigins", ["http://public.name"], "http://public.name"),
        ("server.corsAllowedOrigins", ["https://a.name:8000", " https://public.name "], "https://public.name:444"),
        ("browser.serverAddress", "public.name", "https://public.name"),
        ("server.enableCORS", False, "http://any.where"),
    ],
)
def test_a_page_that_streamlit_lets_in_is_let_in(
    option: str, value: Any, origin: Any, lane: Sockets, stored: Run
) -> None:
    with pytest.raises(InvalidStatus):
        lane("decode", origin=origin)
    before = config.get_option(option)
    config.set_option(option, value)
    try:
        assert ask(lane("decode", origin=origin), id=1, **samples(stored))[1] == {"id": 1}
    finally:
        config.set_option(option, before, "<default>")


def samples(run: Run) -> dict[str, Any]:
    return {"run": run.experiment.digest, "step": None, "what": "samples", "n": 3}


def test_our_own_page_is_not_refused(lane: Sockets, stored: Run) -> None:
    socket = lane("decode")
    host: Any = f"http://{socket.remote_address[0]}:{socket.remote_address[1]}"
    own = lane("decode", origin=host)
    assert ask(own, id=1, run=stored.experiment.digest, step=None, what="samples", n=3)[1] == {"id": 1}


@pytest.mark.parametrize("path", ["watch?run={}", "decode"])
def test_too_long_a_message_closes_the_socket(path: str, lane: Sockets, stored: Run) -> None:
    socket = lane(path.format(stored.experiment.digest))
    socket.send("x" * (MAX_MESSAGE + 1))
    assert closing_code(socket) == 4413


@pytest.mark.parametrize("path", ["watch?run={}", "decode"])
def test_too_many_messages_close_the_socket(path: str, lane: Sockets, stored: Run) -> None:
    socket = lane(path.format(stored.experiment.digest))
    with suppress(ConnectionClosed):
        for _ in range(4 * MAX_PER_SECOND):
            socket.send("{}")
    assert closing_code(socket) == 4413


NONSENSE = [
    "",
    "nonsense",
    "[1]",
    "3",
    "null",
    '{"do": "destroy"}',
    "[" * 1900,
    "\u2603",
    '{"id": 1' + 5000 * "0" + "}",
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda text: text[:12])
def test_nonsense_gets_a_sentence(nonsense: str, lane: Sockets, stored: Run) -> None:
    socket = lane("decode")
    socket.send(nonsense)
    told = json.loads(socket.recv(10))
    assert (told["type"], told["id"]) == ("error", None)
    assert "Expected" in told["text"]
    assert ask(socket, id="after", run=stored.experiment.digest, step=None, what="samples", n=3)[1] == {"id": "after"}


@pytest.mark.parametrize("nonsense", ["nonsense", "[1]"])
def test_nonsense_to_a_watched_run_gets_a_sentence(nonsense: str, lane: Sockets, stored: Run) -> None:
    socket = lane(f"watch?run={stored.experiment.digest}")
    socket.send(nonsense)
    texts = [
        message for message in (socket.recv(10) for _ in range(len(stored.snapshots) + 2)) if isinstance(message, str)
    ]
    assert sorted(json.loads(text)["type"] for text in texts) == ["error", "standing"]


@pytest.mark.parametrize("identity", [float("nan"), [1] * 50, {}, 10**30, "x" * 100])
def test_what_is_no_name_of_a_question_is_not_sent_back(identity: Any, lane: Sockets, stored: Run) -> None:
    socket = lane("decode")
    assert ask(socket, id=identity, run=stored.experiment.digest, step=None, what="samples", n=3)[1] == {"id": None}


@pytest.mark.parametrize("path", ["watch?run={}", "decode"])
def test_bytes_close_the_socket_politely(path: str, lane: Sockets, stored: Run) -> None:
    socket = lane(path.format(stored.experiment.digest))
    socket.send(b"\x00\x01")
    assert closing_code(socket) == 4413


def test_a_command_goes_to_the_workers(lane: Sockets, stored: Run, workers: Any) -> None:
    digest = stored.experiment.digest
    workers.standings[digest] = Standing("running", steps=40)
    socket = lane(f"watch?run={digest}")
    for word in ("pause", "step", "resume", "destroy", "stop"):
        socket.send(json.dumps({"do": word}))
    wait_until(lambda: len(workers.commands) == 4)
    assert sorted(word for _, word in workers.commands) == ["pause", "resume", "step", "stop"]
    assert {run for run, _ in workers.commands} == {digest}


def test_pause_holds_the_picture_of_who_pressed(lane: Sockets, stored: Run, workers: Any) -> None:
    """The other's goes on; who pressed gets what came meanwhile with Resume."""
    digest = stored.experiment.digest
    workers.standings[digest] = Standing("running", step=7, steps=40)
    first, other = lane(f"watch?run={digest}"), lane(f"watch?run={digest}")
    hear(other, lambda message: message["watchers"] == 2)
    first.send(json.dumps({"do": "pause"}))
    held = hear(first, lambda message: message["state"] == "paused")
    assert held["reason"] == "Your picture is held at step 7; the training goes on for 1 other." and held["step"] == 7
    snapshots = [RunEvent(digest, "snapshot", Standing("running", step=s, steps=40), shot(s), s) for s in (8, 9)]
    for event in snapshots:
        workers.tell(event)
    assert pictures(other, 2) == [shot(8), shot(9)]
    first.send(json.dumps({"do": "resume"}))
    assert pictures(first, 2) == [shot(8), shot(9)]
    assert hear(first, lambda message: True)["state"] == "running"
    assert workers.commands == []


def test_the_training_pauses_when_all_who_watch_have_pressed(lane: Sockets, stored: Run, workers: Any) -> None:
    digest = stored.experiment.digest
    workers.standings[digest] = Standing("running", step=7, steps=40)
    sockets = [lane(f"watch?run={digest}") for _ in range(2)]
    hear(sockets[1], lambda message: message["watchers"] == 2)
    for socket in sockets:
        socket.send(json.dumps({"do": "pause"}))
        hear(socket, lambda message: message["state"] == "paused")
    wait_until(lambda: workers.commands == [(digest, "pause")])


def test_stop_is_for_who_pressed_and_the_last_one_stops_the_training(lane: Sockets, stored: Run, workers: Any) -> None:
    digest = stored.experiment.digest
    workers.standings[digest] = Standing("running", step=1444, steps=2000)
    first, other = lane(f"watch?run={digest}"), lane(f"watch?run={digest}")
    hear(other, lambda message: message["watchers"] == 2)
    first.send(json.dumps({"do": "stop"}))
    end = hear(first, lambda message: message["ended"])
    assert end["reason"] == "You stopped watching at step 1,444; the training goes on for 1 other."
    assert end["state"] == "stopped" and workers.commands == []
    hear(other, lambda message: message["watchers"] == 1)
    first.send(json.dumps({"do": "stop"}))  # it is not this visitor's any more
    workers.tell(RunEvent(digest, "snapshot", Standing("running", step=1500, steps=2000), shot(1500), 1500))
    assert pictures(other, 1) == [shot(1500)]
    with pytest.raises(TimeoutError):
        first.recv(0.2)
    other.send(json.dumps({"do": "stop"}))
    wait_until(lambda: workers.commands == [(digest, "stop")])


def test_a_stored_run_says_whether_it_is_what_everybody_opens(lane: Sockets, home: House, stored: Run) -> None:
    mine = home.shelves.own.open(stored.experiment, device="CPU", n_parameters=1).end("stopped", {}, step=1444)
    common = hear(lane(f"watch?run={stored.experiment.digest}"), lambda message: True)
    own = hear(lane(f"watch?run={mine.name}"), lambda message: True)
    assert (common["stored"], common["own"], common["state"]) == (True, False, "finished")
    assert (own["stored"], own["own"], own["state"], own["step"]) == (True, True, "stopped", 1444)


def shot(step: int) -> bytes:
    return pack({}, {"step": step, "is_frame": False})


def pictures(socket: Any, n: int) -> list[bytes]:
    """The next n pictures; texts between them are passed over."""
    found: list[bytes] = []
    while len(found) < n:
        found += [message] if isinstance(message := socket.recv(10), bytes) else []
    return found


def hear(socket: Any, is_met: Any) -> dict[str, Any]:
    """The next standing that meets a condition."""
    while True:
        message = socket.recv(10)
        if isinstance(message, str) and is_met(found := json.loads(message)):
            return found


# ---- decode ----


@pytest.mark.parametrize("temperature", [0.0, 0.37, 1.0, 1.5])
@pytest.mark.parametrize("step", [None, 40, 0])
def test_samples_are_the_models_own(temperature: float, step: int | None, lane: Sockets, stored: Run) -> None:
    run = stored.experiment.digest
    arrays, numbers = ask(lane("decode"), id=7, run=run, step=step, what="samples", temperature=temperature, n=500)
    expected = stored.model(step).decode_noise(fixed_noise(500), temperature)
    assert numbers == {"id": 7}
    np.testing.assert_allclose(arrays["samples"], expected, rtol=2e-3, atol=2e-3)


def test_the_density_is_the_models_own(lane: Sockets, stored: Run) -> None:
    arrays, _ = ask(lane("decode"), id=1, run=stored.experiment.digest, step=None, what="log_prob", n=32)
    density: Any = DATASETS["moons"].density
    expected = stored.model().log_prob(cell_centres(density.window, 32)).reshape(32, 32)
    assert arrays["log_prob"].shape == (32, 32)
    np.testing.assert_allclose(arrays["log_prob"], expected, rtol=2e-3, atol=2e-3)


WRONG = [
    {"what": "weights"},
    {"what": "samples", "n": 0},
    {"what": "samples", "n": 10**9},
    {"what": "samples", "n": 3.5},
    {"what": "samples", "n": 10, "temperature": -1},
    {"what": "samples", "n": 10, "temperature": float("nan")},
    {"what": "samples", "n": 10, "temperature": "hot"},
    {"what": "log_prob", "n": 100_000},
    {"what": "samples", "n": 10, "step": 12_345},
    {"what": "samples", "n": 10, "step": -1},
    {"what": "samples", "n": 10, "step": 10**400},
    {"what": "samples", "n": 10, "step": "last"},
    {"what": "samples", "n": 10, "run": "deadbeefdeadbeef"},
    {"what": "samples", "n": 10, "run": "../checkpoints"},
    {"what": "samples", "n": 10, "run": None},
    {"what": ["samples"], "n": 10},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:60])
def test_a_wrong_request_is_answered_with_a_sentence(wrong: dict[str, Any], lane: Sockets, stored: Run) -> None:
    socket, request = lane("decode"), {"id": 3, "run": stored.experiment.digest, "step": None, **wrong}
    arrays, numbers = ask(socket, **request)
    assert not arrays
    assert (numbers["type"], numbers["id"]) == ("error", 3)
    assert 20 < len(numbers["text"]) < 300
    assert ask(socket, id=4, run=stored.experiment.digest, step=None, what="samples", n=1)[1] == {"id": 4}


@pytest.mark.parametrize("content", [b"", b"not weights", pack({"layer": np.zeros(3, np.float32)}, {})])
def test_damaged_weights_are_answered_with_a_sentence(content: bytes, lane: Sockets, stored: Run) -> None:
    (stored.folder / "weights.safetensors").write_bytes(content)
    numbers = ask(lane("decode"), id=3, run=stored.experiment.digest, step=None, what="samples", n=1)[1]
    assert (numbers["type"], numbers["id"]) == ("error", 3)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each pass through a model decoded."""
    sizes: list[int] = []
    decode_noise = Flow.decode_noise

    def counted(self: Flow, noise: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
        sizes.append(len(noise))
        return decode_noise(self, noise, temperature)

    monkeypatch.setattr(Flow, "decode_noise", counted)
    return sizes


def request(run: Run, temperature: float, n: int = 20) -> SamplesAsk:
    return SamplesAsk(run.experiment.digest, None, temperature, n)


def test_requests_of_one_instant_take_one_pass(home: House, stored: Run, passes: list[int]) -> None:
    wanted = [request(stored, t / 100) for t in range(100)]

    async def all_at_once() -> list[dict[str, np.ndarray]]:
        return await asyncio.gather(*map(home.decoder.answer, wanted))

    answers = asyncio.run(all_at_once())
    assert passes == [2000]
    model = stored.model()
    for one, answer in zip(wanted, answers, strict=True):
        expected = model.decode_noise(fixed_noise(20), one.temperature)
        np.testing.assert_allclose(answer["samples"], expected, rtol=2e-3, atol=2e-3)


def test_equal_requests_share_one_answer(home: House, stored: Run, passes: list[int]) -> None:
    async def three_times() -> list[dict[str, np.ndarray]]:
        together = await asyncio.gather(*(home.decoder.answer(request(stored, 0.5)) for _ in range(20)))
        return [*together, await home.decoder.answer(request(stored, 0.5))]

    answers = asyncio.run(three_times())
    assert passes == [20]
    assert all(answer is answers[0] for answer in answers)


def test_a_wrong_request_does_not_spoil_the_others(home: House, stored: Run) -> None:
    async def both() -> list[Any]:
        wrong = replace(request(stored, 1.0), run="deadbeefdeadbeef")
        return await asyncio.gather(*map(home.decoder.answer, (wrong, request(stored, 1.0))), return_exceptions=True)

    wrong, right = asyncio.run(both())
    assert isinstance(wrong, GenLabError)
    assert right["samples"].shape == (20, 2)


def test_many_sockets_share_a_pass_while_the_model_is_busy(
    lane: Sockets, home: House, stored: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, sizes, decode_noise = threading.Event(), [], Flow.decode_noise

    def slow(self: Flow, noise: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
        sizes.append(len(noise))
        assert free.wait(10)
        return decode_noise(self, noise, temperature)

    sockets = [lane("decode") for _ in range(9)]
    ask(sockets[0], id=9, run=stored.experiment.digest, step=None, what="samples", n=1)  # opens the model
    monkeypatch.setattr(Flow, "decode_noise", slow)
    with ThreadPoolExecutor(9) as pool:
        one = {"run": stored.experiment.digest, "step": None, "what": "samples", "n": 10}
        first = pool.submit(ask, sockets[0], id=0, temperature=0.0, **one)
        wait_until(lambda: sizes == [10])
        rest = [pool.submit(ask, sockets[i], id=i, temperature=i / 10, **one) for i in range(1, 9)]
        wait_until(lambda: len(home.decoder._waiting) == 8)
        free.set()
        assert [job.result(10)[1]["id"] for job in (first, *rest)] == list(range(9))
    assert sizes == [10, 80]
