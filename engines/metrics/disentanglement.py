"""Whether each latent follows one factor of variation, and each factor is told by one latent.

All measures take the mean codes of a finite set whose factors are known. State beside every number which factors,
how many bins and how many examples went into it: published values differ mostly by these.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from engines.errors import DataError, ShapeError

N_BINS = 20
LEAST_STD = 0.05  # of a code, below which the FactorVAE score takes it for collapsed onto the prior
LEAST_VARIANCE = 1e-12  # of a code, below which it is constant
LEAST_SHARING = 10  # examples of one value of a factor, for the spread of the codes among them to mean something
N_TREES = 40
LEAST_LEAF = 10  # examples in a leaf: finer leaves fit noise, which hands importance to codes that know nothing


class Classifier(Protocol):
    """What `dci` asks of a classifier; those of scikit-learn that are made of trees have it."""

    feature_importances_: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray) -> object: ...
    def predict(self, X: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Dci:
    """Disentanglement, completeness, informativeness.

    Attributes:
        disentanglement: 0 ... 1; 1 where each code serves one factor.
        completeness: 0 ... 1; 1 where each factor is told by one code.
        informativeness: Mean accuracy on the half that no classifier was trained on; chance is one over the number
            of a factor's values.
        importance: How much each code told about each factor, shape (Z, F); columns sum to 1, or 0 if none told any.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: np.ndarray


@dataclass(frozen=True, eq=False)
class FactorVaeScore:
    """The FactorVAE score and what it was read from.

    Attributes:
        value: Accuracy on fresh votes, 0 ... 1; 0 where every code has collapsed.
        train_value: Accuracy on the votes that made the classifier.
        chance: Accuracy of guessing, 1 / F.
        votes: How often each code varied least while each factor was fixed, shape (Z, F).
    """

    value: float
    train_value: float
    chance: float
    votes: np.ndarray


