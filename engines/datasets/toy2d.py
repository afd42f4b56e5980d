"""Targets made of separate modes, of squares and of bent bells; and TOY_2D, the list of all toy targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engines.datasets.base import DatasetSpec
from engines.datasets.curves2d import (
    HEART,
    MOONS,
    RINGS,
    S_CURVE,
    SPIRALS,
    SWISS_ROLL,
    noise_setting,
    rotate,
    rotation_setting,
)
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.settings import Settings, setting

# The box on [-1, 1] blurred by SOFTNESS, as a mixture on the line: rows of (centre, std, weight) for its
# right half, fitted by maximum likelihood. Narrow components only where the edge is: the error stays
# below 1.3 % of the height, with 36 components a square where evenly spaced ones would take 225.
SOFTNESS = 0.1
SOFT_BOX = ((0.2755, 0.2597, 0.2828), (0.6688, 0.1709, 0.1364), (0.8976, 0.1178, 0.0808))

REACH = 3.6  # standard deviations of a bent bell that are kept: 0.03 % of its mass lies beyond
SLICE_GAP = 1.2  # widths of a slice between neighbours: the bell is smooth to 2e-6


def _std_setting(default: float, low: float, high: float) -> Any:
    text = "Standard deviation of each mode; with narrow modes a model easily misses some."
    return setting(default, "Mode width", text, low=low, high=high, step=0.01)


def _tensor(values: object) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values, dtype=float))


def _modes(centres: np.ndarray, std: float, rotation: float, weights: torch.Tensor | None = None) -> GaussianMixture:
    means = _tensor(centres)
    return rotate(GaussianMixture(means, std, weights, modes=means, mode_std=std), rotation)


@dataclass(frozen=True)
class RingSettings(Settings):
    """Modes on a circle."""

    n_modes: int = setting(8, "Modes", "Number of modes on the circle.", low=1, high=16, step=1)
    radius: float = setting(2.0, "Radius", "Distance of the modes from the middle.", low=0.5, high=3.5, step=0.1)
    std: float = _std_setting(0.25, 0.02, 0.6)
    rotation: float = rotation_setting()


@dataclass(frozen=True)
class NarrowRingSettings(RingSettings):
    """Very narrow modes on a circle."""

    std: float = _std_setting(0.02, 0.01, 0.2)


def build_ring(settings: RingSettings) -> GaussianMixture:
    """Equal round modes, evenly spaced on a circle, the first on the right."""
    angle = 2 * np.pi * np.arange(settings.n_modes) / settings.n_modes
    centres = settings.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _modes(centres, settings.std, settings.rotation)


RING = DatasetSpec(
    "ring",
    "ring of 8",
    "Eight round modes on a circle: will the model find them all, and leave the gaps empty?",
    RingSettings,
    build_ring,
    "the common 8 gaussians (radius 2.828, std 0.354) divided by the square root of 2",
    group="modes",
    phrase="a ring of 8",
)

RING_NARROW = DatasetSpec(
    "ring_narrow",
    "narrow ring of 8",
    "Eight almost pointlike modes: the classic trap in which a GAN loses modes.",
    NarrowRingSettings,
    build_ring,
    "Metz et al. 2016, Unrolled GANs, arXiv:1611.02163: 8 modes, radius 2, std 0.02",
    group="modes",
    phrase="a narrow ring of 8",
)


@dataclass(frozen=True)
class GridSettings(Settings):
    """Modes on a square grid."""

    n_side: int = setting(5, "Modes a side", "The grid has this many modes squared.", low=1, high=7, step=1)
    spacing: float = setting(2.0, "Spacing", "Distance between neighbouring modes.", low=0.5, high=3, step=0.1)
    std: float = _std_setting(0.05, 0.02, 0.4)
    rotation: float = rotation_setting()


def build_grid(settings: GridSettings) -> GaussianMixture:
    """Equal round modes on a square grid around the origin."""
    line = settings.spacing * (np.arange(settings.n_side) - (settings.n_side - 1) / 2)
    centres = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return _modes(centres, settings.std, settings.rotation)


GRID = DatasetSpec(
    "grid",
    "grid of 25",
    "Twenty-five narrow modes: count how many a model covers.",
    GridSettings,
    build_grid,
    "Srivastava et al. 2017, VEEGAN, arXiv:1705.07761: 5 by 5 modes, spacing 2, std 0.05",
    group="modes",
    phrase="a grid of 25",
)


@dataclass(frozen=True)
class TwoModesSettings(Settings):
    """Two modes of unequal weight, far apart."""

    weight: float = setting(
        0.8, "Upper share", "Share of the mode at (5, 5); the other takes the rest.", low=0.05, high=0.95, step=0.05
    )
    std: float = _std_setting(1.0, 0.3, 2.0)


def build_two_modes(settings: TwoModesSettings) -> GaussianMixture:
    """weight N((5, 5), std²) + (1 - weight) N((-5, -5), std²)."""
    weights = _tensor([settings.weight, 1 - settings.weight])
    return _modes(np.array([[5.0, 5.0], [-5.0, -5.0]]), settings.std, 0.0, weights)


TWO_MODES = DatasetSpec(
    "two_modes",
    "two unequal modes",
    "A heavy and a light mode far apart: Langevin dynamics cannot tell which is which without noise levels.",
    TwoModesSettings,
    build_two_modes,
    "Song and Ermon 2019, NCSN, arXiv:1907.05600, section 3.2.2",
    group="modes",
    phrase="two unequal modes",
)


@dataclass(frozen=True)
class GaussianSettings(Settings):
    """One Gaussian, possibly slanted."""

    std: float = setting(1.0, "Width", "Standard deviation of each coordinate.", low=0.1, high=2, step=0.05)
    correlation: float = setting(
        0.0, "Correlation", "Between the two coordinates; it slants the ellipse.", low=-0.95, high=0.95, step=0.05
    )


def build_gaussian(settings: GaussianSettings) -> GaussianMixture:
    """One Gaussian around the origin, both coordinates of the same width."""
    covariance = settings.std**2 * _tensor([[[1, settings.correlation], [settings.correlation, 1]]])
    centre = torch.zeros(1, 2)
    return GaussianMixture(centre, covariance, modes=centre, mode_std=settings.std)


GAUSSIAN = DatasetSpec(
    "gaussian",
    "one Gaussian",
    "The simplest target: every family must get it right, and every number is known.",
    GaussianSettings,
    build_gaussian,
    "textbook",
    group="modes",
    phrase="another Gaussian",
)


@dataclass(frozen=True)
class RandomSettings(Settings):
    """Slanted Gaussians thrown at random."""

    seed: int = setting(3, "Seed", "Another number, another target.", low=0, high=999, step=1)
    n_components: int = setting(12, "Components", "Number of Gaussians.", low=1, high=40, step=1)


def build_random(settings: RandomSettings) -> GaussianMixture:
    """Centres uniform in a disc of radius 3, widths 0.12 ... 0.7, any slant, weights 0.5 ... 1.5."""
    rng, count = np.random.default_rng(settings.seed), settings.n_components
    angle, slant = rng.uniform(0, 2 * np.pi, (2, count))
    radius = 3 * np.sqrt(rng.uniform(0, 1, count))
    means = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    axes = np.stack([np.cos(slant), -np.sin(slant), np.sin(slant), np.cos(slant)], axis=1).reshape(-1, 2, 2)
    widths = np.exp(rng.uniform(np.log(0.12), np.log(0.7), (count, 1, 2)))
    covariances = (axes * widths**2) @ axes.transpose(0, 2, 1)
    return GaussianMixture(_tensor(means), _tensor(covariances), _tensor(rng.uniform(0.5, 1.5, count)))


RANDOM = DatasetSpec(
    "random",
    "random mixture",
    "Slanted Gaussians thrown at random: a new problem for every seed, so nothing can be tuned to it.",
    RandomSettings,
    build_random,
    "GenLab's own",
    group="modes",
    phrase="a random mixture",
)


@dataclass(frozen=True)
class PinwheelSettings(Settings):
    """Arms bent around the middle."""

    n_arms: int = setting(5, "Arms", "Number of arms.", low=2, high=9, step=1)
    twist: float = setting(0.25, "Twist", "How strongly the arms are bent.", low=0, high=0.5, step=0.05)
    width: float = setting(0.1, "Arm width", "Width across an arm before doubling.", low=0.05, high=0.25, step=0.01)
    rotation: float = rotation_setting()


def build_pinwheel(settings: PinwheelSettings) -> GaussianMixture:
    """2 R(arm + twist exp|v|) v with v ~ N((1, 0), diag(0.3², width²)), arm by arm.

    The turn depends on the radius alone, so it keeps areas. Each arm is cut into slices so short that the
    turn is linear on them: a slice around (r, 0) is mapped by the Jacobian there, R [[1, 0], [s, 1]] with
    s = r twist exp r.
    """
    slices, weights, width = _bell_slices(0.3, 0.06)
    r = 1 + slices
    shear = np.tile(np.eye(2), (len(r), 1, 1))
    shear[:, 1, 0] = settings.twist * r * np.exp(r)
    covariances = 4 * (shear * np.array([width, settings.width]) ** 2) @ shear.transpose(0, 2, 1)
    angle = np.degrees(settings.twist * np.exp(r))
    pieces = [
        rotate(GaussianMixture(_tensor([[2 * radius, 0]]), _tensor([covariance])), turn)
        for radius, covariance, turn in zip(r, covariances, angle, strict=True)
    ]
    means, covariances = torch.cat([p.means for p in pieces]), torch.cat([p.covariances for p in pieces])
    arm = GaussianMixture(means, covariances, _tensor(weights))
    turns = settings.rotation + 360 * np.arange(settings.n_arms) / settings.n_arms
    return _join([rotate(arm, turn) for turn in turns])


def _join(parts: list[GaussianMixture]) -> GaussianMixture:
    means, covariances = torch.cat([p.means for p in parts]), torch.cat([p.covariances for p in parts])
    return GaussianMixture(means, covariances, torch.cat([p.weights for p in parts]))


def _bell_slices(std: float, width: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Cut N(0, std²) into slices N(offset, width²): their offsets, their weights, and the width."""
    between = math.sqrt(std**2 - width**2)
    count = 2 * math.ceil(REACH * between / (SLICE_GAP * width)) + 1
    offsets = np.linspace(-REACH * between, REACH * between, count)
    weights = np.exp(-((offsets / between) ** 2) / 2)
    return offsets, weights / weights.sum(), width


