"""A quiz for a human discriminator: points or pictures, half of them generated, beside what other judges say of them.

The other judges are the trained discriminator and, where the data's density is known, the best of all discriminators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.losses import LOSSES, AdversarialLoss
from engines.gan.plane.optimal import BestJudge, told_apart
from engines.noise import choice_rows, uniform_rows
from engines.tensors import make_rng

N_QUESTIONS = 90  # more than anyone answers in a minute
N_SHOWN = 200  # labelled examples of each kind that are shown before
N_ESTIMATED = 16_384  # samples from which the generator's density is estimated
MAP_SIDE = 96
_JUDGE_SEED = 1_414_213  # apart from the seeds of questions


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
    is_real = uniform_rows(n, rng=rng) < 0.5
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
    is_real = uniform_rows(n, rng=rng) < 0.5
    real, fake = _some(pictures, n, rng), model.sample(n, rng=rng)
    x = torch.where(is_real[:, None, None, None], real, fake)
    real_shown, fake_shown = _some(pictures, N_SHOWN // 10, rng), model.sample(N_SHOWN // 10, rng=rng)
    said, said_real, said_fake = (model.opinions(each, fake_shown) for each in (x, real_shown, fake_shown))
    return Quiz(
        x, is_real, said - border_of(model.rules, model.pack, said_real, said_fake), None, real_shown, fake_shown
    )


def _some(pictures: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n of some pictures, (n, C, H, W); one may come again."""
    return pictures[choice_rows(torch.ones(len(pictures)), n, rng=rng)].float()


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
    """log p/q at points, data and generator both blurred as in `engines.gan.plane.optimal`, shape (N,).

    Args:
        model: A GAN of the plane.
        density: The data, whose p is exact.
        x: Points, shape (N, 2); beyond the window the generator's density counts as none.
    """
    return BestJudge(density, model.sample(N_ESTIMATED, rng=make_rng(_JUDGE_SEED)), MAP_SIDE).logits(x)


def ceiling(model: Any, density: GaussianMixture) -> tuple[float, float]:
    """Share of right answers that the best of all judges reaches at least, in the long run; see `told_apart`.

    Returns:
        An estimate from 0.5 to 1, and its standard error: 0.5 within the error for a generator that is its data.
    """
    samples = model.sample(N_ESTIMATED, rng=make_rng(_JUDGE_SEED))
    truth = density.sample(N_ESTIMATED, rng=make_rng(_JUDGE_SEED + 1))
    found = told_apart(density, samples, truth, MAP_SIDE)
    return max(0.5, found.accuracy), found.accuracy_error
