"""Every model on the kind of data that it takes: built, perturbed, and with batches to feed it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from engines.batches import Labelled
from engines.datasets import DATASETS
from engines.models import MODELS, build_model
from engines.probes import build_example_probe, build_probe
from engines.settings import Settings
from engines.tensors import make_rng
from engines.training.sources import ExampleSource, part_of

PLANE = ("moons", "two_modes", "ring_narrow")  # bent; far from the origin and wide; wide with pointlike parts
SETS = {"plane": (*PLANE, "drawn", "letters"), "image": ("digits", "patches"), "text": ("names",), "wave": ("tones",)}

STEEP = (
    "glow",
    "spline",
    "maf",
    "iaf",
    "autoregressive_spline",
    "continuous",
    "stack",
    "distillation",
    "tone_distillation",
)
FAN_IN = 2.0  # square root of the inputs of a unit from which on its weights move by less

each_model = pytest.mark.parametrize("key", MODELS)


def sets_of(key: str) -> tuple[str, ...]:
    """Data sets on which a model is tried; a conditional one needs classes, a translator known factors."""
    found = tuple(name for kind in MODELS[key].takes for name in SETS[kind])
    only = {"conditional_vae": ("digits",), "picture_cycle": ("faces",)}
    return only.get(key, found)


each_pair = pytest.mark.parametrize(("key", "dataset"), [(key, name) for key in MODELS for name in sets_of(key)])


def having(*names: str) -> Any:
    """Runs a test for each model of the plane that does not declare these capabilities absent."""
    keys = [key for key, spec in MODELS.items() if "plane" in spec.takes and not set(names) & spec.absent.keys()]
    return pytest.mark.parametrize("key", keys)


def build(key: str, dataset: str = "", *, settings: Settings | None = None, seed: int = 0) -> Any:
    """A freshly initialised model, on the first of its data sets if none is named."""
    spec, data = MODELS[key], DATASETS[dataset or sets_of(key)[0]]
    return build_model(spec, settings or spec.settings(), data, data.settings(), seed)


def build_perturbed(key: str, dataset: str = "", *, scale: float = 0.1, seed: int = 0) -> Any:
    """A model whose every parameter was moved at random.

    The wide layers of the flows named in STEEP move by less: a map that stretches a million times is as invertible as
    any, but neither a grid of 400 cells nor single precision can tell.
    """
    model, rng = build(key, dataset, seed=seed), make_rng(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            fan_in = parameter.shape[1] if parameter.ndim == 2 and key in STEEP else 1
            parameter.add_(scale * min(1, FAN_IN / fan_in**0.5) * torch.randn(parameter.shape, generator=rng))
    return model


def data_points(dataset: str, n: int = 64) -> Tensor:
    """Points of a target of the plane, or the first examples of a set."""
    spec = DATASETS[dataset]
    if spec.kind == "plane":
        density: Any = spec.density
        return density.sample(n, rng=make_rng(2))
    return spec.examples().test[:n].float()


def batch_of(key: str, dataset: str = "") -> Tensor | Labelled:
    """A batch as training would hand it to this model."""
    dataset = dataset or sets_of(key)[0]
    if DATASETS[dataset].kind == "plane":
        return data_points(dataset)
    uses_labels = getattr(build(key, dataset), "uses_labels", False)
    return _source(dataset, uses_labels).next_batch(make_rng(0))


def probe_of(dataset: str) -> Any:
    """What a model is looked at with on this data set."""
    spec = DATASETS[dataset]
    return build_probe((-3.0, 3.0, -3.0, 3.0), resolution=16) if spec.kind == "plane" else _example_probe(dataset)


def parts_of(dataset: str) -> tuple[Any, Any]:
    """Held-out and seen examples of a set."""
    examples = DATASETS[dataset].examples()
    return part_of(examples, "test"), part_of(examples, "train")


@cache
def _source(dataset: str, uses_labels: bool) -> ExampleSource:
    return ExampleSource(DATASETS[dataset].examples(), 64, uses_labels, torch.device("cpu"))


@cache
def _example_probe(dataset: str) -> Any:
    return build_example_probe(DATASETS[dataset].examples())
