"""What every data set tells about itself, what a density in the plane can do, and what a set of examples holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from engines.errors import DataError
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
    def batch(self, n: int, *, rng: torch.Generator) -> Tensor: ...
    def log_prob(self, x: Tensor) -> Tensor: ...
    def score(self, x: Tensor) -> Tensor: ...
    def noised(self, sigma: float) -> Density: ...
    def entropy(self) -> float: ...
    def entropy_error(self) -> float: ...


@dataclass(frozen=True)
class Factor:
    """One thing that varies in a data set and is known: its name, and what each of its values means."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Examples:
    """A finite set of pictures, texts or waves, in two parts that share no example.

    Attributes:
        train: Integers 0 ... levels - 1: pictures (N, C, H, W) in uint8, texts (N, T) in int64; or waves (N, T) in
            float32.
        test: The same for the part that no training sees.
        levels: Values that a pixel or a token can take; 0 for waves, whose samples are real numbers.
        classes: Names of the classes, where examples have one.
        train_labels, test_labels: Class of each example, shape (N,), int64; None without classes.
        factors: Ground-truth factors, where they are known.
        train_factors, test_factors: Value of each factor of each example, shape (N, F), int64; None without factors.
        symbols: What each token stands for, for texts; symbol 0 ends and fills up a text.
        note: What the visitor should know about this set (pictures left out, for example); may be empty.
        density: The exact density that the examples were drawn from, where it is known (`log_prob`).
    """

    train: Tensor
    test: Tensor
    levels: int
    classes: tuple[str, ...] = ()
    train_labels: Tensor | None = None
    test_labels: Tensor | None = None
    factors: tuple[Factor, ...] = ()
    train_factors: Tensor | None = None
    test_factors: Tensor | None = None
    symbols: tuple[str, ...] = ()
    note: str = ""
    density: Any = None

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(C, H, W) of a picture, (T,) of a text or a wave."""
        return tuple(self.train.shape[1:])


Kind = Literal["plane", "image", "text", "wave"]


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
        load_examples: Settings to examples, for images and text; None for targets in the plane.
        source: Where it comes from.
        licence: Under which terms.
        phrase: The title as it stands in a sentence; empty if the title will do.
        group: "shape", "modes" or "yours": how the picker sorts it.
        kind: "plane", "image", "text" or "wave".
        needs_internet: Whether its files come from the internet at first use.
        event_shape: Of one example at default settings.
        levels: Values that a pixel or a token can take; 0 for points and waves.
        factors: Names of the known factors.
    """

    key: str
    title: str
    idea: str
    settings: type[Settings]
    build_density: Callable[..., Density] | None = None
    source: str = "computed here"
    licence: str = "computed here"
    group: str = "shape"
    phrase: str = ""

    kind: Kind = "plane"
    load_examples: Callable[..., Examples] | None = None
    needs_internet: bool = False
    event_shape: tuple[int, ...] = (2,)
    levels: int = 0
    factors: tuple[str, ...] = ()

    @cached_property
    def density(self) -> Density | None:
        """The density at default settings; None where the data set has none."""
        return self.build(self.settings())

    def build(self, settings: Settings | None = None) -> Density | None:
        """The density for these settings."""
        return None if self.build_density is None else self.build_density(settings or self.settings())

    def examples(self, settings: Settings | None = None) -> Examples:
        """The pictures or texts for these settings; made once, then kept.

        Raises:
            DataError: If the set is a density in the plane, or its files cannot be had.
        """
        if self.load_examples is None:
            raise DataError(f"{self.title} is a density in the plane: it has no examples; sample it instead.")
        return _load_once(self.load_examples, settings or self.settings())

    def split(self, settings: Settings | None = None) -> tuple[Tensor, Tensor]:
        """Train and test examples as floats, 0 ... levels - 1."""
        examples = self.examples(settings)
        return examples.train.float(), examples.test.float()

    def data(self, settings: Settings | None = None) -> Density | Examples:
        """What a model of this data set is built for: the density, or the examples."""
        return self.examples(settings) if self.load_examples is not None else cast(Density, self.build(settings))


@lru_cache(maxsize=6)
def _load_once(load: Callable[..., Examples], settings: Settings) -> Examples:
    return load(settings)
