"""The house's one server-side set of long-lived things: stores, workers, hub and decoder.

Streamlit's scripts and the live lane's routes run in one process and meet here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.live.decode import Decoder
from app.live.hub import Hub
from engines.training.store import RunStore, Shelves
from engines.training.workers import Workers

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class House:
    """What all visitors share.

    Attributes:
        shelves: Runs trained here, then those that ship.
        workers: The training processes.
        hub: Who watches which run.
        decoder: Answers requests of the live lane from stored weights.
    """

    shelves: Shelves
    workers: Workers
    hub: Hub
    decoder: Decoder


@lru_cache(maxsize=1)
def house() -> House:
    """The one house of this process; its workers start with the server."""
    runs = Path(os.environ.get("GENLAB_RUNS") or ROOT / "runs")
    shelves = Shelves([RunStore(runs), RunStore(ROOT / "checkpoints")])
    workers, decoder = Workers(shelves), Decoder(shelves)
    workers.listen(lambda event: decoder.forget(event.run) if event.standing.has_ended else None)
    return House(shelves, workers, Hub(shelves, workers), decoder)
