"""How many training steps a second does a flow make, against four libraries at the same architecture?

All have 8 affine couplings, or 4 rational-quadratic ones of 8 bins, whose nets are 1-64-64-out with SiLU units; all see
the same batch of 256 points on one thread. Three rows each: with the same optimiser for all, the `LeanAdam` that GenLab
trains with; with torch's fused Adam, which gives the same numbers; and as the library's users would by default, with
torch's Adam as it comes. Rounds are interleaved; the fastest one counts, in CPU time. `compiled` is ours through
torch.compile, where a C++ compiler is found.

    python -m pip install -r requirements-bench.txt
    python benchmarks/bench_flows.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine import keep
from engines.datasets import DATASETS
from engines.flows.compiled import has_compiler
from engines.models import MODELS, build_model
from engines.tensors import make_rng, use_threads
from engines.training.adam import LeanAdam

BATCH, WIDTH, BINS, BOUND = 256, 64, 8, 4.0
STEPS, ROUNDS = 30, 15
N_AFFINE, N_SPLINE = 8, 4
LogProb = Callable[[Tensor], Tensor]
Peer = tuple[nn.Module, LogProb]


class Net(nn.Sequential):
    """The conditioner that every library gets; some hand it a context, which is empty."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(nn.Linear(n_in, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, n_out))

    def forward(self, x: Tensor, context: object = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(x)


def ours(kind: str) -> Peer:
    key = "realnvp" if kind == "affine" else "spline"
    spec, data = MODELS[key], DATASETS["moons"]
    settings = {"n_couplings": N_AFFINE if kind == "affine" else N_SPLINE, "width": WIDTH}
    model = build_model(spec, spec.settings.from_dict(settings), data, data.settings(), 0)
    return model, model.log_prob


def of_zuko(kind: str) -> Peer:
    zuko = import_module("zuko")
    couplings = import_module("zuko.flows.coupling")
    shapes = {"affine": ((), ()), "spline": ((BINS,), (BINS,), (BINS - 1,))}[kind]
    univariate = {
        "affine": zuko.transforms.MonotonicAffineTransform,
        "spline": lambda w, h, d: zuko.transforms.MonotonicRQSTransform(w, h, d, bound=BOUND),
    }[kind]
    layers = [
        couplings.GeneralCouplingTransform(
            2, mask=torch.tensor([i % 2 == 0, i % 2 == 1]), univariate=univariate, shapes=shapes,
            hidden_features=(WIDTH, WIDTH), activation=nn.SiLU,
        )
        for i in range(N_AFFINE if kind == "affine" else N_SPLINE)
    ]  # fmt: skip
    base = zuko.lazy.UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.zeros(2), torch.ones(2), buffer=True
    )
    flow = zuko.lazy.Flow(layers, base)
    return flow, lambda x: flow().log_prob(x)


def of_nflows(kind: str) -> Peer:
    transforms = import_module("nflows.transforms")
    flow_class = import_module("nflows.flows.base").Flow
    normal = import_module("nflows.distributions.normal").StandardNormal
    n = N_AFFINE if kind == "affine" else N_SPLINE
    masks = [torch.tensor([i % 2, (i + 1) % 2]) for i in range(n)]
    if kind == "affine":
        layers = [transforms.AffineCouplingTransform(mask, Net) for mask in masks]
    else:
        layers = [
            transforms.PiecewiseRationalQuadraticCouplingTransform(
                mask, Net, num_bins=BINS, tails="linear", tail_bound=BOUND
            )
            for mask in masks
        ]
    flow = flow_class(transforms.CompositeTransform(layers), normal([2]))
    return flow, flow.log_prob


def of_normflows(kind: str) -> Peer:
    nf = import_module("normflows")
    layers: list[nn.Module] = []
    for i in range(N_AFFINE if kind == "affine" else N_SPLINE):
        if kind == "affine":
            layers += [nf.flows.AffineCouplingBlock(Net(1, 2)), nf.flows.Permute(2, mode="swap")]
        else:
            layer = nf.flows.CoupledRationalQuadraticSpline(
                2, 1, WIDTH, num_bins=BINS, tail_bound=BOUND, reverse_mask=i % 2 == 1
            )
            layer.prqct.transform_net = Net(1, layer.prqct.transform_net.final_layer.out_features)
            layers.append(layer)
    flow = nf.NormalizingFlow(nf.distributions.DiagGaussian(2, trainable=False), layers)
    return flow, flow.log_prob


def of_freia(kind: str) -> Peer:
    if kind != "affine":
        raise LookupError("FrEIA 0.2 has no spline coupling.")
    framework, modules = import_module("FrEIA.framework"), import_module("FrEIA.modules")
    flow = framework.SequenceINN(2)
    for _ in range(N_AFFINE // 2):  # each block is two couplings
        flow.append(modules.GLOWCouplingBlock, subnet_constructor=Net)

    def log_prob(x: Tensor) -> Tensor:
        z, log_det = flow(x)
        return -0.5 * z.square().sum(1) + log_det

    return flow, log_prob


OPTIMISERS: dict[str, Callable[[list[nn.Parameter]], Any]] = {
    "": lambda parameters: LeanAdam(parameters, 1e-3),
    ", torch's fused Adam": lambda parameters: torch.optim.Adam(parameters, 1e-3, fused=True),
    ", torch's Adam": lambda parameters: torch.optim.Adam(parameters, 1e-3),
}


def stepper(peer: Peer, x: Tensor, kind: str = "") -> Callable[[], None]:
    """One training step: gradient of the mean negative log density, then Adam of a kind."""
    model, log_prob = peer
    optimiser = OPTIMISERS[kind](list(model.parameters()))

    def step() -> None:
        value = -log_prob(x).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()

    return step


def milliseconds(step: Callable[[], None]) -> float:
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return 1000 * (time.process_time() - start) / STEPS


def compare(kind: str) -> dict[str, Any]:
    """Milliseconds of CPU a step of each, and how many times ours goes into it."""
    density: Any = DATASETS["moons"].density
    x = density.sample(BATCH, rng=make_rng(0))
    makers = {"ours": ours, "zuko": of_zuko, "nflows": of_nflows, "normflows": of_normflows, "FrEIA": of_freia}
    steppers = {}
    for name, build in makers.items():
        with suppress(LookupError):
            steppers |= {f"{name}{optimiser}": stepper(build(kind), x, optimiser) for optimiser in OPTIMISERS}
    if has_compiler():
        mine = ours(kind)
        steppers["ours, compiled"] = stepper((mine[0], torch.compile(mine[1], dynamic=False)), x)
    for step in steppers.values():
        milliseconds(step)
    rounds = [{name: milliseconds(step) for name, step in steppers.items()} for _ in range(ROUNDS)]
    best = {name: min(each[name] for each in rounds) for name in steppers}
    return {
        name: {"ms": round(ms, 3), "over_ours": round(ms / best["ours"], 2), "steps_per_s": round(1000 / ms)}
        for name, ms in best.items()
    }


def main() -> None:
    """Measure and keep."""
    use_threads(1)
    keep("flows", {"batch": BATCH, "affine": compare("affine"), "spline": compare("spline")})


if __name__ == "__main__":
    main()
