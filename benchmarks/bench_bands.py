"""What true samples of every target score against the fixed reference, so that no page has to draw hundreds of them.

python -m benchmarks.bench_bands        assets/measured/bands.json: what it lacks is measured
python -m benchmarks.bench_bands all    everything is measured anew
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.machine import machine
from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS, datasets_of
from engines.gan.cyclegan.plane import N_COMPARED as CYCLE_POINTS
from engines.gan.plane.measures import GameMeasures
from engines.metrics import bands
from engines.score.measures import N_SAMPLES as SCORE_POINTS
from engines.tensors import use_threads

WALK_POINTS = 1000  # of the canvas of score networks


def bands_of(density: Any) -> dict[str, list[float]]:
    """name/points -> 5th percentile, median and 95th percentile of N_TRUE samples."""
    found = {f"energy/{n}": bands.energy_band(density, n) for n in (CYCLE_POINTS, WALK_POINTS, SCORE_POINTS)}
    games = GameMeasures(density)
    found |= {games.band_key(name): band for name, band in games.bands().items()}
    return {name: [float(f"{value:.6g}") for value in (b.low, b.middle, b.high)] for name, b in found.items()}


def targets() -> Iterator[tuple[str, Any]]:
    """Every target in the plane as it stands, and as shipped runs were trained on it."""
    for key in datasets_of("plane"):
        spec: Any = DATASETS[key]
        if spec.density is not None:
            yield key, spec.density
    for shipped in SHIPPED:
        spec, settings = DATASETS[shipped.dataset], shipped.changes.get("dataset_settings")
        if settings and spec.kind == "plane":
            yield f"{shipped.dataset} {settings}", spec.build(spec.settings.from_dict(settings))


def main(words: list[str]) -> None:
    """Measure every target that the file lacks."""
    use_threads(1)
    found = {} if "all" in words else dict(bands.stored_bands())
    bands.stored_bands = dict  # pyright: ignore[reportAttributeAccessIssue]  (nothing is known: measure)
    for name, density in targets():
        mark = bands.fingerprint(density)
        if mark not in found:
            found[mark] = bands_of(density)
            print(name, found[mark], flush=True)
    text = json.dumps({"machine": machine(), "n_true": bands.N_TRUE, "bands": found}, indent=1)
    bands.STORED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
