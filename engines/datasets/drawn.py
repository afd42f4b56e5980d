"""The target "drawn": strokes that a visitor draws on a canvas become a density.

The drawing travels as a short text inside the settings, so a link carries it whole.

    text = base64url of: for each stroke, its number of points (2 bytes), then 3 bytes a point

A point is two numbers of 12 bits, from -1 (0) to 1 (4095), first x to the right, then y upwards.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engines.datasets.base import DatasetSpec
from engines.datasets.curves2d import MAX_GAP, noise_setting, rotate, rotation_setting, spread_along
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import DataError
from engines.settings import Settings, setting

MAX_LENGTH = 20_000  # characters of the text
MAX_BYTES = MAX_LENGTH // 4 * 3  # that base64 puts into them: 4,999 points
MAX_COMPONENTS = 400
SCALE = 3.0  # data units from the middle of the canvas to its edge
LEVELS = 4095


def encode_strokes(strokes: Sequence[np.ndarray]) -> str:
    """Text that `decode_strokes` turns back into the same strokes, to within 1/4095 of the canvas.

    Args:
        strokes: Each of shape (n, 2), in canvas coordinates from -1 to 1, x to the right and y upwards;
            what lies outside is drawn on the edge. Strokes without points are left out.

    Raises:
        DataError: If a stroke has another shape, is not finite, or the drawing is too long for a link.
    """
    count = sum(len(stroke) for stroke in strokes)
    if 3 * count + 2 * len(strokes) > MAX_BYTES:
        raise DataError(
            f"The drawing is too long: expected at most about {MAX_BYTES // 3:,} points, "
            f"got {count:,} in {len(strokes):,} strokes; draw fewer or shorter strokes."
        )
    return pack(b"".join(_stroke_bytes(np.asarray(stroke, dtype=float)) for stroke in strokes))


def decode_strokes(text: str) -> list[np.ndarray]:
    """The strokes in a text made by `encode_strokes`, each of shape (n, 2), from -1 to 1.

    Raises:
        DataError: If the text was not made by `encode_strokes`, or was cut.
    """
    data, strokes, at = unpack(text, "drawing"), [], 0
    while at < len(data):
        count = int.from_bytes(data[at : at + 2], "big")
        points = data[at + 2 : at + 2 + 3 * count]
        if count == 0 or len(points) < 3 * count:
            raise DataError(f"The drawing is damaged after {len(strokes)} strokes: copy the whole link, or redraw it.")
        strokes.append(points_from_bytes(np.frombuffer(points, np.uint8).reshape(-1, 3)))
        at += 2 + 3 * count
    return strokes


def points_to_bytes(points: np.ndarray) -> np.ndarray:
    """Points from -1 to 1, shape (n, 2), as 12 bits a number: shape (n, 3), bytes."""
    x, y = np.rint((points.clip(-1, 1) + 1) / 2 * LEVELS).astype(np.uint16).T
    return np.stack([x >> 4, (x & 15) << 4 | y >> 8, y & 255], axis=1).astype(np.uint8)


def points_from_bytes(data: np.ndarray) -> np.ndarray:
    """The points, shape (n, 2), that `points_to_bytes` packed into bytes of shape (n, 3)."""
    high, middle, low = data.astype(np.int64).T
    return np.stack([high << 4 | middle >> 4, (middle & 15) << 8 | low], axis=1) / LEVELS * 2 - 1


def pack(data: bytes) -> str:
    """Bytes as a text that a link can carry as it is."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unpack(text: str, noun: str) -> bytes:
    """The bytes of a text made by `pack`.

    Raises:
        DataError: If the text has other characters or an impossible length.
    """
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):  # ValueError: not even ASCII
        shown = text if len(text) <= 20 else text[:20] + "…"
        raise DataError(
            f"Expected a {noun} as a text of A to Z, a to z, 0 to 9, - and _, got {shown!r}: "
            "copy the whole link, or make it again."
        ) from None


def _stroke_bytes(stroke: np.ndarray) -> bytes:
    if stroke.size == 0:
        return b""
    if stroke.ndim != 2 or stroke.shape[1] != 2 or not np.isfinite(stroke).all():
        raise DataError(f"Expected each stroke as finite points of shape (n, 2), got shape {stroke.shape}.")
    return len(stroke).to_bytes(2, "big") + points_to_bytes(stroke).tobytes()


def _doodle() -> list[np.ndarray]:
    """A smiling face."""
    circle, smile = np.radians(np.linspace(90, 450, 73)), np.radians(np.linspace(205, 335, 25))
    face = 0.92 * np.stack([np.cos(circle), np.sin(circle)], axis=1)
    mouth = 0.55 * np.stack([np.cos(smile), np.sin(smile)], axis=1)
    eyes = [np.array([[x, 0.18], [x, 0.42]]) for x in (-0.3, 0.3)]
    return [face, mouth, *eyes]


@dataclass(frozen=True)
class DrawnSettings(Settings):
    """A drawing and the width of its brush."""

    strokes: str = setting(
        encode_strokes(_doodle()), "Drawing", "The strokes drawn on the canvas.", max_length=MAX_LENGTH, is_hidden=True
    )
    width: float = noise_setting(0.15, 0.05, 0.5)
    rotation: float = rotation_setting()


def build_drawn(settings: DrawnSettings) -> GaussianMixture:
    """Components spread evenly along all strokes, at most MAX_COMPONENTS.

    Where a long drawing leaves them far apart they are stretched along the stroke to meet.

    Raises:
        DataError: If the drawing is empty, damaged, or has more separate strokes than components.
    """
    strokes = [SCALE * stroke for stroke in decode_strokes(settings.strokes)]
    if not strokes:
        raise DataError("The drawing is empty: draw at least one stroke on the canvas, or click once for a dot.")
    nodes, weights, pieces = spread_along(strokes, settings.width, _gap(strokes, settings.width))
    covariances = settings.width**2 * np.eye(2) + _stretch(pieces, settings.width)
    mixture = GaussianMixture(torch.from_numpy(nodes), torch.from_numpy(covariances), torch.from_numpy(weights))
    return rotate(mixture, settings.rotation)


def _gap(strokes: list[np.ndarray], width: float) -> float:
    """The brush's own gap, or a wider one where that would take too many components."""
    spare = MAX_COMPONENTS - len(strokes)  # each stroke rounds its number of components up
    if spare <= 0:
        raise DataError(f"Expected fewer than {MAX_COMPONENTS} strokes, got {len(strokes)}; draw fewer, longer ones.")
    length = sum(float(np.linalg.norm(np.diff(stroke, axis=0), axis=1).sum()) for stroke in strokes)
    return max(MAX_GAP * width, length / spare)


def _stretch(pieces: np.ndarray, width: float) -> np.ndarray:
    """Extra covariance along each piece of stroke, shape (K, 2, 2), so that its gap is MAX_GAP deviations."""
    length_squared = (pieces**2).sum(1)
    missing = np.maximum(length_squared / MAX_GAP**2 - width**2, 0) / np.maximum(length_squared, 1e-12)
    return missing[:, None, None] * pieces[:, :, None] * pieces[:, None, :]


DRAWN = DatasetSpec(
    "drawn",
    "your drawing",
    "Your own drawing as a density: every stroke is equally dark for its length.",
    DrawnSettings,
    build_drawn,
    "drawn on the canvas",
    group="yours",
    phrase="your drawing",
)
