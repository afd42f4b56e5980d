"""What a fast student is worth: its time for samples and densities beside the teacher's, by the clock."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from engines.flows.flow import Flow
from engines.nets.made import MaskedMlp
from engines.tensors import make_rng

N_TIMED = 1000
REPEATS = 5


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std()) / math.sqrt(len(values))


def clocks(student: Flow, teacher: Flow) -> dict[str, float]:
    """Milliseconds and network passes for 1,000 samples and for 1,000 densities of both.

    Returns:
        <who>_<what>_ms (median of five) and <who>_<what>_passes, who: student, teacher; what: sample, density.
    """
    found: dict[str, float] = {}
    for who, flow in (("student", student), ("teacher", teacher)):
        device = next(flow.parameters()).device
        with torch.inference_mode():
            points = flow.sample(N_TIMED, rng=make_rng(0))
            works: dict[str, Callable[[], object]] = {
                "sample": lambda flow=flow: flow.sample(N_TIMED, rng=make_rng(0)),
                "density": lambda flow=flow, points=points: flow.log_prob(points),
            }
            for what, work in works.items():
                found[f"{who}_{what}_ms"] = _milliseconds(work, device)
                found[f"{who}_{what}_passes"] = float(count_passes(flow, work))
    return found


def count_passes(flow: Flow, work: Callable[[], object]) -> int:
    """How often the nets of a flow are called while something is done."""
    calls: list[int] = []
    nets = [net for layer in flow.layers for net in layer.modules() if isinstance(net, MaskedMlp)]
    hooks = [net.register_forward_hook(lambda *_: calls.append(1)) for net in nets]
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    return len(calls)


def _milliseconds(work: Callable[[], object], device: torch.device) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
