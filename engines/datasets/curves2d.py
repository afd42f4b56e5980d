"""Targets along curves, and the tools that turn any curve or stroke into a Gaussian mixture.

A curve blurred by Gaussian noise is an integral of Gaussians along it; a quadrature rule makes that
integral a finite mixture. Nodes closer than MAX_GAP noise widths leave a ripple below 2e-5 of the
density, so the mixture *is* the target: everything about it stays exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from engines.datasets.base import DatasetSpec
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.settings import Settings, setting

MAX_GAP = 1.3  # of the noise width, between neighbouring nodes: ripple 2 exp(-2 pi² / 1.3²) = 2e-5
PROBE_NODES = 256

Path = Callable[[np.ndarray], np.ndarray]


def noise_setting(default: float, low: float, high: float) -> Any:
    """The width of the blur around a shape, in data units."""
    text = "Standard deviation of the blur around the shape; a thin shape is harder to learn."
    return setting(default, "Noise width", text, low=low, high=high, step=0.01)


def rotation_setting() -> Any:
    """A turn of the whole target, in degrees."""
    text = "Turns the whole target counter-clockwise; watch which models mind."
    return setting(0.0, "Rotation", text, low=-180, high=180, step=1, unit="°")


def rotate(mixture: GaussianMixture, degrees: float) -> GaussianMixture:
    """The mixture turned counter-clockwise about the origin, modes included."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[c, -s], [s, c]], dtype=mixture.means.dtype, device=mixture.device)
    covariances = turn @ mixture.covariances @ turn.T
    modes = None if mixture.modes is None else mixture.modes @ turn.T
    return GaussianMixture(mixture.means @ turn.T, covariances, mixture.weights, modes=modes, mode_std=mixture.mode_std)


def mixture_of(
    nodes: np.ndarray, noise: np.ndarray | float, weights: np.ndarray, rotation: float = 0.0
) -> GaussianMixture:
    """Round components at nodes of shape (K, 2), of one width or of widths (K,), turned by `rotation` degrees."""
    widths = torch.as_tensor(noise, dtype=torch.float64)
    return rotate(GaussianMixture(torch.from_numpy(nodes), widths, torch.from_numpy(weights)), rotation)


