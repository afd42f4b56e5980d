"""The Dirac-GAN against closed forms: its field, spirals, eigenvalues, and what becomes of the distance."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
import torch

from engines.gan.dirac.game import CURES, DiracSettings, quadrature, vector_field
from engines.gan.dirac.steps import TIME_STEP, flow_eigenvalues, map_eigenvalues, outlook, trajectory
from engines.gan.losses import LOSSES

# f'(0) of each game that has a rotation at its equilibrium: the slope of its losses by the logit, there.
ROTATIONS = {"minimax": 0.5, "non_saturating": 0.5, "relativistic": 0.5, "wasserstein": 1.0, "hinge": 1.0}


def sigmoid(t: float) -> float:
    return 1 / (1 + math.exp(-t))


# Slopes of what the discriminator and the generator minimise, by the logit ψθ of the generated point.
SLOPES: dict[str, Any] = {
    "minimax": (sigmoid, lambda t: -sigmoid(t)),
    "non_saturating": (sigmoid, lambda t: -sigmoid(-t)),
    "relativistic": (sigmoid, lambda t: -sigmoid(-t)),
    "least_squares": (lambda t: t, lambda t: t - 1),
    "wasserstein": (lambda t: 1.0, lambda t: -1.0),
    "hinge": (lambda t: float(t > -1), lambda t: -1.0),
}
PLACES = [(1.0, 0.5), (-0.7, 1.3), (2.0, -1.1), (0.4, -0.2)]


def field_at(game: DiracSettings, theta: float, psi: float) -> tuple[float, float]:
    place = torch.tensor([[theta], [psi]], dtype=torch.float64)
    found = vector_field(game, place[0], place[1])
    return found[0].item(), found[1].item()


def norms(game: DiracSettings, start: tuple[float, float], n: int) -> np.ndarray:
    return trajectory(game, start, n).norm(dim=-1).numpy()


def sorted_complex(values: Any) -> list[complex]:
    return sorted((complex(v) for v in values), key=lambda z: (round(z.real, 6), round(z.imag, 6)))


# ---- the field ----


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("theta, psi", PLACES)
def test_the_bare_field_is_the_closed_form(loss: str, theta: float, psi: float) -> None:
    of_critic, of_generator = SLOPES[loss]
    t = psi * theta
    expected = (-of_generator(t) * psi, -of_critic(t) * theta)
    assert field_at(DiracSettings(loss=loss), theta, psi) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("cure", ["r1", "r2", "gp", "dragan"])
def test_a_penalty_pulls_the_slope_alone(cure: str) -> None:
    bare, cured = DiracSettings(), DiracSettings(cure=cure, strength=0.7)
    for theta, psi in PLACES:
        pull = -0.7 * psi if cure in ("r1", "r2") else -2 * 0.7 * (abs(psi) - 1) * math.copysign(1, psi)
        before, after = field_at(bare, theta, psi), field_at(cured, theta, psi)
        assert after == pytest.approx((before[0], before[1] + pull), abs=1e-9)


def test_noise_is_the_mean_over_noisy_points() -> None:
    """Against a plain mean over many draws; six standard errors."""
    rng = np.random.default_rng(1)
    theta, psi, sigma, n = 0.8, -0.6, 0.5, 400_000
    real, made = sigma * rng.normal(size=n), theta + sigma * rng.normal(size=n)
    up = 1 / (1 + np.exp(-psi * made))
    down = 1 / (1 + np.exp(psi * real))
    found = field_at(DiracSettings(cure="noise", strength=sigma), theta, psi)
    for value, draws in zip(found, (up * psi, -(up * made - down * real)), strict=True):
        assert abs(value - draws.mean()) < 6 * draws.std() / math.sqrt(n)


def test_a_loss_of_pairs_sees_independent_noise() -> None:
    rng = np.random.default_rng(2)
    theta, psi, sigma, n = 0.8, 1.1, 0.5, 400_000
    gap = theta + sigma * rng.normal(size=n) - sigma * rng.normal(size=n)
    draws = -gap / (1 + np.exp(-psi * gap))
    found = field_at(DiracSettings(loss="relativistic", cure="noise", strength=sigma), theta, psi)[1]
    assert abs(found - draws.mean()) < 6 * draws.std() / math.sqrt(n)


def test_consensus_walks_down_the_length_of_the_field() -> None:
    """Against differences of the length."""
    bare, cured, nudge = (
        DiracSettings(loss="non_saturating"),
        DiracSettings(loss="non_saturating", cure="consensus"),
        1e-5,
    )
    length = lambda theta, psi: 0.5 * sum(v**2 for v in field_at(bare, theta, psi))  # noqa: E731
    for theta, psi in PLACES:
        down = [
            (length(theta + nudge, psi) - length(theta - nudge, psi)) / (2 * nudge),
            (length(theta, psi + nudge) - length(theta, psi - nudge)) / (2 * nudge),
        ]
        expected = [v - d for v, d in zip(field_at(bare, theta, psi), down, strict=True)]
        assert field_at(cured, theta, psi) == pytest.approx(expected, abs=1e-7)


def test_two_time_scales_scale_the_discriminator_alone() -> None:
    slow, fast = field_at(DiracSettings(cure="r1"), 1.2, 0.4), field_at(DiracSettings(cure="r1", ratio=3), 1.2, 0.4)
    assert fast == pytest.approx((slow[0], 3 * slow[1]))


def test_the_quadrature_knows_the_moments_of_noise() -> None:
    places, weights = quadrature()
    assert [float(weights @ places**k) for k in (0, 1, 2, 4, 6)] == pytest.approx([1, 0, 1, 3, 15])


# ---- eigenvalues ----


@pytest.mark.parametrize("loss", ROTATIONS)
@pytest.mark.parametrize("gamma", [0.1, 0.6, 2.5])
def test_eigenvalues_with_r1_are_those_of_the_paper(loss: str, gamma: float) -> None:
    """-γ/2 ± sqrt(γ²/4 - f'(0)²), and ± i f'(0) without it."""
    turn = ROTATIONS[loss]
    found = flow_eigenvalues(DiracSettings(loss=loss, cure="r1", strength=gamma, dynamics="flow"))
    root = cmath.sqrt(gamma**2 / 4 - turn**2)
    assert sorted_complex(found) == pytest.approx(sorted_complex([-gamma / 2 + root, -gamma / 2 - root]), abs=1e-6)
    bare = flow_eigenvalues(DiracSettings(loss=loss, dynamics="flow"))
    assert sorted_complex(bare) == pytest.approx(sorted_complex([1j * turn, -1j * turn]), abs=1e-9)


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_instance_noise_damps_as_the_paper_says(sigma: float) -> None:
    """f''(0)σ² ± sqrt(f''(0)²σ⁴ - f'(0)²); for the cross entropy f'' = -1/4, twice for its two terms."""
    found = flow_eigenvalues(DiracSettings(cure="noise", strength=sigma, dynamics="flow"))
    damping = -0.25 * sigma**2
    root = cmath.sqrt(damping**2 - 0.25)
    assert sorted_complex(found) == pytest.approx(sorted_complex([damping + root, damping - root]), abs=1e-6)


@pytest.mark.parametrize("loss", ROTATIONS)
def test_simultaneous_steps_have_the_eigenvalues_of_euler(loss: str) -> None:
    for gamma in (0.1, 1.7):
        game = DiracSettings(loss=loss, cure="r1", strength=gamma, h=0.3)
        expected = [1 + 0.3 * value for value in flow_eigenvalues(game)]
        assert sorted_complex(map_eigenvalues(game)) == pytest.approx(sorted_complex(expected), abs=1e-6)


@pytest.mark.parametrize("loss", ROTATIONS)
@pytest.mark.parametrize("h", [0.05, 0.5, 1.0])
def test_alternating_steps_lie_on_the_unit_circle(loss: str, h: float) -> None:
    """Lemma 2.4: for h f'(0) < 2 both have modulus 1, and their sum is 2 - h² f'(0)²."""
    found = map_eigenvalues(DiracSettings(loss=loss, dynamics="alternating", h=h))
    assert [abs(z) for z in found] == pytest.approx([1, 1], abs=1e-12)
    assert sum(found).real == pytest.approx(2 - (h * ROTATIONS[loss]) ** 2)
    assert outlook(DiracSettings(loss=loss, dynamics="alternating", h=h)).kind == "circles"


@pytest.mark.parametrize("beta", [-0.4, 0.5])
def test_momentum_gives_the_pencil_of_the_heavy_ball(beta: float) -> None:
    """Simultaneous: z² - (1 + β + hλ) z + β = 0 for each eigenvalue λ of the field."""
    game = DiracSettings(loss="wasserstein", cure="r1", strength=0.5, momentum=beta, h=0.2)
    roots = [np.roots([1, -(1 + beta + 0.2 * value), beta]) for value in flow_eigenvalues(game)]
    assert sorted_complex(map_eigenvalues(game)) == pytest.approx(sorted_complex(np.concatenate(roots)), abs=1e-6)


def test_negative_momentum_in_turn_comes_in_and_positive_goes_out() -> None:
    """Gidel et al. 2019, Negative momentum for improved game dynamics."""
    for beta, kind in ((-0.5, "in"), (0.5, "out")):
        game = DiracSettings(loss="wasserstein", dynamics="alternating", momentum=beta, h=0.4)
        assert outlook(game).kind == kind
        ended = norms(game, (1.0, 0.0), 300)[-1]
        assert ended < 0.1 if kind == "in" else ended > 10


# ---- ways ----


@pytest.mark.parametrize("h", [0.05, 0.3])
def test_simultaneous_wasserstein_grows_by_a_known_factor(h: float) -> None:
    found = norms(DiracSettings(loss="wasserstein", h=h), (1.0, 0.5), 50)
    np.testing.assert_allclose(found[1:] / found[:-1], math.sqrt(1 + h**2), rtol=1e-12)


def test_alternating_wasserstein_stays_on_an_ellipse() -> None:
    """θ² + ψ² ± hθψ is kept exactly; the sign tells who moves first."""
    game = DiracSettings(loss="wasserstein", dynamics="alternating", h=0.4)
    theta, psi = trajectory(game, (1.0, 0.5), 500).numpy().T
    kept = theta**2 + psi**2 - 0.4 * theta * psi
    np.testing.assert_allclose(kept, kept[0], rtol=1e-9)


def test_the_flow_with_r1_is_the_damped_oscillator() -> None:
    gamma, n = 0.6, 200
    found = trajectory(DiracSettings(loss="wasserstein", cure="r1", strength=gamma, dynamics="flow"), (1.0, 0.5), n)
    matrix = torch.tensor([[0.0, 1.0], [-1.0, -gamma]]).double()
    start = torch.tensor([1.0, 0.5]).double()
    for i in (1, 50, n):
        exact = torch.linalg.matrix_exp(i * TIME_STEP * matrix) @ start
        np.testing.assert_allclose(found[i].numpy(), exact.numpy(), atol=1e-7)


def test_the_minimax_flow_keeps_its_distance_and_the_non_saturating_one_creeps_in() -> None:
    """d|x|²/dt is 0 for minimax, and -2t tanh(t/2), t = ψθ, for the other: far less than a rate."""
    minimax = norms(DiracSettings(loss="minimax", dynamics="flow"), (1.6, 1.2), 400)
    np.testing.assert_allclose(minimax, minimax[0], rtol=1e-6)
    way = trajectory(DiracSettings(loss="non_saturating", dynamics="flow"), (1.6, 1.2), 400).numpy()
    squared, t = (way**2).sum(-1), way.prod(-1)
    slope = (squared[2:] - squared[:-2]) / (2 * TIME_STEP)
    np.testing.assert_allclose(slope, (-2 * t * np.tanh(t / 2))[1:-1], atol=5e-3)
    assert 0.4 < math.sqrt(squared[-1]) < 1


@pytest.mark.parametrize("dynamics", ["flow", "simultaneous", "alternating"])
@pytest.mark.parametrize("cure", ["r1", "noise", "consensus"])
def test_a_cured_game_comes_in_as_fast_as_its_eigenvalues_say(cure: str, dynamics: str) -> None:
    game = DiracSettings(cure=cure, dynamics=dynamics, strength=0.6, h=0.2)
    told, n = outlook(game), 400
    assert told.kind == "in"
    assert told.factor is not None
    found = norms(game, (0.02, 0.01), n)
    units = TIME_STEP if dynamics == "flow" else 1
    rate = math.log(found[n] / found[n // 2]) / ((n - n // 2) * units)
    assert rate == pytest.approx(math.log(told.factor), rel=0.1)


def test_clipping_keeps_the_slope_in_its_band() -> None:
    for dynamics in ("flow", "simultaneous", "alternating"):
        game = DiracSettings(loss="wasserstein", cure="clip", strength=0.5, dynamics=dynamics, h=0.1)
        way = trajectory(game, (2.0, 0.0), 150)
        assert way[:, 1].abs().max() == pytest.approx(0.5)
        assert way[:, 0].abs().min() < 0.1
    assert outlook(DiracSettings(loss="wasserstein", cure="clip", h=0.1)).kind == "out"


def test_the_gradient_penalty_never_rests_and_says_so() -> None:
    game = DiracSettings(loss="wasserstein", cure="gp", h=0.1)
    assert outlook(game).kind == "kink"
    assert outlook(game).eigenvalues == ()
    assert norms(game, (1.0, 1.0), 600)[-150:].max() > 0.3


def test_least_squares_halts_before_the_generator_arrives() -> None:
    game = DiracSettings(loss="least_squares", dynamics="flow")
    theta, psi = trajectory(game, (1.4, 0.6), 600)[-1].tolist()
    assert outlook(game).kind == "halts"
    assert abs(psi) < 1e-3 < 0.5 < abs(theta)
    assert field_at(game, 0.8, 0.0) == (0.0, 0.0)


def test_a_lost_game_stays_where_it_was_last() -> None:
    way = trajectory(DiracSettings(loss="wasserstein", h=1.0, momentum=0.9), (1.0, 1.0), 300)
    assert way.isfinite().all()
    assert 100 < float(way[-1].norm()) <= 1e3
    assert torch.equal(way[-1], way[-2])


def test_more_steps_of_the_discriminator_do_not_cure() -> None:
    for n in (1, 5, 10):
        game = DiracSettings(loss="wasserstein", dynamics="alternating", n_critic=n, h=0.1)
        assert outlook(game).kind == "circles"


@pytest.mark.parametrize("cure", CURES)
@pytest.mark.parametrize("dynamics", ["flow", "simultaneous", "alternating"])
def test_every_game_has_a_sentence(cure: str, dynamics: str) -> None:
    for loss in LOSSES:
        told = outlook(DiracSettings(loss=loss, cure=cure, dynamics=dynamics))
        assert told.sentence.endswith(".")
        assert (told.kind == "kink") == CURES[cure].is_kink
