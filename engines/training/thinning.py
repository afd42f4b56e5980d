"""Make a stored run smaller: fewer snapshots, and fewer steps whose weights are kept. What stays, stays as it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.blobs import write_atomically
from engines.training.run import Run
from engines.training.snapshot import Snapshot


def thin(run: Run, *, n_snapshots: int, n_weights: int) -> None:
    """Keep so many snapshots of a run, evenly over those that it has, and the weights of so many of them.

    The first and the last one stay. Losses are means since the snapshot before: those of what goes are taken up.

    Args:
        run: A stored run that has ended.
        n_snapshots: How many snapshots stay at most, at least 2.
        n_weights: At how many steps weights stay at most, at least 2, or 0 for none; the final weights lie apart and
            always stay.
    """
    snapshots, steps = run.snapshots, run.weight_steps
    weighted = {steps[i] for i in _spread(len(steps), n_weights)} if n_weights else set()
    places = {i for i, snapshot in enumerate(snapshots) if snapshot.step in weighted}
    kept = sorted(places | set(_spread(len(snapshots), n_snapshots - len(places))))
    parts = [snapshots[first + 1 : last + 1] for first, last in zip([-1, *kept], kept, strict=False)]
    blobs = [_blob(part, run, weighted) for part in parts]
    write_atomically(run.folder / "snapshots.blobs", b"".join(len(blob).to_bytes(8, "little") + blob for blob in blobs))
    for step in set(steps) - weighted:
        (run.folder / f"weights-{step:06d}.safetensors").unlink(missing_ok=True)
    _drop_double(run)


def _drop_double(run: Run) -> None:
    """The weights of a finished run's last step need not lie there twice."""
    last, final = (run.folder / name for name in (f"weights-{run.info.step:06d}.safetensors", "weights.safetensors"))
    if run.info.state == "finished" and last.exists() and last.read_bytes() == final.read_bytes():
        last.unlink()


def _spread(n: int, most: int) -> list[int]:
    """At most so many of n places, but at least 2, the first and the last among them."""
    return sorted(set(np.linspace(0, n - 1, max(2, min(n, most))).round().astype(int).tolist())) if n else []


def _blob(part: list[Snapshot], run: Run, weighted: set[int]) -> bytes:
    """The last of some snapshots, with the mean losses of all of them."""
    last = part[-1]
    losses = {
        name: float(np.mean([each.losses.get(name, value) for each in part])) for name, value in last.losses.items()
    }
    weights = run.weights(last.step) if last.step in weighted else None
    return replace(last, losses=losses, weights=weights).to_bytes()
