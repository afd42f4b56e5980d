"""How the two numbers of a Dirac-GAN move, and what the eigenvalues at its equilibrium say about it.

A state is (θ, ψ) with the last move of each behind it, four numbers; the equilibrium is at zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engines.gan.dirac.game import CURES, DiracSettings, vector_field

TIME_STEP = 0.05  # of the flow, by Runge and Kutta's method of order 4
FAR = 1e3  # nobody comes back from there, and nothing is drawn
TURNS = 1e-3  # imaginary part from which a way is called a spiral
CLOSE = 1e-6  # to 1 or to 0: eigenvalues nearer than that are taken for it
Kind = Literal["in", "out", "circles", "halts", "kink"]


def step(game: DiracSettings, state: Tensor) -> Tensor:
    """One move of both players; of the flow, TIME_STEP of its time.

    Args:
        game: The game and how it is played.
        state: θ, ψ and the last move of each, shape (S, 4).

    Returns:
        The next states, shape (S, 4).
    """
    if game.dynamics == "flow":
        return _flow_step(game, state)
    theta, psi, move_theta, move_psi = state.unbind(-1)
    seen = psi
    for _ in range(game.n_critic):
        move_psi = game.momentum * move_psi + game.h * vector_field(game, theta, psi)[1]
        psi = _clipped(game, psi + move_psi)
    met = psi if game.dynamics == "alternating" else seen
    move_theta = game.momentum * move_theta + game.h * vector_field(game, theta, met)[0]
    return torch.stack((theta + move_theta, psi, move_theta, move_psi), dim=-1)


def _flow_step(game: DiracSettings, state: Tensor) -> Tensor:
    """Runge and Kutta's step of order 4 along the field."""
    place, dt = state[:, :2], TIME_STEP
    field = lambda x: torch.stack(vector_field(game, x[:, 0], x[:, 1]), dim=-1)  # noqa: E731
    first = field(place)
    second = field(place + 0.5 * dt * first)
    third = field(place + 0.5 * dt * second)
    place = place + dt / 6 * (first + 2 * second + 2 * third + field(place + dt * third))
    return torch.stack((place[:, 0], _clipped(game, place[:, 1]), *state[:, 2:].unbind(-1)), dim=-1)


def _clipped(game: DiracSettings, psi: Tensor) -> Tensor:
    return psi.clamp(-game.strength, game.strength) if game.cure == "clip" else psi


def trajectory(game: DiracSettings, start: tuple[float, float], n_steps: int) -> Tensor:
    """Where the game goes from a start, as (n_steps + 1, 2) doubles; where it is lost, its last place is repeated."""
    state = torch.tensor([[*start, 0.0, 0.0]], dtype=torch.float64)
    places = [state[0, :2]]
    for _ in range(n_steps):
        following = step(game, state).detach()
        if not following.isfinite().all() or float(following[0, :2].norm()) > FAR:
            following = state
        state = following
        places.append(state[0, :2])
    return torch.stack(places)


def flow_eigenvalues(game: DiracSettings) -> tuple[complex, ...]:
    """Eigenvalues λ of the field's Jacobian at the equilibrium (0, 0)."""

    def field(x: Tensor) -> Tensor:
        return torch.stack(vector_field(game, x[:1], x[1:]), dim=-1)[0]

    return _eigenvalues(torch.autograd.functional.jacobian(field, torch.zeros(2, dtype=torch.float64)))


def map_eigenvalues(game: DiracSettings) -> tuple[complex, ...]:
    """Eigenvalues z of one step's Jacobian at the equilibrium: four with momentum, two without.

    For simultaneous steps without momentum z = 1 + h λ.
    """
    size = 4 if game.momentum else 2

    def one(x: Tensor) -> Tensor:
        return step(game, torch.cat((x, x.new_zeros(4 - size)))[None])[0, :size]

    return _eigenvalues(torch.autograd.functional.jacobian(one, torch.zeros(size, dtype=torch.float64)))


def _eigenvalues(jacobian: Tensor) -> tuple[complex, ...]:
    found = torch.linalg.eigvals(jacobian.detach()).tolist()
    return tuple(sorted(found, key=lambda z: (-abs(z), -z.imag)))


@dataclass(frozen=True)
class Stability:
    """What the eigenvalues promise near the equilibrium.

    Attributes:
        eigenvalues: Of the flow's field or of one step's map; empty at a kink.
        factor: By what the distance is multiplied in a step (flow: in a unit of time) in the long run; None at a kink.
        kind: How it ends.
        sentence: The same for a reader.
    """

    eigenvalues: tuple[complex, ...]
    factor: float | None
    kind: Kind
    sentence: str


def outlook(game: DiracSettings) -> Stability:
    """Read the eigenvalues at the equilibrium.

    Source:
        Mescheder et al. 2018, section 3: convergence if all |z| < 1 (flow: all Re λ < 0), arXiv:1801.04406
    """
    if CURES[game.cure].is_kink:
        return Stability(
            (), None, "kink", "No slope at the equilibrium, so no eigenvalues: the penalty has a kink at ψ = 0."
        )
    is_flow = game.dynamics == "flow"
    values = flow_eigenvalues(game) if is_flow else map_eigenvalues(game)
    worst = max(z.real for z in values) if is_flow else math.log(max(abs(z) for z in values))
    limit = CLOSE if is_flow else CLOSE * game.h
    rest = 0 if is_flow else 1
    if any(abs(z - rest) < CLOSE for z in values) and worst < limit:
        return Stability(values, 1.0, "halts", _halts(is_flow))
    kind: Kind = "circles" if abs(worst) < limit else "in" if worst < 0 else "out"
    return Stability(values, math.exp(worst), kind, _sentence(kind, worst, values, is_flow))


def _halts(is_flow: bool) -> str:
    what = "An eigenvalue is 0" if is_flow else "An eigenvalue is 1"
    return f"{what}: along one direction nothing pulls. The game may halt with a flat discriminator at any θ."


def _sentence(kind: Kind, rate: float, values: tuple[complex, ...], is_flow: bool) -> str:
    """The verdict; rate is the logarithm of the factor a step (flow: a unit of time)."""
    leading = max(values, key=lambda z: z.real if is_flow else abs(z))
    size = f"Re λ = {_signed(rate)}" if is_flow else f"|z| = {math.exp(rate):.4f}"
    unit = "units of time" if is_flow else "steps"
    if kind == "circles":
        found = f"λ = ±{abs(leading.imag):.3f} i" if is_flow else size
        return f"{found}: to first order it circles, neither nearer nor farther."
    verb = "spirals" if abs(leading.imag) > TURNS else "goes"
    wait = abs(math.log(2) / rate)
    if wait < 1:
        factor = math.exp(rate)
        times = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2f}"
        each = "unit of time" if is_flow else "step"
        return f"{size}: it {verb} {kind}, and every {each} multiplies the distance by {times}."
    change = "halves" if kind == "in" else "doubles"
    return f"{size}: it {verb} {kind}, and the distance {change} every {_digits(wait)} {unit}."


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _digits(value: float) -> str:
    """One decimal below ten, none above."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
