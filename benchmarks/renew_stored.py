"""Measure the stored runs anew where a measure has changed its definition since; nothing is trained.

python -m benchmarks.renew_stored alarms            what the alarm says at each snapshot of the plane's games
python -m benchmarks.renew_stored ends RUN ...      all measures at the end of runs of checkpoints/score
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from benchmarks.machine import ROOT
from engines.blobs import pack, unpack, write_atomically
from engines.datasets import DATASETS
from engines.gan.plane.alarm import ALARMS, AlarmInputs, Watch
from engines.gan.plane.measures import GameMeasures, Trace
from engines.tensors import use_threads
from engines.training import Trainer
from engines.training.run import Run

CHECKPOINTS = ROOT / "checkpoints"
Change = Callable[[dict[str, Any], dict[str, np.ndarray]], None]  # of a snapshot's numbers; the arrays only to look at


def rewrite(run: Run, change: Change) -> None:
    """Change the numbers of every snapshot of a run."""
    blobs = []
    for blob in run.blobs():
        arrays, numbers = unpack(blob)
        change(numbers, arrays)
        blobs.append(pack(arrays, numbers))
    write_atomically(run.folder / "snapshots.blobs", b"".join(len(b).to_bytes(8, "little") + b for b in blobs))


def renew_alarms(run: Run) -> list[str]:
    """Ask the alarm again, from what each snapshot holds; returns what it says."""
    spec: Any = DATASETS[run.experiment.dataset]
    density = spec.build(spec.settings.from_dict(run.experiment.dataset_settings))
    measures, watch, said = GameMeasures(density), Watch(), []
    most_pull = 1e-12

    def change(numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        nonlocal most_pull
        found, trace = numbers["metrics"], Trace.from_bytes(density, arrays.get("trace"))
        most_pull = max(most_pull, found["pull"])
        alarm = watch.look(
            AlarmInputs(
                share=numbers["step"] / run.experiment.steps,
                n_modes=0 if density.modes is None else len(density.modes),
                n_found=measures.held(found),
                n_moves=trace.n_moves,
                n_gained=trace.n_gained,
                high_quality=found.get("high_quality", 1.0),
                accuracy=found["accuracy"],
                pull=found["pull"] / most_pull,
            )
        )
        found["alarm"] = -1.0 if alarm is None else float(list(ALARMS).index(alarm.key))
        said.append("" if alarm is None else alarm.key)

    rewrite(run, change)
    return said


def renew_end(run: Run) -> dict[str, Any]:
    """Measure a run's final weights as the end of its training would."""
    source = Trainer(run.experiment, device="cpu").source
    with torch.no_grad():
        found = dict(source.measure(run.model(), is_last=True))

    def change(numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        if numbers["step"] == run.info.step:
            numbers["metrics"] |= found

    rewrite(run, change)
    return found


def main(asked: Iterable[str]) -> None:
    """Renew what is asked for."""
    use_threads(1)
    what, *names = asked
    if what == "alarms":
        for folder in sorted((CHECKPOINTS / "gan").glob("plane_gan-*")):
            print(folder.name, renew_alarms(Run.load(folder)))
        return
    for name in names:
        print(name, renew_end(Run.load(CHECKPOINTS / "score" / name)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
