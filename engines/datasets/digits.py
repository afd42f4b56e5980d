"""The data set "digits": scikit-learn's 8 × 8 handwritten digits, small enough to train on while one watches."""

from __future__ import annotations

import torch

from engines.datasets.base import DatasetSpec, Examples, NoSettings
from engines.tensors import make_rng

N_TRAIN = 1500
LEVELS = 17  # each pixel counts how many of 16 finer ones were inked
_SPLIT_SEED = 1


def load_digits(settings: NoSettings) -> Examples:
    """All 1,797 digits in a fixed shuffled order: 1,500 to train on, 297 to test."""
    from sklearn.datasets import load_digits as read_digits  # ships with scikit-learn

    pixels, labels = read_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=make_rng(_SPLIT_SEED))
    pictures = torch.from_numpy(pixels).to(torch.uint8).view(-1, 1, 8, 8)[order]
    classes = torch.from_numpy(labels).long()[order]
    return Examples(
        train=pictures[:N_TRAIN].contiguous(),
        test=pictures[N_TRAIN:].contiguous(),
        levels=LEVELS,
        classes=tuple("0123456789"),
        train_labels=classes[:N_TRAIN],
        test_labels=classes[N_TRAIN:],
    )


DIGITS = DatasetSpec(
    "digits",
    "digits 8×8",
    "1,797 handwritten digits of 8 by 8 pixels: tiny, yet every model has something to learn here.",
    NoSettings,
    source="the test part of Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, UCI 1998), "
    "as it ships with scikit-learn",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    group="pictures",
    phrase="8×8 digits",
    kind="image",
    load_examples=load_digits,
    event_shape=(1, 8, 8),
    levels=LEVELS,
)
