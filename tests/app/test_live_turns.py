"""Nobody on the live lane is hurt by another: turns, limits, and who is gone."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.house import House
from app.live.decode import TROUBLE
from app.live.plane_asks import DensityAsk, SamplesAsk
from app.live.routes import MAX_OPEN
from app.live.routes import _open as open_sockets
from app.views.image_diffusion.asks import PathAsk
from engines.errors import GenLabError
from engines.training.run import Run, RunWriter
from tests.app.lane import Lane, Sockets, answer_from, ask, wait_until

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


@pytest.fixture
def denoiser(home: House) -> str:
    """The digest of a stored denoiser, whose questions take long."""
    return home.shelves.own.add(Run.load(CHECKPOINTS / "score" / "image_denoiser-digits")).experiment.digest


def heavy(run: str, seed: int) -> str:
    what = {"what": "denoise_path", "run": run, "step": None, "n": 20, "n_calls": 100, "seed": seed, "id": seed}
    return json.dumps(what)


def light(run: Run, **more: Any) -> dict[str, Any]:
    return {"what": "samples", "run": run.experiment.digest, "step": None, "n": 3} | more


def test_one_sockets_burst_holds_up_nobody_else(
    lane: Sockets, stored: Run, denoiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty questions of 0.3 s each at once: without turns another visitor waits for 18 s."""
    answer = PathAsk.answer

    def slow(model: Any, run: Run, asks: Any) -> Any:
        busy(0.3)
        return answer(model, run, [replace(ask, n=1, n_calls=1) for ask in asks]) and dict.fromkeys(asks, {})

    monkeypatch.setattr(PathAsk, "answer", staticmethod(slow))
    greedy, other = lane("decode"), lane("decode")
    for socket in (greedy, other):
        ask(socket, **light(stored, id=0))
    for seed in range(60):
        greedy.send(heavy(denoiser, seed))
    for i in range(3):  # each waits for the question that is under way, at most
        start = time.monotonic()
        assert ask(other, **light(stored, id=1, temperature=0.3 + i / 10))[1] == {"id": 1}
        assert time.monotonic() - start < 1.0
    told = [answer_from(greedy)[1] for _ in range(60)]
    refused = [numbers for numbers in told if "type" in numbers]
    assert len(refused) >= 60 - 2 * MAX_OPEN and all("open questions" in numbers["text"] for numbers in refused)
    assert len({numbers["id"] for numbers in told}) == 60


def test_questions_of_a_socket_that_has_gone_are_dropped(
    lane: Sockets, stored: Run, denoiser: str, home: House
) -> None:
    greedy, other = lane("decode"), lane("decode")
    for seed in range(MAX_OPEN):
        greedy.send(heavy(denoiser, seed))
    wait_until(lambda: len(home.decoder._waiting) + len(home.decoder._patient.running) == MAX_OPEN)
    greedy.close()
    ask(other, **light(stored, id=1))
    ask(other, **light(stored, id=2, temperature=0.4))
    assert not home.decoder._waiting
    assert len(home.decoder._answers) <= 3  # the one that was under way, and those of the other