PINWHEEL = DatasetSpec(
    "pinwheel",
    "pinwheel",
    "Five bent arms with light tips: modes that are not round.",
    PinwheelSettings,
    build_pinwheel,
    "Johnson et al. 2016, arXiv:1603.06277, as in FFJORD (arXiv:1810.01367); turned by radius, so that areas are kept",
    phrase="a pinwheel",
)


@dataclass(frozen=True)
class BananaSettings(Settings):
    """A bell bent into a parabola."""

    bend: float = setting(0.2, "Bend", "How strongly it is bent; 0 is a plain Gaussian.", low=0, high=0.5, step=0.05)
    noise: float = setting(1.0, "Thickness", "Standard deviation around the parabola.", low=0.5, high=1.5, step=0.05)


def build_banana(settings: BananaSettings) -> GaussianMixture:
    """x1 ~ N(0, 2²), x2 = bend (x1² - 4) + noise, cut into slices so narrow that the parabola is straight on them."""
    x1, weights, width = _bell_slices(2.0, 0.25)
    x2 = settings.bend * (x1**2 + width**2 - 4)  # the mean over a slice
    slope = 2 * settings.bend * x1
    across = np.stack([np.ones_like(x1), slope, slope, slope**2], axis=1).reshape(-1, 2, 2) * width**2
    covariances = across + np.diag([0, settings.noise**2])
    return GaussianMixture(_tensor(np.stack([x1, x2], axis=1)), _tensor(covariances), _tensor(weights))


