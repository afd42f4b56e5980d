"""The data sets "shapes" and "small_shapes": one white shape on black, whose every factor is known.

"shapes" has the five factors of dSprites on 32 × 32 pixels; "small_shapes" is a small world of squares of which
every picture is there, for models that train while one watches. A pixel is white by the share of it
that lies inside, read off the signed distance from its centre to the outline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples, Factor, NoSettings
from engines.errors import ShapeError
from engines.tensors import make_rng

N_TRAIN, N_TEST = 8_000, 1_000
SMALL_TRAIN = 648  # 90 % of 720
LEVELS = 256
_SEED = 2
_CHUNK = 1_000  # pictures at a time, so that their numbers stay in the cache

SIDE, SMALL_SIDE = 32, 16  # pixels
RADII, SMALL_RADII = (3.0, 7.0), (2.0, 5.0)  # pixels: smallest and largest
MARGIN = 7.5  # pixels from the border to the outermost centres
# The small world is wider than high: were both ways alike, no code could tell one from the other, and any turned pair
# of latents would do as well.
SMALL_MARGINS = (3.5, 5.5)  # pixels in x and in y
N_ORIENTATIONS = 40
SAME_AFTER = (10, 20, 40)  # orientations after which a square, an ellipse, a heart looks the same

Distance = Callable[[Tensor, Tensor], Tensor]


def _square(x: Tensor, y: Tensor, half: float = 0.75) -> Tensor:
    right, down = x.abs() - half, y.abs() - half
    return torch.hypot(right.clamp_min(0), down.clamp_min(0)) + torch.maximum(right, down).clamp_max(0)


def distance_to_ellipse(x: Tensor, y: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """Signed distance, negative inside, to first order around the outline: all that a pixel's share needs."""
    ratio = torch.hypot(x / a, y / b)
    slope = torch.hypot(x / a**2, y / b**2)
    return ratio * (ratio - 1) / slope.clamp_min(1e-6)


def _ellipse(x: Tensor, y: Tensor) -> Tensor:
    return distance_to_ellipse(x, y, 1.0, 0.6)


def _heart(x: Tensor, y: Tensor, size: float = 1.65) -> Tensor:
    """Source: Inigo Quilez, "distance to a heart": two half discs on a square that stands on its corner."""
    x, y = x.abs() / size, 0.55 - y / size  # y upwards from the tip
    lobe = torch.hypot(x - 0.25, y - 0.75) - 2**0.5 / 4
    along = 0.5 * (x + y).clamp_min(0)
    side = torch.minimum(torch.hypot(x, y - 1), torch.hypot(x - along, y - along)) * torch.sign(x - y)
    return size * torch.where(x + y > 1, lobe, side)


_SHAPES: dict[str, Distance] = {"square": _square, "ellipse": _ellipse, "heart": _heart}


def _places(side: int, margin: float, count: int) -> Tensor:
    return torch.linspace(margin, side - margin, count)


def _number(name: str, values: Tensor, unit: str) -> Factor:
    return Factor(name, tuple(f"{value:.1f} {unit}".replace(".0 ", " ") for value in values.tolist()))


_SCALES, _SMALL_SCALES = torch.linspace(*RADII, 6), torch.linspace(*SMALL_RADII, 5)
_XY = _places(SIDE, MARGIN, 32)
_SMALL_X, _SMALL_Y = (_places(SMALL_SIDE, margin, 12) for margin in SMALL_MARGINS)
_DEGREES = torch.arange(N_ORIENTATIONS) * (360 / N_ORIENTATIONS)

FACTORS = (
    Factor("shape", tuple(_SHAPES)),
    _number("scale", _SCALES, "px"),
    Factor("orientation", tuple(f"{value:g}°" for value in _DEGREES.tolist())),
    _number("x", _XY, "px"),
    _number("y", _XY, "px"),
)
SMALL_FACTORS = (
    _number("scale", _SMALL_SCALES, "px"),
    _number("x", _SMALL_X, "px"),
    _number("y", _SMALL_Y, "px"),
)


def render_shapes(factors: Tensor) -> Tensor:
    """Pictures of "shapes".

    Args:
        factors: Value of each of FACTORS (shape, scale, orientation, x, y; x to the right, y down), shape (N, 5).

    Returns:
        Pictures, shape (N, 1, 32, 32), uint8.

    Raises:
        ShapeError: If there are not five factors.
    """
    shape, scale, turn, x, y = _columns(factors, FACTORS)
    return _render(list(_SHAPES.values()), SIDE, shape, _SCALES[scale], _DEGREES[turn], _XY[x], _XY[y])


