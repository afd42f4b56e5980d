"""What keeps a discriminator in bounds: penalties on its slope, each a number for each of the models side by side.

A critic is any function from events (..., B, *event) to logits (..., B); the penalties differentiate it at points.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
DRAGAN_SPREAD = 0.5  # of the data's standard deviation


def squared_slopes(critic: Critic, x: Tensor) -> Tensor:
    """|grad_x D(x)|² at each point, differentiable once more.

    Args:
        critic: (..., B, *event) -> (..., B).
        x: Points, shape (..., B, *event).

    Returns:
        Shape (..., B).
    """
    x = x.detach().requires_grad_()
    logits = critic(x)
    (slopes,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return slopes.square().flatten(logits.ndim).sum(-1) if slopes.ndim > logits.ndim else slopes.square()


def zero_centred(critic: Critic, x: Tensor) -> Tensor:
    """½ E |grad D|²: R1 at real points, R2 at generated ones; the weight before it is γ.

    Source:
        Mescheder, Geiger, Nowozin 2018, Which training methods for GANs do actually converge, eq. 9 and 10,
        arXiv:1801.04406
    """
    return 0.5 * squared_slopes(critic, x).mean(-1)


def one_centred(critic: Critic, x: Tensor) -> Tensor:
    """E (|grad D| - 1)²: the slope that a Wasserstein critic should have.

    Source:
        Gulrajani et al. 2017, Improved training of Wasserstein GANs, eq. 3, arXiv:1704.00028
    """
    return ((squared_slopes(critic, x) + 1e-12).sqrt() - 1).square().mean(-1)


def between(real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """A point at random on the line from each real point to its generated partner: where WGAN-GP looks."""
    shape = (*real.shape[:-1], 1) if real.ndim <= 3 else (len(real), *[1] * (real.ndim - 1))
    share = torch.rand(shape, generator=rng, device=real.device)
    return real + share * (fake - real)


def around(real: Tensor, rng: torch.Generator) -> Tensor:
    """Real points moved at random, where DRAGAN looks: x + ½ std u, u uniform on the unit cube.

    Source:
        Kodali et al. 2017, On convergence and stability of GANs, algorithm 1, arXiv:1705.07215
    """
    return real + DRAGAN_SPREAD * real.std() * torch.rand(real.shape, generator=rng, device=real.device)
