"""The smallest GAN there is: data at 0, a generator at θ, a discriminator D(x) = ψx; two numbers that play.

Everything is read off the real losses and penalties by autograd; what is known in closed form stands in the tests.

Source:
    Mescheder, Geiger, Nowozin 2018, Which training methods for GANs do actually converge, definition 2.1,
    arXiv:1801.04406
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.gan.losses import LOSSES
from engines.gan.penalties import one_centred, zero_centred
from engines.settings import Settings, setting

DYNAMICS = ("flow", "simultaneous", "alternating")
N_NODES = 16  # of the quadrature over instance noise
STRONGEST = 3.0
PAIRED = {"relativistic"}  # losses that look at a real and a generated point together


@dataclass(frozen=True)
class Cure:
    """Something that is done against circling.

    Attributes:
        title: Name on the page.
        symbol: What its strength is called.
        idea: One sentence on what it does in this game.
        term: What is added to the discriminator's loss, in LaTeX; empty: nothing.
        paper: Source.
        is_kink: Whether it has no slope where the discriminator is flat, so that nothing can be linearised there.
    """

    title: str
    symbol: str
    idea: str
    term: str
    paper: str
    is_kink: bool = False


CURES: Mapping[str, Cure] = {
    "none": Cure("No cure", "", "The bare game.", "", ""),
    "r1": Cure(
        "R1",
        "γ",
        "The discriminator pays for slope at the data, so its slope dies where the generator is right.",
        r"\tfrac{\gamma}{2}\psi^2",
        "Mescheder et al. 2018, eq. 9, arXiv:1801.04406",
    ),
    "r2": Cure(
        "R2",
        "γ",
        "As R1, but at the generated point; a straight line has the same slope everywhere, so it is the same here.",
        r"\tfrac{\gamma}{2}\psi^2",
        "Mescheder et al. 2018, eq. 10, arXiv:1801.04406",
    ),
    "noise": Cure(
        "Instance noise",
        "σ",
        "Gaussian noise on data and samples: both become wide, and a steep line is wrong about many of them.",
        "",
        "Sønderby et al. 2017, arXiv:1610.04490; Arjovsky and Bottou 2017, arXiv:1701.04862",
    ),
    "consensus": Cure(
        "Consensus optimization",
        "γ",
        "Both players also walk down the length of the whole gradient, and so towards rest.",
        r"\gamma \nabla \tfrac12 |v|^2",
        "Mescheder, Nowozin, Geiger 2017, The numerics of GANs, eq. 12, arXiv:1705.10461",
    ),
    "clip": Cure(
        "Weight clipping",
        "c",
        "The slope is cut to −c … c after each step. Inside, nothing changes.",
        "",
        "Arjovsky, Chintala, Bottou 2017, algorithm 1, arXiv:1701.07875",
    ),
    "gp": Cure(
        "Gradient penalty",
        "λ",
        "The slope is pulled to 1 or −1 also where the generator is right: there it never rests.",
        r"\lambda(|\psi| - 1)^2",
        "Gulrajani et al. 2017, eq. 3, arXiv:1704.00028",
        True,
    ),
    "dragan": Cure(
        "DRAGAN",
        "λ",
        "The gradient penalty around the data; with a straight line the same as that.",
        r"\lambda(|\psi| - 1)^2",
        "Kodali et al. 2017, algorithm 1, arXiv:1705.07215",
        True,
    ),
}


@dataclass(frozen=True)
class DiracSettings(Settings):
    """Everything that a visitor can turn about the game of two numbers."""

    loss: str = setting("minimax", "Loss", "What the two players minimise.", choices=tuple(LOSSES))
    cure: str = setting("none", "Regularizer", "What is done against circling.", choices=tuple(CURES))
    strength: float = setting(1.0, "Strength", "Of the cure: γ, σ, c or λ.", low=0.01, high=STRONGEST, step=0.01)
    dynamics: str = setting(
        "simultaneous",
        "Dynamics",
        "The flow of infinitely small steps, both players at once, or the discriminator first.",
        choices=DYNAMICS,
    )
    h: float = setting(0.2, "Step h", "Learning rate of the generator.", low=0.01, high=1.0, step=0.01, is_log=True)
    ratio: float = setting(
        1.0,
        "D's rate / G's",
        "Two time scales: the discriminator's rate over h.",
        low=0.1,
        high=10.0,
        step=0.01,
        is_log=True,
    )
    momentum: float = setting(
        0.0,
        "Momentum β",
        "Share of the last move that is made again; below 0 it is taken back.",
        low=-0.5,
        high=0.9,
        step=0.05,
    )
    n_critic: int = setting(1, "D steps", "Discriminator steps for each generator step.", low=1, high=10, step=1)


def quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Places and weights of a mean over standard-normal noise, exact for polynomials of degree 31."""
    places, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    return places, weights / weights.sum()


