"""Stacked digits and the count of their modes, against digits whose class is known."""

from __future__ import annotations

import math

import pytest
import torch

from engines.datasets import DATASETS
from engines.datasets.stacked_digits import N_TEST, N_TRAIN, stack
from engines.errors import ShapeError
from engines.metrics.stacked_modes import knows_stacked, measure_stacked, modes_of
from engines.tensors import make_rng


def test_every_channel_is_a_digit_of_the_same_part() -> None:
    digits, stacked = DATASETS["digits"].examples(), DATASETS["stacked_digits"].examples()
    assert (len(stacked.train), len(stacked.test)) == (N_TRAIN, N_TEST)
    for part, source in ((stacked.train[:300], digits.train), (stacked.test[:300], digits.test)):
        known = {picture.numpy().tobytes() for picture in source}
        assert all(channel.contiguous().numpy().tobytes() in known for picture in part for channel in picture)


def test_channels_have_nothing_to_do_with_each_other() -> None:
    found = modes_of(DATASETS["stacked_digits"].examples().train[:4000].float())
    for first, second in ((found // 100, found // 10 % 10), (found // 10 % 10, found % 10)):
        joint = torch.zeros(10, 10).index_put((first, second), torch.tensor(1 / len(found)), accumulate=True)
        expected = joint.sum(1)[:, None] * joint.sum(0)
        chi = len(found) * float(((joint - expected).square() / expected).sum())
        assert chi < 81 + 5 * math.sqrt(2 * 81)  # mean and 5 standard deviations: false alarm below 1e-5


def test_a_few_digits_can_still_be_stacked_without_repeats() -> None:
    digits = DATASETS["digits"].examples().train[:4]
    made = stack(digits, 20, make_rng(0))
    assert made.shape == (20, 3, 8, 8)
    assert len({picture.numpy().tobytes() for picture in made}) == 20


def test_modes_are_read_from_the_digits_of_known_class() -> None:
    examples = DATASETS["digits"].examples()
    assert examples.test_labels is not None
    labels, pictures = examples.test_labels[:90], examples.test[:90, 0].float()
    stacked, classes = pictures.view(30, 3, 8, 8), labels.view(30, 3)
    right = modes_of(stacked) == classes @ torch.tensor([100, 10, 1])
    assert float(right.float().mean()) > 0.85  # 98 of 100 digits are read right, so about 95 of 100 triples


def test_kl_and_modes_of_collapsed_and_of_true_samples() -> None:
    examples = DATASETS["stacked_digits"].examples()
    one = measure_stacked(examples.train[:1].float().repeat(500, 1, 1, 1))
    assert one["modes"] == 1 and one["mode_kl"] == pytest.approx(math.log(1000))
    true = measure_stacked(examples.train[:9000].float())
    assert true["modes"] >= 990 and true["mode_kl"] < 0.1
    few = measure_stacked(examples.train[:1000].float())
    assert few["modes"] == pytest.approx(1000 * (1 - math.exp(-1)), abs=45)  # the chance of not being drawn


def test_other_pictures_are_not_known() -> None:
    assert knows_stacked((3, 8, 8), 17) and not knows_stacked((1, 8, 8), 17)
    with pytest.raises(ShapeError, match="stacked digits"):
        modes_of(torch.zeros(2, 1, 8, 8))
