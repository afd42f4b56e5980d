"""Questions to a model of the plane: samples at a temperature, and its density on a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor

from app.live.ask import MANY, need, read_int, read_place
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS
from engines.datasets.base import Window
from engines.errors import SettingError
from engines.probes import build_probe, fixed_noise
from engines.tensors import to_numpy
from engines.training.run import Run

MAX_SAMPLES = 4000
MAX_RESOLUTION = 200
MAX_TEMPERATURE = 2.0


def read_temperature(message: Mapping[str, Any]) -> float:
    """The temperature of a message, in hundredths; 1 if none is named.

    Raises:
        SettingError: If it is none, or out of range.
    """
    temperature = message.get("temperature", 1.0)
    if not isinstance(temperature, int | float) or not 0 <= temperature <= MAX_TEMPERATURE:
        raise SettingError(f"Expected a temperature from 0 to {MAX_TEMPERATURE:g}, got {str(temperature)[:20]!r}.")
    return round(float(temperature), 2)


@dataclass(frozen=True)
class SamplesAsk:
    """Samples of the model's fixed noise.

    Attributes:
        run: Digest.
        step: A step that keeps its weights; None for the final ones.
        temperature: Scale of the noise, in hundredths.
        n: How many.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    temperature: float
    n: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        temperature = read_temperature(message)
        return cls(*read_place(message), temperature, read_int(message, "n", 1, MAX_SAMPLES))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, _FromNoise, "a model that makes points of the plane from noise")
        if tuple(model.event_shape) != (2,):
            raise SettingError("Expected a model of the plane, and this run is of sounds or pictures.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[SamplesAsk]) -> dict[SamplesAsk, Arrays]:
        """Samples at several temperatures, in one pass where a row's place among the others does not matter."""
        noises = [ask.temperature * fixed_noise(ask.n) for ask in asks]
        if getattr(model, "rows_are_alike", True):
            points = model.decode_noise(torch.cat(noises)).split([ask.n for ask in asks])
        else:
            points = [model.decode_noise(noise) for noise in noises]
        return {ask: as_picture({"samples": to_numpy(part)}) for ask, part in zip(asks, points, strict=True)}


@dataclass(frozen=True)
class DensityAsk:
    """The log density on n x n cells of the target's window."""

    together: ClassVar[int] = 1
    run: str
    step: int | None
    n: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), read_int(message, "n", 1, MAX_RESOLUTION))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        _window_of(run)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[DensityAsk]) -> dict[DensityAsk, Arrays]:
        """One grid after the other."""
        window = _window_of(run)
        found = {ask: model.observe(build_probe(window, resolution=ask.n, n_samples=0)) for ask in asks}
        if not all(found.values()):
            raise SettingError("This model makes points of the plane, but has nothing to show on a grid of it.")
        return {ask: as_picture(arrays) for ask, arrays in found.items()}


@runtime_checkable
class _FromNoise(Protocol):
    event_shape: tuple[int, ...]

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor: ...


def _window_of(run: Run) -> Window:
    spec = DATASETS[run.experiment.dataset]
    density = spec.build(spec.settings.from_dict(run.experiment.dataset_settings))
    if density is None:
        raise SettingError(f"{spec.title} has no window in the plane.")
    return density.window
