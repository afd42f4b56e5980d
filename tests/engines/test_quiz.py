"""The quiz of a human discriminator: fair questions, and judges that are what they are said to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.human_quiz import best_logits, border_of, ceiling, picture_quiz, plane_quiz
from engines.gan.losses import LOSSES
from engines.gan.plane.gan import PlaneGan
from engines.gan.plane.optimal import told_apart
from engines.gan.plane.settings import PlaneGanSettings
from engines.models import MODELS
from engines.tensors import make_rng

RING: Any = DATASETS["ring"].density


class Known:
    """A generator that samples a known density, and a discriminator that is 1 to the right of the middle."""

    def __init__(self, density: GaussianMixture, loss: str = "non_saturating") -> None:
        self.density = density
        self.settings = PlaneGanSettings(loss=loss)

    def sample(self, n: int, *, rng: torch.Generator) -> torch.Tensor:
        return self.density.sample(n, rng=rng)

    def discriminate(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0].float()


def gaussian(x: float) -> GaussianMixture:
    return GaussianMixture(torch.tensor([[x, 0.0]]), 1.0)


def test_half_of_the_questions_are_real_and_a_seed_asks_the_same() -> None:
    torch.manual_seed(0)
    model = PlaneGan(PlaneGanSettings(), RING).eval()
    quiz, again = (plane_quiz(model, RING, 5, n=2000) for _ in range(2))
    assert torch.equal(quiz.x, again.x) and torch.equal(quiz.is_real, again.is_real)
    assert not torch.equal(quiz.x, plane_quiz(model, RING, 6, n=2000).x)
    assert float(quiz.is_real.float().mean()) == pytest.approx(0.5, abs=0.056)  # 5 standard errors
    assert float(RING.log_prob(quiz.x[quiz.is_real].double()).min()) > -20
    torch.testing.assert_close(quiz.logits, model.discriminate(quiz.x))
    assert quiz.real.shape == quiz.fake.shape == (200, 2)


def test_nobody_beats_the_ceiling_and_the_best_judge_reaches_it() -> None:
    """Two unit Gaussians two apart: the best judge is right with probability Phi(1) = 0.841."""
    data, fake = gaussian(1.0), gaussian(-1.0)
    model = Known(fake)
    share, error = ceiling(model, data)
    assert share == pytest.approx(0.8413, abs=5 * error + 0.004) and 0 < error < 0.02
    quiz = plane_quiz(model, data, 0, n=4000)
    assert quiz.optimal is not None
    right = float(((quiz.optimal > 0) == quiz.is_real).float().mean())
    assert right == pytest.approx(0.8413, abs=0.03)  # 5 standard errors
    x = torch.tensor([[0.5, 0.0], [-0.5, 0.3], [1.5, -0.5]])
    torch.testing.assert_close(best_logits(model, data, x), 2 * x[:, 0], rtol=0.25, atol=0.3)


@pytest.mark.parametrize("key", ["ring", "moons", "checkerboard", "grid", "gaussian"])
def test_equal_distributions_leave_a_coin(key: str) -> None:
    """A generator that is its data: half right and no divergence, within three standard errors (1 alarm in 370)."""
    density: Any = DATASETS[key].density
    share, error = ceiling(Known(density), density)
    assert 0.5 <= share < 0.5 + 3 * error and 0.001 < error < 0.004
    for n in (2500, 16_000):
        samples, truth = (density.sample(n, rng=make_rng(seed)) for seed in (3, 4))
        found = told_apart(density, samples, truth, 64)
        assert abs(found.accuracy - 0.5) < 3 * found.accuracy_error
        assert -0.002 - 3 * found.js_error < found.js < 3 * found.js_error + 1e-9


def test_limits_are_below_the_truth_and_near_it() -> None:
    """Two unit Gaussians two apart: JS by quadrature in one dimension; the limit lies at most 0.02 nats below."""
    data, fake = gaussian(1.0), gaussian(-1.0)
    samples, truth = (each.sample(20_000, rng=make_rng(seed)) for seed, each in ((5, fake), (6, data)))
    found = told_apart(data, samples, truth, 96)
    t = np.linspace(-9, 9, 20_001)
    p, q = stats.norm.pdf(t - 1), stats.norm.pdf(t + 1)
    true_js = np.trapezoid(p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q)), t) / 2
    assert true_js - 0.02 < found.js < true_js + 3 * found.js_error
    assert stats.norm.cdf(1) - 0.01 < found.accuracy < stats.norm.cdf(1) + 3 * found.accuracy_error


def test_far_outside_nothing_is_generated() -> None:
    x = torch.tensor([[50.0, 0.0]])
    assert float(best_logits(Known(gaussian(0.0)), gaussian(0.0), x)) == -1  # no data there either


def test_a_game_without_a_border_is_judged_from_its_examples() -> None:
    real, fake = torch.full((4,), 3.0), torch.full((4,), 1.0)
    assert border_of(LOSSES["wasserstein"], 1, real, fake) == 2
    assert border_of(LOSSES["least_squares"], 1, real, fake) == 0.5
    assert border_of(LOSSES["least_squares"], 4, real, fake) == 2


@pytest.mark.parametrize(("key", "changes"), [("picture_gan", {"pack": 2}), ("picture_gan", {})])
def test_a_picture_is_judged_whatever_was_asked_before(key: str, changes: dict[str, int]) -> None:
    spec, digits = MODELS[key], DATASETS["digits"]
    examples: Any = digits.data(digits.settings())
    torch.manual_seed(0)
    model: Any = spec.build(type(spec.settings()).from_dict({"width": 4} | changes), examples).eval()
    quiz = picture_quiz(model, examples.test, 3, n=20)
    company = torch.cat([quiz.x[7:8], quiz.x[3:4]])
    alone = model.opinions(company, quiz.fake)
    torch.testing.assert_close(quiz.logits[[7, 3]] - quiz.logits[7], alone - alone[0])
    assert quiz.x.shape == (20, 1, 8, 8) and 0 < quiz.is_real.sum() < 20
