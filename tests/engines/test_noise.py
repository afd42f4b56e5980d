"""Rows of noise: the same whatever n and whatever was drawn before, and distributed as they should be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats

from engines.noise import LaterRows, choice_rows, gumbel_rows, normal_rows, uniform_rows
from engines.tensors import make_rng

SIZES = (1, 2, 5, 16, 17, 100, 999, 1000)


@pytest.mark.parametrize("draw", [normal_rows, uniform_rows, gumbel_rows])
@pytest.mark.parametrize("shape", [(), (1,), (2,), (3,), (1, 5, 7)])
def test_a_row_depends_on_the_seed_and_its_number_alone(draw: Any, shape: tuple[int, ...]) -> None:
    longest = draw(1000, *shape, rng=make_rng(7))
    for n in SIZES:
        assert torch.equal(draw(n, *shape, rng=make_rng(7)), longest[:n])
    assert not torch.equal(draw(5, *shape, rng=make_rng(8)), longest[:5])


@pytest.mark.parametrize("n", SIZES)
def test_a_draw_moves_the_source_on_by_the_same_whatever_n(n: int) -> None:
    rng, other = make_rng(3), make_rng(3)
    normal_rows(n, 2, rng=rng)
    normal_rows(4, 3, rng=other)
    assert torch.equal(normal_rows(6, 2, rng=rng), normal_rows(6, 2, rng=other))


def test_a_choice_depends_on_the_seed_and_its_number_alone() -> None:
    weights = torch.tensor([0.2, 0.0, 0.5, 0.3])
    longest = choice_rows(weights, 1000, rng=make_rng(7))
    assert all(torch.equal(choice_rows(weights, n, rng=make_rng(7)), longest[:n]) for n in SIZES)


def test_noise_is_distributed_as_it_should_be() -> None:
    """False alarms: each of the three at most 1 in 1,000, and the seed is fixed."""
    normal, uniform = normal_rows(20_000, rng=make_rng(0)), uniform_rows(20_000, rng=make_rng(1))
    assert stats.kstest(normal.double().numpy(), "norm").pvalue > 1e-3
    assert stats.kstest(uniform.double().numpy(), "uniform").pvalue > 1e-3
    counts = choice_rows(torch.tensor([2.0, 0.0, 5.0, 3.0]), 20_000, rng=make_rng(2)).bincount(minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]].numpy(), [4_000, 10_000, 6_000]).pvalue > 1e-3


def test_uniform_numbers_stay_below_one_in_single_precision() -> None:
    like = torch.zeros(1, dtype=torch.float32)
    drawn = uniform_rows(1_000_000, rng=make_rng(0), like=like)
    assert float(drawn.min()) >= 0 and float(drawn.max()) < 1


def test_precision_changes_nothing_but_rounding() -> None:
    double = normal_rows(50, 2, rng=make_rng(5), like=torch.zeros(1, dtype=torch.float64))
    assert torch.equal(double.float(), normal_rows(50, 2, rng=make_rng(5)))


def test_later_rows_are_those_of_the_whole() -> None:
    """Of every draw from the same source, one after the other."""
    whole, later = make_rng(9), LaterRows.begin(9, 3)
    for draw in (normal_rows, uniform_rows, gumbel_rows):
        assert torch.equal(draw(5, 2, rng=later), draw(8, 2, rng=whole)[3:])
    weights = torch.tensor([1.0, 2.0])
    assert torch.equal(choice_rows(weights, 50, rng=later), choice_rows(weights, 53, rng=whole)[3:])
