"""One seed, one row: what is drawn at place i does not depend on how many are drawn."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from engines.datasets import DATASETS, datasets_of
from engines.tensors import make_rng
from tests.conformance.models import build, each_model

FEW, MANY = 3, 40
ROUNDING = 1e-3  # of products of few and of many rows at once, carried through a sampler
SAME = 0.99  # share of the values: a pixel or a letter on the edge of its bin may fall to the other side


@each_model
def test_the_first_samples_are_the_same_whatever_n(key: str) -> None:
    model = build(key)
    with torch.no_grad():
        few, many, other = (model.sample(n, rng=make_rng(seed)) for n, seed in ((FEW, 5), (MANY, 5), (FEW, 6)))
    close = torch.isclose(few.double(), many[:FEW].double(), rtol=ROUNDING, atol=ROUNDING)
    assert float(close.double().mean()) >= SAME
    assert not torch.equal(few, other)


@pytest.mark.parametrize("dataset", datasets_of("plane"))
def test_the_first_points_are_the_same_whatever_n(dataset: str) -> None:
    density: Any = DATASETS[dataset].density
    many = density.sample(1000, rng=make_rng(5))
    assert all(torch.equal(density.sample(n, rng=make_rng(5)), many[:n]) for n in (1, 5, 100))


def test_the_first_tones_are_the_same_whatever_n() -> None:
    density = DATASETS["tones"].examples().density
    many, pitches = density.sample(1000, rng=make_rng(5))
    few, few_pitches = density.sample(5, rng=make_rng(5))
    assert torch.equal(few, many[:5]) and torch.equal(few_pitches, pitches[:5])