def along_curve(path: Path, start: float, end: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes of a smooth curve with a uniform parameter, close enough for the noise.

    Args:
        path: Parameters, shape (n,), to points, shape (n, 2), in data units.
        start: First parameter.
        end: Last parameter.
        noise: Width of the blur, data units.

    Returns:
        Nodes, shape (K, 2), and their weights, shape (K,), which sum to 1.
    """
    # Probed nodes lie so close that the chord between two is the arc; the gap shrinks as 1 / number of nodes.
    probe, _ = _gauss_legendre(PROBE_NODES, start, end)
    largest_gap = np.linalg.norm(np.diff(path(probe), axis=0), axis=1).max()
    t, weights = _gauss_legendre(math.ceil(PROBE_NODES * largest_gap / (MAX_GAP * noise)) + 1, start, end)
    return path(t), weights / (end - start)


def around_circle(radius: float, noise: float) -> np.ndarray:
    """Evenly spaced nodes on a circle, shape (K, 2): for a closed curve the even rule is the best there is."""
    count = math.ceil(2 * math.pi * radius / (MAX_GAP * noise))
    return radius * _unit(2 * np.pi * np.arange(count) / count)


def spread_along(
    strokes: Sequence[np.ndarray], noise: float, gap: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes spread evenly by arc length along strokes.

    A stroke without length is a dot: one node that weighs as sqrt(2 pi) noise widths of a stroke,
    for then its middle is as dark as a stroke.

    Args:
        strokes: Polylines, each of shape (n, 2).
        noise: Width of the blur, in the unit of the strokes.
        gap: Largest distance between neighbouring nodes, in the same unit; MAX_GAP noise widths if None.

    Returns:
        Nodes, shape (K, 2); weights, shape (K,), in units of length; and the piece of stroke that
        each stands for as a vector, shape (K, 2).
    """
    nodes, weights, pieces = zip(*(_spread_one(s, noise, gap or MAX_GAP * noise) for s in strokes), strict=True)
    return np.concatenate(nodes), np.concatenate(weights), np.concatenate(pieces)


def _spread_one(stroke: np.ndarray, noise: float, gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    travelled = np.concatenate([[0.0], np.linalg.norm(np.diff(stroke, axis=0), axis=1).cumsum()])
    length = travelled[-1]
    if length == 0:
        return stroke[:1].astype(float), np.array([math.sqrt(2 * math.pi) * noise]), np.zeros((1, 2))
    count = math.ceil(length / gap)
    at = np.linspace(0, length, 2 * count + 1)  # ends of the pieces and, between them, their middles
    points = np.stack([np.interp(at, travelled, stroke[:, axis]) for axis in (0, 1)], axis=1)
    return points[1::2], np.full(count, length / count), np.diff(points[::2], axis=0)


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(count)


def _gauss_legendre(count: int, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = _legendre(count)
    return (start + end) / 2 + (end - start) / 2 * nodes, weights


def _unit(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@dataclass(frozen=True)
class MoonsSettings(Settings):
    """Two interleaved half circles."""

    noise: float = noise_setting(0.2, 0.05, 0.6)
    rotation: float = rotation_setting()


def build_moons(settings: MoonsSettings) -> GaussianMixture:
    """Arcs (2 cos a - 1, 2 sin a - 0.2) and (1 - 2 cos a, 0.8 - 2 sin a), a uniform on [0, pi], blurred."""
    upper, weights = along_curve(lambda a: 2 * _unit(a) - [1, 0.2], 0, np.pi, settings.noise)
    lower = np.array([0, 0.6]) - upper  # the upper one after half a turn about (0, 0.3)
    return mixture_of(np.concatenate([upper, lower]), settings.noise, np.tile(weights, 2), settings.rotation)


MOONS = DatasetSpec(
    "moons",
    "two moons",
    "Two interleaved half circles: one bent piece of probability has to be torn in two.",
    MoonsSettings,
    build_moons,
    "scikit-learn make_moons, doubled and moved by (-1, -0.2) as in FFJORD (Grathwohl et al. 2019, arXiv:1810.01367)",
)


@dataclass(frozen=True)
class SpiralsSettings(Settings):
    """Two spiral arms around each other."""

    turns: float = setting(1.5, "Turns", "How often each arm winds around; more is harder.", low=0.5, high=2, step=0.1)
    noise: float = noise_setting(0.1, 0.08, 0.3)
    rotation: float = rotation_setting()


def build_spirals(settings: SpiralsSettings) -> GaussianMixture:
    """Arm pi (t / end) (-cos t, sin t) and its mirror image, t² uniform on [0, end²], end = 2 pi turns."""
    end = 2 * np.pi * settings.turns

    def arm(t_squared: np.ndarray) -> np.ndarray:
        t = np.sqrt(t_squared)
        return np.pi * (t / end)[:, None] * _unit(t) * [-1, 1]

    nodes, weights = along_curve(arm, 0, end**2, settings.noise)
    return mixture_of(np.concatenate([nodes, -nodes]), settings.noise, np.tile(weights, 2), settings.rotation)


SPIRALS = DatasetSpec(
    "spirals",
    "two spirals",
    "Two arms wound around each other: thin, long and close together, hard for every family.",
    SpiralsSettings,
    build_spirals,
    "FFJORD's 2spirals (Grathwohl et al. 2019, arXiv:1810.01367) without its uniform jitter",
)


@dataclass(frozen=True)
class RingsSettings(Settings):
    """Rings around one centre."""

    n_rings: int = setting(2, "Rings", "Number of rings around one centre, equally heavy.", low=1, high=4, step=1)
    noise: float = noise_setting(0.24, 0.06, 0.4)


def build_rings(settings: RingsSettings) -> GaussianMixture:
    """Circles of radius 3 k / n, k = 1 ... n, of equal weight, blurred."""
    radii = 3 * np.arange(1, settings.n_rings + 1) / settings.n_rings
    circles = [around_circle(radius, settings.noise) for radius in radii]
    weights = [np.full(len(circle), 1 / len(circle)) for circle in circles]
    return mixture_of(np.concatenate(circles), settings.noise, np.concatenate(weights))


RINGS = DatasetSpec(
    "rings",
    "two rings",
    "One ring inside another: holes that a smooth map of one blob cannot make, only squeeze thin.",
    RingsSettings,
    build_rings,
    "FFJORD's circles (Grathwohl et al. 2019, arXiv:1810.01367), after scikit-learn make_circles",
)


@dataclass(frozen=True)
class SwissRollSettings(Settings):
    """A rolled-up band seen from its side."""

    noise: float = noise_setting(0.2, 0.07, 0.5)
    rotation: float = rotation_setting()


def build_swiss_roll(settings: SwissRollSettings) -> GaussianMixture:
    """Curve (t cos t, t sin t) / 5, t uniform on [1.5 pi, 4.5 pi], blurred."""
    nodes, weights = along_curve(lambda t: (t / 5)[:, None] * _unit(t), 1.5 * np.pi, 4.5 * np.pi, settings.noise)
    return mixture_of(nodes, settings.noise, weights, settings.rotation)


SWISS_ROLL = DatasetSpec(
    "swiss_roll",
    "Swiss roll",
    "One long rolled-up band: near in the plane can be far along the band.",
    SwissRollSettings,
    build_swiss_roll,
    "scikit-learn make_swiss_roll, first and third coordinate over 5, as in FFJORD (arXiv:1810.01367)",
    phrase="a Swiss roll",
)


@dataclass(frozen=True)
class SCurveSettings(Settings):
    """A band in the form of an S."""

    noise: float = noise_setting(0.2, 0.05, 0.5)
    rotation: float = rotation_setting()


def build_s_curve(settings: SCurveSettings) -> GaussianMixture:
    """Curve 1.6 (sin t, sign(t) (cos t - 1)), t uniform on [-1.5 pi, 1.5 pi], blurred."""
    below, weights = along_curve(
        lambda t: 1.6 * (_unit(t)[:, ::-1] - [0, 1]), 0, 1.5 * np.pi, settings.noise
    )  # half of the S on either side of the origin, each smooth on its own
    return mixture_of(np.concatenate([below, -below]), settings.noise, np.tile(weights, 2), settings.rotation)


S_CURVE = DatasetSpec(
    "s_curve",
    "S-curve",
    "One band bent twice: easy to follow, and a good first test after the moons.",
    SCurveSettings,
    build_s_curve,
    "scikit-learn make_s_curve, first and third coordinate, times 1.6",
    phrase="an S-curve",
)


@dataclass(frozen=True)
class HeartSettings(Settings):
    """The outline of a heart."""

    noise: float = noise_setting(0.18, 0.05, 0.5)
    rotation: float = rotation_setting()


def build_heart(settings: HeartSettings) -> GaussianMixture:
    """Curve (16 sin³ t, 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t) / 5.2, raised to the middle, even by arc length."""
    t = np.linspace(0, 2 * np.pi, 4001)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    outline = np.stack([16 * np.sin(t) ** 3, y + 2.5], axis=1) / 5.2
    nodes, weights, _ = spread_along([outline], settings.noise)
    return mixture_of(nodes, settings.noise, weights, settings.rotation)


HEART = DatasetSpec(
    "heart",
    "heart",
    "A closed line with two sharp corners: watch how a model rounds them.",
    HeartSettings,
    build_heart,
    "the heart curve of Weisstein, MathWorld (mathworld.wolfram.com/HeartCurve.html)",
    phrase="a heart",
)
