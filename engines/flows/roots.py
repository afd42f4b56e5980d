"""Roots of increasing functions, many at once, through which gradients flow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MOST_STEPS = 80


def solve_increasing(rise: Callable[[Tensor], tuple[Tensor, Tensor]], goal: Tensor, *, reach: Tensor) -> Tensor:
    """The t with rise(t) = goal, by Newton's method inside a bracket that bisection narrows.

    The root carries the gradient of the implicit function: it is found without one, and one more step of Newton's
    with the derivative held fixed gives dt = (dgoal - drise) / slope.

    Args:
        rise: t -> its value and slope at t, each of t's shape; increasing.
        goal: Shape (B,).
        reach: The root lies between goal - reach and goal + reach.

    Returns:
        Shape (B,), to a few units of rounding.
    """
    with torch.no_grad():
        low, high, t = goal - reach, goal + reach, goal.clone()
        small = 4 * torch.finfo(goal.dtype).eps * (1 + goal.abs())
        for _ in range(MOST_STEPS):
            value, slope = rise(t)
            error = value - goal
            low, high = torch.where(error < 0, t, low), torch.where(error > 0, t, high)
            newton = t - error / slope
            is_inside = (newton > low) & (newton < high)
            closer = torch.where(is_inside, newton, 0.5 * (low + high))
            is_done = bool(((closer - t).abs() <= small).all()) if len(t) else True
            t = closer
            if is_done:
                break
    value, slope = rise(t)
    return t - (value - goal) / slope.detach()
