"""Fréchet distance, neighbours, density, coverage and the classifier of digits, each against an independent fact."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from engines.datasets import DATASETS
from engines.datasets.torchvision_sets import _CLOTHES
from engines.errors import DataError, ShapeError
from engines.metrics import classifier as classifiers
from engines.metrics.classifier import DIGITS, digit_classifier, knows, measure_digits
from engines.metrics.frechet import frechet_distance
from engines.metrics.neighbours import CHUNK, coverage_of_truth, density_and_coverage, nearest, neighbour_ratio
from engines.tensors import make_rng

RNG = 11
CLASSES = dict.fromkeys(("mnist_5k", "digits", "mnist"), DIGITS) | {"fashion_mnist": _CLOTHES}


def gaussian(n: int, mean: Tensor, std: Tensor, seed: int = RNG) -> Tensor:
    """Points whose mean and covariance are exactly these: whitened, then stretched."""
    x = torch.randn(n, len(mean), generator=make_rng(seed), dtype=torch.float64)
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T * std + mean


def test_frechet_of_two_gaussians_is_the_closed_form() -> None:
    """For diagonal covariances: |m - m'|² + sum (s - s')²."""
    means = torch.tensor([[0.0, 1.0, 2.0], [0.5, -1.0, 2.0]], dtype=torch.float64)
    stds = torch.tensor([[1.0, 2.0, 0.5], [3.0, 2.0, 0.1]], dtype=torch.float64)
    x, y = gaussian(40, means[0], stds[0]), gaussian(90, means[1], stds[1], 12)
    expected = (means[0] - means[1]).square().sum() + (stds[0] - stds[1]).square().sum()
    assert frechet_distance(x, y) == pytest.approx(float(expected), rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_frechet_is_that_of_scipys_matrix_root() -> None:
    rng = make_rng(RNG)
    x, y = (torch.randn(60, 5, generator=rng) @ torch.randn(5, 5, generator=rng) for _ in range(2))
    a, b = (np.cov(each.double().numpy(), rowvar=False) for each in (x, y))
    apart = ((x.double().mean(0) - y.double().mean(0)) ** 2).sum()
    expected = float(apart) + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=rng))[0]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(expected, rel=1e-4)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shapes", [((5, 2), (5, 3)), ((1, 2), (5, 2)), ((5,), (5,))])
def test_frechet_of_what_cannot_be_compared_is_told(shapes: tuple) -> None:
    with pytest.raises(ShapeError, match="at least 2 points"):
        frechet_distance(*(torch.zeros(shape) for shape in shapes))


def test_the_nearest_is_found_beyond_the_edge_of_a_chunk() -> None:
    rng = make_rng(RNG)
    among = torch.randint(256, (CHUNK + 300, 1, 3, 3), generator=rng, dtype=torch.uint8)
    wanted = torch.tensor([0, CHUNK - 1, CHUNK, CHUNK + 299])
    found = nearest(among[wanted].float() + 0.25, among)
    assert found.which.tolist() == wanted.tolist()
    torch.testing.assert_close(found.distance, torch.full((4,), 0.75), rtol=1e-4, atol=1e-3)  # 0.25 in each of 9 places


def test_copies_have_no_distance_and_new_examples_are_as_far_as_held_out_ones() -> None:
    x = torch.randn(3000, 4, generator=make_rng(RNG))
    seen, held_out, new = x[:1000], x[1000:2000], x[2000:]
    assert neighbour_ratio(seen[:200], seen, held_out) == pytest.approx(0, abs=1e-3)
    assert neighbour_ratio(new, seen, held_out) == pytest.approx(1, abs=0.1)
    assert neighbour_ratio(3 * new, seen, held_out) > 1.5


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("n", [600, 2000])
def test_true_samples_have_density_1_and_the_coverage_of_chance(k: int, n: int) -> None:
    x = torch.randn(n + 2000, 3, generator=make_rng(RNG))
    density, coverage = density_and_coverage(x[:n], x[n:], k)
    assert density == pytest.approx(1, abs=0.08)
    assert coverage == pytest.approx(coverage_of_truth(n, 2000, k), abs=0.03)  # one standard error is below 0.01


def test_the_coverage_of_chance_is_that_of_the_paper() -> None:
    """Naeem et al. 2020: 1 - 2^-k in the limit; and a handful counted by hand."""
    assert coverage_of_truth(10**6, 10**6, 5) == pytest.approx(1 - 2**-5, abs=1e-5)
    assert coverage_of_truth(1, 2, 1) == pytest.approx(0.5)  # the nearest other point is real or the sample
    assert coverage_of_truth(0, 100) == 0


def test_a_lost_mode_lowers_the_coverage_and_outliers_the_density() -> None:
    rng = make_rng(RNG)
    real = torch.randn(1000, 2, generator=rng) + 20 * torch.arange(1000)[:, None].remainder(2)
    one_mode, far = real[::2] + 0.01, torch.randn(500, 2, generator=rng) * 100
    assert density_and_coverage(one_mode, real)[1] == pytest.approx(0.5, abs=0.02)
    assert density_and_coverage(far, real)[0] < 0.1


@pytest.mark.parametrize(("key", "digest"), [("digits", "c56aef4157b02ad5"), ("mnist_5k", "6d62d08ab550ccef")])
def test_the_classifier_knows_digits_and_is_the_one_that_ships(key: str, digest: str) -> None:
    examples = DATASETS[key].examples()
    classifier = digit_classifier(examples.event_shape)
    guesses = classifier(examples.test).argmax(1)
    assert float((guesses == examples.test_labels).float().mean()) > 0.97
    # Another classifier measures on another scale: every stored Fréchet distance would lose its meaning.
    assert hashlib.sha256(classifier.kind.weights.read_bytes()).hexdigest()[:16] == digest
    with pytest.raises(ShapeError, match="digits of shape"):
        classifier(torch.zeros(1, 1, 16, 16))


def test_only_digits_are_read_as_digits() -> None:
    """Clothes have the shape, the grey values and the number of classes of MNIST's digits."""
    told = {key: knows(spec.event_shape, spec.levels, CLASSES.get(key, ())) for key, spec in DATASETS.items()}
    assert [key for key, is_known in told.items() if is_known] == ["mnist_5k", "digits", "mnist"]
    with pytest.raises(ShapeError, match="digits of shape"):
        digit_classifier((1, 16, 16))


def test_better_pictures_are_nearer() -> None:
    examples, rng = DATASETS["digits"].examples(), make_rng(RNG)
    train, test = examples.train.float(), examples.test.float()
    noisy = (train + 3 * torch.randn(train.shape, generator=rng)).round().clamp(0, 16)
    shuffled = train.flatten(1)[:, torch.randperm(64, generator=rng)].view_as(train)
    found = [measure_digits(x, test) for x in (train, noisy, shuffled)]
    assert found[0]["frechet"] < 10 < 15 < found[1]["frechet"] < found[2]["frechet"]
    assert found[0]["coverage"] == 1 and found[0]["density"] == pytest.approx(1, abs=0.05)
    assert found[2]["coverage"] < 0.5
    assert measure_digits(train[examples.train_labels != 3], test)["rarest"] < 0.01  # pyright: ignore[reportArgumentType]


def test_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(classifiers, "FOLDER", tmp_path)
    digit_classifier.cache_clear()
    with pytest.raises(DataError, match="restore that file"):
        digit_classifier((1, 8, 8))
    digit_classifier.cache_clear()
