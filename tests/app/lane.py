"""A server of the live lane's routes alone, and what the tests of the lane do with its sockets."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from app.live.routes import build_routes
from engines.blobs import unpack

Sockets = Callable[..., ClientConnection]


@dataclass
class Lane:
    """A server of the lane's routes alone."""

    port: int
    loop: asyncio.AbstractEventLoop


@contextmanager
def running_lane() -> Iterator[Lane]:
    """The server, with the same protocol as Streamlit's."""
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield

    application = Starlette(routes=build_routes(), lifespan=lifespan)
    options: Any = {"port": 0, "ws": "websockets-sansio", "log_level": "critical", "timeout_graceful_shutdown": 1}
    running = uvicorn.Server(uvicorn.Config(application, "127.0.0.1", **options))
    thread = threading.Thread(target=running.run)
    thread.start()
    wait_until(lambda: running.started)
    yield Lane(running.servers[0].sockets[0].getsockname()[1], loops[0])
    running.should_exit = True
    thread.join(10)


def wait_until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def ask(socket: ClientConnection, **message: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and numbers of a decode request's answer; an error's text is among the numbers."""
    socket.send(json.dumps(message))
    return answer_from(socket)


def answer_from(socket: ClientConnection, seconds: float = 10) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The next answer."""
    answer = socket.recv(seconds)
    return ({}, json.loads(answer)) if isinstance(answer, str) else unpack(answer)


def closing_code(socket: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        for _ in range(10_000):
            socket.recv(10)
    return closed.value.rcvd.code if closed.value.rcvd else None
