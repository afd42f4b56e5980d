"""The source on the pages: read once, and never by two scripts at once."""

from __future__ import annotations

import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.source import _read, source_of
from engines.flows.layers.couplings import AffineCoupling
from engines.gan.plane.gan import PlaneGan
from engines.vae.objective import Objective

APP = Path(__file__).resolve().parents[2] / "app"


def test_it_is_the_lines_of_the_file() -> None:
    assert source_of(Objective) == inspect.getsource(Objective)
    assert source_of(PlaneGan.generator_loss).startswith("def generator_loss(")  # without its class's indentation


def test_many_scripts_read_each_thing_once_and_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers at once make Python's parser fail now and then, under load."""
    readers, most, reads, lock = 0, 0, 0, threading.Lock()
    getsource = inspect.getsource

    def noted(thing: Any) -> str:
        nonlocal readers, most, reads
        with lock:
            readers, reads = readers + 1, reads + 1
            most = max(most, readers)
        time.sleep(0.01)
        with lock:
            readers -= 1
        return getsource(thing)

    monkeypatch.setattr(inspect, "getsource", noted)
    _read.cache_clear()
    things = [Objective, AffineCoupling, PlaneGan] * 20
    with ThreadPoolExecutor(12) as scripts:
        found = list(scripts.map(source_of, things))
    assert (reads, most) == (3, 1)
    assert all(text.startswith("class ") for text in found)


def test_nothing_else_of_the_app_reads_sources() -> None:
    readers = [file.name for file in APP.rglob("*.py") if "getsource" in file.read_text(encoding="utf-8")]
    assert readers == ["source.py"]
