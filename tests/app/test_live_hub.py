"""The live lane without sockets: who is told what, and the bytes in which it is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.house import House
from app.live.hub import Hub, Watcher
from engines.blobs import pack, unpack
from engines.errors import RunFormatError
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.workers import RunEvent, Standing


def steps_of(messages: list[bytes | str]) -> list[int]:
    return [unpack(m)[1]["step"] for m in messages if isinstance(m, bytes)]


# ---- hub ----


def event(kind: str, step: int) -> RunEvent:
    numbers = {"step": step, "is_frame": kind == "frame"}
    return RunEvent("run", kind, Standing("running", step=step, steps=99), pack({}, numbers), step)


def test_a_slow_watcher_gets_every_snapshot_but_only_the_newest_picture() -> None:
    async def scene() -> list[bytes | str]:
        watcher = Watcher("run")
        for kind, step in [("snapshot", 0), ("frame", 1), ("frame", 2), ("snapshot", 3), ("frame", 4), ("frame", 5)]:
            watcher.put(event(kind, step), 1)
        return await watcher.next()

    messages = asyncio.run(scene())
    assert steps_of(messages) == [0, 3, 5]
    assert [isinstance(m, str) for m in messages] == [False, False, False, True]
    assert json.loads(messages[-1])["step"] == 5


def test_a_picture_older_than_a_snapshot_is_not_sent() -> None:
    async def scene() -> list[bytes | str]:
        watcher = Watcher("run")
        for kind, step in [("frame", 1), ("snapshot", 2)]:
            watcher.put(event(kind, step), 1)
        return await watcher.next()

    assert steps_of(asyncio.run(scene())) == [2]


def test_a_standing_does_not_hide_what_was_said() -> None:
    async def scene() -> list[bytes | str]:
        watcher = Watcher("run")
        watcher.say({"type": "shared", "others": 1})
        watcher.put(event("frame", 1), 2)
        return await watcher.next()

    texts = [json.loads(message) for message in asyncio.run(scene()) if isinstance(message, str)]
    assert [text.get("type") == "shared" for text in texts] == [True, False]


def test_events_of_the_cluster_reach_each_watcher_once(home: House, workers: Any) -> None:
    """Also those that were on their way when the watcher came and are in the history it got."""
    hub, workers.standings["run"] = home.hub, Standing("running", steps=99)

    async def scene() -> list[int]:
        hub.bind(asyncio.get_running_loop())
        workers.histories["run"] = [event("snapshot", step).blob for step in (0, 1)]
        workers.tell(event("snapshot", 1))  # in the history already, and not yet delivered
        watcher = hub.watch("run")
        assert watcher is not None
        await asyncio.sleep(0)
        workers.tell(event("snapshot", 2))
        await asyncio.sleep(0.01)
        return steps_of(await watcher.next())

    assert asyncio.run(scene()) == [0, 1, 2]


def test_watchers_are_counted_and_told(home: House, workers: Any) -> None:
    hub, workers.standings["run"] = home.hub, Standing("running")

    async def counts(watcher: Watcher) -> int:
        return json.loads((await watcher.next())[-1])["watchers"]

    async def scene() -> list[int]:
        hub.bind(asyncio.get_running_loop())
        first = hub.watch("run")
        assert first
        seen = [await counts(first)]
        second = hub.watch("run")
        assert second
        seen += [await counts(first), await counts(second)]
        hub.leave(second)
        return [*seen, await counts(first), hub.count("run")]

    assert asyncio.run(scene()) == [1, 2, 2, 1, 1]


def test_a_repetition_does_not_take_the_place_of_the_stored_run(home: House, workers: Any, stored: Run) -> None:
    """By the digest the stored run is watched, by its own name the one in training; who has left is not counted."""
    name = f"{stored.experiment.digest}-0000000a"
    workers.standings[name] = Standing("running", step=5)
    common, other = home.hub.watch(stored.experiment.digest), home.hub.watch(name)
    assert common is not None and other is not None
    assert (common.run, other.run) == (stored.name, name)
    assert home.hub.watched() == {stored.name, name}
    assert home.hub.obey(other, "stop") == "stop"
    second = home.hub.watch(name)
    assert second is not None and home.hub.obey(second, "stop") == ""
    assert home.hub.count(name) == 1


def test_a_run_that_was_cut_off_counts_as_stopped(home: House, stored: Run) -> None:
    (stored.folder / "run.json").write_text(replace(stored.info, state="running").to_json(), encoding="utf-8")

    async def scene(hub: Hub) -> dict[str, Any]:
        assert hub.watch(stored.experiment.digest) is None  # nobody is shown it in place of a finished run
        watcher = hub.watch(f"{stored.experiment.digest}-00000000")
        assert watcher is not None
        return json.loads((await watcher.next())[-1])

    standing = asyncio.run(scene(home.hub))
    assert (standing["state"], standing["ended"], standing["stored"]) == ("stopped", True, True)
    assert standing["reason"]


# ---- wire ----

DTYPES = st.sampled_from(["<f2", "<f4", "<f8", "|u1", "<i2", "<i4"])
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
NAMES = st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    dtype, shape = np.dtype(draw(DTYPES)), draw(SHAPES)
    size = int(np.prod(shape)) * dtype.itemsize
    return np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype).reshape(shape)


@given(st.dictionaries(NAMES, arrays(), max_size=4), st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_a_blob_brings_back_what_was_packed(parts: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
    found, found_numbers = unpack(pack(parts, numbers))
    assert found_numbers == numbers
    assert found.keys() == parts.keys()
    for name, array in parts.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()  # bit for bit, NaN too


def test_an_infinite_kl_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser's JSON knows neither NaN nor Infinity: the whole picture would be lost."""
    monkeypatch.setattr("engines.training.sources.kl_from_data", lambda *_: (float("inf"), float("nan")))
    blob = Trainer(Experiment.default("realnvp", "gaussian", steps=1), device="cpu").snapshot().to_bytes()
    assert b"NaN" not in blob[:2000] and b"Infinity" not in blob[:2000]
    assert unpack(blob)[1]["metrics"].keys() == {"integral"}


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(RunFormatError):
        unpack(junk)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_blob_is_refused_or_read(at: int, junk: bytes) -> None:
    """A byte in the middle may go unseen; what must not come is any other error."""
    blob = pack({"a": np.arange(6, dtype=np.float32)}, {"step": 1})
    try:
        unpack(blob[: at % len(blob)] + junk + blob[at % len(blob) + len(junk) :])
    except RunFormatError:
        pass