def mutual_information(codes: np.ndarray, factors: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """I(code; factor) = sum p(b, v) log(p(b, v) / (p(b) p(v))), with each code cut into bins of equal width.

    Bins span the code's own range, so a code's scale does not matter, and a constant code has 0. Of independent
    variables this estimate is about (n_bins - 1)(V - 1) / 2N too high. Codes of several models may stand side by
    side: their columns do not meet.

    Args:
        codes: Mean codes, shape (N, Z).
        factors: Values of the factors, integers, shape (N, F).
        n_bins: Bins for each code.

    Returns:
        Shape (Z, F), nats.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a code is not finite.

    Source: Chen et al. 2018, arXiv:1802.04942; as in Locatello et al. 2019, arXiv:1811.12359, 20 bins.
    """
    _check(codes, factors)
    counts = _joint_counts(_binned(codes, n_bins), _labels(factors), n_bins)
    independent = counts.sum(3, keepdims=True) * counts.sum(2, keepdims=True)  # times N
    ratio = np.where(counts > 0, counts * len(codes) / np.maximum(independent, 1), 1.0)
    return np.maximum((counts * np.log(ratio)).sum((2, 3)) / len(codes), 0.0)


def _binned(codes: np.ndarray, n_bins: int) -> np.ndarray:
    """Number of each code's bin, shape (N, Z); the last bin holds its upper border."""
    low, high = codes.min(0).astype(np.float64), codes.max(0).astype(np.float64)
    borders = np.linspace(low, high, n_bins + 1)[:-1]
    columns = [np.searchsorted(borders[:, z], codes[:, z], side="right") - 1 for z in range(codes.shape[1])]
    return np.stack(columns, axis=1)


def _labels(factors: np.ndarray) -> np.ndarray:
    """Each factor's values numbered from 0 without gaps, shape (N, F)."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in factors.T], axis=1)


def _joint_counts(bins: np.ndarray, labels: np.ndarray, n_bins: int) -> np.ndarray:
    """Contingency table of every code with every factor, shape (Z, F, n_bins, V)."""
    shape = (bins.shape[1], labels.shape[1], n_bins, int(labels.max()) + 1)
    cell = bins[:, :, None] * shape[3] + labels[:, None, :]  # (N, Z, F)
    table = np.arange(shape[0] * shape[1]).reshape(shape[:2]) * (shape[2] * shape[3])
    return np.bincount((cell + table).ravel(), minlength=math.prod(shape)).reshape(shape)


def factor_entropies(factors: np.ndarray) -> np.ndarray:
    """H(factor) = -sum p(v) log p(v) over the set.

    Args:
        factors: Values of the factors, integers, shape (N, F).

    Returns:
        Shape (F,), nats.
    """
    shares = [np.unique(column, return_counts=True)[1] / len(factors) for column in factors.T]
    return np.array([-(p * np.log(p)).sum() for p in shares])


def mig(mi: np.ndarray, entropies: np.ndarray) -> tuple[float, np.ndarray]:
    """Mutual information gap: mean over factors of (I(best code) - I(second code)) / H(factor).

    The second of a lone code is 0.

    Args:
        mi: From `mutual_information`, shape (Z, F), nats.
        entropies: From `factor_entropies`, shape (F,), nats.

    Returns:
        The gap, 0 ... 1, and that of each factor, shape (F,).

    Raises:
        DataError: If a factor never changes.

    Source: Chen et al. 2018, arXiv:1802.04942, equation 6.
    """
    gaps = _lead(_normalised(mi, entropies), np.zeros(len(entropies)))
    return float(gaps.mean()), gaps


def _normalised(mi: np.ndarray, entropies: np.ndarray) -> np.ndarray:
    if not (entropies > 0).all():
        raise DataError(f"Factor {int(entropies.argmin())} has one value in all examples; leave it out.")
    return mi / entropies


def _lead(scores: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Best minus second best score of each factor, shape (F,); a lone code is measured against the floor."""
    if len(scores) == 1:
        return np.maximum(scores[0] - floor, 0.0)
    ranked = np.sort(scores, axis=0)
    return ranked[-1] - ranked[-2]


def sap(codes: np.ndarray, factors: np.ndarray, *, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Separated attribute predictability: mean over factors of the best code's accuracy minus the second's.

    Accuracy on one half of the set of a linear support vector classifier (C = 0.01, classes weighed equally) that
    sees one raw code of the other half. The code's scale matters, as in the reference: a small one is regularised
    away. A constant code scores chance, 1 / V, and so does the missing second of a lone code. (The reference trains
    on constant codes too, which comes to the same; with 0 instead, as it has for continuous factors, the score of a
    model would jump when all of its codes but one collapse.)

    Args:
        codes: Mean codes, shape (N, Z).
        factors: Values of the factors, integers, shape (N, F).
        rng: Cuts the set in halves.

    Returns:
        The score, 0 ... 1, and the accuracies, shape (Z, F).

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a code is not finite or a factor never changes.

    Source: Kumar et al. 2018, arXiv:1711.00848, section 3; settings of disentanglement_lib, arXiv:1811.12359.
    """
    _check(codes, factors)
    train, test = _halves(len(codes), rng)
    chance = 1 / _n_values(factors[train])
    scores = np.tile(chance, (codes.shape[1], 1))
    for z in np.flatnonzero(codes[train].var(0) > LEAST_VARIANCE):
        for f, factor in enumerate(factors.T):
            scores[z, f] = _linear_accuracy(codes[:, [z]], factor, train, test)
    return float(_lead(scores, chance).mean()), scores


def _linear_accuracy(code: np.ndarray, factor: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Share of the test half whose factor one code, shape (N, 1), predicts."""
    from sklearn.svm import LinearSVC  # takes half a second to load, which the live measures need not wait for

    model = LinearSVC(C=0.01, class_weight="balanced").fit(code[train], factor[train])
    return float(np.mean(model.predict(code[test]) == factor[test]))


def _halves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(n)
    return order[: n // 2], order[n // 2 :]


def _n_values(factors: np.ndarray) -> np.ndarray:
    """Different values of each factor, shape (F,); at least two."""
    counts = np.array([len(np.unique(column)) for column in factors.T])
    if counts.min() < 2:
        raise DataError(f"Factor {int(counts.argmin())} has one value in all {len(factors)} examples; leave it out.")
    return counts


def random_forest(seed: int) -> Classifier:
    """The default of `dci`: 40 trees that see every code at each split, as those of gradient boosting do."""
    from sklearn.ensemble import RandomForestClassifier

    forest = cast(Any, RandomForestClassifier)  # its annotations know no None
    return forest(N_TREES, max_features=None, min_samples_leaf=LEAST_LEAF, random_state=seed, n_jobs=1)


def gradient_boosting(seed: int) -> Classifier:
    """What the published numbers of `dci` were made with: slow, for it grows 100 trees for each value of a factor."""
    from sklearn.ensemble import GradientBoostingClassifier

    return cast(Classifier, GradientBoostingClassifier(random_state=seed))


def dci(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    rng: np.random.Generator,
    build_classifier: Callable[[int], Classifier] = random_forest,
) -> Dci:
    """Disentanglement, completeness and informativeness, from how much each code helps to tell each factor.

    With R the importances (Z, F), disentanglement = sum_z rho_z (1 - H_F(R_z)), where H_F is the entropy of the
    normalised row in units of log F and rho_z the row's share of all importance; completeness is the same of the
    columns, in units of log Z. The default is a random forest, ten times faster than the reference's gradient
    boosting (`gradient_boosting`); its values differ by about 0.1, so compare only numbers of one kind.

    Args:
        codes: Mean codes, shape (N, Z).
        factors: Values of the factors, integers, shape (N, F).
        rng: Cuts the set in halves and seeds the classifiers.
        build_classifier: Makes an untrained classifier from a seed.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a code is not finite or a factor never changes.

    Source: Eastwood and Williams 2018, openreview By-7dz-AZ, section 2; as in Locatello et al., arXiv:1811.12359.
    """
    _check(codes, factors)
    train, test = _halves(len(codes), rng)
    _n_values(factors[train])
    importance, accuracy = np.zeros((codes.shape[1], factors.shape[1])), np.zeros(factors.shape[1])
    for f, factor in enumerate(factors.T):
        model = build_classifier(int(rng.integers(1 << 31)))
        model.fit(codes[train], factor[train])
        importance[:, f] = np.abs(model.feature_importances_)
        accuracy[f] = (model.predict(codes[test]) == factor[test]).mean()
    return Dci(_concentration(importance), _concentration(importance.T), float(accuracy.mean()), importance)


def _concentration(importance: np.ndarray) -> float:
    """Mean over rows, weighed by their sums, of 1 - H(row) / log(columns); 0 if there is no importance at all."""
    sums = importance.sum(1)
    if sums.sum() == 0:
        return 0.0
    shares = importance / np.where(sums > 0, sums, 1.0)[:, None]
    entropy = -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(1) / math.log(max(2, importance.shape[1]))
    return float(((1 - entropy) * sums).sum() / sums.sum())


def factor_vae_score(
    codes: np.ndarray, factors: np.ndarray, *, rng: np.random.Generator, n_votes: int = 800, batch: int = 64
) -> FactorVaeScore:
    """How well the code that varies least, while one factor is fixed, tells which factor that is.

    A vote: choose a factor, and a value of it as often as it occurs; draw a batch, with replacement, from the
    examples that share it; find the code with the least variance relative to its variance over the set. Each code
    then names the factor that most of its votes had, and the score is its accuracy on as many fresh votes. Values
    with fewer than 10 examples are never fixed, and codes with a standard deviation below 0.05 never win.

    Args:
        codes: Mean codes, shape (N, Z).
        factors: Values of the factors, integers, shape (N, F).
        rng: Draws the votes.
        n_votes: Votes to make the classifier from, and again to test it.
        batch: Examples for each vote.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a code is not finite, a factor never changes, or has no value with 10 examples.

    Source: Kim and Mnih 2018, arXiv:1802.05983, section 4.
    """
    _check(codes, factors)
    _n_values(factors)
    deviations, n_factors = codes.std(0, ddof=1), factors.shape[1]
    scales = np.where(deviations >= LEAST_STD, deviations, np.nan)
    if np.isnan(scales).all():
        return FactorVaeScore(0.0, 0.0, 1 / n_factors, np.zeros((len(scales), n_factors), dtype=np.int64))
    votes, fresh = (_votes(codes / scales, _labels(factors), n_votes, batch, rng) for _ in range(2))
    named = np.arange(len(scales)), votes.argmax(1)
    return FactorVaeScore(
        float(fresh[named].sum()) / n_votes, float(votes[named].sum()) / n_votes, 1 / n_factors, votes
    )


def _votes(codes: np.ndarray, labels: np.ndarray, n: int, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Table of n votes, shape (Z, F), of codes with a variance of one; collapsed codes are nan."""
    shape = codes.shape[1], labels.shape[1]
    fixed = np.sort(rng.integers(shape[1], size=n))
    drawn = [_sharing(labels[:, f], int((fixed == f).sum()), batch, rng) for f in range(shape[1])]
    winner = np.nanargmin(codes[np.concatenate(drawn)].var(1, ddof=1), axis=1)  # (n, batch, Z) -> (n, Z) -> (n,)
    return np.bincount(winner * shape[1] + fixed, minlength=math.prod(shape)).reshape(shape)


def _sharing(labels: np.ndarray, n: int, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of n batches of examples with the same label, shape (n, batch)."""
    counts = np.bincount(labels)
    eligible = labels[counts[labels] >= LEAST_SHARING]
    if not len(eligible):
        raise DataError(f"Expected a factor's value with {LEAST_SHARING} examples, got {counts.max()}; give more.")
    value = rng.choice(eligible, n)[:, None]
    first = np.cumsum(counts) - counts
    return np.argsort(labels, kind="stable")[first[value] + rng.integers(counts[value], size=(n, batch))]


def active_units(means: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Which latents the encoder uses: those with Var_x(E[z_d | x]) > threshold.

    Args:
        means: Posterior means, shape (N, Z), in units of the prior's standard deviation.
        threshold: Least variance.

    Returns:
        Mask, shape (Z,).

    Source: Burda et al. 2016, arXiv:1509.00519, section 5.2.
    """
    return means.var(0) > threshold


def followed_factors(mi: np.ndarray, entropies: np.ndarray, threshold: float = 0.1) -> list[int | None]:
    """The factor that each latent tells most of, I / H; None where that is below the threshold.

    Few examples lift every I (see `mutual_information`), and bins know no scale: keep the threshold above that bias,
    and ask `active_units` too before a latent is named.

    Args:
        mi: From `mutual_information`, shape (Z, F), nats.
        entropies: From `factor_entropies`, shape (F,), nats.
        threshold: Least share of the factor's entropy.

    Raises:
        DataError: If a factor never changes.
    """
    shares = _normalised(mi, entropies)
    return [int(row.argmax()) if row.max() >= threshold else None for row in shares]


def _check(codes: np.ndarray, factors: np.ndarray) -> None:
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors):
        raise ShapeError(f"Expected codes (N, Z) and factors (N, F), got {codes.shape} and {factors.shape}.")
    if len(codes) < 4:
        raise ShapeError(f"Expected at least 4 examples, got {len(codes)}.")
    if not np.isfinite(codes).all():
        raise DataError("Expected finite codes; has the training diverged?")
