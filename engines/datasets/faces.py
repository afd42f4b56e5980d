"""The data set "faces": cartoon faces on 32 × 32 coloured pixels, whose ten factors are known.

A face is a stack of layers, from the sky to the glasses. Each layer is a mask (the share of each pixel
that it covers, read off a signed distance) and a colour. A mask depends on few of the factors, so it is
rendered once for each combination of those, and looked up for each face.

Lengths are pixels from the middle of the picture, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples, Factor, NoSettings
from engines.datasets.shapes import distance_to_ellipse
from engines.errors import ShapeError
from engines.tensors import make_rng

N_TRAIN, N_TEST = 8_000, 1_000
SIDE = 32
LEVELS = 256
_SEED = 3
_CHUNK = 200  # faces at a time, so that their colours stay in the cache
_NECK = 6.0  # height of the point around which a head tilts

FACTORS = (
    Factor("smile", ("sad", "a little sad", "calm", "smiling", "laughing")),
    Factor("eyes", ("narrow", "open", "wide")),
    Factor("gaze", ("far left", "left", "ahead", "right", "far right")),
    Factor("width", ("slim", "oval", "round", "wide")),
    Factor("skin", ("porcelain", "peach", "tan", "brown", "dark brown")),
    Factor("hair", ("black", "brown", "red", "blond", "silver")),
    Factor("length", ("short", "bob", "long")),
    Factor("glasses", ("none", "round")),
    Factor("tilt", ("-20°", "-10°", "0°", "10°", "20°")),
    Factor("background", ("day", "night")),
)
_NAMES = tuple(factor.name for factor in FACTORS)

# What the values of a factor are in numbers, where a mask needs them.
_NUMBERS: Mapping[str, Tensor] = {
    "smile": torch.linspace(-1, 1, 5),
    "eyes": torch.tensor([1.0, 1.8, 2.6]),  # half the height of an eye
    "gaze": torch.linspace(-1.35, 1.35, 5),
    "width": torch.tensor([7.0, 8.0, 9.0, 10.0]),  # half of the head's
    "length": torch.tensor([0.0, 1.0, 2.0]),
    "glasses": torch.tensor([0.0, 1.0]),
    "tilt": torch.linspace(-20, 20, 5),
    "background": torch.tensor([0.0, 1.0]),
}


def _palette(*colours: str) -> Tensor:
    return torch.tensor([list(bytes.fromhex(colour)) for colour in colours], dtype=torch.float32)


_SKINS = _palette("ffe0c7", "f3c49c", "dba474", "b07a52", "80513a")
_BLUSHES = _palette("ff8f8a", "f07f6b", "cf6d50", "a85745", "9c4d45")
_HAIRS = _palette("25212c", "573219", "c2522a", "f0c350", "c2c8d6")
_SKY_TOP, _SKY_BOTTOM = _palette("a9d8f5", "191d4a"), _palette("e6f4fb", "4b478c")

Values = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A mask, the factors that shape it, and its colour, which a factor may choose."""

    draw: Callable[[Tensor, Tensor, Values], Tensor]
    by: tuple[str, ...]
    palette: Tensor
    coloured_by: str = ""


def _cover(distance: Tensor) -> Tensor:
    """Share of a pixel inside an outline that is this far from its centre."""
    return (0.5 - distance).clamp(0, 1)


