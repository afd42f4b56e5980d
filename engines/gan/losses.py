"""What the two players of a GAN minimise, from logits of real and of generated points: one entry of LOSSES each.

Logits may have leading axes, such as that of K models side by side; the mean is taken over the last one, the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.registry import Registry

Optimum = Literal["log_ratio", "share", "sign", "none"]
Player = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class AdversarialLoss:
    """A game of two players.

    Attributes:
        key: Name in settings and links.
        title: Name on the page.
        discriminator: (real logits, fake logits), both (..., B) -> what the discriminator minimises, (...).
        generator: The same for the generator.
        formula: Both in LaTeX, with r and f for the logits of real and generated points.
        optimum: What the best of all discriminators says at x, given the densities p of the data and q of the
            generator: "log_ratio" log p/q, "share" p/(p+q), "sign" sign(p - q), "none" no closed form.
        paper: Source.
        border: Logit above which a point is called real; None where only differences of logits mean anything.
    """

    key: str
    title: str
    discriminator: Player
    generator: Player
    formula: str
    optimum: Optimum
    paper: str
    border: float | None = 0.0


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean(-1) + F.softplus(fake).mean(-1)


def _paired(first: Tensor, second: Tensor) -> Tensor:
    """How far each of the first lies below its partner among the second."""
    return F.softplus(second - first).mean(-1)


LOSSES: Registry[AdversarialLoss] = Registry(
    "loss",
    (
        AdversarialLoss(
            "non_saturating",
            "Non-saturating",
            _cross_entropy,
            lambda real, fake: F.softplus(-fake).mean(-1),
            r"D:\ \mathbb{E}\,\zeta(-r) + \mathbb{E}\,\zeta(f) \qquad G:\ \mathbb{E}\,\zeta(-f)",
            "log_ratio",
            "Goodfellow et al. 2014, section 3, arXiv:1406.2661",
        ),
        AdversarialLoss(
            "minimax",
            "Minimax",
            _cross_entropy,
            lambda real, fake: -F.softplus(fake).mean(-1),
            r"D:\ \mathbb{E}\,\zeta(-r) + \mathbb{E}\,\zeta(f) \qquad G:\ -\mathbb{E}\,\zeta(f)",
            "log_ratio",
            "Goodfellow et al. 2014, eq. 1, arXiv:1406.2661",
        ),
        AdversarialLoss(
            "least_squares",
            "Least squares",
            lambda real, fake: 0.5 * ((real - 1).square().mean(-1) + fake.square().mean(-1)),
            lambda real, fake: 0.5 * (fake - 1).square().mean(-1),
            r"D:\ \tfrac12\mathbb{E}(r-1)^2 + \tfrac12\mathbb{E}f^2 \qquad G:\ \tfrac12\mathbb{E}(f-1)^2",
            "share",
            "Mao et al. 2017, eq. 2 and 9, arXiv:1611.04076",
            border=0.5,
        ),
        AdversarialLoss(
            "wasserstein",
            "Wasserstein",
            lambda real, fake: fake.mean(-1) - real.mean(-1),
            lambda real, fake: -fake.mean(-1),
            r"D:\ \mathbb{E}f - \mathbb{E}r \qquad G:\ -\mathbb{E}f",
            "none",
            "Arjovsky, Chintala, Bottou 2017, eq. 2, arXiv:1701.07875",
            border=None,
        ),
        AdversarialLoss(
            "hinge",
            "Hinge",
            lambda real, fake: F.relu(1 - real).mean(-1) + F.relu(1 + fake).mean(-1),
            lambda real, fake: -fake.mean(-1),
            r"D:\ \mathbb{E}(1-r)_+ + \mathbb{E}(1+f)_+ \qquad G:\ -\mathbb{E}f",
            "sign",
            "Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, eq. 16 and 17, arXiv:1802.05957",
        ),
        AdversarialLoss(
            "relativistic",
            "Relativistic",
            _paired,
            lambda real, fake: _paired(fake, real),
            r"D:\ \mathbb{E}\,\zeta(f-r) \qquad G:\ \mathbb{E}\,\zeta(r-f)",
            "log_ratio",
            "Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al. 2024, R3GAN, eq. 2, arXiv:2501.05441",
            border=None,
        ),
    ),
)
