"""Gradients that are written out, against autograd and finite differences; and our Adam against torch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engines.datasets import DATASETS
from engines.flows.flow import PIECE
from engines.flows.layers.affine_run import Step, run_of_steps
from engines.flows.layers.couplings import AdditiveCoupling, AffineCoupling, SplineCoupling, run_of_couplings
from engines.models import MODELS, build_model
from engines.nets.by_hand import perceptron, weights_of
from engines.nets.mlp import build_mlp
from engines.tensors import make_rng
from engines.training.adam import LeanAdam

close = partial(torch.testing.assert_close, atol=1e-12, rtol=1e-10)


def unsettle(module: nn.Module) -> None:
    """Weights that are neither zero nor small, in float64."""
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, std=0.5)


def points(n: int, n_features: int, seed: int) -> Tensor:
    return torch.randn(n, n_features, dtype=torch.float64, generator=make_rng(seed)).requires_grad_()


@pytest.mark.parametrize("n_hidden", [1, 2, 3])
def test_a_perceptrons_gradient_and_its_gradient(n_hidden: int) -> None:
    net = build_mlp(3, 5, n_hidden, 2)
    unsettle(net)
    x, weights = points(4, 3, n_hidden), tuple(net.parameters())
    close(perceptron(x, weights_of(net)), net(x))
    mine = torch.autograd.grad(perceptron(x, weights_of(net)).square().sum(), (x, *weights))
    autograds = torch.autograd.grad(net(x).square().sum(), (x, *weights))
    for found, wanted in zip(mine, autograds, strict=True):
        close(found, wanted)
    function = lambda x, *weights: perceptron(x, weights)  # noqa: E731
    assert torch.autograd.gradcheck(function, (x, *weights))
    assert torch.autograd.gradgradcheck(function, (x, *weights))


@pytest.mark.parametrize("n_features", [1, 2, 5])
@pytest.mark.parametrize("n_hidden", [1, 3])
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")  # a half of one coordinate is none
def test_a_glance_is_what_autograd_would_see_and_leaves_its_input_alone(n_features: int, n_hidden: int) -> None:
    layers = [AffineCoupling(n_features, i % 2 == 0, 7, n_hidden, scale_cap=1.5) for i in range(3)]
    unsettle(nn.ModuleList(layers))
    x = 10 * points(50, n_features, 1).detach()  # some of it beyond the conditioner's limit
    z, total = x, torch.zeros(50, dtype=torch.float64)
    for layer in layers:
        kept, moved = layer._split(z)
        given = layer.conditioner(kept.clamp(-30, 30))
        shift, raw = given[:, : moved.shape[1]], given[:, moved.shape[1] :]
        log_scale = 1.5 * raw.tanh()
        z, total = layer._join(kept, (moved - shift) * log_scale.exp()), total + log_scale.sum(1)
    before = x.clone()
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found, log_det = run_of_couplings(layers, x)
            one_by_one = layers[0].to_latent(x)[0]
        assert torch.equal(x, before) and not found.requires_grad
        close(found, z.detach(), atol=1e-11)
        close(log_det, total.detach(), atol=1e-11)
        close(one_by_one, layers[0].to_latent(x)[0].detach(), atol=1e-11)


@pytest.mark.parametrize("n_features", [2, 3])
def test_couplings_of_any_kind_pass_by_as_they_go_one_by_one(n_features: int) -> None:
    layers = [
        SplineCoupling(n_features, True, 7, 1, 4, 3.0),
        AdditiveCoupling(n_features, False, 7, 1),
        SplineCoupling(n_features, False, 7, 2, 5, 3.0),
        AffineCoupling(n_features, True, 7, 1, scale_cap=1.5),
    ]
    unsettle(nn.ModuleList(layers))
    x = 10 * points(50, n_features, 3).detach()
    z, total = x, torch.zeros(50, dtype=torch.float64)
    for layer in layers:
        z, log_det = layer.to_latent(z)
        total = total + log_det
    with torch.no_grad():
        found, log_det = run_of_couplings(layers, x)
    close(found, z.detach(), atol=1e-11)
    close(log_det, total.detach(), atol=1e-11)


@pytest.mark.parametrize("key", ["realnvp", "spline", "planar", "iaf"])
def test_without_a_gradient_a_flow_carries_a_piece_at_a_time(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DATASETS["moons"]
    model = build_model(MODELS[key], MODELS[key].settings(), data, data.settings(), 0)
    unsettle_a_little(model)
    seen: list[int] = []
    first: Any = model.layers[0]
    carry = first.to_latent
    monkeypatch.setattr(first, "to_latent", lambda x: (seen.append(len(x)), carry(x))[1])
    x = 2 * points(2 * PIECE + 7, 2, 3).detach()
    with torch.no_grad():
        log_prob, back = model.log_prob(x), model.to_data(x)[0]
    assert seen == [PIECE, PIECE, 7]
    seen.clear()
    close(log_prob, model.log_prob(x).detach(), atol=1e-10)
    close(back, model.to_data(x)[0].detach(), atol=1e-9)
    assert seen == [len(x)]  # a gradient needs it all at once


def unsettle_a_little(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=make_rng(1)))


@pytest.mark.parametrize("n_features", [2, 5])
def test_a_run_of_couplings_is_what_they_are_one_by_one(n_features: int) -> None:
    """So too where the input of a conditioner is beyond its limit, and its slope is zero there."""
    layers = [AffineCoupling(n_features, i % 2 == 0, 7, 2, scale_cap=1.5) for i in range(3)]
    chain = nn.ModuleList(layers)
    unsettle(chain)
    x = points(6, n_features, 0)
    far = (x * torch.tensor([1.0, 1, 1, 1, 1, 40], dtype=torch.float64)[:, None]).detach().requires_grad_()
    z, total = far, torch.zeros(6, dtype=torch.float64)
    for layer in layers:
        z, log_det = layer.to_latent(z)
        total = total + log_det
    run_z, run_total = run_of_couplings(layers, far)
    close((run_z, run_total), (z, total))
    inputs = (far, *chain.parameters())
    mine = torch.autograd.grad((run_z.sin().sum() + run_total.square().sum()), inputs)
    autograds = torch.autograd.grad((z.sin().sum() + total.square().sum()), inputs)
    for found, wanted in zip(mine, autograds, strict=True):
        close(found, wanted)


def test_the_gradient_of_a_runs_gradient() -> None:
    layers = [AffineCoupling(2, i == 0, 4, 1, scale_cap=1.5) for i in range(2)]
    unsettle(nn.ModuleList(layers))
    steps = [layer.step for layer in layers]

    def function(first: Tensor, last: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        half = len(weights) // 2
        own = [Step(*step[:2], part) for step, part in zip(steps, (weights[:half], weights[half:]), strict=True)]
        return run_of_steps(own, first, last)

    inputs = (points(3, 1, 1), points(3, 1, 2), *(weight for step in steps for weight in step.weights))
    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("key", ["realnvp", "spline"])
def test_a_compiler_sees_a_flow_as_one_graph(key: str) -> None:
    """Then it fuses across layers; what is written out by hand is left to it."""
    spec, data = MODELS[key], DATASETS["moons"]
    flow = build_model(spec, spec.settings.from_dict({"n_couplings": 2, "width": 8}), data, data.settings(), 0)
    x = torch.randn(16, 2, generator=make_rng(3))
    compiled: Any = torch.compile(flow.log_prob, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), flow.log_prob(x))


def test_our_adam_is_torchs_to_the_last_bit() -> None:
    """Also where the rate changes, and where some parameters have no gradient for a while."""
    rng = make_rng(0)
    mine = [nn.Parameter(torch.randn(size, generator=rng)) for size in ((8, 3), (8,), (2, 8), ())]
    torchs = [nn.Parameter(parameter.detach().clone()) for parameter in mine]
    ours, usual = LeanAdam(mine, 1e-3, (0.5, 0.9)), torch.optim.Adam(torchs, 1e-3, (0.5, 0.9), fused=True)
    for step in range(30):
        ours.rate = usual.param_groups[0]["lr"] = 1e-3 * (1 + step)
        ours.zero_grad()
        for i, (a, b) in enumerate(zip(mine, torchs, strict=True)):
            b.grad = None if i % 2 and step < 7 else torch.randn(a.shape, generator=rng)
            a.grad = None if b.grad is None else b.grad.clone()
        ours.step()
        usual.step()
    assert all(torch.equal(a, b) for a, b in zip(mine, torchs, strict=True))
