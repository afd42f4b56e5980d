"""What must not change a measure of two sets, and what must: moved, scaled, turned, shuffled, doubled, with itself.

No closed form is needed for these laws. Far from the origin, float32 rounds the points themselves; so the reference is
the same rounded points moved back in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from engines.errors import DataError, ShapeError
from engines.gan.cyclegan.measures import folded_share, mode_table
from engines.metrics.disentanglement import dci, factor_entropies, factor_vae_score, mig, mutual_information, sap
from engines.metrics.distances import SUBTRACTED, mean_between, mean_within, squared_distances
from engines.metrics.frechet import frechet_distance
from engines.metrics.modes import count_modes, high_quality_share, mode_shares
from engines.metrics.neighbours import coverage_of_truth, density_and_coverage, nearest, neighbour_ratio
from engines.metrics.two_samples import energy_distance, median_distance, sliced_wasserstein, squared_mmd
from engines.tensors import make_rng

Measure = Callable[[Tensor, Tensor], Any]
WIDTH = 1.3
SETS: dict[str, Measure] = {
    "energy": energy_distance,
    "squared_mmd": lambda x, y: squared_mmd(x, y, WIDTH),
    "sliced_wasserstein": sliced_wasserstein,
    "frechet": frechet_distance,
    "density_and_coverage": density_and_coverage,
    "neighbour_ratio": lambda x, y: neighbour_ratio(x, y, y[::3] + 0.125),
    "high_quality": lambda x, y: high_quality_share(x, y[:30], 0.1),
    "count_modes": lambda x, y: (count_modes(x, y[:30], 0.1).double() / len(x)).tolist(),
    "mode_shares": lambda x, y: mode_shares(x, y[:30]).tolist(),
    "mode_table": lambda x, y: mode_table(x, x + 0.25, y[:30], y[:30]).flatten().tolist(),
    "folded": lambda x, y: folded_share(x, x.flip(1), 1.0),
    "median": lambda x, y: median_distance(x),
}
DEGREE = {"energy": 1, "sliced_wasserstein": 1, "frechet": 2, "median": 1, "density_and_coverage": 0}


def two_sets(n: int = 300, m: int = 300, features: int = 2, shift: float = 0.3) -> tuple[Tensor, Tensor]:
    rng = make_rng(5)
    return torch.randn(n, features, generator=rng) + shift, torch.randn(m, features, generator=rng)


def close(found: Any, expected: Any, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(np.array(found, float), np.array(expected, float), rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shift", [1e2, 1e4, 1e6])
def test_both_sets_may_stand_anywhere(name: str, shift: float) -> None:
    far = tuple((each + shift) for each in two_sets())
    back = tuple(each.double() - shift for each in far)
    close(SETS[name](*far), SETS[name](*back))


@pytest.mark.parametrize("features", [3, 50, SUBTRACTED + 1, 300])
@pytest.mark.parametrize("name", ["energy", "squared_mmd", "density_and_coverage", "frechet"])
def test_many_features_may_stand_anywhere(name: str, features: int) -> None:
    far = tuple(each + 1e4 for each in two_sets(200, 250, features))
    measure: Measure = SETS[name] if name != "squared_mmd" else lambda x, y: squared_mmd(x, y, features**0.5)
    close(measure(*far), measure(*(each.double() - 1e4 for each in far)), 1e-4)


@pytest.mark.parametrize("features", [2, 3, 50, SUBTRACTED + 1, 400])
def test_distances_are_those_of_differences_in_double(features: int) -> None:
    x, y = two_sets(40, 60, features)
    expected = (x.double()[:, None] - y.double()).square().sum(2)
    torch.testing.assert_close(squared_distances(x, y).double(), expected, rtol=1e-5, atol=1e-5)
    assert mean_between(x, y) == pytest.approx(float(expected.sqrt().mean()), rel=1e-6)
    within = float(torch.pdist(x.double()).mean())
    assert mean_within(x) == pytest.approx(within, rel=1e-6)


def test_means_of_distances_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = two_sets(101, 57)
    whole = mean_between(x, y), mean_within(x)
    monkeypatch.setattr("engines.metrics.distances.PIECE", 1000)
    assert (mean_between(x, y), mean_within(x)) == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("name", DEGREE)
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_a_change_of_unit_changes_a_measure_by_its_unit(name: str, factor: float) -> None:
    x, y = two_sets()
    measure, unit = SETS[name], factor ** DEGREE[name]
    close(np.array(measure(x * factor, y * factor)) / unit, measure(x, y), 1e-5)


def test_the_kernel_changes_its_unit_with_the_points() -> None:
    x, y = two_sets()
    close(squared_mmd(x * 1e3, y * 1e3, WIDTH * 1e3), squared_mmd(x, y, WIDTH))


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("neighbour_ratio", "mode_table", "folded")])
def test_a_turn_changes_nothing(name: str) -> None:
    x, y = two_sets()
    eighth = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / 2**0.5  # one that the directions of slices are mapped to by
    close(SETS[name](x @ eighth, y @ eighth), SETS[name](x, y), 1e-4)


@pytest.mark.parametrize("name", SETS)
def test_the_order_of_points_changes_nothing(name: str) -> None:
    x, y = two_sets()
    shuffled = x[torch.randperm(len(x), generator=make_rng(1))]
    close(SETS[name](shuffled, y), SETS[name](x, y))


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("energy", "squared_mmd", "folded", "median")])
def test_points_given_twice_change_nothing(name: str) -> None:
    """U-statistics leave pairs of the same point out and do change, as they must: the next test has theirs."""
    x, y = two_sets()
    tolerance = 0.01 if name == "frechet" else 2e-5  # of N - 1 in the covariance
    close(SETS[name](torch.cat([x, x]), y), SETS[name](x, y), tolerance)


def test_u_statistics_of_points_given_twice() -> None:
    """Of 2 N points N pairs more are the same point: E|X - X'| becomes (2N - 2) / (2N - 1) of it."""
    x, y = two_sets()
    twice = torch.cat([x, x])
    less = (2 * len(x) - 2) / (2 * len(x) - 1)
    assert mean_within(twice) == pytest.approx(less * mean_within(x), rel=1e-6)
    assert energy_distance(twice, y) == pytest.approx(energy_distance(x, y) + (1 - less) * mean_within(x), abs=1e-5)


