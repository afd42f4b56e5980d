"""Every model and data set on CUDA: the same weights say the same as on the CPU, and training works there.

Runs with torch, numpy, scikit-learn and pytest alone: `make test-gpu`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.metrics.divergences import kl_from_data, plane_integral
from engines.models import MODELS, build_model
from engines.probes import build_probe
from engines.tensors import describe_device, make_rng, pick_device
from engines.training import Experiment, Trainer, train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

PLANE = [key for key, spec in DATASETS.items() if spec.build_density is not None]
SAME = 1e-5  # absolute and relative: ways back that are found numerically stop a little apart
THERE = 0.01  # nats: a model that begins as near to its target as that cannot be asked to come nearer
FAR = torch.tensor([[0.0, 0.0], [1e4, 1e4], [-1e4, 1e4], [1e4, 0.0], [0.3, -1e4]])

each_model = pytest.mark.parametrize("key", [key for key, spec in MODELS.items() if "plane" in spec.takes])
each_plane = pytest.mark.parametrize("dataset", PLANE)


def build_perturbed(key: str, dataset: str, device: str) -> Any:
    """A model whose every parameter was moved at random, the same way for each device."""
    spec, data, rng = MODELS[key], DATASETS[dataset], make_rng(1)
    model = build_model(spec, spec.settings(), data, data.settings(), seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return model.to(device).requires_grad_(False)


def density_of(dataset: str) -> Any:
    return DATASETS[dataset].density


def data_points(dataset: str) -> Tensor:
    return density_of(dataset).sample(500, rng=make_rng(2))


def assert_same(here: Any, there: Any, tolerance: float) -> None:
    """Tensors, or tuples and lists of them, agree; the one from the device comes second."""
    if isinstance(here, Tensor):
        assert there.device.type == "cuda"
        torch.testing.assert_close(there.cpu(), here, rtol=tolerance, atol=tolerance)
        return
    for one, other in zip(here, there, strict=True):
        assert_same(one, other, tolerance)


def test_auto_is_cuda() -> None:
    assert pick_device().type == "cuda"
    assert describe_device(pick_device()) == torch.cuda.get_device_name()


@each_plane
def test_density_is_the_same(dataset: str) -> None:
    density, x = density_of(dataset), torch.cat([data_points(dataset), FAR]).double()
    there = density.to("cuda")
    assert_same(density.log_prob(x), there.log_prob(x.cuda()), 1e-9)
    assert_same(density.score(x), there.score(x.cuda()), 1e-7)
    assert_same(density.noised(0.3).log_prob(x), there.noised(0.3).log_prob(x.cuda()), 1e-9)
    assert there.window == pytest.approx(density.window)


@each_plane
def test_density_samples_itself(dataset: str) -> None:
    density = density_of(dataset)
    x = density.to("cuda").sample(20_000, rng=make_rng(0, "cuda"))
    assert x.device.type == "cuda" and x.shape == (20_000, 2)
    surprise = -density.log_prob(x.cpu().double())
    # The mean of -log p over exact samples is the entropy; 5 standard errors of both: false alarm 6e-7 a target.
    error = float(surprise.std()) / 20_000**0.5 + density.entropy_error()
    assert float(surprise.mean()) == pytest.approx(density.entropy(), abs=5 * error)


@each_model
@each_plane
@pytest.mark.parametrize("method", ["log_prob", "to_latent", "to_data", "layers_to_latent"])
def test_model_says_the_same(key: str, dataset: str, method: str) -> None:
    """In double precision: single precision alone moves the log-determinant of a steep spline by 1e-3."""
    if method in MODELS[key].absent:
        return
    x = torch.randn(500, 2, generator=make_rng(3)) if method == "to_data" else data_points(dataset)
    here, there = (getattr(build_perturbed(key, dataset, device).double(), method) for device in ("cpu", "cuda"))
    assert_same(here(x.double()), there(x.double().cuda()), SAME)


@each_model
@each_plane
def test_model_looks_the_same(key: str, dataset: str) -> None:
    window = density_of(dataset).window
    seen = [
        build_perturbed(key, dataset, device).observe(build_probe(window, resolution=16, device=device))
        for device in ("cpu", "cuda")
    ]
    assert seen[0].keys() == seen[1].keys()
    for name, array in seen[0].items():
        assert torch.allclose(torch.from_numpy(seen[1][name]), torch.from_numpy(array), rtol=1e-3, atol=1e-3), name


@each_model
def test_sampling_is_seeded_on_the_device(key: str) -> None:
    model = build_perturbed(key, "moons", "cuda")
    first, again, other = (model.sample(100, rng=make_rng(seed, "cuda")) for seed in (5, 5, 6))
    assert first.device.type == "cuda" and first.isfinite().all()
    assert torch.equal(first, again) and not torch.equal(first, other)


@each_model
def test_far_away_nothing_overflows(key: str) -> None:
    if "log_prob" not in MODELS[key].absent:
        assert build_perturbed(key, "moons", "cuda").log_prob(FAR.cuda()).isfinite().all()


@each_model
@each_plane
def test_training_comes_nearer_to_the_data(key: str, dataset: str) -> None:
    trainer = Trainer(Experiment.default(key, dataset, steps=150), device="cuda")
    before = trainer.snapshot()
    while not trainer.is_done:
        trainer.advance()
    after = trainer.snapshot()
    assert all(parameter.device.type == "cuda" for parameter in trainer.model.parameters())
    learns = "teacher_kl" if "teacher_kl" in before.metrics else "kl"  # a student does not learn from the data
    if learns in before.metrics:
        assert after.metrics[learns] < max(before.metrics[learns], THERE)


@each_model
def test_same_run_twice(key: str) -> None:
    experiment = Experiment.default(key, "moons", steps=30)
    first, again = (list(train(experiment, device="cuda")) for _ in range(2))
    assert [dict(s.losses) for s in first] == [dict(s.losses) for s in again]
    assert all((a.arrays[name] == b.arrays[name]).all() for a, b in zip(first, again, strict=True) for name in a.arrays)


EXAMPLES = [
    (key, "faces" if key == "picture_cycle" else name)
    for key, spec in MODELS.items()
    for name in ("digits", "names")
    if DATASETS[name].kind in spec.takes
]


@pytest.mark.parametrize(("key", "dataset"), EXAMPLES)
def test_training_on_examples_lowers_the_loss(key: str, dataset: str) -> None:
    trainer = Trainer(Experiment.default(key, dataset, steps=150), device="cuda")
    trainer.advance()
    before = dict(trainer.recent_losses)
    while not trainer.is_done:
        trainer.advance()
    assert all(parameter.device.type == "cuda" for parameter in trainer.model.parameters())
    names = [name for name in before if name.endswith("loss")]
    assert any(trainer.recent_losses[name] < before[name] for name in names)
    assert trainer.snapshot().metrics


@each_model
def test_measures_are_the_same(key: str) -> None:
    if "log_prob" in MODELS[key].absent:
        return
    density, x = density_of("moons"), data_points("moons")
    truth, found = density.log_prob(x.double()), []
    for device in ("cpu", "cuda"):
        model = build_perturbed(key, "moons", device)
        found.append(
            (*kl_from_data(model, truth.to(device), x.to(device)), plane_integral(model, density.window, scale=0.1))
        )
    assert found[1] == pytest.approx(found[0], abs=1e-3)
