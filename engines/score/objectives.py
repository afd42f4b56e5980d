"""Ways to learn a score: all have the same minimum, and differ in what they need and in how noisy they are.

Each is weighted by sigma², so that every noise level counts alike, and gives one number for each point. Up to a
constant that does not depend on the model, each has the mean  sigma² |s - s*|²,  s* the exact score of the noised data.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PointScore = Callable[[Tensor], Tensor]


def denoising(scaled_score: Tensor, noise: Tensor) -> Tensor:
    """Denoising score matching: the score of the noised density is, in the mean, the way back to the clean point.

    |sigma s(x + sigma z) + z|²: needs no derivative of the score, and no density.

    Args:
        scaled_score: sigma s at the noised points, shape (B, *event).
        noise: z, the same shape.

    Returns:
        Shape (B,).

    Source:
        Vincent 2011, A connection between score matching and denoising autoencoders, eq. 11; weight sigma²: Song and
        Ermon 2019, eq. 5, arXiv:1907.05600
    """
    return (scaled_score + noise).square().flatten(1).sum(1)


def explicit(scaled_score: Tensor, exact_scaled_score: Tensor) -> Tensor:
    """Explicit score matching, the Fisher divergence itself: sigma² |s - s*|². Needs the exact score.

    Source:
        Hyvarinen 2005, Estimation of non-normalized statistical models by score matching, eq. 2
    """
    return (scaled_score - exact_scaled_score).square().flatten(1).sum(1)


def implicit(score: PointScore, x: Tensor, sigma: Tensor) -> Tensor:
    """Implicit score matching with the exact trace: sigma² (|s|² + 2 tr ds/dx). Needs one derivative for each axis.

    Args:
        score: (B, D) -> (B, D); rows do not depend on each other.
        x: Noised points, shape (B, D).
        sigma: Their noise levels, shape (B,).

    Source:
        Hyvarinen 2005, theorem 1
    """
    x = x.requires_grad_()
    value = score(x)
    return sigma.square() * (value.square().sum(1) + 2 * trace(value, x, keeps_graph=True))


def sliced(score: PointScore, x: Tensor, sigma: Tensor, rng: torch.Generator) -> Tensor:
    """Sliced score matching: the trace by one random direction v,  sigma² (|s|² + 2 v' (ds/dx) v).

    Args: as for `implicit`; rng: Draws v of +1 and -1, whose mean of v v' is the identity.

    Source:
        Song, Garg, Shi, Ermon 2019, Sliced score matching, eq. 8 (with variance reduction), arXiv:1905.07088
    """
    x = x.requires_grad_()
    value = score(x)
    along = torch.randint(0, 2, x.shape, generator=rng, device=x.device).to(x) * 2 - 1
    turned = torch.autograd.grad((value * along).sum(), x, create_graph=True)[0]
    return sigma.square() * (value.square().sum(1) + 2 * (turned * along).sum(1))


def trace(value: Tensor, x: Tensor, *, keeps_graph: bool = False) -> Tensor:
    """tr d value / d x of each row by autograd, shape (B,); both (B, D), one backward pass for each axis."""
    total = value.new_zeros(len(x))
    for i in range(x.shape[1]):
        row = torch.autograd.grad(value[:, i].sum(), x, create_graph=keeps_graph, retain_graph=True)[0]
        total = total + row[:, i]
    return total
