"""The live lane's routes: two WebSockets and the canvases' scripts, in the same process as Streamlit.

/lane/watch?run=NAME   snapshots and live pictures of a run, pushed as they are made; commands the other way
/lane/decode             requests of canvases, answered by the model
/lane/js/**/*.js         the canvases' scripts
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit import config
from streamlit.url_util import get_hostname
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from app.asks import read_ask
from app.house import house
from app.live.decode import TROUBLE
from app.live.hub import Watcher
from engines.blobs import pack
from engines.errors import GenLabError

LOGGER = logging.getLogger(__name__)
MAX_MESSAGE = 40_000  # characters: 300 rows of latents, or a picture of 64 x 64 in colour
MAX_PER_SECOND = 150  # messages of one socket
MAX_SOCKETS = 400
MAX_OPEN = 4  # questions of one socket, counted until the reply is sent; a canvas has at most two
SEND_SECONDS = 10.0  # after which a browser that takes nothing is cut
SCRIPT = re.compile(r"(?:\w+/)+\w+\.js")
COMMANDS = ("pause", "resume", "step", "stop")
UNKNOWN_RUN, TOO_MANY, TOO_MUCH = 4404, 4429, 4413

_open: set[WebSocket] = set()


def build_routes() -> list[BaseRoute]:
    """All routes of the live lane, below each base that the server has."""
    return [route for base in bases() for route in _routes_below(base)]


def bases() -> list[str]:
    """The root and `server.baseUrlPath`: both, as a proxy may pass that path on or take it away."""
    prefix = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return list(dict.fromkeys(["", f"/{prefix}" if prefix else ""]))


def _routes_below(base: str) -> list[BaseRoute]:
    app = Path(__file__).resolve().parents[1]
    return [
        WebSocketRoute(f"{base}/lane/watch", watch),
        WebSocketRoute(f"{base}/lane/decode", decode),
        Mount(f"{base}/lane/js", app=_Scripts(directory=app), name=f"{base}/lane-js"),
    ]


class _Scripts(StaticFiles):
    """The canvases' scripts and nothing else of the app; browsers ask each time whether they changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not SCRIPT.fullmatch(path.replace("\\", "/")):
            return Response("Not found", status_code=404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def close_all() -> None:
    """Close every socket politely; the server is going."""
    for socket in list(_open):
        with suppress(Exception):
            await asyncio.wait_for(socket.close(1001, "The server is stopping."), 0.3)


async def watch(socket: WebSocket) -> None:
    """Push a run to one browser."""
    if not await _admit(socket):
        return
    watcher = house().hub.watch(socket.query_params.get("run", "")[:64])
    if watcher is None:
        await _refuse(socket, UNKNOWN_RUN, "There is no run of that name here.")
        return
    try:
        await _both(_send_news(socket, watcher), _receive(socket, lambda message: _obey(watcher, message)))
    finally:
        house().hub.leave(watcher)
        _open.discard(socket)


async def decode(socket: WebSocket) -> None:
    """Answer the requests of one browser."""
    if not await _admit(socket):
        return
    tasks: set[asyncio.Task[None]] = set()
    is_cut = asyncio.Event()

    async def on_message(message: dict[str, Any]) -> None:
        if len(tasks) >= MAX_OPEN:
            text = f"Expected at most {MAX_OPEN} open questions, got more: wait for an answer, then ask again."
            await _send(socket, _error(text, message))
            return
        task = asyncio.create_task(_answer(socket, message, is_cut))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        await _both(_receive(socket, on_message), _until(is_cut))
    finally:
        for task in tasks:  # nobody waits for these any more
            task.cancel()
        _open.discard(socket)


async def _answer(socket: WebSocket, message: dict[str, Any], is_cut: asyncio.Event) -> None:
    """Answer a question, whatever happens, with arrays or a sentence."""
    try:
        reply: bytes | str = pack(await house().decoder.answer(read_ask(message), id(socket)), {"id": _id_of(message)})
    except GenLabError as error:
        reply = _error(str(error), message)
    except Exception as error:
        LOGGER.error("A question failed", exc_info=error)
        reply = _error(TROUBLE, message)
    try:
        await _send(socket, reply)
    except (RuntimeError, WebSocketDisconnect, TimeoutError):
        is_cut.set()


def _error(text: str, message: dict[str, Any] | None = None) -> str:
    return json.dumps({"type": "error", "id": _id_of(message or {}), "text": text})


def _id_of(message: dict[str, Any]) -> int | str | None:
    """The name that a browser gave to its question; what no name is, is none."""
    identity = message.get("id")
    is_name = (type(identity) is int and abs(identity) < 2**53) or (isinstance(identity, str) and len(identity) <= 64)
    return identity if is_name else None


async def _send(socket: WebSocket, reply: bytes | str) -> None:
    """Send, but wait no longer than SEND_SECONDS for a browser that does not read.

    Raises:
        TimeoutError: If it takes nothing.
    """
    async with asyncio.timeout(SEND_SECONDS):
        await (socket.send_text(reply) if isinstance(reply, str) else socket.send_bytes(reply))


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def _send_news(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        for message in await watcher.next():
            await _send(socket, message)


async def _obey(watcher: Watcher, message: dict[str, Any]) -> None:
    """Carry out a command for the visitor who gave it: see app/live/hub.py."""
    word = message.get("do")
    if word in COMMANDS and (word := house().hub.obey(watcher, word)):
        await asyncio.to_thread(house().workers.command, watcher.run, word)


async def _receive(socket: WebSocket, on_message: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Read JSON objects until the browser goes; too long or too many close the socket, nonsense gets a sentence."""
    second, count = 0, 0
    with suppress(WebSocketDisconnect):
        while True:
            try:
                text = await socket.receive_text()
            except KeyError:  # bytes came
                await _refuse(socket, TOO_MUCH, "This socket takes texts only.")
                return
            now = int(time.monotonic())
            second, count = (now, 1) if now != second else (second, count + 1)
            if len(text) > MAX_MESSAGE or count > MAX_PER_SECOND:
                await _refuse(socket, TOO_MUCH, "Too long or too many messages.")
                return
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                message = None
            if isinstance(message, dict):
                await on_message(message)
            else:
                await _send(socket, _error("Expected a JSON object, got something else."))


async def _both(*jobs: Awaitable[None]) -> None:
    """Run until the first of two jobs ends, then end the other."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    for task in done:
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            task.result()


async def _admit(socket: WebSocket) -> bool:
    """Accept a socket from our own pages, as long as there is room.

    A page of somebody else's is refused before that, with 403: should it be ours behind a proxy that we do not know of,
    its canvases then take the script lane.
    """
    origin, host = socket.headers.get("origin"), socket.headers.get("host", "")
    if not is_host_allowed(host) or (origin and not _is_own(origin, host)):
        await socket.close()
        return False
    await socket.accept()
    if len(_open) >= MAX_SOCKETS:
        await _refuse(socket, TOO_MANY, "Too many visitors at once.")
        return False
    _open.add(socket)
    return True


def _is_own(origin: str, host: str) -> bool:
    """Whether a page is ours: from the host that is asked, or from where Streamlit's own socket lets pages in.

    Streamlit also takes this machine's address on the internet, for which it would have to ask another server.
    """
    try:
        name, place = urlsplit(origin).hostname, urlsplit(origin).netloc
    except ValueError:  # no address at all
        return False
    return place == host or not st.get_option("server.enableCORS") or (name is not None and name in _known_names())


def _known_names() -> set[str]:
    names = {"localhost", "127.0.0.1", "0.0.0.0"}  # noqa: S104  (a page of this machine, behind a proxy on it)
    addresses = [*st.get_option("server.corsAllowedOrigins")]
    if config.is_manually_set("browser.serverAddress"):
        addresses.append(st.get_option("browser.serverAddress"))
    return names | {name for address in addresses if (name := get_hostname(address.strip()))}


async def _refuse(socket: WebSocket, code: int, reason: str) -> None:
    _open.discard(socket)
    with suppress(RuntimeError):
        await socket.close(code, reason)
