"""Every model in the registry keeps every promise of `Model` and of the capabilities that it claims.

What a model says is held against autograd, sums over a grid that know nothing of the engines' own measures, and
Monte Carlo. Weights are perturbed, for an untrained flow is the identity, of which everything is true.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.blobs import pack, unpack
from engines.datasets import DATASETS
from engines.errors import ShapeError
from engines.model_spec import CAPABILITIES, Family, Model, ModelSpec
from engines.models import MODELS
from engines.probes import build_probe
from engines.settings import Settings, setting_fields
from engines.tensors import make_rng, to_numpy
from engines.training import Experiment, Trainer
from engines.training.trainer import load_weights
from tests.conformance.models import (
    PLANE,
    batch_of,
    build,
    build_perturbed,
    data_points,
    each_model,
    each_pair,
    having,
    parts_of,
    probe_of,
    sets_of,
)

N = 20_000
SIDE = 400
MOST_CORNERS = 1024
FAR = torch.tensor([[0.0, 0.0], [1e4, 1e4], [-1e4, 1e4], [1e4, 0.0], [0.3, -1e4]])

each_plane = pytest.mark.parametrize("dataset", PLANE)


def random_settings(spec: ModelSpec, count: int) -> list[Settings]:
    rng = random.Random(3)
    draws = {"bool": lambda f: rng.random() < 0.5, "choice": lambda f: rng.choice(f.choices)}
    draws |= {"numbers": lambda f: f"{rng.uniform(f.low, f.high):g}"}
    draws |= {"int": lambda f: rng.randint(int(f.low), int(f.high)), "float": lambda f: rng.uniform(f.low, f.high)}
    fields = [field for field in setting_fields(spec.settings) if field.kind in draws]
    return [spec.settings.from_dict({f.name: draws[f.kind](f) for f in fields}) for _ in range(count)]


@each_model
def test_entry_tells_about_itself(key: str) -> None:
    spec = MODELS[key]
    assert spec.key == key
    assert spec.family in get_args(Family)
    assert spec.title and spec.paper and spec.settings.__doc__
    assert spec.idea.endswith((".", "?"))


@each_model
def test_defaults_and_presets_build(key: str) -> None:
    for settings in (MODELS[key].settings(), *MODELS[key].presets.values()):
        model = build(key, settings=settings)
        assert isinstance(model, torch.nn.Module)
        assert isinstance(model, Model)
        assert all(parameter.isfinite().all() for parameter in model.parameters())


@each_model
def test_every_extreme_setting_gives_a_working_model(key: str) -> None:
    cls = MODELS[key].settings
    ranges = {f.name: (f.low, f.high) for f in setting_fields(cls) if f.kind in ("int", "float")}
    for values in extremes(ranges):
        model = build(key, settings=cls.from_dict(values))
        assert model.sample(8, rng=make_rng(0)).isfinite().all(), values


def extremes(ranges: dict[str, tuple[Any, Any]]) -> Iterator[dict[str, Any]]:
    """All corners of the settings; of many settings the corners of each two, the others at their default."""
    together = len(ranges) if 2 ** len(ranges) <= MOST_CORNERS else 2
    for names in itertools.combinations(ranges, together):
        for values in itertools.product(*(ranges[name] for name in names)):
            yield dict(zip(names, values, strict=True))


@each_model
def test_settings_survive_json_and_a_link(key: str) -> None:
    for settings in (*random_settings(MODELS[key], 20), *MODELS[key].presets.values()):
        assert type(settings).from_dict(settings.to_dict()) == settings
        assert type(settings).from_texts(settings.changed()) == (settings, [])


@each_model
def test_each_capability_is_there_or_explained(key: str) -> None:
    spec, model = MODELS[key], build(key)
    assert spec.absent.keys() <= CAPABILITIES.keys()
    for name in CAPABILITIES:
        assert hasattr(model, name) != (name in spec.absent), name
    assert all(sentence.endswith(".") and len(sentence) > 20 for sentence in spec.absent.values())


@each_pair
def test_a_few_steps_move_every_parameter(key: str, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three, or where phases take turns five: the last layer of a net that begins silent has to move first."""
    monkeypatch.setattr("engines.flows.distillation.base.N_PAIRS", 64)
    steps = 3 if all(phase.span == (0.0, 1.0) for phase in build(key, dataset).phases()) else 5
    trainer = Trainer(Experiment.default(key, dataset, steps=steps, batch_size=64), device="cpu")
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    while not trainer.is_done:
        trainer.advance()
    unmoved = [name for name, value in trainer.model.named_parameters() if torch.equal(value, before[name])]
    assert not unmoved


