"""The style-based GAN as an entry of MODELS: how it is built, its presets, and what it does best with on each set."""

from __future__ import annotations

from engines.datasets.base import Examples
from engines.gan.images.convolutional import ABSENT
from engines.gan.images.style import StyleGan, StyleGanSettings
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan

RATE = 1e-2  # several times the papers': weights of unit spread move slowly, and these trainings are short


def build_style_gan(settings: StyleGanSettings, examples: Examples) -> StyleGan:
    """Two players for these pictures."""
    return StyleGan(examples.event_shape, examples.levels, settings, classes=examples.classes)


STYLE_GAN = ModelSpec(
    key="style_gan",
    family="gan",
    title="StyleGAN (small)",
    idea="Latents become styles, and each resolution of a picture takes its own: coarse shape, parts, colours.",
    settings=StyleGanSettings,
    build=build_style_gan,
    presets={
        "grows": StyleGanSettings(grows=True),
        "without mixing": StyleGanSettings(mixing=0.0),
    },
    paper="Karras, Laine, Aila 2019, A style-based generator architecture for generative adversarial networks, "
    "arXiv:1812.04948; Karras et al. 2018, Progressive growing of GANs, arXiv:1710.10196",
    absent=ABSENT,
    takes=("image",),
    plan=Plan(steps=3000, batch_size=32, learning_rate=RATE),
    on={
        "digits": Recipe(StyleGanSettings(grows=True), Plan(steps=2500, batch_size=32, learning_rate=RATE)),
        "faces": Recipe(StyleGanSettings(grows=True, width=16), Plan(steps=6000, batch_size=32, learning_rate=RATE)),
    },
)
