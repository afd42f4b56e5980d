"""The ways back that are found numerically: against bisection, in single and in double precision, for hard weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from engines.flows.layers.residual import Residual
from engines.flows.layers.roots import solve_increasing
from engines.flows.layers.simple import Planar, Radial
from engines.flows.layers.splines import n_spline_parameters, spline_to_data, spline_to_latent
from engines.tensors import make_rng
from engines.training.run import Run

CHECKPOINTS = Path(__file__).parents[2] / "checkpoints" / "flow"
BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
# w and u: opposed, short and long, parallel, across, zero
HARD = [
    *(((3.0, 0.0), (-3.0, 0.0)), ((0.01, 0.0), (-500.0, 0.0)), ((1.0, 1.0), (-20.0, 0.0)), ((9.0, 1.0), (-9.0, 1.0))),
    *(((a, b), (c, d)) for a in (50.0, -50.0) for b in (50.0, -50.0) for c in (50.0, -50.0) for d in (50.0, -50.0)),
    *(((0.0, 0.0), (5.0, -5.0)), ((0.0, 0.0), (0.0, 0.0)), ((1e-20, 0.0), (-1.0, 0.0)), ((1e-4, 0.0), (-1e3, 1.0))),
    *(((100.0, 0.0), (-100.0, 0.0)), ((300.0, 300.0), (-300.0, -300.0))),
]


def planar(w: Any, u: Any, dtype: torch.dtype, b: float = 0.3) -> Planar:
    layer = Planar(2)
    with torch.no_grad():
        for parameter, value in ((layer.w, w), (layer.u, u), (layer.b, b)):
            parameter.copy_(torch.tensor(value))
    return layer.to(dtype)


def points(n: int, dtype: torch.dtype, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(n, 2, generator=make_rng(5)).to(dtype)


@BOTH
@pytest.mark.parametrize(("w", "u"), HARD)
def test_a_planar_layer_never_folds_whatever_its_weights_are(w: Any, u: Any, dtype: torch.dtype) -> None:
    layer, x = planar(w, u, dtype), points(500, dtype)
    pushed, along = (value.detach() for value in layer._push())
    exactly = sum(mpmath.mpf(a) * mpmath.mpf(b) for a, b in zip(layer.w.tolist(), pushed.tolist(), strict=True))
    room = 8 * torch.finfo(dtype).eps * (1 + float(layer.w.detach().norm() * pushed.norm()))
    assert exactly > -1 and abs(exactly - float(along)) < room
    z, log_det = layer.to_latent(x)
    back, up = layer.to_data(z.detach())
    assert log_det.isfinite().all() and up.isfinite().all()
    gradients = torch.autograd.grad((z + back).sum() + (log_det + up).sum(), list(layer.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert_undone(layer, z.detach(), dtype)


def assert_undone(layer: Planar, z: Tensor, dtype: torch.dtype) -> None:
    """What the layer, in exact numbers, makes of its way back from z is z but for rounding, and so is the volume."""
    with torch.no_grad():
        back, up = layer.to_data(z)
        (pushed, along), w, b = layer._push(), layer.w.double(), layer.b.double()
        x, u = back.double(), pushed.double()
        a = x @ w + b
        size = 1 + z.double().norm(dim=1) * (1 + w.norm()) + along.abs()
        room = 16 * torch.finfo(dtype).eps * size
        off = (x + a.tanh()[:, None] * u - z.double()).norm(dim=1)
        assert (off <= room * (1 + u.norm())).all(), float((off / room).max())
        slope = 1 + along.double() / a.clamp(-300, 300).cosh().square()
        assert ((up.double() + slope.log()).abs() <= room * (1 + along.abs()) / slope.clamp(max=1)).all()


def bisected(w: np.ndarray, u: np.ndarray, b: float, z: np.ndarray) -> np.ndarray:
    """The way back of a planar layer by 200 halvings: t + w·u tanh(t + b) = w·z."""
    along, goal = float(w @ u), z @ w
    low, high = goal - abs(along) - 1e-9, goal + abs(along) + 1e-9
    for _ in range(200):
        middle = 0.5 * (low + high)
        is_below = middle + along * np.tanh(middle + b) < goal
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return z - np.tanh(0.5 * (low + high) + b)[:, None] * u


def test_a_planar_way_back_is_that_of_bisection() -> None:
    rng = make_rng(6)
    for scale in (0.5, 1.0, 2.0, 4.0, 8.0):
        for _ in range(8):
            w, u = (scale * torch.randn(2, 2, generator=rng)).tolist()
            layer = planar(w, u, torch.float64, float(torch.randn((), generator=rng)))
            z = points(2000, torch.float64)
            with torch.no_grad():
                true = bisected(layer.w.numpy(), layer._push()[0].numpy(), float(layer.b), z.numpy())
                np.testing.assert_allclose(layer.to_data(z)[0].numpy(), true, rtol=0, atol=1e-10 * (1 + scale**2))


@BOTH
@pytest.mark.parametrize("name", ["planar-spirals-8_layers", "planar-ring"])
def test_stored_planar_flows_come_back_from_every_sample(name: str, dtype: torch.dtype) -> None:
    model = Run.load(CHECKPOINTS / name).model().to(dtype)
    z = torch.randn(20_000, 2, generator=make_rng(4)).to(dtype)
    with torch.no_grad():
        x, down = model.to_data(z)
        back, up = model.to_latent(x)
    assert float((back - z).norm(dim=1).max()) < (1e-3 if dtype == torch.float32 else 1e-11)
    assert float((down + up).abs().max()) < (1e-2 if dtype == torch.float32 else 1e-10)


def log_det_of_planar(w: np.ndarray, u: np.ndarray, b: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By the formulas of Rezende and Mohamed, appendix A.1, but with a shift that keeps w·u = 0."""
    raw = float(w @ u)
    along = math.log1p((math.e - 1) * math.exp(raw)) - 1
    u = u + (along - raw) * w / float(w @ w)
    bent = np.tanh(x @ w + b)
    return x + bent[:, None] * u, np.log(1 + (1 - bent**2) * along)