@each_pair
def test_every_parameter_receives_a_gradient(key: str, dataset: str) -> None:
    model = build_perturbed(key, dataset)
    for phase in model.phases():
        model.zero_grad()
        phase.loss(batch_of(key, dataset), make_rng(4))["loss"].backward()
        missing = [p.shape for p in phase.parameters if p.grad is None or not (p.grad != 0).any()]
        assert not missing, phase.name


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return max(one[0], other[0]) < min(one[1], other[1])


@each_model
def test_phases_own_every_parameter_once_at_a_time(key: str) -> None:
    model = build(key)
    phases = model.phases()
    owned = [[id(parameter) for parameter in phase.parameters] for phase in phases]
    for i, phase in enumerate(phases):
        together = owned[i] + [one for k in range(i) if overlap(phases[k].span, phase.span) for one in owned[k]]
        assert len(together) == len(set(together))
    assert {one for own in owned for one in own} == {
        id(parameter) for parameter in model.parameters() if parameter.requires_grad
    }


def global_sources() -> tuple[Any, ...]:
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().tolist(), random.getstate(), numpy_state[1].tolist()


@each_model
def test_same_seed_same_everything_and_no_global_source_is_touched(key: str) -> None:
    torch.manual_seed(0)
    before = global_sources()
    first = build_perturbed(key).sample(50, rng=make_rng(5))
    assert global_sources() == before
    torch.manual_seed(1)
    again, other = (build_perturbed(key).sample(50, rng=make_rng(seed)) for seed in (5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@each_model
def test_another_seed_gives_other_weights(key: str) -> None:
    first, other = build(key, seed=0).state_dict(), build(key, seed=1).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


@each_model
def test_weights_survive_the_file_format(key: str) -> None:
    model, other = build_perturbed(key), build(key, seed=9)
    blob = pack({name: to_numpy(value) for name, value in model.state_dict().items()}, {})
    load_weights(other, unpack(blob)[0])
    assert torch.equal(model.sample(50, rng=make_rng(0)), other.sample(50, rng=make_rng(0)))


@each_pair
def test_samples_have_the_shape_of_events(key: str, dataset: str) -> None:
    model = build_perturbed(key, dataset)
    for n in (1, 7):
        samples = model.sample(n, rng=make_rng(0))
        assert samples.shape == (n, *model.event_shape) and samples.isfinite().all()
        assert samples.dtype == (torch.int64 if DATASETS[dataset].kind == "text" else torch.float32)


@each_pair
def test_observe_shows_finite_arrays_and_always_the_same(key: str, dataset: str) -> None:
    model, probe = build_perturbed(key, dataset), probe_of(dataset)
    seen, again = model.observe(probe), model.observe(probe)
    assert seen and all(isinstance(array, np.ndarray) and np.isfinite(array).all() for array in seen.values())
    assert all(np.array_equal(seen[name], again[name]) for name in seen)


@having()
def test_observe_of_the_plane_shows_what_the_probe_asks_for(key: str) -> None:
    model, window = build_perturbed(key), (-3.0, 3.0, -3.0, 3.0)
    assert model.observe(build_probe(window, resolution=16, n_samples=10))["samples"].shape == (10, 2)
    assert "log_prob" not in model.observe(build_probe(window, resolution=0, n_samples=10))
    assert "samples" not in model.observe(build_probe(window, resolution=16, n_samples=0))


EXAMPLES = [(key, name) for key in MODELS for name in sets_of(key) if DATASETS[name].kind != "plane"]


@pytest.mark.parametrize(("key", "dataset"), EXAMPLES)
def test_measures_are_numbers_for_json(key: str, dataset: str) -> None:
    model = build_perturbed(key, dataset, scale=0.01).eval()
    with torch.no_grad():
        measures = model.measure(*parts_of(dataset), is_last=False)
    assert measures
    assert all(np.isfinite(value).all() for value in measures.values())
    assert json.loads(json.dumps(measures)) == measures


BOUNDED = [pair for pair in EXAMPLES if "log_prob_bound" not in MODELS[pair[0]].absent]


@pytest.mark.parametrize(("key", "dataset"), BOUNDED)
def test_bounds_are_finite_and_negative_for_discrete_data(key: str, dataset: str) -> None:
    bound = build_perturbed(key, dataset, scale=0.01).log_prob_bound(data_points(dataset, 20))
    assert bound.shape == (20,) and bound.isfinite().all()
    assert (bound < 0).all()  # the mass of one picture or text out of all


@having("log_prob")
def test_observe_runs_along_x_first_and_up(key: str) -> None:
    model = build_perturbed(key)
    seen = model.observe(build_probe((0.0, 4.0, 10.0, 14.0), resolution=4, n_samples=0))["log_prob"]
    right_of_first, above_first = model.log_prob(torch.tensor([[1.5, 10.5], [0.5, 11.5]])).tolist()
    assert seen[0, 1] == pytest.approx(right_of_first, rel=1e-4)
    assert seen[1, 0] == pytest.approx(above_first, rel=1e-4)


@cache
def quadrature(key: str, dataset: str, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Points, log density at them and their areas: a grid over all that the model samples and far beyond, float64.

    The cells widen outwards, x = middle + width sinh(u), for perturbed models have long thin tails.
    """
    model = build_perturbed(key, dataset, scale=scale)
    samples = model.sample(N, rng=make_rng(7)).detach().double()
    middle = samples.median(0).values
    width = (samples.quantile(0.75, dim=0) - samples.quantile(0.25, dim=0)) / 4
    u_end = torch.asinh(2 * (samples - middle).abs().amax(0) / width)
    u = u_end * torch.linspace(-1, 1, SIDE, dtype=torch.float64)[:, None]  # (side, 2)
    ticks, sizes = middle + width * u.sinh(), width * u.cosh() * u_end * 2 / (SIDE - 1)
    points = torch.cartesian_prod(*ticks.unbind(1))
    with torch.no_grad():
        return points, model.double().log_prob(points), torch.cartesian_prod(*sizes.unbind(1)).prod(1)


@having("log_prob")
@each_plane
@pytest.mark.parametrize("scale", [0.0, 0.05, 0.1])
def test_density_integrates_to_one(key: str, dataset: str, scale: float) -> None:
    _, log_prob, area = quadrature(key, dataset, scale)
    # The box ends twice as far out as the outermost of 20,000 samples: less than 1e-4 of the mass lies outside.
    assert float((log_prob.exp() * area).sum()) == pytest.approx(1, abs=5e-4)


@having("log_prob")
@each_plane
def test_samples_follow_the_density(key: str, dataset: str) -> None:
    points, log_prob, area = quadrature(key, dataset, 0.1)
    samples = build_perturbed(key, dataset, scale=0.1).sample(N, rng=make_rng(8)).detach().double()
    mass = log_prob.exp() * area
    # Each of the 9 numbers below is allowed 5 standard errors: false alarm 5e-6 in all.
    for power in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2)):
        found = (samples ** torch.tensor(power)).prod(1)
        expected = float((mass * (points ** torch.tensor(power)).prod(1)).sum())
        assert abs(float(found.mean()) - expected) < 5 * float(found.std()) / math.sqrt(N) + 1e-3 * abs(expected), power
    for share in (0.1, 0.3, 0.5, 0.8):
        corner = samples.quantile(share, dim=0)
        expected = float(mass[(points < corner).all(1)].sum())
        found = float((samples < corner).all(1).double().mean())
        # 5 standard errors of a share, and 0.004 for cells that an edge cuts.
        assert found == pytest.approx(expected, abs=2.5 / math.sqrt(N) + 0.004), share


@having("to_latent", "to_data")
@each_plane
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_to_data_undoes_to_latent(key: str, dataset: str, dtype: torch.dtype, tolerance: float) -> None:
    model = build_perturbed(key, dataset).to(dtype)
    tolerance = max(tolerance, getattr(model, "tolerance", 0.0))
    x = data_points(dataset, 500).to(dtype)
    z, down = model.to_latent(x)
    back, up = model.to_data(z)
    torch.testing.assert_close(back, x, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(up, -down, rtol=tolerance, atol=tolerance)
    noise = torch.randn(500, 2, generator=make_rng(9)).to(dtype)
    torch.testing.assert_close(model.to_latent(model.to_data(noise)[0])[0], noise, rtol=tolerance, atol=tolerance)


def log_abs_det(output: Tensor, at: Tensor) -> Tensor:
    """log |det of d output / d at| of each example by autograd, shape (B,)."""
    columns = range(output.shape[1])
    rows = [torch.autograd.grad(output[:, i].sum(), at, retain_graph=True)[0] for i in columns]
    return torch.linalg.slogdet(torch.stack(rows, dim=1)).logabsdet


@having("to_latent", "to_data")
@each_plane
@pytest.mark.parametrize("direction", ["to_latent", "to_data"])
def test_log_det_is_that_of_the_jacobian(key: str, dataset: str, direction: str) -> None:
    model = build_perturbed(key, dataset).double()
    at = data_points(dataset, 200).double() if direction == "to_latent" else torch.randn(200, 2).double()
    at.requires_grad_()
    output, log_det = getattr(model, direction)(at)
    tolerance = max(1e-8, getattr(model, "tolerance", 0.0))
    torch.testing.assert_close(log_det, log_abs_det(output, at), rtol=0, atol=tolerance)


@having("log_prob", "to_latent")
@each_plane
def test_log_prob_is_the_base_density_carried_back(key: str, dataset: str) -> None:
    model, x = build_perturbed(key, dataset).double(), data_points(dataset).double().requires_grad_()
    z = model.to_latent(x)[0]
    base = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    tolerance = max(1e-8, getattr(model, "tolerance", 0.0))
    torch.testing.assert_close(model.log_prob(x), base + log_abs_det(z, x), rtol=0, atol=tolerance)


@having("layers_to_latent", "to_latent")
@each_plane
def test_layers_add_up(key: str, dataset: str) -> None:
    model, x = build_perturbed(key, dataset).double(), data_points(dataset).double()
    states = model.layers_to_latent(x)
    z, log_det = model.to_latent(x)
    assert torch.equal(states[-1][0], z)
    torch.testing.assert_close(torch.stack([each for _, each in states]).sum(0), log_det, rtol=0, atol=1e-12)
    base = torch.distributions.Normal(0.0, 1.0).log_prob(states[-1][0]).sum(1)
    total = base + torch.stack([each for _, each in states]).sum(0)
    torch.testing.assert_close(model.log_prob(x), total, rtol=0, atol=1e-10)


@having("log_prob")
@pytest.mark.parametrize("scale", [0.0, 0.1, 0.5])
def test_far_away_values_and_gradients_are_finite(key: str, scale: float) -> None:
    model, x = build_perturbed(key, scale=scale), FAR.clone().requires_grad_()
    value = model.log_prob(x)
    assert value.isfinite().all()
    gradients = torch.autograd.grad(value.sum(), [x, *model.parameters()], allow_unused=True)  # a teacher's are not
    assert gradients[0] is not None
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
    if scale < 0.5:
        assert model.log_prob(FAR[1:]).max() < model.log_prob(data_points("moons")).min()


@having("score", "denoise")
def test_denoising_is_a_step_along_the_score(key: str) -> None:
    """Tweedie's formula: E[clean | x] = x + sigma² score(x, sigma); one level for all, or one for each point."""
    model, x = build_perturbed(key).eval(), data_points("moons", 40)
    for sigma in (0.05, 0.5, torch.linspace(0.1, 2.0, 40)):
        level = torch.as_tensor(sigma).expand(40)[:, None]
        torch.testing.assert_close(
            model.denoise(x, sigma), x + level.square() * model.score(x, sigma), rtol=1e-3, atol=1e-4
        )


@having("sample_path")
def test_a_path_ends_where_a_sample_is(key: str) -> None:
    model = build_perturbed(key).eval()
    states = list(model.sample_path(30, rng=make_rng(2)))
    assert torch.equal(states[-1].x, model.sample(30, rng=make_rng(2))) or len(states) > 1
    assert [state.n_calls for state in states] == sorted(state.n_calls for state in states)
    assert all(state.x.shape == (30, 2) and state.x.isfinite().all() for state in states)


@having("to_data")
def test_temperature_zero_is_the_middle_of_the_base(key: str) -> None:
    model = build_perturbed(key)
    middle = model.to_data(torch.zeros(5, 2))[0]
    assert torch.equal(model.sample(5, rng=make_rng(0), temperature=0.0), middle)
    with torch.no_grad():
        spread = [float(model.sample(2000, rng=make_rng(0), temperature=t).std(0).sum()) for t in (0.0, 0.3, 1.0)]
    assert spread == sorted(spread) and spread[0] < 1e-4


@having("log_prob")
@pytest.mark.parametrize("shape", [(2,), (3, 3), (2, 2, 2), (0, 3)])
def test_a_wrong_shape_is_told(key: str, shape: tuple[int, ...]) -> None:
    model = build(key)
    with pytest.raises(ShapeError, match=r"Expected x of shape \(B, 2\), got"):
        model.log_prob(torch.zeros(shape))


@having("log_prob")
def test_an_empty_batch_is_fine(key: str) -> None:
    assert build(key).log_prob(torch.zeros(0, 2)).shape == (0,)
