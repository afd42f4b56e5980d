"""Start and stop: heavy imports before the first visitor, workers up, and nothing left behind at the end."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import streamlit as st

from app.house import house
from app.live.routes import close_all
from engines.tensors import use_threads

LOGGER = logging.getLogger(__name__)
MOST_SECONDS_TO_STOP = 2.5
SWEEP_SECONDS = 5.0
MOST_STORED_BYTES = int(os.environ.get("GENLAB_RUNS_MB", "2000")) * 1_000_000
SWEEPS_PER_PRUNE = 120


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Called by the server around its life."""
    use_threads()
    home = house()
    home.hub.bind(asyncio.get_running_loop())
    if trouble := home.shelves.own.check():
        LOGGER.error("%s The folder is %s.", trouble, home.shelves.own.root)
    _stop_in_time()
    await asyncio.gather(asyncio.to_thread(home.workers.start), asyncio.to_thread(_preload))
    _freeze_heap()
    _print_address()
    sweeping = asyncio.create_task(_sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        await close_all()
        home.decoder.close()
        await asyncio.to_thread(home.workers.close)


def _print_address() -> None:
    """Streamlit's own greeting would ask a server on the internet for this machine's address."""
    address = st.get_option("server.address") or "localhost"
    sys.stdout.write(f"\n  GenLab is ready: http://{address}:{st.get_option('server.port')}\n\n")
    sys.stdout.flush()


def _preload() -> None:
    """Load and compute what the first visitor would wait for."""
    import plotly.graph_objects  # noqa: F401
    import sklearn.cluster  # noqa: F401

    from app.page.targets import thumbnails

    thumbnails()


def _freeze_heap() -> None:
    """Take what is loaded now out of every later garbage collection.

    With torch loaded a full collection takes 0.2 s, and Streamlit forces one after each script run (switched off
    in .streamlit/config.toml).
    """
    gc.collect()
    gc.freeze()


async def _sweep() -> None:
    """Now and then: free workers that runs hold for nothing, and delete the oldest runs of a full store."""
    for count in itertools.count():
        if count % SWEEPS_PER_PRUNE == 0:
            for run in await asyncio.to_thread(house().shelves.own.prune, MOST_STORED_BYTES):
                house().decoder.forget(run)
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(house().workers.sweep, house().hub.watched())


def _stop_in_time() -> None:
    """At the first Ctrl-C or SIGTERM, start a clock: browsers that do not let go must not keep the server alive."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # only the main thread may set handlers; under a test client there is none to set
            _chain(number)


def _chain(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def on_signal(received: int, frame: Any) -> None:
        threading.Thread(target=_end_after_grace, name="stop-in-time", daemon=True).start()
        if callable(before):
            before(received, frame)

    signal.signal(number, on_signal)


def _end_after_grace() -> None:
    time.sleep(MOST_SECONDS_TO_STOP)
    house().workers.kill()
    os._exit(0)
