"""Where a training's batches come from, and on what it is looked at and measured: a density, or a set of examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from engines.batches import Labelled, Measures, Split
from engines.datasets.base import Density, Examples
from engines.metrics.divergences import kl_from_data, plane_integral
from engines.probes import ExampleProbe, Probe, build_example_probe, build_probe
from engines.tensors import make_rng

HELD_OUT = 2048
HELD_OUT_AT_END = 20_000
INTEGRAL_POINTS = 6000
INTEGRAL_POINTS_AT_END = 400_000
FOLDS = 2.0  # how much finer than those of the target a model's features may be
CHUNK_OF_BATCHES = 32
FRAME_SAMPLES = 500
FRAME_RESOLUTION = 48
MEASURED_EXAMPLES = 2000
_HELD_OUT_SEED = 7_654_321  # apart from every training seed (at most 9999)


class Source(Protocol):
    """What the trainer asks of its data."""

    @property
    def probe(self) -> Probe | ExampleProbe: ...
    @property
    def frame_probes(self) -> Sequence[Probe | ExampleProbe]: ...
    def next_batch(self, rng: torch.Generator) -> Tensor | Labelled: ...
    def measure(self, model: Any, *, is_last: bool) -> Measures: ...


def build_source(data: Density | Examples, *, batch_size: int, uses_labels: bool, device: torch.device) -> Source:
    """The source for a density of the plane, or for examples."""
    if isinstance(data, Examples):
        return ExampleSource(data, batch_size, uses_labels, device)
    return PlaneSource(data, batch_size, device)


class PlaneSource:
    """Fresh points of an exact density; a model is held against the density itself.

    Args:
        density: The target.
        batch_size: Points a batch.
        device: Where batches are drawn.
    """

    def __init__(self, density: Any, batch_size: int, device: torch.device) -> None:
        self.density = density.to(device)
        self._size = batch_size
        self._batches: list[Tensor] = []
        self._scale = float(density.scale_tril.diagonal(dim1=1, dim2=2).min())
        self.probe = build_probe(density.window, device=device)
        # A picture's parts, the cheapest first: samples in every one, the density as often as time allows.
        self.frame_probes = (
            build_probe(density.window, resolution=0, n_samples=FRAME_SAMPLES, device=device),
            build_probe(density.window, resolution=FRAME_RESOLUTION, n_samples=0, device=device),
        )
        held_out = density.sample(HELD_OUT_AT_END, rng=make_rng(_HELD_OUT_SEED))
        self._held_out = held_out.to(device)
        self._held_out_log_prob = self.density.log_prob(self._held_out.to(self.density.means.dtype))

    def next_batch(self, rng: torch.Generator) -> Tensor:
        """Fresh points (B, 2)."""
        if not self._batches:
            points = self.density.batch(CHUNK_OF_BATCHES * self._size, rng=rng)
            self._batches = list(points.split(self._size))
        return self._batches.pop()

    def measure(self, model: Any, *, is_last: bool) -> Measures:
        """KL to the data and the integral of the density, where the model has one."""
        if hasattr(model, "measure_in_plane"):
            n = HELD_OUT if is_last else HELD_OUT // 4
            return model.measure_in_plane(self._held_out[:n], self._held_out_log_prob[:n], is_last=is_last)
        if not hasattr(model, "log_prob"):
            return {}
        n = HELD_OUT_AT_END if is_last else HELD_OUT
        kl, error = kl_from_data(model, self._held_out_log_prob[:n], self._held_out[:n])
        n_points = INTEGRAL_POINTS_AT_END if is_last else INTEGRAL_POINTS
        # A model may have finer folds than its target: at the end they are looked for.
        scale = self._scale / FOLDS if is_last else self._scale
        integral = plane_integral(model, self.density.window, scale=scale, n_points=n_points)
        return {"kl": kl, "kl_error": error, "integral": integral}


class ExampleSource:
    """Shuffled batches of a finite set; every example comes once before any comes again.

    Args:
        examples: The set.
        batch_size: Examples a batch; at most the whole set.
        uses_labels: Whether batches carry their classes.
        device: Where the examples lie.
    """

    def __init__(self, examples: Examples, batch_size: int, uses_labels: bool, device: torch.device) -> None:
        self._x = examples.train.to(device)
        self._labels = examples.train_labels.to(device) if uses_labels and examples.train_labels is not None else None
        self._size = min(batch_size, len(self._x))
        self._order: list[Tensor] = []
        self.held_out = part_of(examples, "test", device)
        self.seen = part_of(examples, "train", device)
        self.probe = build_example_probe(examples, device=device)
        self.frame_probes = (self.probe,)

    def next_batch(self, rng: torch.Generator) -> Tensor | Labelled:
        """The next examples of a shuffled pass, as floats."""
        if not self._order:
            order = torch.randperm(len(self._x), generator=rng, device=rng.device)
            self._order = list(order[: len(order) - len(order) % self._size].split(self._size))
        at = self._order.pop()
        x = self._x[at].float()
        return x if self._labels is None else Labelled(x, self._labels[at])

    def measure(self, model: Any, *, is_last: bool) -> Measures:
        """What the model's own family measures on held-out and on seen examples."""
        return model.measure(self.held_out, self.seen, is_last=is_last) if hasattr(model, "measure") else {}


def part_of(examples: Examples, which: str, device: torch.device | str = "cpu") -> Split:
    """At most MEASURED_EXAMPLES of the "train" or "test" part, as floats."""

    def pick(name: str) -> Tensor | None:
        values: Tensor | None = getattr(examples, f"{which}_{name}")
        return None if values is None else values[:MEASURED_EXAMPLES].to(device)

    x: Tensor = getattr(examples, which)
    return Split(x[:MEASURED_EXAMPLES].float().to(device), pick("labels"), pick("factors"))