BANANA = DatasetSpec(
    "banana",
    "banana",
    "A bell bent by one quadratic map: a single coupling layer of a flow could do it exactly.",
    BananaSettings,
    build_banana,
    "after Haario et al. 1999, Computational Statistics 14: x2 = bend (x1² - 4) + noise, std 2 and 1",
    phrase="a banana",
)


@dataclass(frozen=True)
class SquaresSettings(Settings):
    """Squares with soft edges."""

    noise: float = noise_setting(SOFTNESS, SOFTNESS, 0.5)
    rotation: float = rotation_setting()


def _squares(centres: np.ndarray, settings: SquaresSettings) -> GaussianMixture:
    """Equal squares of side 2 blurred by noise: products of two soft boxes around each centre."""
    half = np.array(SOFT_BOX)
    line = np.concatenate([half * [-1, 1, 1], half])  # both halves of the box, (6, 3)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(len(line)), np.arange(len(line))))
    offsets = np.stack([line[x, 0], line[y, 0]], axis=1)  # (36, 2)
    variances = np.stack([line[x, 1], line[y, 1]], axis=1) ** 2 + settings.noise**2 - SOFTNESS**2
    means = (centres[:, None] + offsets).reshape(-1, 2)
    covariances = np.tile(variances[:, :, None] * np.eye(2), (len(centres), 1, 1))
    weights = np.tile(line[x, 2] * line[y, 2], len(centres))
    return rotate(GaussianMixture(_tensor(means), _tensor(covariances), _tensor(weights)), settings.rotation)


def build_checkerboard(settings: SquaresSettings) -> GaussianMixture:
    """The eight dark squares, of side 2, of a board on [-4, 4]²."""
    line = np.array([-3.0, -1.0, 1.0, 3.0])
    centres = np.array([(x, y) for i, x in enumerate(line) for j, y in enumerate(line) if (i + j) % 2 == 0])
    return _squares(centres, settings)


CHECKERBOARD = DatasetSpec(
    "checkerboard",
    "checkerboard",
    "Flat squares with crisp edges that touch at corners: sharp borders are hard for smooth maps.",
    SquaresSettings,
    build_checkerboard,
    "FFJORD's checkerboard (Grathwohl et al. 2019, arXiv:1810.01367), its edges blurred by the noise width",
    phrase="a checkerboard",
)


def build_cross(settings: SquaresSettings) -> GaussianMixture:
    """Five squares of side 2 that form a plus on [-3, 3]²."""
    return _squares(np.array([[0.0, 0.0], [2.0, 0.0], [-2.0, 0.0], [0.0, 2.0], [0.0, -2.0]]), settings)


CROSS = DatasetSpec(
    "cross",
    "cross",
    "A filled plus: inner corners, flat density, and coordinates that look independent but are not.",
    SquaresSettings,
    build_cross,
    "GenLab's own",
    phrase="a cross",
)

TOY_2D: tuple[DatasetSpec, ...] = (
    MOONS, RING, SPIRALS, PINWHEEL, CHECKERBOARD, RINGS, HEART, SWISS_ROLL, S_CURVE, BANANA, CROSS,
    RING_NARROW, GRID, TWO_MODES, GAUSSIAN, RANDOM,
)  # fmt: skip
