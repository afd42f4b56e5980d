"""Questions to a flow of the plane: how its layers move the base, and the ledger of one point."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from app.live.ask import MANY, need, read_place, read_rows
from app.live.plane_asks import read_temperature
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS, Density
from engines.errors import SettingError
from engines.flows.flow import Flow
from engines.probes import fixed_noise
from engines.settings import Settings
from engines.tensors import to_numpy
from engines.training.run import Run

N_PARTICLES = 1000
N_LINES, LINE_POINTS = 13, 41  # of the grid that is laid over the base, each way
REACH = 3.0  # of the grid over a standard Gaussian
MARGIN = 1.13  # around it
MOST_ZOOM = 4.0  # how far a picture may zoom out to follow the particles
SIDE = 1e-4  # of the square around a point, in data units
FARTHEST = 1e6  # points beyond are cut to it
N_TIMED, TIMES = 1000, 3
N_WAYS = 8  # states inside a layer that is a path in time: chords leave the stored ones by 0.014 data units at most
MOST_WAYS = 64  # states inside all layers of a flow, but one for each layer in any case


@dataclass(frozen=True)
class FlowLayersAsk:
    """Where each layer brings the particles and the grid that began in the base.

    Attributes:
        run, step: Whose weights.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, Flow, "a flow of the plane")
        target_of(run)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[FlowLayersAsk]) -> dict[FlowLayersAsk, Arrays]:
        """One film for all."""
        return dict.fromkeys(asks, film_of(model, target_of(run)))


@dataclass(frozen=True)
class FlowParticlesAsk:
    """Where each layer brings the particles of a film that begin at another temperature.

    Attributes:
        run, step: Whose weights.
        temperature: Scale of the base's noise, in hundredths.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    temperature: float
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), read_temperature(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, Flow, "a flow of the plane")
        target_of(run)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[FlowParticlesAsk]) -> dict[FlowParticlesAsk, Arrays]:
        """All temperatures in one pass."""
        found = particles_of(model, target_of(run), [ask.temperature for ask in asks])
        return dict(zip(asks, found, strict=True))


@dataclass(frozen=True)
class FlowLedgerAsk:
    """How the log density of a point adds up, and what becomes of a tiny square around it.

    Attributes:
        run, step: Whose weights.
        x: The point, in data units.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    x: tuple[float, float]
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        rows = read_rows([message.get("x")], most_rows=1, most_columns=2, limit=FARTHEST)
        if len(rows[0]) != 2:
            raise SettingError("Expected a point of two numbers.")
        return cls(*read_place(message), (rows[0][0], rows[0][1]))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, Flow, "a flow of the plane")
        target_of(run)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[FlowLedgerAsk]) -> dict[FlowLedgerAsk, Arrays]:
        """All points in one pass."""
        x = torch.tensor([ask.x for ask in asks], dtype=torch.float64)
        found = ledger_of(_in_double(model), x)
        found["truth"] = to_numpy(target_of(run).log_prob(x))
        return {ask: {name: array[i] for name, array in found.items()} for i, ask in enumerate(asks)}


def film_of(flow: Flow, target: Density) -> Arrays:
    """The states between the layers and inside those that are paths in time, base first, and what a pass costs.

    particles (R, N, 2), grid (R, 2 * N_LINES * LINE_POINTS, 2): each state of each point, in half precision;
    windows (R, 4): what to show of each state, x0, x1, y0, y1; ends (L + 1,): which states are the base and the
    ends of the layers; cost (2,): milliseconds for N_TIMED points to the latent side and to the data side.
    """
    particles = flow.base.place(fixed_noise(N_PARTICLES))
    reach = _reach(particles)
    start = torch.cat([particles, _grid(reach)])
    ways = flow.ways_to_data(start, n_ways(flow))
    states = _states(start, ways)
    seen = as_picture({"particles": to_numpy(states[:, :N_PARTICLES]), "grid": to_numpy(states[:, N_PARTICLES:])})
    windows = _windows(states[:, :N_PARTICLES], MARGIN * reach, target.window)
    ends = np.cumsum([0, *(len(way) for way in ways)], dtype=np.int32)
    cost = _cost(flow, particles, states[-1, :N_PARTICLES])
    return seen | {"windows": windows, "ends": ends, "cost": cost}


def particles_of(flow: Flow, target: Density, temperatures: Sequence[float]) -> list[Arrays]:
    """The particles and windows of a film at each temperature; particles keep their order, so colours stay theirs."""
    noise = fixed_noise(N_PARTICLES)
    start = torch.cat([flow.base.place(noise, temperature) for temperature in temperatures])
    states = _states(start, flow.ways_to_data(start, n_ways(flow))).split(N_PARTICLES, 1)
    base = MARGIN * _reach(flow.base.place(noise))
    return [
        as_picture({"particles": to_numpy(part)}) | {"windows": _windows(part, base, target.window)} for part in states
    ]


