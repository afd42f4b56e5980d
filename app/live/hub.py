"""Who watches which run: events of the workers go out to every browser that watches, each at its own pace.

Snapshots all arrive, in order. Of live pictures only the newest unsent one is kept, so a slow browser sees
fewer pictures, never late ones.

Pause and Stop act for the visitor who pressed: as long as others watch the same training, it goes on for them. Who
pressed Pause keeps a still picture until Resume, and then gets what came meanwhile; who pressed Stop gets nothing more.
The training itself pauses when all who watch it have pressed Pause, and is stopped by the last one who watches it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict, replace
from typing import Any

from engines.training.run import Run
from engines.training.store import Shelves
from engines.training.workers import RunEvent, Standing, Workers


class Watcher:
    """What still has to be sent to one browser.

    Attributes:
        run: Name of the run.
        held_at: Step of the still picture, while its visitor holds it; else None.
        has_left: Whether its visitor has stopped to watch the training, which goes on.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.held_at: int | None = None
        self.has_left = False
        self._ready = asyncio.Event()
        self._snapshots: deque[bytes] = deque()
        self._history: frozenset[bytes] = frozenset()
        self._frame: bytes | None = None
        self._said: str | None = None
        self._news: str | None = None

    def put(self, event: RunEvent, n_watchers: int) -> None:
        """Take in an event."""
        if self.has_left:
            return
        if event.standing.has_ended:
            self.held_at = None
        if event.kind == "snapshot":
            if event.blob not in self._history:  # else it was on its way when this watcher came
                self._snapshots.append(event.blob)
            self._frame = None  # the snapshot is newer
        elif event.kind == "frame":
            self._frame = event.blob
        if self.held_at is None or event.standing.state != "running":
            self.tell(event.standing, n_watchers)

    def tell(self, standing: Standing, n_watchers: int) -> None:
        """Note how the run stands now, for this visitor."""
        if self.has_left:
            return
        if self.held_at is not None and standing.state == "running":
            reason = f"Your picture is held at step {self.held_at:,}; the training goes on{_for(n_watchers - 1)}."
            standing = replace(standing, state="paused", step=self.held_at, reason=reason)
        self._news = describe(standing, n_watchers)
        self._ready.set()

    def hold(self, standing: Standing, n_watchers: int) -> None:
        """Show no more than what was sent, until `release`."""
        self.held_at = standing.step
        self.tell(standing, n_watchers)

    def release(self, standing: Standing, n_watchers: int) -> None:
        """Go on from where the training is now."""
        self.held_at = None
        self.tell(standing, n_watchers)

    def leave(self, standing: Standing, n_others: int) -> None:
        """Get nothing more of a training that goes on for others."""
        reason = f"You stopped watching at step {standing.step:,}; the training goes on{_for(n_others)}."
        self._frame, self.held_at = None, None
        self.tell(replace(standing, state="stopped", reason=reason), 1)
        self.has_left = True

    def put_history(self, blobs: list[bytes]) -> None:
        """Take in the snapshots that a run in training has made so far."""
        self._snapshots.extend(blobs)
        self._history = frozenset(blobs)

    def put_stored(self, run: Run, *, is_common: bool) -> None:
        """Take in a whole stored run."""
        self._snapshots.extend(run.blobs())
        self._news = _describe_stored(run, is_common=is_common)
        self._ready.set()

    def say(self, message: dict[str, Any]) -> None:
        """Note a message of another kind; the newest wins, but no standing hides it."""
        self._said = json.dumps(message)
        self._ready.set()

    async def next(self) -> list[bytes | str]:
        """Wait for news; what to send now, in order."""
        await self._ready.wait()
        self._ready.clear()
        messages: list[bytes | str] = []
        if self.held_at is None:
            messages += self._snapshots if self._frame is None else [*self._snapshots, self._frame]
            self._snapshots.clear()
            self._frame = None
        messages += [text for text in (self._said, self._news) if text is not None]
        self._said = self._news = None
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

    def count(self, run: str) -> int:
        """How many browsers watch a run; those that have stopped to are not counted."""
        return sum(not watcher.has_left for watcher in self._watchers.get(run, ()))

    def watched(self) -> set[str]:
        """Names of the runs that somebody watches."""
        return {name for name in list(self._watchers) if self.count(name)}

    def watch(self, name: str) -> Watcher | None:
        """Begin to watch a run; None if there is none of that name.

        By the digest of an experiment: the stored run that everybody opens, else the one that is in training.
        """
        run = None if self._workers.standing(name) else self._shelves.get(name)
        if run is not None:
            watcher = Watcher(run.name)
            watcher.put_stored(run, is_common=self._shelves.is_common(run))
            self._watchers.setdefault(run.name, set()).add(watcher)
            return watcher
        watcher = Watcher(name if self._workers.standing(name) else self._workers.running(name))
        standing = self._workers.standing(watcher.run)
        if standing is None:
            return None
        watcher.put_history(self._workers.history(watcher.run))
        self._watchers.setdefault(watcher.run, set()).add(watcher)
        self._retell(watcher.run, standing)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Stop watching."""
        watchers = self._watchers.get(watcher.run, set())
        watchers.discard(watcher)
        if not watchers:
            self._watchers.pop(watcher.run, None)
        standing = self._workers.standing(watcher.run)
        if standing is not None:
            self._retell(watcher.run, standing)

    def obey(self, watcher: Watcher, word: str) -> str:
        """Carry out a command for the visitor who gave it; the command for the training itself, or "".

        See the top of this module for what is whose.
        """
        standing = self._workers.standing(watcher.run)
        if standing is None or watcher.has_left:
            return ""
        n_watchers = self.count(watcher.run)
        if word == "stop" and n_watchers > 1:
            watcher.leave(standing, n_watchers - 1)
            self._retell(watcher.run, standing)
            return ""
        is_going = standing.state == "running"
        if word == "pause" and n_watchers > 1 and is_going:
            watcher.hold(standing, n_watchers)
            return "" if self._goes_on_for(watcher.run) else "pause"
        if watcher.held_at is not None and word in ("resume", "step"):
            watcher.release(standing, n_watchers)
            return "" if is_going else word
        return word

    def _goes_on_for(self, run: str) -> int:
        """How many watch a training without holding their picture."""
        watchers = self._watchers.get(run, ())
        return sum(not watcher.has_left and watcher.held_at is None for watcher in watchers)

    def _retell(self, run: str, standing: Standing) -> None:
        for watcher in self._watchers.get(run, ()):
            watcher.tell(standing, self.count(run))

    def _on_event(self, event: RunEvent) -> None:
        """Called in the cluster's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, event)

    def _deliver(self, event: RunEvent) -> None:
        for watcher in self._watchers.get(event.run, ()):
            watcher.put(event, self.count(event.run))

    def replay(self, name: str) -> tuple[bytes, dict[str, Any]]:
        """All snapshots of a run, each with its 8-byte length, and how it stands: for a browser without WebSockets."""
        standing = self._workers.standing(name)
        if standing is not None:
            blobs, news = self._workers.history(name), describe(standing, 1)
        else:
            run = self._shelves.get(name)
            if run is None:
                return b"", {}
            blobs, news = list(run.blobs()), _describe_stored(run, is_common=self._shelves.is_common(run))
        return b"".join(len(blob).to_bytes(8, "little") + blob for blob in blobs), json.loads(news)


