"""Fixed grids and fixed noise on which models are looked at, so that pictures of different steps compare."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.datasets.base import Examples, Window
from engines.tensors import make_rng

RESOLUTION = 64
N_SAMPLES = 1000
N_EXAMPLES = 128
N_PICTURES = 6
LARGE_EVENT, N_LARGE_PICTURES = 1000, 4  # of more values than that, fewer are shown
MOST_LATENTS = 64
_NOISE_SEED = 20_240_229


@dataclass(frozen=True)
class Probe:
    """Where to look at a model of the plane.

    Attributes:
        window: x0, x1, y0, y1 in data units.
        resolution: R, cells along each axis.
        grid: Cell centres row by row, lowest y first, shape (R * R, 2); None: no density wanted.
        noise: Fixed standard-normal noise, shape (N, 2); None: no samples wanted.
    """

    window: Window
    resolution: int
    grid: Tensor | None
    noise: Tensor | None

    @property
    def cell_area(self) -> float:
        """Area of a grid cell in squared data units."""
        x0, x1, y0, y1 = self.window
        return (x1 - x0) * (y1 - y0) / self.resolution**2


def cell_centres(window: Window, resolution: int, device: torch.device | str = "cpu") -> Tensor:
    """Centres of R x R cells over a window, row by row, lowest y first, shape (R * R, 2), float32."""
    x0, x1, y0, y1 = window
    ticks = (torch.arange(resolution, dtype=torch.float64) + 0.5) / resolution
    y, x = torch.meshgrid(y0 + (y1 - y0) * ticks, x0 + (x1 - x0) * ticks, indexing="ij")
    return torch.stack([x, y], dim=-1).view(-1, 2).float().to(device)


def fixed_noise(n: int, device: torch.device | str = "cpu") -> Tensor:
    """The same standard-normal noise each time, shape (n, 2), the same rows for any n; drawn on the CPU.

    torch draws 16 numbers at a time, and those of a part of that otherwise: so whole blocks are drawn, and cut off.
    """
    return torch.randn(-(-n // 8) * 8, 2, generator=make_rng(_NOISE_SEED))[:n].to(device)


def build_probe(
    window: Window,
    *,
    resolution: int = RESOLUTION,
    n_samples: int = N_SAMPLES,
    device: torch.device | str = "cpu",
) -> Probe:
    """A probe of a window; resolution or n_samples of 0 leaves that part out."""
    grid = cell_centres(window, resolution, device) if resolution else None
    noise = fixed_noise(n_samples, device) if n_samples else None
    return Probe(window, resolution, grid, noise)


@dataclass(frozen=True)
class ExampleProbe:
    """On what to look at a model of pictures or texts.

    Attributes:
        examples: Fixed examples that no training sees, shape (N, *event), floats 0 ... levels - 1.
        labels: Their classes, shape (N,); None without classes.
        noise: Fixed standard-normal noise, shape (M, MOST_LATENTS): a model takes as many columns as it has latents.
        n_pictures: How many of the examples, and of the noise, are to be shown as pictures.
    """

    examples: Tensor
    labels: Tensor | None
    noise: Tensor
    n_pictures: int


def build_example_probe(
    examples: Examples,
    *,
    n_examples: int = N_EXAMPLES,
    device: torch.device | str = "cpu",
) -> ExampleProbe:
    """A probe of the first test examples."""
    n_pictures = N_PICTURES if math.prod(examples.event_shape) <= LARGE_EVENT else N_LARGE_PICTURES
    noise = torch.randn(n_pictures, MOST_LATENTS, generator=make_rng(_NOISE_SEED)).to(device)
    labels = None if examples.test_labels is None else examples.test_labels[:n_examples].to(device)
    return ExampleProbe(examples.test[:n_examples].float().to(device), labels, noise, n_pictures)