@pytest.mark.parametrize("features", [2, 50, 192])
def test_a_set_and_itself(features: int) -> None:
    x, _ = two_sets(300, 300, features)
    assert energy_distance(x, x) == pytest.approx(-2 * mean_within(x) / 300, rel=1e-4)  # less than 0: same points
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-8)
    assert density_and_coverage(x, x, 5) == pytest.approx((6 / 5, 1))  # the ball's own example, and its 5 neighbours
    assert float(nearest(x, x).distance.max()) == 0
    assert nearest(x, x).which.tolist() == list(range(300))
    if features == 2:
        assert sliced_wasserstein(x, x) == 0


@pytest.mark.parametrize("features", [2, 50, 192])
def test_examples_that_repeat_have_balls_that_count(features: int) -> None:
    """Every example eight times, or all of them equal: honest samples are as dense, and reach what they show."""
    few, _ = two_sets(40, 1, features)
    real = few.repeat(8, 1)
    density, coverage = density_and_coverage(real, real)
    assert (density, coverage) == pytest.approx((8 / 7, 1))
    assert density_and_coverage(few[:20], real)[1] == pytest.approx(0.5)
    assert density_and_coverage(torch.ones(64, features), torch.ones(64, features)) == pytest.approx((64 / 63, 1))
    assert density_and_coverage(few + 100, real) == (0, 0)


def test_draws_from_forty_examples_are_as_good_as_true() -> None:
    rng, (examples, _) = make_rng(2), two_sets(40, 1, 4)
    real, mine = (examples[torch.randint(40, (500,), generator=rng)] for _ in range(2))
    density, coverage = density_and_coverage(mine, real)
    assert density == pytest.approx(1, abs=0.15)  # 2 standard errors: the shares of 40 examples scatter by chance
    assert coverage == 1


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("shift", [0, 10_000])
def test_a_copy_of_a_picture_has_no_distance(side: int, shift: int) -> None:
    rng = make_rng(3)
    pictures = torch.randint(256, (40, 3, side, side), generator=rng).float() + shift
    found = nearest(pictures, pictures)
    assert float(found.distance.max()) == 0 and found.which.tolist() == list(range(40))
    off = pictures.clone()
    off[:, 0, 0, 0] += 1
    torch.testing.assert_close(nearest(off, pictures).distance, torch.ones(40), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("n", "m"), [(400, 500), (1, 500), (500, 1), (30, 7), (64, 64)])
def test_slices_of_unequal_sets_are_scipys(n: int, m: int) -> None:
    x, y = two_sets(n, m)
    angles = np.arange(64) * np.pi / 64
    directions = np.stack([np.cos(angles), np.sin(angles)])
    a, b = (each.double().numpy() @ directions for each in (x, y))
    expected = np.mean([stats.wasserstein_distance(a[:, i], b[:, i]) for i in range(64)])
    assert sliced_wasserstein(x, y) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n", [50, 1000])
