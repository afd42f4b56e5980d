"""Layers on their way: the states of a path in time, held against slower clocks and against autograd."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection, Inverted
from engines.flows.layers.continuous import Continuous
from engines.flows.stack import LAYERS, StackSettings, build_layer
from engines.tensors import make_rng

SETTINGS = StackSettings(layers="planar", width=8)
WAYS = ("ways_to_latent", "ways_to_data")
Z = torch.randn(60, 2, generator=make_rng(2)).double()


def continuous(n_steps: int = 4) -> Continuous:
    """A path that bends: nothing like a straight line."""
    torch.manual_seed(0)
    layer = Continuous(2, 16, n_steps).double()
    with torch.no_grad():
        layer.outer.add_(0.4 * torch.randn(layer.outer.shape, generator=make_rng(1)))
    return layer


def ends(layer: Bijection, way: str) -> tuple[Tensor, Tensor]:
    return layer.to_data(Z) if way == "ways_to_data" else layer.to_latent(Z)


@pytest.mark.parametrize("n_steps", [3, 4, 16])
@pytest.mark.parametrize("n", [1, 4, 8, 10])
@pytest.mark.parametrize("way", WAYS)
def test_a_path_in_time_tells_n_states_and_ends_where_the_layer_does(way: str, n: int, n_steps: int) -> None:
    layer = continuous(n_steps)
    states = getattr(layer, way)(Z, n)
    assert len(states) == n
    assert all(torch.equal(found, true) for found, true in zip(states[-1], ends(layer, way), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_a_state_on_the_way_is_where_a_slower_velocity_ends(way: str) -> None:
    """A velocity of i/n of the speed goes in one unit of time as far as the whole one in i/n of it."""
    layer, slower = continuous(8), continuous(200)
    states = getattr(layer, way)(Z, 10)
    for i, (state, log_det) in enumerate(states, 1):
        with torch.no_grad():
            slower.outer.copy_(layer.outer * i / 10)
        true, true_log_det = ends(slower, way)
        torch.testing.assert_close(state, true, rtol=0, atol=2e-4)
        torch.testing.assert_close(log_det, true_log_det, rtol=0, atol=2e-3)
    middle, straight = states[4][0], (Z + states[-1][0]) / 2
    assert (middle - straight).norm(dim=1).max() > 0.05  # or the test would say nothing


@pytest.mark.parametrize("way", WAYS)
def test_each_state_on_the_way_counts_the_volume_up_to_it(way: str) -> None:
    z = Z.clone().requires_grad_()
    for state, log_det in getattr(continuous(16), way)(z, 5):
        rows = torch.stack([torch.autograd.grad(state[:, i].sum(), z, retain_graph=True)[0] for i in range(2)], 1)
        torch.testing.assert_close(log_det, torch.linalg.slogdet(rows).logabsdet, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("way", WAYS)
def test_any_other_layer_has_only_its_end(way: str, name: str) -> None:
    layer = build_layer(name, SETTINGS, 0).double()
    states = getattr(layer, way)(Z, 7)
    assert len(states) == (7 if name == "continuous" else 1)
    assert all(torch.equal(found, true) for found, true in zip(states[-1], ends(layer, way), strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_an_inverted_path_goes_the_other_way_in_time(way: str) -> None:
    layer = continuous()
    other = WAYS[1 - WAYS.index(way)]
    for found, true in zip(getattr(Inverted(layer), way)(Z, 6), getattr(layer, other)(Z, 6), strict=True):
        assert torch.equal(found[0], true[0]) and torch.equal(found[1], true[1])


def test_a_flow_goes_on_from_the_end_of_each_way() -> None:
    layers = [build_layer("affine", SETTINGS, 0).double(), continuous(), Inverted(continuous()), continuous(3)]
    flow = Flow(copy.deepcopy(layers), 2)
    for ways, layer_by_layer, whole in (
        (flow.ways_to_data(Z, 5), flow.layers_to_data(Z), flow.to_data(Z)),
        (flow.ways_to_latent(Z, 5), flow.layers_to_latent(Z), flow.to_latent(Z)),
    ):
        assert sorted(len(way) for way in ways) == [1, 5, 5, 5]
        torch.testing.assert_close(ways[-1][-1][0], whole[0])
        torch.testing.assert_close(torch.stack([way[-1][1] for way in ways]).sum(0), whole[1])
        for way, (state, log_det) in zip(ways, layer_by_layer, strict=True):
            assert torch.equal(way[-1][0], state) and torch.equal(way[-1][1], log_det)