def stored_standing(run: Run) -> Standing:
    """How a stored run stands; one whose server died while it was trained counts as stopped."""
    info = run.info
    was_cut = info.state in ("queued", "running", "paused")
    reason = "The server was stopped while this run was trained." if was_cut else info.reason
    state = "stopped" if was_cut else info.state
    return Standing(state, step=info.step, steps=info.experiment.steps, device=info.device, reason=reason)


def describe(
    standing: Standing, n_watchers: int, *, is_stored: bool = False, started: float = 0.0, is_own: bool = False
) -> str:
    """The message to a browser on how a run stands.

    Args:
        standing: How it stands.
        n_watchers: How many watch it.
        is_stored: Whether it came from the store.
        started: When, in seconds since 1970, if it is stored.
        is_own: Whether it is not the run that everybody opens, but one of who trained it, or has its link.
    """
    message = {"type": "standing", "watchers": n_watchers, "stored": is_stored, "started": started, "own": is_own}
    return json.dumps(message | asdict(standing) | {"ended": standing.has_ended})


def _describe_stored(run: Run, *, is_common: bool) -> str:
    return describe(stored_standing(run), 1, is_stored=True, started=run.info.started, is_own=not is_common)


def _for(n_others: int) -> str:
    return f" for {n_others} other{'s' if n_others > 1 else ''}" if n_others else ""
