"""A chosen point of the plane, as a canvas or a link tells it."""

from __future__ import annotations

import math

Point = tuple[float, float]


def checked_point(value: object, *, farthest: float, digits: int = 3) -> Point | None:
    """Two finite numbers within reach, rounded; None if they are none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(type(v) in (int, float) and math.isfinite(v) and abs(v) <= farthest for v in value):
        return None
    return round(float(value[0]), digits), round(float(value[1]), digits)


def point_of_text(text: str, *, farthest: float, digits: int = 3) -> Point | None:
    """The point that a link means by "0.5,-1"; None if it means none."""
    try:
        numbers = [float(part) for part in text[:60].split(",")]
    except ValueError:
        return None
    return checked_point(numbers, farthest=farthest, digits=digits)
