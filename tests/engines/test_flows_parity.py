"""RealNVP, splines and autoregressive flows against zuko: the same weights give the same density."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import zuko
from torch import Tensor, nn
from torch.distributions import AffineTransform, Independent, Normal, Transform

from engines.datasets import DATASETS
from engines.flows.family import BOUND
from engines.flows.layers.base import CONDITIONER_LIMIT
from engines.flows.layers.couplings import AffineCoupling
from engines.flows.layers.splines import LEAST_SIZE, LEAST_SLOPE
from engines.models import MODELS, build_model
from engines.tensors import make_rng

DATA = ("moons", "two_modes")


def build(dataset: str, **settings: Any) -> Any:
    """A RealNVP in float64 whose every parameter was moved at random."""
    spec, data, rng = MODELS["realnvp"], DATASETS[dataset], make_rng(1)
    model = build_model(spec, spec.settings.from_dict(settings), data, data.settings(), seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return model.double()


def affine_map(shift: Tensor, scale: Tensor) -> Transform:
    """shift + scale x of each coordinate, as a map of vectors."""
    return zuko.transforms.DependentTransform(AffineTransform(shift, scale), 1)


def zuko_coupling(layer: AffineCoupling, settings: Any) -> Transform:
    """Zuko's coupling with its own perceptron of the same weights, around torch's own affine map."""
    net = zuko.nn.MLP(1, 2, hidden_features=[settings.width] * settings.n_hidden, activation=nn.SiLU).double()
    net.load_state_dict(layer.conditioner.state_dict())

    def affine(kept: Tensor) -> Transform:
        shift, raw = net(kept).unbind(-1)
        scale = (settings.scale_cap * raw.tanh()).exp()[..., None]
        return affine_map(-shift[..., None] * scale, scale)

    mask: Any = torch.tensor([layer.moves_last, not layer.moves_last])  # zuko: True where nothing moves
    return zuko.transforms.CouplingTransform(affine, mask)


def zuko_flow(model: Any, dataset: str, settings: Any) -> Any:
    """The same flow made of zuko's parts; the data's moments come from its samples' density, not from the model."""
    density: Any = DATASETS[dataset].density
    std = density.covariance().diagonal().sqrt()
    standardize = affine_map(-density.mean() / std, 1 / std)
    couplings = [zuko_coupling(layer, settings) for layer in list(model.layers)[1:]]
    chain = zuko.transforms.ComposedTransform(standardize, *couplings)
    base = Independent(Normal(torch.zeros(2).double(), torch.ones(2).double()), 1)
    return zuko.distributions.NormalizingFlow(chain, base)


def in_reach(model: Any, x: Tensor) -> Tensor:
    """Points that stay inside the limit at which ours, unlike zuko, stops to listen to the kept coordinate."""
    states = torch.stack([state for state, _ in model.layers_to_latent(x)])
    return x[(states.abs() < CONDITIONER_LIMIT).all(2).all(0)]


