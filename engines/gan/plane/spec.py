"""The GAN of the plane as an entry of MODELS: how it is built, its presets, and what it does best with."""

from __future__ import annotations

from dataclasses import replace

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.plane.gan import PlaneGan
from engines.gan.plane.settings import PlaneGanSettings
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan


def build_plane_gan(settings: PlaneGanSettings, density: GaussianMixture) -> PlaneGan:
    """A game, or several side by side, over a density."""
    return PlaneGan(settings, density)


COLLAPSE = PlaneGanSettings(n_latents=16, discriminator_rate=0.1)

# One cure each, on the same collapsing game.
CURES = {
    "packing": replace(COLLAPSE, pack=2),
    "minibatch spread": replace(COLLAPSE, minibatch_std=True),
    "unrolling": replace(COLLAPSE, unroll=5),
    "equal rates": replace(COLLAPSE, discriminator_rate=1.0),
}

# For the rings and grids of the papers, whose modes are very narrow. Noise in one piece stays tied by bridges: depth
# and batch norm make them sharp, and some 7 % of the points still lie on them. Noise in pieces has no need of them, but
# its pieces move as a whole: that asks for a discriminator that is ahead, and a game without momentum.
# Pieces that the modes can share evenly come to rest: 90 on the grid reach 87 % of high quality, 20 on the ring all.
TIED = PlaneGanSettings(
    width=128, n_hidden=4, discriminator_hidden=3, r1=0.02, batch_norm=True, averaging=0.995, decays=True
)
TORN = replace(TIED, pieces=16, batch_norm=False, n_discriminator=2, momentum=0.0, r1=0.01)
MANY = replace(TORN, pieces=100, r1=0.2)
# VEEGAN's and PacGAN's protocols: data set, and what comes nearest to their tables.
PUBLISHED = {
    "ring of 8": ("ring_narrow", Recipe(TORN, Plan(steps=2000, batch_size=256, learning_rate=1e-3))),
    "grid of 25": ("grid", Recipe(MANY, Plan(steps=3000, batch_size=256, learning_rate=1e-3))),
}

PLANE_GAN = ModelSpec(
    key="plane_gan",
    family="gan",
    title="GAN",
    idea="One net makes points, another tells them from real ones; each learns from the other's mistakes.",
    settings=PlaneGanSettings,
    build=build_plane_gan,
    presets={"collapse": COLLAPSE, **CURES, "narrow modes": TORN, "many narrow modes": MANY, "in one piece": TIED},
    paper="Goodfellow et al. 2014, Generative adversarial nets, arXiv:1406.2661",
    absent={
        "log_prob": "A generator makes points and has no density to be asked; the page estimates it from samples.",
        "log_prob_bound": "The game has no bound on a likelihood: its loss measures the two players, not the data.",
        "log_prob_estimate": "An estimate from samples is shown as a map; at a single point its error is too large.",
        "encode": "There is no net that goes back from a point to its noise.",
        "to_latent": "The generator need not be invertible: several noises may make the same point, and none another.",
        "to_data": "The generator is not one to one, so that it has no volume change: use decode.",
        "layers_to_latent": "The generator need not be invertible, so there is no way back.",
        "score": "The discriminator's slope is that of log p/q, not of log p.",
        "denoise": "It was never shown noisy points to clean.",
        "next_token_logits": "It makes a point at once, not part by part.",
        "sample_path": "A sample is made in a single pass.",
    },
    plan=Plan(steps=2500, batch_size=128, learning_rate=1e-3),
    on=dict(PUBLISHED.values()),
    adopts=True,
)