def test_unequal_sizes_have_no_bias(n: int) -> None:
    """U-statistics of true samples are 0 in the mean: 40 pairs, four standard errors, 1 alarm in 16,000."""
    rng = make_rng(4)
    found = [energy_distance(torch.randn(n, 2, generator=rng), torch.randn(200, 2, generator=rng)) for _ in range(40)]
    assert abs(np.mean(found)) < 4 * np.std(found) / len(found) ** 0.5


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("n_real", [2, 3, 5, 6, 40])
def test_few_real_examples_have_the_coverage_of_chance(n_real: int, k: int) -> None:
    """300 sets of two normal features, four standard errors: 1 alarm in 16,000 for each."""
    rng = make_rng(6)
    found = [
        density_and_coverage(torch.randn(30, 2, generator=rng), torch.randn(n_real, 2, generator=rng), k)[1]
        for _ in range(300)
    ]
    off = np.mean(found) - coverage_of_truth(30, n_real, k)
    assert abs(off) < 4 * np.std(found) / 300**0.5 + 1e-3


EMPTY_OR_SMALL = ["energy", "squared_mmd", "sliced_wasserstein", "frechet", "density_and_coverage", "neighbour_ratio"]


@pytest.mark.parametrize("name", EMPTY_OR_SMALL)
@pytest.mark.parametrize("sizes", [(0, 10), (10, 0), (0, 0)])
def test_empty_sets_are_told(name: str, sizes: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match="two sets of at least"):
        SETS[name](*two_sets(*sizes))


@pytest.mark.parametrize("name", ["energy", "squared_mmd", "frechet"])
def test_one_point_has_no_pairs(name: str) -> None:
    with pytest.raises(ShapeError, match="at least 2 points"):
        SETS[name](*two_sets(1, 10))


def test_one_real_example_has_no_neighbour() -> None:
    with pytest.raises(ShapeError, match="2 real examples"):
        density_and_coverage(*two_sets(10, 1))


@pytest.mark.parametrize("name", [name for name in SETS if name not in ("median", "folded", "mode_table")])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", [0, 1])
def test_rows_that_are_not_finite_are_told(name: str, value: float, which: int) -> None:
    sets = two_sets(40, 40)
    sets[which][3, 1] = value
    with pytest.raises(DataError, match=r"1 of \d+ rows hold numbers that are not finite"):
        SETS[name](*sets)


@pytest.mark.parametrize("measure", [lambda x, y: folded_share(x, y, 1.0), lambda x, y: mode_table(x, y, x, y)])
def test_a_translation_of_nothing_or_of_rows_that_are_not_finite_is_told(measure: Callable[..., object]) -> None:
    x, y = two_sets(40, 40)
    with pytest.raises(ShapeError, match="two sets of at least"):
        measure(x[:0], y[:0])
    y[3, 1] = float("nan")
    with pytest.raises(DataError, match="1 of 40 rows"):
        measure(x, y)


# ---- codes and factors ----


def codes_and_factors(n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    factors = np.stack([draw.integers(4, size=n), draw.integers(3, size=n)], 1)
    mixed = factors @ np.array([[1.0, 0.2], [-0.1, 0.8]]) + 0.1 * draw.normal(size=(n, 2))
    return np.hstack([mixed, draw.normal(size=(n, 1))]), factors


SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mig": lambda codes, factors: mig(mutual_information(codes, factors), factor_entropies(factors))[0],
    "dci": lambda codes, factors: dci(codes, factors, rng=np.random.default_rng(1)).disentanglement,
    "factor_vae": lambda codes, factors: factor_vae_score(codes, factors, rng=np.random.default_rng(1)).value,
    "sap": lambda codes, factors: sap(codes, factors, rng=np.random.default_rng(1))[0],
}


@pytest.mark.parametrize("name", SCORES)
def test_names_and_places_of_codes_do_not_matter(name: str) -> None:
    codes, factors = codes_and_factors()
    plain, tolerance = SCORES[name](codes, factors), 0.03 if name == "dci" else 1e-9  # trees break ties by place
    assert SCORES[name](codes[:, [2, 0, 1]], factors) == pytest.approx(plain, abs=tolerance)
    assert SCORES[name](codes, factors[:, ::-1]) == pytest.approx(plain, abs=0.03)
    assert SCORES[name](codes, 7 * factors - 3) == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("name", ["mig", "dci", "factor_vae"])
def test_the_unit_of_a_code_does_not_matter_but_to_sap(name: str) -> None:
    codes, factors = codes_and_factors()
    assert SCORES[name](8 * codes, factors) == pytest.approx(SCORES[name](codes, factors), abs=0.03)
    assert SCORES["sap"](0.01 * codes, factors) < SCORES["sap"](codes, factors) - 0.1


@pytest.mark.parametrize("name", SCORES)
def test_codes_that_are_not_finite_are_told(name: str) -> None:
    codes, factors = codes_and_factors()
    codes[5, 1] = np.nan
    with pytest.raises(DataError, match="finite codes"):
        SCORES[name](codes, factors)
