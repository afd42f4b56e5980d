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

from engines.datasets.base import Kind
from engines.plan import Plan
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
        loss: (batch, rng) -> named scalars; the one named "loss" is minimised. A batch is a tensor (B, *event), or
            a pair of that and labels (B,) for a model with `uses_labels`.
        repeats: Updates per step, each on a fresh batch.
        span: Between which shares of the training it runs; its learning rate falls to zero over its own span.
        rate: Its learning rate as a multiple of the plan's.
        betas: Adam's two decay rates: games want less momentum than a descent does.
        decays: Whether the learning rate falls along the cosine; a game that is watched may keep it.
        clip: Most that the norm of its gradient may be, by which a longer one is shortened; 0: any.
        after: Called after each of its updates, for weights that are kept within bounds or averaged.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[Any, torch.Generator], dict[str, Tensor]]
    repeats: int = 1
    span: tuple[float, float] = (0.0, 1.0)
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    decays: bool = True
    clip: float = 0.0
    after: Callable[[], None] | None = None


@runtime_checkable
class Model(Protocol):
    """What training, pages and the command line ask of every model.

    `observe` takes the kind of probe that fits its data (`Probe` for the plane, `ExampleProbe` else). A model may have
    `begin_step(share)`, told before each step how much of the training is done, and `measure(held_out, seen, is_last)`.
    """

    event_shape: tuple[int, ...]

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor: ...
    def phases(self) -> tuple[Phase, ...]: ...
    def observe(self, probe: Any) -> dict[str, np.ndarray]: ...


@dataclass(frozen=True)
class Recipe:
    """What a model does best with on a data set: its settings and its plan."""

    settings: Settings
    plan: Plan = Plan()


@dataclass(frozen=True)
class ModelSpec:
    """One entry of `MODELS`: everything that is known about one kind of model.

    Attributes:
        key: Name in links, on the command line and in stored runs.
        family: Which of the five families.
        title: Name on the page.
        idea: One sentence for a student.
        settings: Class of its settings.
        build: (settings, density or examples) -> model on the CPU, weights by torch's global seed.
        presets: Named settings.
        paper: Source.
        absent: Capability -> why this model has no such method.
        takes: Kinds of data that it learns from.
        plan: How it is trained by default.
        on: Data set -> what it does best with there, where that differs.
        adopts: Whether a fork may change its settings: it takes over the weights that fit.
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
    takes: tuple[Kind, ...] = ("plane",)
    plan: Plan = Plan()
    on: Mapping[str, Recipe] = field(default_factory=dict)
    adopts: bool = False

    def usual(self, dataset: str) -> Recipe:
        """What it does best with on a data set."""
        return self.on.get(dataset) or Recipe(self.settings(), self.plan)
