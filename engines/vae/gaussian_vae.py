"""The VAE of pictures: its settings, its conditional sister, and what each does best with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engines.datasets.base import Examples
from engines.errors import DataError
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan
from engines.settings import Settings, numbers_of, setting
from engines.vae.likelihoods import LIKELIHOODS, build_likelihood
from engines.vae.nets import StackedDecoder, StackedEncoder
from engines.vae.objective import Objective, ObjectiveWeights
from engines.vae.vae import Vae

MOST_MODELS = 10
SWEEP = "0 0.5 1 2 3 4 8 20"


@dataclass(frozen=True)
class VaeSettings(Settings):
    """A VAE, or a sweep of several that differ in what they pay for information."""

    betas: str = setting(
        "1",
        "β",
        "Price of a nat of KL. 1 is the evidence bound; 0 an autoencoder; large values make the posterior collapse. "
        "Several numbers train several models at once.",
        low=0,
        high=1000,
        most=MOST_MODELS,
    )
    free_bits: str = setting(
        "0",
        "Free bits (nats)",
        "KL that each latent may spend without paying: a cure for collapse. Several numbers make a sweep.",
        low=0,
        high=5,
        most=MOST_MODELS,
    )
    capacities: str = setting(
        "0",
        "Capacity (nats)",
        "Target of the whole KL, approached over the first half of training; 0 for none. Several numbers make a sweep.",
        low=0,
        high=200,
        most=MOST_MODELS,
    )
    warm_up: float = setting(
        0.0,
        "KL annealing (warm-up)",
        "Share of the training over which the price of KL rises from nothing: a cure for early collapse.",
        low=0.0,
        high=1.0,
        step=0.05,
    )
    n_latents: int = setting(8, "Latents", "Numbers in a code.", low=1, high=32, step=1)
    width: int = setting(128, "Width", "Units of each hidden layer.", low=16, high=512, step=16)
    n_hidden: int = setting(2, "Hidden layers", "Hidden layers of encoder and decoder.", low=1, high=3, step=1)
    likelihood: str = setting(
        "auto",
        "Decoder likelihood",
        "What the decoder says about a pixel. Auto: binomial for few grey values, discretised logistic for many.",
        choices=("auto", *LIKELIHOODS),
    )

    def prices(self) -> ObjectiveWeights:
        """What each model of the stack pays."""
        lists = (numbers_of(text) for text in (self.betas, self.free_bits, self.capacities))
        return ObjectiveWeights(*lists, warm_up=self.warm_up)


def build_vae(settings: VaeSettings, examples: Examples, *, is_conditional: bool = False) -> Vae:
    """A stack of VAEs for these examples.

    Raises:
        DataError: If it is to be conditional and the examples have no classes.
    """
    if is_conditional and not examples.classes:
        raise DataError("A conditional VAE needs examples with classes, such as digits; this set has none.")
    prices, shape = settings.prices(), examples.event_shape
    n_classes = len(examples.classes) if is_conditional else 0
    likelihood = build_likelihood(settings.likelihood, shape, examples.levels, prices.n_models)
    size = {"width": settings.width, "n_hidden": settings.n_hidden, "n_latents": settings.n_latents}
    encoder = StackedEncoder(prices.n_models, shape, **size, n_classes=n_classes)
    decoder = StackedDecoder(prices.n_models, shape, **size, n_classes=n_classes, n_outputs=likelihood.n_outputs)
    objective = Objective(prices)
    return Vae(
        encoder, decoder, likelihood, objective, event_shape=shape, n_latents=settings.n_latents, n_classes=n_classes
    )


def build_conditional_vae(settings: VaeSettings, examples: Examples) -> Vae:
    """A VAE that is told the class of each example."""
    return build_vae(settings, examples, is_conditional=True)


def _sweep(
    n_latents: int, width: int, likelihood: str, steps: int, *, rate: float = 1e-3, betas: str = SWEEP
) -> Recipe:
    settings = VaeSettings(betas=betas, n_latents=n_latents, width=width, likelihood=likelihood)
    return Recipe(settings, Plan(steps=steps, batch_size=64, learning_rate=rate))


ABSENT: Mapping[str, str] = {
    "log_prob": "The integral over all latents has no closed form: a VAE gives a bound instead.",
    "log_prob_estimate": "In many dimensions no estimate of it is safe; the importance-weighted bound comes closest.",
    "to_latent": "A point has a cloud of latents, not one: use encode.",
    "to_data": "A latent has a distribution over points, not one: use decode.",
    "layers_to_latent": "Its nets are not invertible, so their layers keep no count of volume.",
    "score": "It is not learned, and without an exact density autograd cannot give it.",
    "denoise": "It knows the clean data only, not the data at each noise level.",
    "discriminate": "There is no discriminator: the bound itself is the objective.",
    "next_token_logits": "It draws all pixels at once, not one after the other.",
    "sample_path": "A sample is made in one pass through the decoder.",
}

VAE = ModelSpec(
    key="vae",
    family="vae",
    title="VAE",
    idea="A variational autoencoder: an encoder turns a picture into a cloud of codes, z = μ + σ ε (the "
    "reparameterization trick), a decoder draws a picture from any code; β is their price.",
    settings=VaeSettings,
    build=build_vae,
    presets={
        "sweep": VaeSettings(betas=SWEEP),
        "best bound": VaeSettings(n_latents=16, width=384, likelihood="binomial"),
        "collapse": VaeSettings(betas="20"),
        "free bits": VaeSettings(betas="20", free_bits="0 0.1 0.3 1"),
        "capacity": VaeSettings(capacities="2 5 10 15"),
    },
    paper="Kingma, Welling 2014, Auto-encoding variational Bayes, arXiv:1312.6114; Higgins et al. 2017, beta-VAE",
    absent=ABSENT,
    takes=("image",),
    plan=Plan(steps=3000, batch_size=64, learning_rate=1e-3),
    on={
        "mnist_5k": _sweep(12, 128, "logistic", 3000, rate=2e-3, betas="0 0.5 1 2 5 10 30 100"),
        "digits": _sweep(10, 128, "binomial", 3000),
        "small_shapes": _sweep(6, 128, "bernoulli", 2500),
        "shapes": _sweep(10, 64, "bernoulli", 5000, rate=2e-3, betas="0 0.5 1 2 4 8 16 40"),
        "faces": _sweep(12, 64, "bernoulli", 5000, rate=2e-3, betas="0 0.5 1 2 4 8 16 40"),
        "patches": _sweep(12, 64, "logistic", 4000, rate=2e-3, betas="0 0.5 1 2 4 8 16 40"),
    },
)

_STYLE = VaeSettings(n_latents=4, likelihood="binomial")

CONDITIONAL_VAE = ModelSpec(
    key="conditional_vae",
    family="vae",
    title="Conditional VAE",
    idea="Encoder and decoder are told the class, so the code keeps only what the class does not say: the style.",
    settings=VaeSettings,
    build=build_conditional_vae,
    presets={"one style number": VaeSettings(n_latents=1)},
    paper="Sohn, Lee, Yan 2015, Learning structured output representation using deep conditional generative models",
    absent=ABSENT,
    takes=("image",),
    plan=Plan(steps=3000, batch_size=64, learning_rate=1e-3),
    on={"digits": Recipe(_STYLE, Plan(steps=2000, batch_size=64, learning_rate=1e-3))},
)
