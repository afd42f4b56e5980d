"""The target "picture": the dark parts, or the edges, of a visitor's picture become a density.

A picture is boiled down to at most 400 weighted points; they travel as a short text inside the
settings, so a link carries the whole target.

    text = base64url of: for each point 3 bytes for x and y (as in `drawn`), then 1 byte for its weight
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from engines.datasets.base import DatasetSpec
from engines.datasets.curves2d import mixture_of, rotation_setting
from engines.datasets.drawn import MAX_LENGTH, pack, points_from_bytes, points_to_bytes, unpack
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.datasets.shrinking import upright, upright_size
from engines.errors import DataError
from engines.settings import Settings, setting

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_BYTES = 10_000_000
MAX_PIXELS = 16_000_000
SIDE = 96  # pixels of the longer side from which components are made
MAX_COMPONENTS = 400
SCALE = 3.6  # data units from the middle of the picture to the edge of its longer side
DARK = 0.35  # mean luminance below which a picture counts as light on dark
MIN_CONTRAST = 0.05
FAINT = 0.12  # share of the darkest pixel's mass under which a pixel counts as background
PIXEL = 2 * SCALE / SIDE  # data units


@dataclass(frozen=True)
class PicturePoints:
    """A picture as a text for the setting `points`, and a sentence on how it was read."""

    points: str
    note: str


def points_from_picture(
    data: bytes, *, mode: Literal["luminance", "edges"] = "luminance", n_components: int = MAX_COMPONENTS
) -> PicturePoints:
    """Boil a picture down to weighted points that tile its dark parts, or its edges.

    Args:
        data: The bytes of a PNG, JPEG, WEBP, GIF (first frame) or BMP file.
        mode: "luminance" puts mass on dark pixels, "edges" where the luminance changes.
        n_components: How many points, at most MAX_COMPONENTS.

    Raises:
        DataError: If the file is not a picture, damaged, too large, or blank.
    """
    if not 1 <= n_components <= MAX_COMPONENTS:
        raise DataError(f"Expected from 1 to {MAX_COMPONENTS} components, got {n_components}.")
    luminance = read_luminance(data)
    if np.ptp(luminance) < MIN_CONTRAST:
        raise DataError("The picture is blank: expected dark shapes on a light ground; choose one with more contrast.")
    mass, note = _edge_mass(luminance) if mode == "edges" else _dark_mass(luminance)
    return PicturePoints(encode_points(*tile(mass, n_components)), note)


def read_luminance(data: bytes) -> np.ndarray:
    """A picture's luminance from 0 (black) to 1 (white), upright, SIDE pixels on its longer side, rows from the top.

    Raises:
        DataError: If the file is not a picture, damaged or too large.
    """
    if len(data) > MAX_BYTES:
        raise DataError(f"The file has {len(data) / 1e6:.1f} MB: expected at most 10 MB; make the picture smaller.")
    from PIL import Image

    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            _check_size(picture.size)
            return _shrunk_luminance(picture)
    except bombs:
        raise DataError("The picture is far too large: expected at most 16 megapixels; make it smaller.") from None
    except DataError:
        raise
    # What Pillow raises for damaged files depends on the format and on where the damage lies.
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error) as error:
        raise DataError(
            "The file could not be read as a picture: expected a whole PNG, JPEG, WEBP, GIF or BMP file, "
            f"got {len(data):,} bytes that are something else or damaged; save the picture again and retry."
        ) from error


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        megapixels = size[0] * size[1] / 1e6
        raise DataError(
            f"The picture has {size[0]} × {size[1]} pixels ({megapixels:.1f} megapixels): "
            "expected at most 16 megapixels; make it smaller."
        )


def _shrunk_luminance(picture: Image) -> np.ndarray:
    from PIL import Image

    width, height = upright_size(picture)
    ratio = SIDE / max(width, height)
    rgba = upright(picture, 8 * SIDE).convert("RGBA")
    grey = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("L")
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(grey.resize(size, Image.Resampling.BOX if ratio < 1 else Image.Resampling.BICUBIC)) / 255


def _dark_mass(luminance: np.ndarray) -> tuple[np.ndarray, str]:
    is_inverted = luminance.mean() < DARK
    dark = luminance if is_inverted else 1 - luminance
    mass = (dark - dark.min()) / np.ptp(dark)
    note = "The picture is mostly dark, so its light parts became the shape." if is_inverted else ""
    return np.where(mass < FAINT, 0, mass), note or "The dark parts became the shape."


def _edge_mass(luminance: np.ndarray) -> tuple[np.ndarray, str]:
    """Length of the luminance's gradient by Sobel's filter, faint edges left out."""
    p = np.pad(luminance, 1, mode="edge")
    down = p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]  # smoothed along rows
    across = p[:-2] + 2 * p[1:-1] + p[2:]  # smoothed along columns
    strength = np.hypot(across[:, 2:] - across[:, :-2], down[2:] - down[:-2])
    strength /= strength.max()
    return np.where(strength < FAINT, 0, strength), "The edges became the shape."


def tile(mass: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres that tile the mass evenly: weighted k-means over pixels, always with the same start.

    Args:
        mass: Mass of each pixel, shape (H, W), rows from the top.
        n_components: How many centres at most.

    Returns:
        Centres from -1 to 1 on the longer side, y upwards, shape (K, 2), and the mass around each, shape (K,).
    """
    from sklearn.cluster import KMeans

    rows, columns = np.nonzero(mass)
    height, width = mass.shape
    pixels = np.stack([columns + 0.5 - width / 2, height / 2 - rows - 0.5], axis=1) / (max(mass.shape) / 2)
    weights = mass[rows, columns]
    count = min(n_components, len(pixels))
    cells = KMeans(count, max_iter=30, random_state=0)
    label = cells.fit_predict(pixels, sample_weight=weights)
    return cells.cluster_centers_, np.bincount(label, weights=weights, minlength=count)


