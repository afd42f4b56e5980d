"""A quiz for a human discriminator: points or pictures, half of them generated, beside what other judges say of them.

The other judges are the trained discriminator and, where the data's density is known, the best of all discriminators.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.losses import LOSSES, AdversarialLoss
from engines.gan.optimal import blur_of, estimate_log_density, optimal_logits, relative_error
from engines.probes import cell_centres
from engines.tensors import make_rng

N_QUESTIONS = 90  # more than anyone answers in a minute
N_SHOWN = 200  # labelled examples of each kind that are shown before
N_ESTIMATED = 4096  # samples from which the generator's density is estimated
MAP_SIDE = 96


@dataclass(frozen=True)
class Quiz:
    """Questions with their answers.

    Attributes:
        x: What is shown, shape (N, *event).
        is_real: Whether it is, shape (N,).
        logits: What the trained discriminator says, above 0 for real, shape (N,).
        optimal: The same of the best of all discriminators, or None where the data's density is not known.
        real: Labelled real examples, shape (M, *event).
        fake: Labelled generated ones.
    """

    x: Tensor
    is_real: Tensor
    logits: Tensor
    optimal: Tensor | None
    real: Tensor
    fake: Tensor


@torch.no_grad()
def plane_quiz(model: Any, density: GaussianMixture, seed: int, n: int = N_QUESTIONS) -> Quiz:
    """Points of the plane.

    Args:
        model: A GAN of the plane, trained on the density.
        density: The data.
        seed: Of the questions: the same seed asks the same.
        n: How many.
    """
    rng = make_rng(seed)
    is_real = torch.rand(n, generator=rng) < 0.5
    real, fake = density.sample(n, rng=rng), model.sample(n, rng=rng)
    x = torch.where(is_real[:, None], real, fake)
    examples = (density.sample(N_SHOWN, rng=rng), model.sample(N_SHOWN, rng=rng))
    logits = model.discriminate(x) - plane_border(model, *examples)
    return Quiz(x, is_real, logits, best_logits(model, density, x), *examples)


@torch.no_grad()
def picture_quiz(model: Any, pictures: Tensor, seed: int, n: int = N_QUESTIONS) -> Quiz:
    """Pictures; those that are real come from a part of the set that no training saw.

    Args:
        model: A GAN of pictures.
        pictures: Held-out ones, shape (L, C, H, W).
        seed: Of the questions: the same seed asks the same.
        n: How many.
    """
    rng = make_rng(seed)
    is_real = torch.rand(n, generator=rng) < 0.5
    chosen = pictures[torch.randint(len(pictures), (n + N_SHOWN // 10,), generator=rng)].float()
    fake = model.sample(n + N_SHOWN // 10, rng=rng)
    x = torch.where(is_real[:, None, None, None], chosen[:n], fake[:n])
    real_shown, fake_shown = chosen[n:], fake[n:]
    said, said_real, said_fake = (model.opinions(each, fake_shown) for each in (x, real_shown, fake_shown))
    return Quiz(
        x, is_real, said - border_of(model.rules, model.pack, said_real, said_fake), None, real_shown, fake_shown
    )


def plane_border(model: Any, real: Tensor, fake: Tensor) -> float:
    """`border_of` a GAN of the plane from labelled points, shape (M, 2) each."""
    rules, said = LOSSES[model.settings.loss], (model.discriminate(each) for each in (real, fake))
    return border_of(rules, model.settings.pack, *said)


def border_of(rules: AdversarialLoss, pack: int, real: Tensor, fake: Tensor) -> float:
    """The logit above which a discriminator says real: its game's own, or halfway between what it says of examples.

    The game's own holds where it judges as it was trained. A judge of packs sees each example among generated ones.

    Args:
        rules: Of its game.
        pack: How many it judges at once.
        real: Its logits of labelled real examples, shape (M,).
        fake: The same of generated ones.
    """
    if rules.border is None or pack > 1:
        return float(real.mean() + fake.mean()) / 2
    return rules.border


def best_logits(model: Any, density: GaussianMixture, x: Tensor) -> Tensor:
    """log p/q at points, data and generator both blurred as in `engines.gan.optimal`, shape (N,).

    Args:
        model: A GAN of the plane.
        density: The data, whose p is exact.
        x: Points, shape (N, 2); beyond the window the generator's density counts as none.
    """
    log_data, log_fake = _log_densities(model, density)
    (x0, x1, y0, y1), side = density.window, MAP_SIDE
    column = ((x[:, 0] - x0) / (x1 - x0) * side).long()
    row = ((x[:, 1] - y0) / (y1 - y0) * side).long()
    is_inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    at = (row * side + column).clamp(0, side * side - 1)
    best = optimal_logits(log_data, log_fake, "log_ratio")
    assert best is not None  # noqa: S101
    own = density.noised(blur_of(density.window)).log_prob(x.double()).float()
    return torch.where(is_inside, best[at], torch.where(own > math.log(1e-9), 1.0, -1.0))


def ceiling(model: Any, density: GaussianMixture) -> tuple[float, float]:
    """Share of right answers that nobody beats in the long run, ½ + ¼ ∫ |p - q|, with the standard error of the sum.

    Data and generator are blurred alike, so that it is at most the true one.

    Returns:
        Share from 0.5 to 1, and its standard error from estimating q.
    """
    log_data, log_fake = _log_densities(model, density)
    x0, x1, _, _ = density.window
    area = ((x1 - x0) / MAP_SIDE) ** 2
    apart = (log_data.exp() - log_fake.exp()).abs().sum() * area
    error = relative_error(log_fake, N_ESTIMATED, density.window) * log_fake.exp() * area
    return 0.5 + 0.25 * float(apart), 0.25 * float(error.square().sum().sqrt())


def _log_densities(model: Any, density: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Log densities of data and generator, blurred alike, on the cells of the map: shape (MAP_SIDE²,) each."""
    window = density.window
    samples = model.sample(N_ESTIMATED, rng=make_rng(1))
    fake = estimate_log_density(samples, window, MAP_SIDE).flatten()
    data = density.noised(blur_of(window)).log_prob(cell_centres(window, MAP_SIDE).double()).float()
    return data, fake
