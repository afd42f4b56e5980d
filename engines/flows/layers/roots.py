"""Roots of increasing functions, many at once, through which gradients flow."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MOST_STEPS = 200  # some ten are usual


def solve_increasing(rise: Callable[[Tensor], tuple[Tensor, Tensor]], goal: Tensor, *, reach: Tensor) -> Tensor:
    """The t with rise(t) = goal, by Newton's method inside a bracket that bisection narrows.

    The root carries the gradient of the implicit function: it is found without one, and one more step of Newton's
    with the derivative held fixed gives dt = (dgoal - drise) / slope.

    Args:
        rise: t -> its value and slope at t, each of t's shape; increasing, with a slope above 0.
        goal: Shape (B,).
        reach: The root lies between goal - reach and goal + reach.

    Returns:
        Shape (B,), to a few units of rounding over the slope.

    Source:
        Press et al. 2007, Numerical recipes, section 9.4 (`rtsafe`)
    """
    with torch.no_grad():
        t = _search(rise, goal, reach)
    value, slope = rise(t)
    return t - (value - goal) / slope.detach()


def _search(rise: Callable[[Tensor], tuple[Tensor, Tensor]], goal: Tensor, reach: Tensor) -> Tensor:
    """The root but for the last step.

    A point that has arrived stays: rounding puts it beside an end of its bracket, and whoever sends it to the middle
    sends it away. Newton's step is taken where it stays inside and is at most half the step before.
    """
    low, high, t = goal - reach, goal + reach, goal.clone()
    rounding = torch.finfo(goal.dtype).eps * (1 + goal.abs() + reach)
    before, is_done = high - low, torch.zeros_like(goal, dtype=torch.bool)
    for _ in range(MOST_STEPS):
        value, slope = rise(t)
        error = value - goal
        low, high = torch.where(error < 0, t, low), torch.where(error > 0, t, high)
        newton = t - error / slope
        is_good = (newton >= low) & (newton <= high) & (2 * (newton - t).abs() <= before)
        closer = torch.where(is_good, newton, 0.5 * (low + high))
        is_done = is_done | (error.abs() <= rounding) | ((newton - t).abs() <= rounding) | (high - low <= rounding)
        if bool(is_done.all()):
            break
        before = (closer - t).abs()
        t = torch.where(is_done, t, closer)
    return t