def encode_points(centres: np.ndarray, weights: np.ndarray) -> str:
    """Text for the setting `points`: centres from -1 to 1, shape (K, 2); positive weights, shape (K,)."""
    share = np.rint(255 * weights / weights.max()).clip(1, 255).astype(np.uint8)
    return pack(np.concatenate([points_to_bytes(centres), share[:, None]], axis=1).tobytes())


def decode_points(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Centres, shape (K, 2), from -1 to 1, and weights, shape (K,), from a text made by `encode_points`.

    Raises:
        DataError: If the text was not made by `encode_points`, or was cut.
    """
    data = unpack(text, "picture")
    if not data or len(data) % 4 or len(data) > 4 * MAX_COMPONENTS:
        raise DataError("The picture's points are damaged: copy the whole link, or choose the picture again.")
    rows = np.frombuffer(data, np.uint8).reshape(-1, 4)
    return points_from_bytes(rows[:, :3]), np.maximum(rows[:, 3], 1).astype(float)


@lru_cache(maxsize=1)
def sample_points() -> str:
    """The picture shown before a visitor brings one: a cat's face, computed."""
    return encode_points(*tile(_cat(), MAX_COMPONENTS))


def _cat() -> np.ndarray:
    """Mass of a cat's face, shape (SIDE, SIDE)."""
    line = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y = np.abs(line)[None, :], -line[:, None]  # left and right are mirror images

    def ellipse(x0: float, y0: float, a: float, b: float) -> np.ndarray:
        return ((x - x0) / a) ** 2 + ((y - y0) / b) ** 2 < 1

    def above(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        return (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0)

    ear = above(0.0, 0.0, 0.9, 0.0) & ~above(0.16, 0.42, 0.7, 0.97) & above(0.92, -0.2, 0.7, 0.97)
    eye = ellipse(0.37, 0.04, 0.19, 0.17) & ~ellipse(0.37, 0.04, 0.06, 0.17)
    nose = ~above(0, -0.26, 1, -0.26) & above(0, -0.42, 0.13, -0.26)
    mouth = (np.abs(np.hypot(x - 0.15, y + 0.46) - 0.15) < 0.032) & (y < -0.44)
    whiskers = (x > 0.46) & ((np.abs(y + 0.3 - 0.16 * (x - 0.4)) < 0.022) | (np.abs(y + 0.4) < 0.022))
    return ((ellipse(0, -0.14, 0.92, 0.7) | ear) & ~eye & ~nose & ~mouth & ~whiskers).astype(float)


@dataclass(frozen=True)
class PictureSettings(Settings):
    """A picture as points, and how soft they are."""

    points: str = setting(
        "", "Picture", "The picture as points; empty for the cat.", max_length=MAX_LENGTH, is_hidden=True
    )
    width: float = setting(
        0.6, "Softness", "Width of each point over its distance from its neighbours.", low=0.3, high=1.5, step=0.05
    )
    rotation: float = rotation_setting()


def build_picture(settings: PictureSettings) -> GaussianMixture:
    """One round component a point, as wide as its neighbours are far: fine where the picture is fine.

    Raises:
        DataError: If the points are damaged.
    """
    centres, weights = decode_points(settings.points or sample_points())
    nodes = SCALE * centres
    return mixture_of(nodes, settings.width * _distance_to_neighbours(nodes), weights, settings.rotation)


def _distance_to_neighbours(nodes: np.ndarray, count: int = 4) -> np.ndarray:
    """Mean distance to the nearest others, but at least a pixel, shape (K,), data units."""
    if len(nodes) == 1:
        return np.array([PIXEL])
    apart = np.linalg.norm(nodes[:, None] - nodes[None], axis=2)
    return np.maximum(np.sort(apart, axis=1)[:, 1 : count + 1].mean(1), PIXEL)


PICTURE = DatasetSpec(
    "picture",
    "your picture",
    "Your own picture as a density: its dark parts, or its edges, become the shape.",
    PictureSettings,
    build_picture,
    "a picture chosen by the visitor; before that a cat computed here",
    group="yours",
    phrase="your picture",
)
