"""Disentanglement measures against codes whose score is known, closed forms, and scikit-learn's own estimate."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from engines.errors import DataError, ShapeError
from engines.metrics.disentanglement import (
    LEAST_STD,
    Dci,
    active_units,
    dci,
    factor_entropies,
    factor_vae_score,
    followed_factors,
    gradient_boosting,
    mig,
    mutual_information,
    sap,
)

N_BINS = 20


def every_combination(*n_values: int, times: int = 10) -> np.ndarray:
    """All values of all factors equally often, shuffled: factors are exactly independent."""
    grid = np.array(list(product(*map(range, n_values))) * times)
    return np.random.default_rng(0).permutation(grid)


FACTORS = every_combination(4, 5, 6)
PAIR = every_combination(8, 8, times=20)
SWITCHES = every_combination(2, 2, 2, times=150)


def centred(factors: np.ndarray) -> np.ndarray:
    return (factors - factors.mean(0)) / factors.std(0)


def turned(factors: np.ndarray) -> np.ndarray:
    """Two factors, each spread evenly over two codes."""
    return centred(factors) @ np.array([[1, 1], [-1, 1]]) / math.sqrt(2)


def noisy(factors: np.ndarray, scale: float = 0.1, extra: int = 2) -> np.ndarray:
    """One code for each factor, and further codes that know nothing; no value occurs twice."""
    codes = np.random.default_rng(1).normal(size=(len(factors), factors.shape[1] + extra))
    codes[:, : factors.shape[1]] = codes[:, : factors.shape[1]] * scale + centred(factors)
    return codes


def mig_of(codes: np.ndarray, factors: np.ndarray) -> float:
    return mig(mutual_information(codes, factors), factor_entropies(factors))[0]


def dci_of(codes: np.ndarray, factors: np.ndarray) -> Dci:
    return dci(codes, factors, rng=np.random.default_rng(0))


def factor_vae_of(codes: np.ndarray, factors: np.ndarray) -> float:
    return factor_vae_score(codes, factors, rng=np.random.default_rng(0)).value


def sap_of(codes: np.ndarray, factors: np.ndarray) -> float:
    return sap(codes, factors, rng=np.random.default_rng(0))[0]


class TestMutualInformation:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_equals_scikit_learn_on_the_same_bins(self, dtype: type) -> None:
        from sklearn.metrics import mutual_info_score

        codes = noisy(FACTORS, scale=0.5).astype(dtype)
        got = mutual_information(codes, FACTORS)
        for z, f in product(range(codes.shape[1]), range(FACTORS.shape[1])):
            borders = np.histogram_bin_edges(codes[:, z].astype(np.float64), N_BINS)
            expected = mutual_info_score(FACTORS[:, f], np.digitize(codes[:, z], borders[:-1]))
            assert got[z, f] == pytest.approx(expected, abs=1e-12)

    def test_equals_a_symmetric_channel(self) -> None:
        code = np.repeat([0, 0, 1, 1], [40, 10, 10, 40])[:, None].astype(float)
        factor = np.repeat([0, 1, 0, 1], [40, 10, 10, 40])[:, None]
        capacity = math.log(2) + 0.2 * math.log(0.2) + 0.8 * math.log(0.8)
        assert mutual_information(code, factor) == pytest.approx(np.array([[capacity]]), abs=1e-12)

    def test_equals_a_joint_distribution_with_impossible_pairs(self) -> None:
        joint = np.array([[0.1, 0.0, 0.3], [0.2, 0.4, 0.0]])
        rows, columns = (
            np.repeat(axis, (joint * 200).round().astype(int).ravel()) for axis in np.indices((2, 3)).reshape(2, -1)
        )
        known = sum(
            p * math.log(p / (joint[i].sum() * joint[:, j].sum())) for (i, j), p in np.ndenumerate(joint) if p > 0
        )
        got = mutual_information(rows[:, None].astype(float), columns[:, None])
        assert got == pytest.approx(np.array([[known]]), abs=1e-12)

    def test_puts_borders_into_the_upper_bin_but_the_last(self) -> None:
        code = np.arange(N_BINS + 1)[:, None]
        factors = np.hstack([code == 0, code >= N_BINS - 1, code == N_BINS]).astype(int)
        told = mutual_information(code.astype(float), factors)[0] / factor_entropies(factors)
        assert told[:2] == pytest.approx(np.ones(2))
        assert told[2] < 0.8

    def test_of_independent_variables_is_the_stated_bias(self) -> None:
        """Half the sum of 1,520 chi-square variables: 5 standard deviations, false alarm 1 in a million."""
        rng = np.random.default_rng(2)
        codes, factors = rng.random((4000, 20)), rng.integers(5, size=(4000, 1))
        freedom = (N_BINS - 1) * 4
        error = math.sqrt(2 * freedom / 20) / (2 * 4000)
        assert mutual_information(codes, factors).mean() == pytest.approx(freedom / (2 * 4000), abs=5 * error)

    def test_of_a_constant_code_is_zero(self) -> None:
        codes = np.column_stack([np.full(len(FACTORS), 0.3), FACTORS[:, 0]])
        got = mutual_information(codes, FACTORS)
        assert (got[0] == 0).all()
        assert got[1, 0] == pytest.approx(math.log(4))

    def test_knows_no_order_sign_or_scale(self) -> None:
        codes = noisy(FACTORS)
        expected = mutual_information(codes, FACTORS)
        order = np.array([3, 0, 4, 2, 1])
        changed = codes[:, order] * np.array([-1, 2, -0.5, 1e-4, 30]) + 7
        assert mutual_information(changed, FACTORS) == pytest.approx(expected[order], abs=1e-12)

    def test_knows_no_names_of_values(self) -> None:
        codes, names = noisy(FACTORS), np.array([7, -3, 100, 20, 5, 6])
        got = mutual_information(codes, names[FACTORS])
        assert got == pytest.approx(mutual_information(codes, FACTORS), abs=1e-12)

    def test_of_several_models_side_by_side(self) -> None:
        models = [noisy(FACTORS, scale) for scale in (0.1, 0.5)]
        joined = mutual_information(np.hstack(models), FACTORS)
        assert (joined == np.vstack([mutual_information(codes, FACTORS) for codes in models])).all()


def test_entropies_are_known() -> None:
    factors = np.column_stack([np.arange(60) % 4, np.arange(60) % 2 * 9 - 1, np.repeat([0, 1], [45, 15])])
    lopsided = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert factor_entropies(factors) == pytest.approx(np.array([math.log(4), math.log(2), lopsided]))


class TestMig:
    def test_of_factors_themselves_is_one(self) -> None:
        value, gaps = mig(mutual_information(FACTORS, FACTORS), factor_entropies(FACTORS))
        assert value == pytest.approx(1, abs=1e-12)
        assert gaps == pytest.approx(np.ones(3), abs=1e-12)

    def test_of_noisy_factors_is_high(self) -> None:
        assert 0.9 <= mig_of(noisy(FACTORS), FACTORS) <= 1

    def test_of_constant_codes_is_zero(self) -> None:
        assert mig_of(np.zeros((len(FACTORS), 5)), FACTORS) == 0

    def test_of_codes_told_twice_is_zero(self) -> None:
        codes = noisy(FACTORS)
        assert mig_of(np.hstack([codes, -codes]), FACTORS) == pytest.approx(0, abs=1e-12)

    def test_of_a_turned_pair_is_near_zero(self) -> None:
        assert mig_of(centred(PAIR), PAIR) == pytest.approx(1)
        assert mig_of(turned(PAIR), PAIR) < 0.02

    def test_of_a_lone_code_is_measured_from_zero(self) -> None:
        value, gaps = mig(mutual_information(FACTORS[:, :1], FACTORS), factor_entropies(FACTORS))
        assert gaps == pytest.approx(np.array([1, 0, 0]), abs=1e-12)
        assert value == pytest.approx(1 / 3)

    def test_asks_for_factors_that_change(self) -> None:
        with pytest.raises(DataError, match="Factor 1"):
            mig(np.ones((2, 2)), np.array([1.0, 0.0]))


class TestSap:
    def test_of_switches_is_half(self) -> None:
        """A code of its own: always right. The second best of two that know nothing: half, within 5 deviations."""
        value, scores = sap(SWITCHES.astype(float), SWITCHES, rng=np.random.default_rng(0))
        error = 5 * math.sqrt(0.25 / (len(SWITCHES) / 2))
        assert scores.diagonal() == pytest.approx(np.ones(3))
        assert scores[~np.eye(3, dtype=bool)] == pytest.approx(np.full(6, 0.5), abs=error)
        assert value == pytest.approx(0.5, abs=error)

    def test_of_a_turned_pair_is_zero(self) -> None:
        pair = SWITCHES[:, :2]
        turned_value, turned_scores = sap(turned(pair), pair, rng=np.random.default_rng(0))
        assert turned_scores == pytest.approx(np.full((2, 2), 0.75), abs=0.1)  # right but where the codes is 0
        assert turned_value < 0.1 < 0.4 < sap_of(centred(pair), pair)

    def test_of_constant_codes_is_zero(self) -> None:
        value, scores = sap(np.full((len(FACTORS), 3), 0.7), FACTORS, rng=np.random.default_rng(0))
        assert value == 0
        assert scores == pytest.approx(np.tile([1 / 4, 1 / 5, 1 / 6], (3, 1)))

    def test_does_not_jump_when_codes_collapse(self) -> None:
        alone = SWITCHES[:, :1].astype(float)
        beside_constants = np.hstack([alone, np.zeros((len(alone), 3))])
        assert sap_of(alone, SWITCHES) == pytest.approx(sap_of(beside_constants, SWITCHES), abs=0.1)
        assert sap_of(alone, SWITCHES) == pytest.approx(0.5 / 3, abs=0.1)

    def test_is_repeatable(self) -> None:
        assert sap_of(noisy(FACTORS), FACTORS) == sap_of(noisy(FACTORS), FACTORS)


class Told:
    """A classifier of which the importances are known beforehand."""

    def __init__(self, importance: np.ndarray) -> None:
        self.feature_importances_ = importance

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.first = y[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.first)


def told_dci(importance: list[list[float]]) -> Dci:
    matrix = np.array(importance)
    columns = iter(matrix.T)
    factors = SWITCHES[:, : matrix.shape[1]]
    return dci(
        np.zeros((len(factors), len(matrix))),
        factors,
        rng=np.random.default_rng(0),
        build_classifier=lambda seed: Told(next(columns)),
    )


class TestDci:
    def test_of_importances_in_closed_form(self) -> None:
        got = told_dci([[1, 0.5], [0, 0.5]])  # rows weigh 3/4 and 1/4, columns the same
        two_thirds = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3)) / math.log(2)
        assert got.disentanglement == pytest.approx(0.75 * (1 - two_thirds) + 0.25)
        assert got.completeness == pytest.approx(0.5 * 1 + 0.5 * 0)

    def test_of_one_code_for_all_factors(self) -> None:
        got = told_dci([[1, 1], [0, 0], [0, 0]])
        assert (got.disentanglement, got.completeness) == pytest.approx((0, 1))

    def test_of_one_factor_in_all_codes(self) -> None:
        got = told_dci([[0.5, 0], [0.5, 0], [0, 0.5], [0, 0.5]])
        assert (got.disentanglement, got.completeness) == pytest.approx((1, 0.5))

    def test_of_one_code_and_one_factor(self) -> None:
        got = told_dci([[1]])
        assert (got.disentanglement, got.completeness) == pytest.approx((1, 1))

    def test_of_no_importance_is_zero(self) -> None:
        got = told_dci([[0, 0], [0, 0]])
        assert (got.disentanglement, got.completeness) == (0, 0)

    def test_of_factors_themselves_is_one(self) -> None:
        got = dci_of(FACTORS.astype(float), FACTORS)
        assert (got.disentanglement, got.completeness, got.informativeness) == pytest.approx((1, 1, 1), abs=0.02)
        assert (got.importance.argmax(0) == [0, 1, 2]).all()

    def test_of_constant_codes_is_zero(self) -> None:
        got = dci_of(np.zeros((len(FACTORS), 2)), FACTORS)
        assert (got.disentanglement, got.completeness) == (0, 0)
        assert got.informativeness == pytest.approx((1 / 4 + 1 / 5 + 1 / 6) / 3, abs=0.05)

    def test_drops_when_a_pair_is_turned(self) -> None:
        straight, aslant = dci_of(centred(PAIR), PAIR), dci_of(turned(PAIR), PAIR)
        assert straight.disentanglement > 0.95
        assert aslant.disentanglement < 0.1
        assert aslant.completeness < 0.1

    def test_forest_is_near_the_reference_s_boosting(self) -> None:
        codes = noisy(SWITCHES, scale=0.8)
        boosted = dci(codes, SWITCHES, rng=np.random.default_rng(0), build_classifier=gradient_boosting)
        grown = dci_of(codes, SWITCHES)
        assert 0.6 < boosted.disentanglement < 0.9
        assert grown.disentanglement == pytest.approx(boosted.disentanglement, abs=0.15)
        assert grown.completeness == pytest.approx(boosted.completeness, abs=0.15)
        assert grown.informativeness == pytest.approx(boosted.informativeness, abs=0.05)


class TestFactorVae:
    def test_of_noisy_factors_is_one(self) -> None:
        score = factor_vae_score(noisy(FACTORS), FACTORS, rng=np.random.default_rng(0), n_votes=500)
        assert (score.value, score.train_value, score.chance) == (1, 1, 1 / 3)
        assert score.votes.sum() == 500
        assert (score.votes[3:] == 0).all()

    def test_of_constant_codes_is_zero(self) -> None:
        score = factor_vae_score(np.ones((len(FACTORS), 2)), FACTORS, rng=np.random.default_rng(0))
        assert (score.value, score.train_value) == (0, 0)
        assert score.votes.shape == (2, 3)

    def test_of_a_turned_pair_is_chance(self) -> None:
        """800 fair coins, some of them guessed well: 5 standard deviations above one half."""
        assert factor_vae_of(centred(PAIR), PAIR) == 1
        assert factor_vae_of(turned(PAIR), PAIR) == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / 800))

    def test_is_counted_on_fresh_votes(self) -> None:
        """6 votes fit a classifier to chance; 1,200 fresh ones see none of it, within 5 standard deviations."""
        rng, codes = np.random.default_rng(0), turned(PAIR)
        scores = [factor_vae_score(codes, PAIR, rng=rng, n_votes=6) for _ in range(200)]
        assert np.mean([each.value for each in scores]) == pytest.approx(0.5, abs=5 * math.sqrt(0.25 / 1200))
        assert np.mean([each.train_value for each in scores]) > 0.6

    def test_of_noise_is_chance(self) -> None:
        codes = np.random.default_rng(3).normal(size=(len(FACTORS), 4))
        assert factor_vae_of(codes, FACTORS) == pytest.approx(1 / 3, abs=0.1)

    def test_collapsed_codes_never_win(self) -> None:
        whisper = centred(FACTORS)[:, :1] * LEAST_STD / 2
        codes = np.hstack([whisper, noisy(FACTORS)])
        score = factor_vae_score(codes, FACTORS, rng=np.random.default_rng(0))
        assert (score.votes[0] == 0).all()
        assert score.value == 1

    def test_knows_no_order_sign_or_scale(self) -> None:
        codes, order = noisy(FACTORS, scale=0.7), np.array([3, 0, 4, 2, 1])
        expected = factor_vae_score(codes, FACTORS, rng=np.random.default_rng(0))
        changed = codes[:, order] * np.array([-1, 2, -0.5, 1, 30])
        got = factor_vae_score(changed, FACTORS, rng=np.random.default_rng(0))
        assert (got.votes == expected.votes[order]).all()
        assert got.value == expected.value

    def test_fixes_only_values_that_enough_examples_share(self) -> None:
        """A code equal to the factor has no spread at all among examples that share a value."""
        factor = np.concatenate([np.repeat([0, 1], 40), np.arange(2, 22)])[:, None]
        codes = np.hstack([factor, np.random.default_rng(0).normal(size=(100, 1))]).astype(float)
        assert (factor_vae_score(codes, factor, rng=np.random.default_rng(0)).votes == [[800], [0]]).all()
        with pytest.raises(DataError, match="10 examples"):
            factor_vae_score(codes[80:], factor[80:], rng=np.random.default_rng(0))


def test_active_units_are_those_whose_mean_moves() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 1))
    assert active_units(x * [1, 0.5, 0.11, 0.09, 0] + 3).tolist() == [True, True, True, False, False]


class TestFollowedFactors:
    def test_names_each_latent(self) -> None:
        codes = noisy(FACTORS)[:, [4, 2, 0, 3, 1]]
        named = followed_factors(mutual_information(codes, FACTORS), factor_entropies(FACTORS))
        assert named == [None, 2, 0, None, 1]

    def test_compares_shares_of_entropy(self) -> None:
        mi, entropies = np.array([[0.5, 0.6], [0.05, 0.1]]), np.array([math.log(2), math.log(16)])
        assert followed_factors(mi, entropies) == [0, None]
        assert followed_factors(mi, entropies, threshold=0.01) == [0, 0]


class TestErrors:
    def test_shapes_must_fit(self) -> None:
        with pytest.raises(ShapeError, match="codes"):
            mutual_information(np.zeros((10, 2)), FACTORS)
        with pytest.raises(ShapeError, match="codes"):
            mutual_information(np.zeros(len(FACTORS)), FACTORS)
        with pytest.raises(ShapeError, match="4 examples"):
            mutual_information(np.zeros((1, 2)), FACTORS[:1])

    @pytest.mark.parametrize("measure", [sap_of, dci_of, factor_vae_of])
    def test_every_factor_must_change(self, measure: object) -> None:
        assert callable(measure)
        still = FACTORS * [1, 0, 1]
        with pytest.raises(DataError, match="Factor 1"):
            measure(noisy(FACTORS), still)

    @pytest.mark.parametrize("measure", [sap_of, dci_of, factor_vae_of, mig_of])
    def test_codes_must_be_finite(self, measure: object) -> None:
        assert callable(measure)
        codes = noisy(FACTORS)
        codes[3, 1] = np.nan
        with pytest.raises(DataError, match="finite"):
            measure(codes, FACTORS)