def render_small_shapes(factors: Tensor) -> Tensor:
    """Pictures of "small_shapes".

    Args:
        factors: Value of each of SMALL_FACTORS (scale, x, y; x to the right, y down), shape (N, 3).

    Returns:
        Pictures, shape (N, 1, 16, 16), uint8.

    Raises:
        ShapeError: If there are not three factors.
    """
    scale, x, y = _columns(factors, SMALL_FACTORS)
    upright, squares = torch.zeros(len(factors)), torch.zeros(len(factors), dtype=torch.long)
    return _render([_square], SMALL_SIDE, squares, _SMALL_SCALES[scale], upright, _SMALL_X[x], _SMALL_Y[y])


def _columns(factors: Tensor, names: Sequence[Factor]) -> tuple[Tensor, ...]:
    if factors.ndim != 2 or factors.shape[1] != len(names):
        known = ", ".join(factor.name for factor in names)
        raise ShapeError(f"Expected factors of shape (N, {len(names)}): {known}; got {tuple(factors.shape)}.")
    return factors.long().unbind(1)


def _render(shapes: Sequence[Distance], side: int, shape: Tensor, *places: Tensor) -> Tensor:
    pictures = torch.empty(len(shape), 1, side, side, dtype=torch.uint8)
    for number, distance in enumerate(shapes):
        for rows in (shape == number).nonzero()[:, 0].split(_CHUNK):
            pictures[rows, 0] = _render_one(distance, side, *(place[rows, None, None] for place in places))
    return pictures


def _render_one(distance: Distance, side: int, scale: Tensor, degrees: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pictures of one shape, shape (n, side, side); every argument but the first two has shape (n, 1, 1)."""
    centres = torch.arange(side) + 0.5
    right, down = (centres[None, None, :] - x) / scale, (centres[None, :, None] - y) / scale
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    apart = distance(cos * right + sin * down, cos * down - sin * right) * scale  # pixels
    return ((0.5 - apart).clamp(0, 1) * (LEVELS - 1)).round().to(torch.uint8)


def _unravel(index: Tensor, factors: Sequence[Factor]) -> Tensor:
    return torch.stack(torch.unravel_index(index, [len(factor.values) for factor in factors]), dim=1)


def _examples(factors: Tensor, n_train: int, named: tuple[Factor, ...], render: Callable[[Tensor], Tensor]) -> Examples:
    pictures = render(factors)
    return Examples(
        train=pictures[:n_train],
        test=pictures[n_train:],
        levels=LEVELS,
        factors=named,
        train_factors=factors[:n_train],
        test_factors=factors[n_train:],
    )


def load_shapes(settings: NoSettings) -> Examples:
    """9,000 different pictures, drawn from the 737,280 combinations by a fixed seed."""
    n_all = torch.Size([len(factor.values) for factor in FACTORS]).numel()
    order = torch.randperm(n_all, generator=make_rng(_SEED))[: 2 * (N_TRAIN + N_TEST)]
    factors = _unravel(order, FACTORS)
    # A square turned by 90 degrees is the same picture: only the first of such combinations counts.
    seen = factors.clone()
    seen[:, 2] %= torch.tensor(SAME_AFTER)[factors[:, 0]]
    _, group = seen.unique(dim=0, return_inverse=True)
    first = torch.full((int(group.max()) + 1,), len(group)).scatter_reduce(0, group, torch.arange(len(group)), "amin")
    return _examples(factors[first.sort()[0][: N_TRAIN + N_TEST]], N_TRAIN, FACTORS, render_shapes)


def load_small_shapes(settings: NoSettings) -> Examples:
    """All 720 pictures in a fixed shuffled order: 648 to train on, 72 to test."""
    n_all = torch.Size([len(factor.values) for factor in SMALL_FACTORS]).numel()
    factors = _unravel(torch.randperm(n_all, generator=make_rng(_SEED)), SMALL_FACTORS)
    return _examples(factors, SMALL_TRAIN, SMALL_FACTORS, render_small_shapes)


_spec = partial(DatasetSpec, settings=NoSettings, group="pictures", kind="image", levels=LEVELS)

SHAPES = _spec(
    "shapes",
    "shapes 32×32",
    "A square, ellipse or heart of any size, turn and place: five known factors for a code to find.",
    source="rendered here with the factors of dSprites (L. Matthey, I. Higgins, D. Hassabis, A. Lerchner, 2017)",
    phrase="shapes",
    load_examples=load_shapes,
    event_shape=(1, SIDE, SIDE),
    factors=tuple(factor.name for factor in FACTORS),
)
SMALL_SHAPES = _spec(
    "small_shapes",
    "squares 16×16",
    "A whole small world: squares of five sizes in 144 places, small enough to train eight models while you watch.",
    source="rendered here",
    phrase="small squares",
    load_examples=load_small_shapes,
    event_shape=(1, SMALL_SIDE, SMALL_SIDE),
    factors=tuple(factor.name for factor in SMALL_FACTORS),
)
