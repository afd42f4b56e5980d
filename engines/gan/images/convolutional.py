"""A small convolutional GAN: a generator of pictures, a discriminator, and cures for what goes wrong between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engines.datasets.base import Examples
from engines.gan.images.base import PENALTIES, PictureGame
from engines.gan.losses import LOSSES
from engines.model_spec import ModelSpec, Recipe
from engines.nets.averaged import Averaged
from engines.nets.picture_nets import (
    ConvolutionDiscriminator,
    ConvolutionGenerator,
    PerceptronDiscriminator,
    PerceptronGenerator,
)
from engines.plan import Plan
from engines.settings import Settings, setting

BODIES = {
    "convolution": (ConvolutionGenerator, ConvolutionDiscriminator),
    "perceptron": (PerceptronGenerator, PerceptronDiscriminator),
}
BETAS = (0.5, 0.99)


@dataclass(frozen=True)
class PictureGanSettings(Settings):
    """The game, the size of its players, and the cures."""

    loss: str = setting("non_saturating", "Loss", "What the two players minimise.", choices=tuple(LOSSES))
    body: str = setting(
        "convolution",
        "Body",
        "Convolutions know which pixels are neighbours; a perceptron does not, and is quicker on tiny pictures.",
        choices=tuple(BODIES),
    )
    n_latents: int = setting(16, "Latents", "Numbers from which the generator makes a picture.", low=2, high=64, step=1)
    width: int = setting(
        16,
        "Width",
        "Features of each place on the finest map; a perceptron's layers have eight times as many units.",
        low=4,
        high=48,
        step=4,
    )
    n_discriminator: int = setting(
        1,
        "Discriminator steps",
        "Steps of the discriminator for each of the generator. Many: it wins, and its slope fades.",
        low=1,
        high=5,
        step=1,
    )
    discriminator_rate: float = setting(
        1.0,
        "Discriminator learning rate ×",
        "Its learning rate as a multiple of the generator's: two time scales. Slow: it lets the generator collapse.",
        low=0.05,
        high=10.0,
        step=0.05,
        is_log=True,
    )
    penalty: str = setting(
        "r1",
        "Penalty",
        "What keeps the discriminator's slope in bounds: R1 at real pictures, R1 and R2 at generated ones as well, "
        "a slope of one between both (WGAN-GP) or around real ones (DRAGAN).",
        choices=PENALTIES,
    )
    penalty_weight: float = setting(
        0.1, "Weight of the penalty", "γ of R1 and R2, λ of the others. 0: none.", low=0.0, high=20.0, step=0.05
    )
    spectral_norm: bool = setting(
        False, "Spectral norm", "Keep the largest singular value of each of the discriminator's layers at one."
    )
    minibatch_std: bool = setting(
        False,
        "Minibatch std. dev.",
        "Tell the discriminator how much the pictures of a batch differ: it notices collapse.",
    )
    pack: int = setting(
        1, "PacGAN pack size", "PacGAN: the discriminator sees so many pictures together.", low=1, high=4, step=1
    )
    averaging: float = setting(
        0.995,
        "Generator EMA",
        "Share that the running mean of the generator's weights keeps at each step; 0: the last weights are used.",
        low=0.0,
        high=0.9999,
        step=0.001,
    )


class PictureGan(PictureGame):
    """Two players: a net makes pictures of noise, another says whether pictures are real.

    What is used and stored is the running mean of the generator's weights.

    Args:
        event_shape: C, H, W.
        levels: Values of a pixel.
        settings: See `PictureGanSettings`.
        classes: Names of the classes of the set; empty without.

    Source:
        Goodfellow et al. 2014, Generative adversarial nets, arXiv:1406.2661; Radford et al. 2016, arXiv:1511.06434
    """

    def __init__(
        self, event_shape: tuple[int, ...], levels: int, settings: PictureGanSettings, *, classes: tuple[str, ...]
    ) -> None:
        super().__init__(
            event_shape,
            levels,
            n_latents=settings.n_latents,
            classes=classes,
            loss=settings.loss,
            penalty=settings.penalty,
            penalty_weight=settings.penalty_weight,
            pack=settings.pack,
        )
        self.settings = settings
        generator, discriminator = BODIES[settings.body]
        made = generator(event_shape, n_latents=settings.n_latents, width=settings.width)
        self.averaged = Averaged(made, settings.averaging)
        self.discriminator = discriminator(
            (settings.pack * event_shape[0], *event_shape[1:]),
            width=settings.width,
            sees_batch=settings.minibatch_std,
            is_bounded=settings.spectral_norm,
        )

    def _pace(self) -> dict[str, Any]:
        rate, repeats = self.settings.discriminator_rate, self.settings.n_discriminator
        return {"repeats": repeats, "rate": rate, "betas": BETAS}

    def _generator_pace(self) -> dict[str, Any]:
        return {"betas": BETAS}


def build_picture_gan(settings: PictureGanSettings, examples: Examples) -> PictureGan:
    """Two players for these pictures."""
    return PictureGan(examples.event_shape, examples.levels, settings, classes=examples.classes)


# Measured: a perceptron whose discriminator is slow makes one or two digits and moves on; averaging would hide it.
COLLAPSED = PictureGanSettings(
    body="perceptron", width=32, discriminator_rate=0.05, penalty="none", penalty_weight=0.0, averaging=0.0
)
ON_FACES = PictureGanSettings(n_latents=32, penalty_weight=0.8, minibatch_std=True)
ON_MNIST = PictureGanSettings(n_latents=32, penalty_weight=0.5, minibatch_std=True, averaging=0.998)
ON_STACKED = PictureGanSettings(
    body="perceptron", width=32, n_latents=32, discriminator_rate=10.0, penalty_weight=0.4, pack=2
)

ABSENT = {
    "log_prob": "A generator is no density: its pictures lie on a thin sheet, and their density is nowhere defined.",
    "log_prob_bound": "No term of the game bounds a likelihood: the discriminator sees samples alone.",
    "log_prob_estimate": "Kernels around samples would err by hundreds of nats for pictures: not shown.",
    "encode": "There is no encoder: a picture's latent can only be searched for.",
    "to_latent": "The generator cannot be turned round: most pictures have no latent at all.",
    "to_data": "The generator keeps no account of volume: use decode.",
    "layers_to_latent": "There is no way back from a picture to its latent.",
    "score": "The density of a thin sheet has no slope: only the discriminator's slope can be had.",
    "denoise": "It has never seen noise on a picture, only noise in place of one.",
    "next_token_logits": "It draws all pixels at once, not one after the other.",
    "sample_path": "A picture is made in one pass: there are no states on the way.",
}

PICTURE_GAN = ModelSpec(
    key="picture_gan",
    family="gan",
    title="DCGAN-style GAN",
    idea="One net makes pictures of noise, another learns to tell them from real ones: each is the other's teacher.",
    settings=PictureGanSettings,
    build=build_picture_gan,
    presets={"collapses": COLLAPSED, "perceptron": PictureGanSettings(body="perceptron", width=32)},
    paper="Goodfellow et al. 2014, Generative adversarial nets, arXiv:1406.2661; Radford, Metz, Chintala 2016, "
    "Unsupervised representation learning with deep convolutional GANs, arXiv:1511.06434",
    absent=ABSENT,
    takes=("image",),
    plan=Plan(steps=4000, batch_size=64, learning_rate=1e-3),
    on={
        "mnist_5k": Recipe(ON_MNIST, Plan(steps=6000, batch_size=32, learning_rate=1e-3)),
        "faces": Recipe(ON_FACES, Plan(steps=4000, batch_size=32, learning_rate=1e-3)),
        "stacked_digits": Recipe(ON_STACKED, Plan(steps=4000, batch_size=64, learning_rate=1e-4)),
    },
)