def test_sockets_take_turns(home: House, stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two questions of one asker and one of another: the other's is in the first batch, before the second."""
    batches: list[list[float]] = []
    compute = home.decoder.compute

    def noted(requests: Any, tell: Any) -> Any:
        batches.append([request.temperature for request in requests])
        return compute(requests, tell)

    monkeypatch.setattr(home.decoder, "compute", noted)

    async def scene() -> None:
        first = [SamplesAsk(stored.experiment.digest, None, t, 3) for t in (0.1, 0.2, 0.3)]
        other = SamplesAsk(stored.experiment.digest, None, 0.9, 3)
        asked = [home.decoder.answer(one, "first") for one in first]
        await asyncio.gather(*asked, home.decoder.answer(other, "other"))

    asyncio.run(scene())
    assert batches == [[0.1, 0.9], [0.2], [0.3]]


def test_a_long_batch_makes_room_after_its_turn(home: House, stored: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twenty askers' slow questions only a turn's worth is answered before a quick one that came meanwhile."""
    monkeypatch.setattr(SamplesAsk, "together", 1)
    answer, done = SamplesAsk.answer, []

    def slow(model: Any, run: Run, asks: Any) -> Any:
        busy(0.06)
        done.extend(ask.temperature for ask in asks)
        return answer(model, run, asks)

    monkeypatch.setattr(SamplesAsk, "answer", staticmethod(slow))

    async def scene() -> None:
        slow_ones = [SamplesAsk(stored.experiment.digest, None, t / 100, 3) for t in range(20)]
        asked = [asyncio.ensure_future(home.decoder.answer(one, i)) for i, one in enumerate(slow_ones)]
        await asyncio.sleep(0.1)
        await home.decoder.answer(DensityAsk(stored.experiment.digest, None, 4), "quick")
        assert len(done) < 8
        await asyncio.gather(*asked)

    asyncio.run(scene())
    assert done == [t / 100 for t in range(20)]


def busy(seconds: float) -> None:
    """Work, as a model does, and not sleep: a question's cost is processor time; torch lets others run meanwhile."""
    end, x = time.thread_time() + seconds, torch.ones(200, 200)
    while time.thread_time() < end:
        torch.mm(x, x)


def test_a_broken_kind_is_told_and_logged(
    lane: Sockets, stored: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(model: Any, run: Run, asks: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(SamplesAsk, "answer", staticmethod(broken))
    assert ask(lane("decode"), **light(stored, id=1))[1] == {"type": "error", "id": 1, "text": TROUBLE}
    assert "out of luck" in caplog.text


def test_a_run_that_is_gone_is_asked_no_more(home: House, stored: Run) -> None:
    """What is kept ready of a run goes when the run does, though nobody told the decoder."""
    request = SamplesAsk(stored.experiment.digest, None, 1.0, 3)

    async def scene() -> None:
        await home.decoder.answer(request)
        home.shelves.own.remove(stored.experiment.digest)
        with pytest.raises(GenLabError, match="no run"):
            await home.decoder.answer(request)

    asyncio.run(scene())


def test_the_weights_that_answer_are_those_of_the_run_that_is_stored(home: House, stored: Run) -> None:
    """Another process puts another run into its place: the answer is the model's that lies there now."""
    request = SamplesAsk(stored.experiment.digest, None, 1.0, 3)

    async def scene() -> None:
        before = await home.decoder.answer(request)
        halved = {name: value * value.dtype.type(0.5) for name, value in stored.weights().items()}
        writer = RunWriter(stored.folder, stored.info)
        anew = writer.end("finished", halved)
        after = await home.decoder.answer(request)
        expected = SamplesAsk.answer(anew.model(), anew, [request])[request]
        assert all(np.array_equal(after[name], expected[name]) for name in expected)
        assert any(not np.array_equal(after[name], before[name]) for name in before)

    asyncio.run(scene())


def test_a_browser_that_never_reads_is_cut(
    server: Lane, home: House, stored: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks and takes nothing: what waits to be sent to it must not grow for ever."""
    monkeypatch.setattr("app.live.routes.SEND_SECONDS", 0.5)
    with sockets.create_connection(("127.0.0.1", server.port)) as raw:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.sendall(HANDSHAKE.encode())
        wait_until(lambda: len(open_sockets) == 1)
        number = 0
        end = time.monotonic() + 30
        while open_sockets:
            assert time.monotonic() < end, "not cut"
            number += 1
            with suppress(OSError):
                raw.sendall(frame(json.dumps(light(stored, n=4000 - number % 999, id=number, temperature=0.5))))
            time.sleep(0.02)


HANDSHAKE = (
    "GET /lane/decode HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(text: str) -> bytes:
    """A text as a browser frames it, with a mask of noughts."""
    return bytes([0x81, 0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text.encode()
