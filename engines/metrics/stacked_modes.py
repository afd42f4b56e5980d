"""How many of the thousand modes of stacked digits a generator finds, and how evenly: the protocol of PacGAN."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.errors import ShapeError
from engines.metrics.classifier import N_CLASSES, READ, digit_classifier

SHAPE, DIGIT = (3, 8, 8), (1, 8, 8)
LEVELS = READ[DIGIT].levels
N_MODES = N_CLASSES**3
N_STACKED = 26_000  # samples of the protocol
CHUNK = 6500


def knows_stacked(event_shape: tuple[int, ...], levels: int) -> bool:
    """Whether pictures of this kind are stacked digits."""
    return (event_shape, levels) == (SHAPE, LEVELS)


def modes_of(x: Tensor) -> Tensor:
    """Which of the thousand modes each picture is: the three digits that the classifier reads, as one number.

    Args:
        x: Pictures, shape (N, 3, 8, 8), whole numbers 0 ... 16; the first channel is the hundreds.

    Returns:
        Shape (N,), 0 ... 999.
    """
    if tuple(x.shape[1:]) != SHAPE:
        raise ShapeError(f"Expected stacked digits of shape (B, 3, 8, 8), got {tuple(x.shape)}.")
    classifier = digit_classifier(DIGIT).to(x.device)
    read = [classifier(part.reshape(-1, 1, 8, 8)).argmax(1).view(-1, 3) for part in x.split(CHUNK)]
    return torch.cat(read) @ torch.tensor([100, 10, 1], device=x.device)


@torch.no_grad()
def measure_stacked(x: Tensor) -> dict[str, float]:
    """Modes found, and how unevenly.

    Few samples find fewer modes, and look uneven by chance: a perfect sampler of n samples finds about
    1000 (1 - e^(-n/1000)) and has a KL of about 1000 / 2n.

    Args:
        x: Pictures, shape (N, 3, 8, 8), whole numbers 0 ... 16.

    Returns:
        modes: how many of 1,000 have a sample; mode_kl: sum p log(1000 p) in nats, p the share of each mode;
        n_modes_of: of how many samples.

    Source:
        Lin et al. 2018, PacGAN, section 4.2, arXiv:1712.04086
    """
    shares = torch.bincount(modes_of(x), minlength=N_MODES).double() / len(x)
    kl = torch.xlogy(shares, N_MODES * shares).sum()
    return {"modes": float((shares > 0).sum()), "mode_kl": float(kl), "n_modes_of": float(len(x))}