def n_ways(flow: Flow) -> int:
    """How many states to tell inside a layer that is a path in time."""
    return min(N_WAYS, max(1, MOST_WAYS // len(flow.layers)))


def ledger_of(flow: Flow, x: Tensor) -> Arrays:
    """Terms and squares of points (B, 2), base first.

    terms (B, L + 1): log density of the base, then log |det| of each layer towards the latent side, nats; path
    (B, R, 2): the point's states, as many as in a film; quads (B, R, 4, 2): a square around it, carried along,
    relative to the point and in units of its side in the data; area (B, 3): of the square at the data, at the base,
    and log of their ratio; round_trip (B,): |x - to_data(to_latent(x))|.
    """
    corners = 0.5 * SIDE * torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=x.dtype)
    around = torch.cat([x[:, None], x[:, None] + corners], 1)  # (B, 5, 2)
    ways = flow.ways_to_latent(around.flatten(0, 1), n_ways(flow))
    states = _states(around.flatten(0, 1), ways).flip(0)
    states = states.unflatten(1, (-1, 5)).transpose(0, 1)  # (B, R, 5, 2)
    latent, quads = states[:, 0, 0], states[:, :, 1:] - states[:, :, :1]
    log_dets = torch.stack([log_det.view(-1, 5)[:, 0] for *_, (_, log_det) in reversed(ways)], 1)
    before, after = _area(quads[:, -1]), _area(quads[:, 0])
    arrays = {
        "terms": torch.cat([flow.base_log_prob(latent)[:, None], log_dets], 1),
        "path": states[:, :, 0],
        "quads": quads / SIDE,
        "area": torch.stack([before, after, (after / before).log()], 1),
        "round_trip": (x - flow.to_data(latent)[0]).norm(dim=1),
    }
    return {name: to_numpy(array) for name, array in arrays.items()}


def target_of(run: Run) -> Density:
    """The exact density that a run learns from."""
    spec = DATASETS[run.experiment.dataset]
    return _density(spec.key, spec.settings.from_dict(run.experiment.dataset_settings))


@lru_cache(maxsize=64)
def _density(key: str, settings: Settings) -> Density:
    density = DATASETS[key].build(settings)
    if density is None:
        raise SettingError(f"{DATASETS[key].title} has no density in the plane.")
    return density


_doubles: WeakKeyDictionary[Flow, Flow] = WeakKeyDictionary()


def _in_double(flow: Flow) -> Flow:
    """The same flow in double precision, so that sums agree to the digits that are shown."""
    if flow not in _doubles:
        _doubles[flow] = copy.deepcopy(flow).double()
    return _doubles[flow]


def _states(start: Tensor, ways: Sequence[Sequence[tuple[Tensor, Tensor]]]) -> Tensor:
    """Where points begin and all that they pass: (B, D) -> (R, B, D)."""
    return torch.stack([start, *(state for way in ways for state, _ in way)])


def _reach(particles: Tensor) -> float:
    """How far the base goes along an axis, and the grid over it."""
    return max(REACH, float(particles.abs().quantile(0.995)))


def _grid(reach: float) -> Tensor:
    """Lines over the base: N_LINES upright ones, then as many level ones, each of LINE_POINTS points."""
    place, along = torch.linspace(-reach, reach, N_LINES), torch.linspace(-reach, reach, LINE_POINTS)
    upright = torch.stack(torch.meshgrid(place, along, indexing="ij"), -1).view(-1, 2)
    return torch.cat([upright, upright.flip(1)])


def _windows(states: Tensor, base: float, window: tuple[float, float, float, float]) -> np.ndarray:
    """Each state around zero, never closer than the base and as far as its particles ask for; the last: the data's."""
    far = states.abs().flatten(1).quantile(0.995, dim=1)
    halves = [min(max(base, 1.05 * v), MOST_ZOOM * base) for v in far.nan_to_num(nan=base).tolist()]
    return np.array([*([-h, h, -h, h] for h in halves[:-1]), window], np.float32)


def _cost(flow: Flow, z: Tensor, x: Tensor) -> np.ndarray:
    def fastest(work: Callable[[], object]) -> float:
        return min(_milliseconds(work) for _ in range(TIMES)) * N_TIMED / len(z)

    return np.array([fastest(lambda: flow.to_latent(x)), fastest(lambda: flow.to_data(z))], np.float32)


def _milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def _area(quads: Tensor) -> Tensor:
    """Area of quadrilaterals (B, 4, 2): half the cross product of the diagonals."""
    first, second = quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1]
    return 0.5 * (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).abs()
