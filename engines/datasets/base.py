"""What every data set tells about itself, and what a density in the plane can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from engines.settings import Settings

Window = tuple[float, float, float, float]


@runtime_checkable
class Density(Protocol):
    """A normalised density whose every property is known exactly (or with a stated error)."""

    @property
    def window(self) -> Window:
        """x0, x1, y0, y1 of a square that holds at least 99.9 % of the mass."""
        ...

    @property
    def modes(self) -> Tensor | None:
        """Centres of the modes, shape (K, 2), where modes are a meaningful idea."""
        ...

    @property
    def mode_std(self) -> float | None:
        """Standard deviation of each mode in data units, where modes are meaningful."""
        ...

    def sample(self, n: int, *, rng: torch.Generator) -> Tensor: ...
    def log_prob(self, x: Tensor) -> Tensor: ...
    def score(self, x: Tensor) -> Tensor: ...
    def noised(self, sigma: float) -> Density: ...
    def entropy(self) -> float: ...
    def entropy_error(self) -> float: ...


@dataclass(frozen=True)
class NoSettings(Settings):
    """A data set with nothing to turn."""


@dataclass(frozen=True)
class DatasetSpec:
    """One entry of `DATASETS`.

    Attributes:
        key: Name in links, on the command line and in stored runs.
        title: Name on the page.
        idea: One sentence: what it looks like and what it is good for.
        settings: Class of its settings; the class with its defaults is the data set as first shown.
        build_density: Settings to density, for targets in the plane; None for images and text.
        source: Where it comes from.
        licence: Under which terms.
        phrase: The title as it stands in a sentence; empty if the title will do.
        group: "shape", "modes" or "yours": how the picker sorts it.
    """

    key: str
    title: str
    idea: str
    settings: type[Settings]
    build_density: Callable[..., Density] | None
    source: str
    licence: str = "computed here"
    group: str = "shape"
    phrase: str = ""

    event_shape: tuple[int, ...] = (2,)

    @cached_property
    def density(self) -> Density | None:
        """The density at default settings; None where the data set has none."""
        return self.build(self.settings())

    def build(self, settings: Settings | None = None) -> Density | None:
        """The density for these settings."""
        return None if self.build_density is None else self.build_density(settings or self.settings())
