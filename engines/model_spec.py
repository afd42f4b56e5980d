"""What a model is to the rest of the house: its spec, its phases and its capabilities.

A model is an `nn.Module` with `event_shape`, `sample`, `phases` and `observe`. Everything else that it can
do is a *capability*: a method that is there, or a sentence in `ModelSpec.absent` that says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from engines.probes import Probe
from engines.settings import Settings

Family = Literal["autoregressive", "flow", "vae", "gan", "score"]

# Method name -> what it promises. Conformance: each model has the method or explains its absence.
CAPABILITIES: Mapping[str, str] = {
    "log_prob": "exact log density of a point",
    "log_prob_bound": "a lower bound on the log density",
    "log_prob_estimate": "an estimate of the log density with its error",
    "encode": "a distribution over latents for a point",
    "decode": "a point for a latent",
    "to_latent": "the latent of a point, exactly, with the volume change",
    "to_data": "the point of a latent, exactly, with the volume change",
    "layers_to_latent": "the way of a point to its latent, layer by layer",
    "score": "the gradient of the log density",
    "denoise": "the expected clean point behind a noisy one",
    "discriminate": "a logit for real against generated",
    "next_token_logits": "a distribution over the next token",
    "sample_path": "the states that a sample passes through",
}


@dataclass(frozen=True)
class Phase:
    """One part of a training step: who is updated by which loss.

    Attributes:
        name: "fit", "discriminator", "generator", ...
        parameters: What its optimiser updates.
        loss: (batch, rng) -> named scalars; the one named "loss" is minimised.
        repeats: Updates per step, each on a fresh batch.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[Tensor, torch.Generator], dict[str, Tensor]]
    repeats: int = 1


@runtime_checkable
class Model(Protocol):
    """What training, pages and the command line ask of every model."""

    event_shape: tuple[int, ...]

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor: ...
    def phases(self) -> tuple[Phase, ...]: ...
    def observe(self, probe: Probe) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class ModelSpec:
    """One entry of `MODELS`: everything that is known about one kind of model.

    Attributes:
        key: Name in links, on the command line and in stored runs.
        family: Which of the five families.
        title: Name on the page.
        idea: One sentence for a student.
        settings: Class of its settings.
        build: (settings, density of the data) -> model on the CPU, weights by torch's global seed.
        presets: Named settings.
        paper: Source.
        absent: Capability -> why this model has no such method.
    """

    key: str
    family: Family
    title: str
    idea: str
    settings: type[Settings]
    build: Callable[[Any, Any], Any]
    paper: str
    presets: Mapping[str, Settings] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