@pytest.mark.parametrize("dataset", DATA)
@pytest.mark.parametrize("sizes", [{}, {"n_couplings": 3, "width": 16, "n_hidden": 1, "scale_cap": 0.5}])
def test_density_is_that_of_zuko(dataset: str, sizes: dict[str, Any]) -> None:
    model, settings = build(dataset, **sizes), MODELS["realnvp"].settings.from_dict(sizes)
    density: Any = DATASETS[dataset].density
    with torch.no_grad():
        peer = zuko_flow(model, dataset, settings)
        near = density.sample(500, rng=make_rng(2)).double()
        far = in_reach(model, 5 * torch.randn(500, 2, generator=make_rng(3)).double())
        assert len(far) > 200
        torch.testing.assert_close(model.log_prob(near), peer.log_prob(near), rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(model.log_prob(far), peer.log_prob(far), rtol=1e-5, atol=1e-5)
        single = model.float().log_prob(near.float()).double()
        torch.testing.assert_close(single, peer.log_prob(near), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dataset", DATA)
def test_latents_and_points_are_those_of_zuko(dataset: str) -> None:
    model, settings = build(dataset), MODELS["realnvp"].settings()
    noise = torch.randn(500, 2, generator=make_rng(4)).double()
    with torch.no_grad():
        transform = zuko_flow(model, dataset, settings).transform
        x, log_det = model.to_data(noise)
        torch.testing.assert_close(transform.inv(noise), x, rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(transform.log_abs_det_jacobian(x, noise), -log_det, rtol=1e-6, atol=1e-5)


def test_far_points_stay_finite_in_single_precision() -> None:
    model = build("moons").float()
    far = torch.tensor([[1e4, 1e4], [-1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    value = model.log_prob(far)
    (gradient,) = torch.autograd.grad(value.sum(), far)
    assert value.isfinite().all() and gradient.isfinite().all()


def perturbed(key: str, **settings: Any) -> Any:
    """A flow in float64 whose every parameter was moved at random."""
    spec, data, rng = MODELS[key], DATASETS["moons"], make_rng(1)
    model = build_model(spec, spec.settings.from_dict(settings), data, data.settings(), seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    return model.double()


def zuko_spline(raw: Tensor, n_bins: int) -> Transform:
    """Zuko's spline with the same knots: its own formula of them is softer, so they are handed to it as logarithms."""
    widths, heights = (
        (LEAST_SIZE + (1 - LEAST_SIZE * n_bins) * part.softmax(-1))
        for part in raw[..., : 2 * n_bins].unflatten(-1, (2, n_bins)).unbind(-2)
    )
    slopes = LEAST_SLOPE + torch.nn.functional.softplus(raw[..., 2 * n_bins :] + math.log(math.expm1(1 - LEAST_SLOPE)))
    spline = zuko.transforms.MonotonicRQSTransform(widths.log(), heights.log(), slopes.log(), bound=BOUND)
    edge = torch.full((*widths.shape[:-1], 1), -BOUND).double()
    spline.horizontal = torch.cat([edge, -BOUND + 2 * BOUND * widths.cumsum(-1)], -1)
    spline.vertical = torch.cat([edge, -BOUND + 2 * BOUND * heights.cumsum(-1)], -1)
    spline.derivatives = torch.nn.functional.pad(slopes, (1, 1), value=1.0)
    return spline


def log_prob_of(chain: list[Transform], x: Tensor) -> Tensor:
    base = Independent(Normal(torch.zeros(2).double(), torch.ones(2).double()), 1)
    return zuko.distributions.NormalizingFlow(zuko.transforms.ComposedTransform(*chain), base).log_prob(x)


def zuko_standardize(model: Any) -> Transform:
    first = model.layers[0]
    return affine_map(-first.mean / first.std, 1 / first.std)


def test_spline_couplings_are_those_of_zuko() -> None:
    model = perturbed("spline")

    def coupling(layer: Any) -> Transform:
        def univariate(kept: Tensor) -> Transform:
            raw = layer.conditioner(kept.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT)).unflatten(-1, (1, -1))
            return zuko.transforms.DependentTransform(zuko_spline(raw, layer.n_bins), 1)

        mask: Any = torch.tensor([layer.moves_last, not layer.moves_last])
        return zuko.transforms.CouplingTransform(univariate, mask)

    density: Any = DATASETS["moons"].density
    x = torch.cat([density.sample(500, rng=make_rng(2)), 4 * torch.randn(500, 2, generator=make_rng(3))])
    with torch.no_grad():
        chain = [zuko_standardize(model), *(coupling(layer) for layer in list(model.layers)[1:])]
        torch.testing.assert_close(model.log_prob(x.double()), log_prob_of(chain, x.double()), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("key", ["maf", "autoregressive_spline"])
def test_autoregressive_flows_are_those_of_zuko(key: str) -> None:
    model = perturbed(key)

    def layer_of(layer: Any) -> list[Transform]:
        def meta(x: Tensor) -> Transform:
            given = layer.net(x.clamp(-CONDITIONER_LIMIT, CONDITIONER_LIMIT))
            if key == "autoregressive_spline":
                return zuko.transforms.DependentTransform(zuko_spline(given, (given.shape[-1] + 1) // 3), 1)
            scale = (layer.scale_cap * given[..., 1].tanh()).exp()
            return affine_map(-given[..., 0] * scale, scale)

        swap: Any = torch.tensor([1, 0])
        turn = [zuko.transforms.PermutationTransform(swap)] if layer.is_reversed else []
        return [*turn, zuko.transforms.AutoregressiveTransform(meta, passes=2), *turn]

    density: Any = DATASETS["moons"].density
    x = density.sample(500, rng=make_rng(2)).double()
    with torch.no_grad():
        chain = [zuko_standardize(model), *(part for layer in list(model.layers)[1:] for part in layer_of(layer))]
        near = in_reach(model, x)
        assert len(near) > 400
        torch.testing.assert_close(model.log_prob(near), log_prob_of(chain, near), rtol=1e-6, atol=1e-5)
        z, _ = model.to_latent(near)
        composed = zuko.transforms.ComposedTransform(*chain)
        torch.testing.assert_close(composed.inv(z), near, rtol=1e-6, atol=1e-5)