def _stroke(x: Tensor, y: Tensor, start: tuple[Tensor, Tensor], end: tuple[Tensor, Tensor], pen: float) -> Tensor:
    """Distance to a straight line with round ends, `pen` wide."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    share = ((x - start[0]) * along_x + (y - start[1]) * along_y) / (along_x**2 + along_y**2)
    share = share.clamp(0, 1)
    return torch.hypot(x - start[0] - share * along_x, y - start[1] - share * along_y) - pen / 2


def _eye_place(value: Values) -> Tensor:
    return 0.47 * value["width"]


def _sun_or_moon(x: Tensor, y: Tensor, value: Values) -> Tensor:
    disc = torch.hypot(x - 11.6, y + 11.6) - 2.9
    bite = torch.hypot(x - 10.2, y + 12.6) - 2.7
    return _cover(torch.where(value["background"] > 0, torch.maximum(disc, -bite), disc))


def _stars(x: Tensor, y: Tensor, value: Values) -> Tensor:
    places = ((-12.5, -12.5), (-8.5, -14.5), (-14.5, -6.5), (13.5, -3.5), (-12.5, 3.5), (14.5, 6.5))
    near = [torch.hypot(x - a, y - b) for a, b in places]
    return value["background"] * (0.8 - torch.stack(near).amin(0)).clamp(0, 1)


def _body(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return _cover(distance_to_ellipse(x, y - 17.5, 11.0, 5.2))


def _neck(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return _cover(torch.maximum(x.abs() - 3.2, torch.hypot(x, y - 10.5) - 4.4))


def _hair_behind(x: Tensor, y: Tensor, value: Values) -> Tensor:
    """Round the head, and down to the cheeks or the shoulders."""
    half = value["width"] + 1.9
    end = 1.0 + 5.2 * value["length"]
    crown = distance_to_ellipse(x, y + 1.2, half, 11.6)
    lock = torch.maximum(torch.hypot((x.abs() - half + 3.2).clamp_min(0), (y - end + 3.2).clamp_min(0)) - 3.2, -1.2 - y)
    falls = torch.where(value["length"] > 0, torch.minimum(crown, lock), torch.maximum(crown, y - 0.4))
    return _cover(falls)


def _head(x: Tensor, y: Tensor, value: Values) -> Tensor:
    skull = distance_to_ellipse(x, y - 0.6, value["width"], 10.4)
    ear = torch.hypot((x.abs() - value["width"] - 0.1) * 1.2, y - 1.6) - 1.9
    return _cover(torch.minimum(skull, ear))


def _fringe(x: Tensor, y: Tensor, value: Values) -> Tensor:
    """Hair over the forehead: the crown less an opening for the face."""
    half = value["width"]
    crown = distance_to_ellipse(x, y + 1.2, half + 1.9, 11.6)
    short = distance_to_ellipse(x - 2.0, y - 4.5, half + 0.6, 10.2)  # swept to one side
    bob = distance_to_ellipse(x, y - 7.0, half - 0.7, 12.2)
    long = distance_to_ellipse(x.abs() + 3.0, y - 4.5, half + 2.4, 12.2)  # a pointed arch: parted in the middle
    opening = torch.where(value["length"] < 0.5, short, torch.where(value["length"] < 1.5, bob, long))
    end = torch.where(value["length"] < 0.5, y + 0.5, y - 4.0)
    return _cover(torch.maximum(torch.maximum(crown, -opening), end))


def _brows(x: Tensor, y: Tensor, value: Values) -> Tensor:
    """Raised on the inside by a sad face."""
    middle, slope = _eye_place(value), (0.7 * value["smile"] - 0.15).clamp_max(0.1)
    height = -2.0 - 0.72 * value["eyes"]
    inside = (middle - 1.9, height + slope)
    outside = (middle + 1.9, height - slope)
    return _cover(_stroke(x.abs(), y, inside, outside, 1.1))


def _eye(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return distance_to_ellipse(x.abs() - _eye_place(value), y - 0.4, 2.5, value["eyes"])


def _whites(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return _cover(_eye(x, y, value))


def _pupils(x: Tensor, y: Tensor, value: Values) -> Tensor:
    middle = _eye_place(value) * torch.where(x < 0, -1.0, 1.0) + value["gaze"]
    return _cover(torch.maximum(torch.hypot(x - middle, y - 0.4) - 1.35, _eye(x, y, value)))


def _cheeks(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return 0.45 * (1.6 - torch.hypot(x.abs() - 0.62 * value["width"], y - 4.6) / 1.7).clamp(0, 1)


def _nose(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return 0.75 * _cover(torch.hypot(x * 0.75, y - 3.4) - 0.8)


def _mouth_edges(x: Tensor, value: Values) -> tuple[Tensor, Tensor, Tensor]:
    """Half its width, and the heights of its upper and its lower edge."""
    smile = value["smile"]
    half = 3.2 + 0.9 * smile.abs()
    arch = 1 - (x / half) ** 2
    opening = 2.6 * (smile - 0.6).clamp_min(0)  # only a laugh opens it
    line = 7.4 - 1.5 * smile + 2.6 * smile * arch
    return half, line - 0.55 - opening * arch, line + 0.55 + opening * arch


def _mouth(x: Tensor, y: Tensor, value: Values) -> Tensor:
    half, upper, lower = _mouth_edges(x, value)
    return _cover(torch.maximum(torch.maximum(upper - y, y - lower), x.abs() - half))


def _teeth(x: Tensor, y: Tensor, value: Values) -> Tensor:
    half, upper, lower = _mouth_edges(x, value)
    inside = torch.maximum(torch.maximum(upper + 0.6 - y, y - upper - 1.9), x.abs() - half + 1.3)
    return torch.where(value["smile"] > 0.9, _cover(torch.maximum(inside, y - lower + 0.7)), 0.0)


def _lenses(x: Tensor, y: Tensor, value: Values) -> Tensor:
    return 0.15 * value["glasses"] * _cover(torch.hypot(x.abs() - _eye_place(value), y - 0.4) - 3.4)


def _frames(x: Tensor, y: Tensor, value: Values) -> Tensor:
    middle, side = _eye_place(value), x.abs()
    rim = (torch.hypot(side - middle, y - 0.4) - 3.4).abs() - 0.5
    bridge = torch.maximum((y + 0.2).abs() - 0.5, side - middle + 3.4)
    temple = torch.maximum((y + 0.2).abs() - 0.5, torch.maximum(middle + 3.4 - side, side - value["width"]))
    return value["glasses"] * _cover(torch.minimum(rim, torch.minimum(bridge, temple)))


_HEAD = ("tilt", "width")
_LAYERS = (
    _Layer(_sun_or_moon, ("background",), _palette("ffd95e", "f5eec2"), "background"),
    _Layer(_stars, ("background",), _palette("ffffff")),
    _Layer(_hair_behind, (*_HEAD, "length"), 0.82 * _HAIRS, "hair"),
    _Layer(_body, (), _palette("3f8f86")),
    _Layer(_neck, (), 0.84 * _SKINS, "skin"),
    _Layer(_head, _HEAD, _SKINS, "skin"),
    _Layer(_cheeks, _HEAD, _BLUSHES, "skin"),
    _Layer(_fringe, (*_HEAD, "length"), _HAIRS, "hair"),
    _Layer(_nose, _HEAD, 0.8 * _SKINS, "skin"),
    _Layer(_whites, (*_HEAD, "eyes"), _palette("ffffff")),
    _Layer(_pupils, (*_HEAD, "eyes", "gaze"), _palette("23202b")),
    _Layer(_brows, (*_HEAD, "eyes", "smile"), 0.7 * _HAIRS, "hair"),
    _Layer(_mouth, (*_HEAD, "smile"), _palette("c22f3d")),
    _Layer(_teeth, (*_HEAD, "smile"), _palette("ffffff")),
    _Layer(_lenses, (*_HEAD, "glasses"), _palette("ffffff")),
    _Layer(_frames, (*_HEAD, "glasses"), _palette("26223a")),
)


def render_faces(factors: Tensor) -> Tensor:
    """Pictures of faces.

    Args:
        factors: Value of each of FACTORS, shape (N, 10).

    Returns:
        Pictures, shape (N, 3, 32, 32), uint8.

    Raises:
        ShapeError: If there are not ten factors.
    """
    if factors.ndim != 2 or factors.shape[1] != len(FACTORS):
        known = ", ".join(_NAMES)
        raise ShapeError(f"Expected factors of shape (N, {len(FACTORS)}): {known}; got {tuple(factors.shape)}.")
    value = dict(zip(_NAMES, factors.long().unbind(1), strict=True))
    masks = [_masks(layer, value) for layer in _LAYERS]
    colours = [_colours(layer, value) for layer in _LAYERS]
    skies = _skies()
    pictures = torch.empty(len(factors), 3, SIDE, SIDE, dtype=torch.uint8)
    for rows in torch.arange(len(factors)).split(_CHUNK):
        picture = skies[value["background"][rows]]
        for (table, place), colour in zip(masks, colours, strict=True):
            torch.lerp(picture, colour[rows], table[place[rows]], out=picture)
        pictures[rows] = picture.round_().to(torch.uint8)
    return pictures


def _skies() -> Tensor:
    """Day and night, shape (2, 3, SIDE, SIDE)."""
    share = torch.linspace(0, 1, SIDE)[:, None].expand(SIDE, SIDE)
    return torch.lerp(_SKY_TOP[:, :, None, None], _SKY_BOTTOM[:, :, None, None], share)


def _masks(layer: _Layer, value: Values) -> tuple[Tensor, Tensor]:
    """The different masks of a layer, shape (M, 1, SIDE, SIDE), and which one each face has, shape (N,)."""
    sizes = [len(_NUMBERS[name]) for name in layer.by]
    combined = torch.zeros_like(value["smile"])
    for name, size in zip(layer.by, sizes, strict=True):
        combined = combined * size + value[name]
    different, place = combined.unique(return_inverse=True)
    indices = torch.unravel_index(different, sizes) if sizes else ()
    numbers = {n: _NUMBERS[n][i][:, None, None] for n, i in zip(layer.by, indices, strict=True)}
    x, y = _coordinates(numbers.get("tilt"))
    return layer.draw(x, y, numbers).expand(len(different), SIDE, SIDE)[:, None], place


def _coordinates(degrees: Tensor | None) -> tuple[Tensor, Tensor]:
    """Where the pixels lie as the head sees them: turned back around the neck."""
    centres = torch.arange(SIDE) + 0.5 - SIDE / 2
    x, y = centres[None, None, :], centres[None, :, None]
    if degrees is None:
        return x, y
    cos, sin = degrees.deg2rad().cos(), degrees.deg2rad().sin()
    return cos * x + sin * (y - _NECK), cos * (y - _NECK) - sin * x + _NECK


def _colours(layer: _Layer, value: Values) -> Tensor:
    """Colour of the layer for each face, shape (N, 3, 1, 1)."""
    chosen = value[layer.coloured_by] if layer.coloured_by else torch.zeros_like(value["smile"])
    return layer.palette[chosen][:, :, None, None]


def load_faces(settings: NoSettings) -> Examples:
    """9,000 different faces, drawn from the 450,000 combinations by a fixed seed."""
    sizes = [len(factor.values) for factor in FACTORS]
    drawn = torch.randperm(torch.Size(sizes).numel(), generator=make_rng(_SEED))[: N_TRAIN + N_TEST]
    factors = torch.stack(torch.unravel_index(drawn, sizes), dim=1)
    pictures = render_faces(factors)
    return Examples(
        train=pictures[:N_TRAIN],
        test=pictures[N_TRAIN:],
        levels=LEVELS,
        factors=FACTORS,
        train_factors=factors[:N_TRAIN],
        test_factors=factors[N_TRAIN:],
    )


FACES = DatasetSpec(
    "faces",
    "faces 32×32",
    "Cartoon faces with ten known factors, from the smile to the time of day: find the direction of each.",
    NoSettings,
    source="rendered here",
    group="pictures",
    phrase="faces",
    kind="image",
    load_examples=load_faces,
    event_shape=(3, SIDE, SIDE),
    levels=LEVELS,
    factors=_NAMES,
)