def losses_at(game: DiracSettings, theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    """What the discriminator and the generator minimise at each state.

    Args:
        game: Loss and cure.
        theta: Where the generator stands, shape (S,).
        psi: Slope of the discriminator, shape (S,).

    Returns:
        Two tensors of shape (S,).
    """
    loss = LOSSES[game.loss]
    real_noise, fake_noise, weights = _noise(game, theta)
    real = (psi * real_noise)[..., None]  # (N, S, 1): a batch of one point for each pair of noises
    fake = (psi * (theta + fake_noise))[..., None]
    mean = lambda values: (weights * values).sum(0)  # noqa: E731
    return mean(loss.discriminator(real, fake)) + _penalty(game, theta, psi), mean(loss.generator(real, fake))


def _noise(game: DiracSettings, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Noise on data and on samples, independent of each other, and weights: each of shape (N, 1)."""
    if game.cure != "noise":
        none = like.new_zeros(1, 1)
        return none, none, none + 1
    places, weights = (torch.as_tensor(part).to(like) for part in quadrature())
    if game.loss not in PAIRED:  # a sum of two means: the same places may serve both
        return game.strength * places[:, None], game.strength * places[:, None], weights[:, None]
    first, second = torch.cartesian_prod(places, places).mul(game.strength).T
    return first[:, None], second[:, None], torch.outer(weights, weights).reshape(-1, 1)


def _penalty(game: DiracSettings, theta: Tensor, psi: Tensor) -> Tensor:
    """What the cure adds to the discriminator's loss, by the penalties that every GAN here has."""
    critic = lambda x: psi[:, None] * x  # noqa: E731
    data, made = torch.zeros_like(theta)[:, None], theta[:, None]
    if game.cure == "r1":
        return game.strength * zero_centred(critic, data)
    if game.cure == "r2":
        return game.strength * zero_centred(critic, made)
    if game.cure == "gp":  # any point between the two is as good: a straight line has one slope
        return game.strength * one_centred(critic, 0.5 * (data + made))
    if game.cure == "dragan":
        return game.strength * one_centred(critic, data)
    return torch.zeros_like(psi)


def vector_field(game: DiracSettings, theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
    """Which way both players want to go: v = (-dL_G/dθ, -ratio dL_D/dψ), differentiable once more.

    Args:
        game: Loss, cure and ratio of rates.
        theta: Shape (S,).
        psi: Shape (S,).

    Returns:
        Both parts, shape (S,) each.

    Source:
        Mescheder et al. 2018, eq. 3, arXiv:1801.04406
    """
    theta, psi = _leaf(theta), _leaf(psi)
    with torch.enable_grad():
        of_critic, of_generator = losses_at(game, theta, psi)
        v_theta, v_psi = -_slope(of_generator, theta), -_slope(of_critic, psi)
        if game.cure == "consensus":
            length = 0.5 * (v_theta.square() + v_psi.square())
            v_theta, v_psi = (
                v_theta - game.strength * _slope(length, theta),
                v_psi - game.strength * _slope(length, psi),
            )
    return v_theta, game.ratio * _kept(game, psi, v_psi)


def _kept(game: DiracSettings, psi: Tensor, v_psi: Tensor) -> Tensor:
    """The discriminator's part, which at a clipped slope cannot point outwards."""
    if game.cure != "clip":
        return v_psi
    return torch.where((psi.abs() >= game.strength) & (psi * v_psi > 0), torch.zeros_like(v_psi), v_psi)


def _leaf(x: Tensor) -> Tensor:
    """A place of its own in the graph: a player's slope must not see that the other's move hung on its place."""
    return x.clone() if x.requires_grad else x.detach().clone().requires_grad_()


def _slope(of: Tensor, by: Tensor) -> Tensor:
    if not of.requires_grad:
        return torch.zeros_like(by)
    return torch.autograd.grad(of.sum(), by, create_graph=True, materialize_grads=True, allow_unused=True)[0]
