"""How a run stands, and what is told about it: the plain data between the workers and whoever watches."""

from __future__ import annotations

from dataclasses import dataclass

from engines.training.run import ENDED, State


@dataclass(frozen=True)
class Standing:
    """How a run stands.

    Attributes:
        state: "queued", "running", "paused", or how it ended.
        ahead: Runs that will start before it, while it is queued.
        step: Last step that was shown.
        steps: Steps asked for.
        device: Where it trains, in words.
        reason: Why it ended early; else empty.
        wait: Seconds until it starts, estimated from the speed of the runs before it; None if that is not known.
    """

    state: State
    ahead: int = 0
    step: int = 0
    steps: int = 0
    device: str = ""
    reason: str = ""
    wait: float | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED


@dataclass(frozen=True)
class RunEvent:
    """One thing that happened to a run.

    Attributes:
        run: Name of the run.
        kind: "snapshot" and "frame" carry a blob, "standing" the new standing.
        standing: How the run stands now.
        blob: Snapshot as bytes, or empty.
        step: Step of the blob.
    """

    run: str
    kind: str
    standing: Standing
    blob: bytes = b""
    step: int = 0
