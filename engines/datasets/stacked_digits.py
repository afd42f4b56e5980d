"""The data set "stacked_digits": three digits as the three colours of one picture, so that modes can be counted."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.datasets.digits import LEVELS, load_digits
from engines.tensors import make_rng

N_TRAIN, N_TEST = 26_000, 2_000
_SEED = 5


def load_stacked(settings: NoSettings) -> Examples:
    """26,000 triples of training digits and 2,000 of test digits, each digit drawn at random."""
    digits, rng = load_digits(NoSettings()), make_rng(_SEED)
    return Examples(
        train=stack(digits.train, N_TRAIN, rng),
        test=stack(digits.test, N_TEST, rng),
        levels=LEVELS,
        note="Red, green and blue are three digits that have nothing to do with each other: 1,000 modes.",
    )


def stack(digits: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """n pictures (n, 3, 8, 8) of three digits each, no two alike."""
    at = torch.randint(len(digits), (n + n // 10, 3), generator=rng)
    _, first = at.unique(dim=0, return_inverse=True)
    order = torch.full((int(first.max()) + 1,), len(at)).scatter_reduce(0, first, torch.arange(len(at)), "amin")
    kept = at[order.sort().values[:n]]
    return digits[kept, 0].contiguous()


STACKED_DIGITS = DatasetSpec(
    "stacked_digits",
    "stacked digits (1,000 modes)",
    "Three digits as red, green and blue: 1,000 kinds of pictures, so that a generator's missing ones can be counted.",
    NoSettings,
    source="scikit-learn's digits, stacked here; the test of Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 "
    "(PacGAN), who stacked MNIST",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    group="pictures",
    phrase="stacked digits",
    kind="image",
    load_examples=load_stacked,
    event_shape=(3, 8, 8),
    levels=LEVELS,
)
