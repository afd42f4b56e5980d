"""The settings of a GAN in the plane: the game, what it is played with, and its cures."""

from __future__ import annotations

from dataclasses import dataclass

from engines.gan.losses import LOSSES
from engines.settings import Settings, setting

MOST_MODELS = 16


@dataclass(frozen=True)
class PlaneGanSettings(Settings):
    """The game, the two nets, and cures that combine freely."""

    loss: str = setting("non_saturating", "Loss", "What discriminator and generator minimise.", choices=tuple(LOSSES))
    n_latents: int = setting(2, "Latents", "Numbers of noise that a point is made from.", low=1, high=64)
    noise: str = setting(
        "normal", "Noise", "Its distribution: normal, or uniform between -1 and 1.", choices=("normal", "uniform")
    )
    pieces: int = setting(
        1,
        "Noise mixture components",
        "Separate pieces that the noise lies in, equally likely. One piece can be bent, not torn: its modes stay tied "
        "by bridges. Several need none.",
        low=1,
        high=128,
        is_log=True,
    )
    width: int = setting(64, "Width", "Units of each hidden layer, in both nets.", low=8, high=512, step=8, is_log=True)
    n_hidden: int = setting(2, "Generator's layers", "Hidden layers. Depth buys sharp bridges.", low=1, high=5)
    batch_norm: bool = setting(
        False, "Generator's batch norm", "Features of its hidden layers are normalised over the batch: it bends sooner."
    )
    discriminator_hidden: int = setting(2, "Discriminator's layers", "Its hidden layers.", low=1, high=5)
    waves: int = setting(
        0,
        "Fourier features",
        "Sines and cosines of the point that the discriminator sees beside it: with them it sees narrow modes early.",
        low=0,
        high=128,
        step=8,
    )
    discriminator_rate: float = setting(
        1.0,
        "Discriminator learning rate ×",
        "Its learning rate over the generator's (two time scales). At 0.1 it is slow, and the generator finds one "
        "place that fools it.",
        low=0.01,
        high=100.0,
        step=0.01,
        is_log=True,
    )
    n_discriminator: int = setting(
        1, "Discriminator's steps", "Its steps for each step of the generator.", low=1, high=10
    )
    momentum: float = setting(
        0.5, "Adam β₁", "Adam's first decay rate, in both players.", low=0.0, high=0.95, step=0.05
    )
    r1: float = setting(
        0.0, "R1 penalty γ", "γ of ½ γ |slope|² of the discriminator at real points.", low=0.0, high=100.0, step=0.01
    )
    r2: float = setting(0.0, "R2 penalty γ", "The same at generated points.", low=0.0, high=100.0, step=0.01)
    gradient_penalty: float = setting(
        0.0,
        "Gradient penalty",
        "λ of λ (|slope| - 1)² between real and generated points. The paper's 10 is for pictures; 0.1 fits the plane.",
        low=0.0,
        high=100.0,
        step=0.01,
    )
    dragan: float = setting(
        0.0, "DRAGAN penalty λ", "The same penalty around real points.", low=0.0, high=100.0, step=0.01
    )
    clip: float = setting(
        0.0, "Weight clipping", "Largest weight of the critic; 0: none.", low=0.0, high=1.0, step=0.001
    )
    spectral_norm: bool = setting(False, "Spectral norm", "Every layer of the discriminator stretches by at most 1.")
    pack: int = setting(
        1,
        "PacGAN pack size",
        "Points that the discriminator judges together: a pack of equals gives itself away.",
        low=1,
        high=4,
    )
    minibatch_std: bool = setting(False, "Minibatch std. dev.", "The discriminator is told how far a group spreads.")
    unroll: int = setting(
        0, "Unrolled steps", "Steps of the discriminator that the generator foresees.", low=0, high=10
    )
    unroll_rate: float = setting(
        0.02, "Unrolled rate", "Learning rate of the foreseen steps.", low=0.0001, high=1.0, step=0.0001, is_log=True
    )
    instance_noise: float = setting(
        0.0,
        "Instance noise",
        "Noise on all that the discriminator sees, over the data's width; it falls to none until the end.",
        low=0.0,
        high=2.0,
        step=0.05,
    )
    averaging: float = setting(
        0.0,
        "Generator EMA",
        "Memory of the generator's running mean, whose points are shown; 0: none.",
        low=0.0,
        high=0.9999,
        step=0.001,
    )
    decays: bool = setting(False, "Learning-rate decay", "Whether both learning rates fall to zero along a cosine.")
    n_models: int = setting(
        1, "Seeds at once", "Games trained side by side, each from its own start.", low=1, high=MOST_MODELS
    )
