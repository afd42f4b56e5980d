"""MODELS: the one ordered list of all models, gathered from the families."""

from __future__ import annotations

from typing import Any

import torch

from engines import flows, gan, score, vae
from engines.datasets import DatasetSpec
from engines.model_spec import ModelSpec
from engines.registry import Registry
from engines.settings import Settings

MODELS: Registry[ModelSpec] = Registry("model", (*flows.MODELS, *vae.MODELS, *gan.MODELS, *score.MODELS))


def build_model(
    spec: ModelSpec, settings: Settings, dataset: DatasetSpec, dataset_settings: Settings, seed: int
) -> Any:
    """A freshly initialised model; the weights depend on the seed alone, and no other random source is touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return spec.build(settings, dataset.data(dataset_settings))
