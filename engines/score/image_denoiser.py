"""The denoiser of pictures as an entry of MODELS: how it is built for a set, and what it does best with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engines.datasets.base import Examples
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan
from engines.samplers.catalogue import Range
from engines.samplers.levels import largest_level
from engines.score.picture_denoiser import SIGMA_MIN, ImageDenoiser, ImageDenoiserSettings

FEW = 500  # pictures from which the largest distance is read


def build_image_denoiser(settings: ImageDenoiserSettings, examples: Examples) -> ImageDenoiser:
    """A denoiser for these pictures: their spread and their largest distance set the scales of the noise."""
    counts = torch.bincount(examples.train_labels) if examples.train_labels is not None else torch.zeros(0)
    return ImageDenoiser(
        examples.event_shape,
        examples.levels,
        settings,
        spread=round(max(0.05, float(_few(examples).std())), 3),
        sigma_max=noise_range(examples).sigma_max,
        class_shares=tuple((counts / counts.sum().clamp_min(1)).tolist()),
        classes=examples.classes,
    )


def noise_range(examples: Examples) -> Range:
    """The noise levels that are practised on these pictures: up to their largest distance, so that nothing is left."""
    return Range(SIGMA_MIN, float(max(1, math.ceil(largest_level(_few(examples))))))


def _few(examples: Examples) -> Tensor:
    return (examples.train[:FEW].float() + 0.5) * (2 / examples.levels) - 1


def _usual(steps: int, batch: int, rate: float, **settings: float) -> Recipe:
    plan = Plan(steps=steps, batch_size=batch, learning_rate=rate)
    return Recipe(ImageDenoiserSettings.from_dict(settings), plan)


IMAGE_DENOISER = ModelSpec(
    key="image_denoiser",
    family="score",
    title="Diffusion model (EDM denoiser)",
    idea="A diffusion model: a net expects the clean picture behind any amount of noise; "
    "noise that follows it becomes a picture.",
    settings=ImageDenoiserSettings,
    build=build_image_denoiser,
    presets={
        "quick": ImageDenoiserSettings(width=16),
        "little noise only": ImageDenoiserSettings(noise_median=0.1, noise_spread=0.5),
    },
    paper="Karras, Aittala, Aila, Laine 2022, Elucidating the design space of diffusion-based generative models, "
    "arXiv:2206.00364; Song and Ermon 2019, arXiv:1907.05600",
    absent={
        "log_prob": "The flow from noise gives it only through an integral over the trace of a Jacobian.",
        "log_prob_bound": "A bound needs that integral or a sum over all noise levels, which is not computed here.",
        "log_prob_estimate": "Its integral with a random trace errs by nats for one picture: too much to be shown.",
        "encode": "There is no latent beside the noise, and a picture has no distribution over it.",
        "decode": "There is no latent beside the noise: use sample_path to follow one.",
        "to_latent": "The flow back to noise is solved in steps, so that it is not exact.",
        "to_data": "The flow from noise is solved in steps, so that it is not exact: use sample_path.",
        "layers_to_latent": "It has no layers between noise and data, but as many steps as one likes.",
        "discriminate": "There is no discriminator: guessing the clean picture is the objective.",
        "next_token_logits": "It draws all pixels at once, not one after the other.",
    },
    takes=("image",),
    plan=Plan(steps=3000, batch_size=64, learning_rate=2e-3),
    on={
        "mnist_5k": _usual(4000, 64, 2e-3, hidden_labels=0.25),
        "digits": _usual(5000, 64, 2e-3, hidden_labels=0.25),
        "faces": _usual(8000, 32, 2e-3, noise_median=0.5, noise_spread=1.8),
    },
)
