"""How long does the density of a grid of 200 x 200 points take a flow, against nflows with the same nets?

RealNVP with 8 couplings and 4 spline couplings of 8 bins, at three widths; no gradient, one thread, CPU time. Each
round asks both, and the ratio of a round is what counts: the median of all, with the quartiles.

    python -m pip install -r requirements-bench.txt
    python -m benchmarks.bench_flow_density
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import benchmarks.bench_flows as peers
from benchmarks.machine import keep
from engines.datasets import DATASETS
from engines.flows.flow import Flow
from engines.flows.layers.couplings import AffineCoupling, SplineCoupling
from engines.probes import cell_centres
from engines.tensors import use_threads

SIDE, ROUNDS = 200, 9
SCALE_CAP = 2.0
CASES = tuple((kind, width) for kind in ("affine", "spline") for width in (16, 64, 256))


def ours(kind: str, width: int) -> Flow:
    """Built from its layers: a width of 256 is beyond what the page's setting allows."""
    n = peers.N_AFFINE if kind == "affine" else peers.N_SPLINE
    if kind == "affine":
        return Flow([AffineCoupling(2, i % 2 == 0, width, 2, SCALE_CAP) for i in range(n)], 2)
    return Flow([SplineCoupling(2, i % 2 == 0, width, 2, peers.BINS, peers.BOUND) for i in range(n)], 2)


def theirs(kind: str, width: int) -> Callable[[Tensor], Tensor]:
    """Log density by nflows, its nets as wide."""
    peers.WIDTH = width
    return peers.of_nflows(kind)[1]


def milliseconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def compare(kind: str, width: int, x: Tensor) -> dict[str, float]:
    """Milliseconds of both, and the time of nflows over ours in the same round."""
    log_probs = (ours(kind, width).log_prob, theirs(kind, width))
    with torch.no_grad():
        rounds = [[milliseconds(partial(log_prob, x)) for log_prob in log_probs] for _ in range(ROUNDS + 1)][1:]
    low, middle, high = statistics.quantiles([peer / mine for mine, peer in rounds], n=4)
    mine, peer = (min(times) for times in zip(*rounds, strict=True))
    found = {"ours_ms": mine, "nflows_ms": peer, "nflows_over_ours": middle, "quartile_low": low, "quartile_high": high}
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Measure and keep."""
    use_threads(1)
    density: Any = DATASETS["moons"].density
    x = cell_centres(density.window, SIDE)
    keep(
        "flow_density",
        {"points": len(x)} | {f"{kind}, width {width}": compare(kind, width, x) for kind, width in CASES},
    )


if __name__ == "__main__":
    main()
