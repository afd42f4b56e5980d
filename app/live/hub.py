"""Who watches which run: events of the workers go out to every browser that watches, each at its own pace.

Snapshots all arrive, in order. Of live pictures only the newest unsent one is kept, so a slow browser sees
fewer pictures, never late ones.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict
from typing import Any

from engines.training.run import Run
from engines.training.store import Shelves
from engines.training.workers import RunEvent, Standing, Workers


class Watcher:
    """What still has to be sent to one browser."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        self._ready = asyncio.Event()
        self._snapshots: deque[bytes] = deque()
        self._history: frozenset[bytes] = frozenset()
        self._frame: bytes | None = None
        self._said: str | None = None
        self._news: str | None = None

    def put(self, event: RunEvent, n_watchers: int) -> None:
        """Take in an event."""
        if event.kind == "snapshot":
            if event.blob not in self._history:  # else it was on its way when this watcher came
                self._snapshots.append(event.blob)
            self._frame = None  # the snapshot is newer
        elif event.kind == "frame":
            self._frame = event.blob
        self.tell(event.standing, n_watchers)

    def tell(self, standing: Standing, n_watchers: int) -> None:
        """Note how the run stands now."""
        self._news = describe(standing, n_watchers)
        self._ready.set()

    def put_history(self, blobs: list[bytes]) -> None:
        """Take in the snapshots that a run in training has made so far."""
        self._snapshots.extend(blobs)
        self._history = frozenset(blobs)

    def put_stored(self, run: Run) -> None:
        """Take in a whole stored run."""
        self._snapshots.extend(run.blobs())
        self._news = describe(stored_standing(run), 1, is_stored=True, started=run.info.started)
        self._ready.set()

    def say(self, message: dict[str, Any]) -> None:
        """Note a message of another kind; the newest wins, but no standing hides it."""
        self._said = json.dumps(message)
        self._ready.set()

    async def next(self) -> list[bytes | str]:
        """Wait for news; what to send now, in order."""
        await self._ready.wait()
        self._ready.clear()
        messages: list[bytes | str] = list(self._snapshots)
        self._snapshots.clear()
        if self._frame is not None:
            messages.append(self._frame)
        messages += [text for text in (self._said, self._news) if text is not None]
        self._frame = self._said = self._news = None
        return messages


class Hub:
    """The watchers of all runs.

    Args:
        shelves: Stored runs.
        workers: Runs in training.
    """

    def __init__(self, shelves: Shelves, workers: Workers) -> None:
        self._shelves = shelves
        self._workers = workers
        self._watchers: dict[str, set[Watcher]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        workers.listen(self._on_event)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the server's event loop, in which all watchers live."""
        self._loop = loop

    def count(self, digest: str) -> int:
        """How many browsers watch a run."""
        return len(self._watchers.get(digest, ()))

    def watch(self, digest: str) -> Watcher | None:
        """Begin to watch a run in training or a stored one; None if there is none of that digest."""
        watcher = Watcher(digest)
        standing = self._workers.standing(digest)
        if standing is not None:
            watcher.put_history(self._workers.history(digest))
            self._watchers.setdefault(digest, set()).add(watcher)
            self._retell(digest, standing)
            return watcher
        run = self._shelves.get(digest)
        if run is None:
            return None
        watcher.put_stored(run)
        self._watchers.setdefault(digest, set()).add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Stop watching."""
        watchers = self._watchers.get(watcher.digest, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.digest, None)
        standing = self._workers.standing(watcher.digest)
        if standing is not None:
            self._retell(watcher.digest, standing)

    def _retell(self, digest: str, standing: Standing) -> None:
        for watcher in self._watchers.get(digest, ()):
            watcher.tell(standing, self.count(digest))

    def _on_event(self, event: RunEvent) -> None:
        """Called in the cluster's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: RunEvent) -> None:
        for watcher in self._watchers.get(event.digest, ()):
            watcher.put(event, self.count(event.digest))

    def replay(self, digest: str) -> tuple[bytes, dict[str, Any]]:
        """All snapshots of a run, each with its 8-byte length, and how it stands: for a browser without WebSockets."""
        standing = self._workers.standing(digest)
        if standing is not None:
            blobs, news = self._workers.history(digest), describe(standing, 1)
        else:
            run = self._shelves.get(digest)
            if run is None:
                return b"", {}
            blobs = list(run.blobs())
            news = describe(stored_standing(run), 1, is_stored=True, started=run.info.started)
        return b"".join(len(blob).to_bytes(8, "little") + blob for blob in blobs), json.loads(news)


def stored_standing(run: Run) -> Standing:
    """How a stored run stands; one whose server died while it was trained counts as stopped."""
    info = run.info
    was_cut = info.state in ("queued", "running", "paused")
    reason = "The server was stopped while this run was trained." if was_cut else info.reason
    state = "stopped" if was_cut else info.state
    return Standing(state, step=info.step, steps=info.experiment.steps, device=info.device, reason=reason)


def describe(standing: Standing, n_watchers: int, *, is_stored: bool = False, started: float = 0.0) -> str:
    """The message to a browser on how a run stands."""
    message = {"type": "standing", "watchers": n_watchers, "stored": is_stored, "started": started}
    return json.dumps(message | asdict(standing) | {"ended": standing.has_ended})