def log_det_of_radial(centre: np.ndarray, log_alpha: float, raw: float, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By appendix A.2."""
    alpha, away = math.exp(log_alpha), x - centre
    beta = alpha * (math.log1p((math.e - 1) * math.exp(raw)) - 1)
    r = np.sqrt((away**2).sum(1))
    h, slope = 1 / (alpha + r), -1 / (alpha + r) ** 2
    return x + beta * h[:, None] * away, np.log(1 + beta * h) + np.log(1 + beta * h + beta * slope * r)


@pytest.mark.parametrize("name", ["planar-moons", "planar-rings", "planar-spirals", "radial-moons", "radial-spirals"])
def test_densities_of_stored_flows_are_those_of_the_paper(name: str) -> None:
    model: Any = Run.load(CHECKPOINTS / name).model().double()
    x = points(1000, torch.float64, 1.5)
    first, *layers = model.layers
    at, total = ((x - first.mean) / first.std).numpy(), float(-first.std.log().sum())
    for layer in layers:
        values = [p.detach().numpy() if p.ndim else float(p) for p in layer.parameters()]
        by_hand: Any = log_det_of_planar if isinstance(layer, Planar) else log_det_of_radial
        at, log_det = by_hand(*values, at)
        total = total + log_det
    true = total - 0.5 * (at**2).sum(1) - math.log(2 * math.pi)
    np.testing.assert_allclose(model.log_prob(x).detach().numpy(), true, rtol=0, atol=1e-10)


@BOTH
@pytest.mark.parametrize("log_alpha", [-300.0, -30.0, -2.0, 0.0, 3.0, 30.0, 300.0])
@pytest.mark.parametrize("raw", [-1e4, -20.0, -5.0, 0.0, 3.0, 1e3])
def test_a_radial_layer_comes_back_whatever_its_weights_are(raw: float, log_alpha: float, dtype: torch.dtype) -> None:
    layer, x = Radial(2), points(300, dtype)
    with torch.no_grad():
        layer.raw.fill_(raw)
        layer.log_alpha.fill_(log_alpha)
        layer = layer.to(dtype)
        x[0] = layer.centre
        z, log_det = layer.to_latent(x)
        back, up = layer.to_data(z)
    assert log_det.isfinite().all() and up.isfinite().all()
    worst = 1e3 if raw < -5 else 1.0  # the least slope is 0.001
    eps = worst * torch.finfo(dtype).eps
    torch.testing.assert_close(back, x, rtol=0, atol=1e3 * eps)
    if raw > -20:
        torch.testing.assert_close(up, -log_det, rtol=0, atol=1e3 * eps * (1 + abs(log_alpha)))


def hard_rise(calls: list[int], along: float = -0.999) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def rise(t: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(1)
        return t + along * t.tanh(), 1 + along / t.clamp(-40, 40).cosh().square()

    return rise


@BOTH
@pytest.mark.parametrize("along", [-0.999, -0.9, 2.0, 5e3, 1e6])
def test_a_root_that_is_found_stays_found_and_soon(along: float, dtype: torch.dtype) -> None:
    """Against bisection in double precision; few calls, since one point that bounces makes all others wait."""
    calls: list[int] = []
    goal = torch.cat([torch.linspace(-60, 60, 4001), 1e-3 * torch.linspace(-1, 1, 999)]).to(dtype)
    t = solve_increasing(hard_rise(calls, along), goal, reach=torch.tensor(abs(along), dtype=dtype))
    low, high = goal.double() - abs(along), goal.double() + abs(along)
    for _ in range(200):
        middle = 0.5 * (low + high)
        is_below = hard_rise([], along)(middle)[0] < goal.double()
        low, high = torch.where(is_below, middle, low), torch.where(is_below, high, middle)
    slope = hard_rise([], along)(low)[1]
    room = 4 * torch.finfo(dtype).eps * (1 + goal.abs().double() + abs(along)) / slope.clamp(max=1.0)
    assert ((t.double() - low).abs() <= room).all()
    assert len(calls) < 60


@BOTH
@pytest.mark.parametrize("scale", [2.0, 10.0, 30.0])
def test_a_spline_comes_back_as_exactly_as_its_slopes_allow(scale: float, dtype: torch.dtype) -> None:
    """What comes of its way back is off by no more than what rounding of x alone would make of it."""
    raw = (scale * torch.randn(20_000, n_spline_parameters(8), generator=make_rng(1))).to(dtype)
    y = (8 * torch.rand(20_000, generator=make_rng(2)) - 4).to(dtype)
    x, _ = spline_to_data(y, raw, 4.0)
    again, _ = spline_to_latent(x, raw, 4.0)
    next_x = x + 8 * torch.finfo(dtype).eps * 4
    rounding = (spline_to_latent(next_x, raw, 4.0)[0] - again).abs()
    off = (again - y).abs() / (rounding + 64 * torch.finfo(dtype).eps)
    assert float(off.max()) < 16


@BOTH
@pytest.mark.parametrize("contraction", [0.9, 0.99])
@pytest.mark.parametrize("scale", [0.3, 50.0])
def test_a_residual_comes_back_in_few_calls(scale: float, contraction: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer, calls = Residual(32, 2, contraction), []
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=make_rng(0)))
        layer, x = layer.to(dtype), points(3000, dtype)
        z, log_det = layer.to_latent(x)
        bend = layer._bend
        layer._bend = lambda x: (calls.append(1), bend(x))[1]
        back, up = layer.to_data(z)
    torch.testing.assert_close(back, x, rtol=0, atol=64 * torch.finfo(dtype).eps)
    torch.testing.assert_close(up, -log_det, rtol=0, atol=64 * torch.finfo(dtype).eps)
    assert len(calls) < 40  # of the net and its Jacobian, for all points at once
