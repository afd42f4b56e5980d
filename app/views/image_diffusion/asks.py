"""Questions to a denoiser of pictures: whole ways from noise to pictures, and what stands behind a noisy picture."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from app.live.ask import need, read_int, read_place
from app.views.latent_space.asks import MAX_PIXELS
from engines.blobs import Arrays
from engines.datasets import DATASETS, Examples
from engines.errors import SettingError
from engines.metrics.neighbours import nearest
from engines.nets.unet import LARGEST_SIDE
from engines.noise import LaterRows
from engines.samplers import SAMPLERS, Range
from engines.score.empirical import EmpiricalDenoiser
from engines.score.picture_denoiser import ImageDenoiser, to_bytes
from engines.score.picture_paths import Denoise, Frame, add_noise, keep_known, noisy_start, watch_path
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run

MOST_CHAINS = 24
MOST_CALLS = 1000
MOST_FRAMES = 40  # of a way: longer ones are thinned out evenly
MOST_VALUES = 520_000  # of all states of a dozen chains: digits have all their frames, faces 14
MOST_WORK = 130_000  # places times calls in one question, guided ones twice: half a second on one core
MAX_GUIDANCE, MAX_TEMPERATURE = 10.0, 1.5
MAX_SIGMA = 1000.0
NOT_TOLD, EACH_IN_TURN = -1, -2
EMPIRICAL_PICTURES = 2000  # that the closed form knows: it is a sum over all of them
USUAL_PICTURES = 300  # held-out ones that say how far from the training set new pictures are
SOURCES = ("network", "empirical")


@dataclass(frozen=True)
class Condition:
    """Who denoises, and what it is told.

    Attributes:
        source: "network", or "empirical": the closed-form minimiser on the training set.
        label: A class, NOT_TOLD, or EACH_IN_TURN.
        guidance: How strongly the class counts.
    """

    source: str
    label: int
    guidance: float

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Checked.

        Raises:
            SettingError: If a field is impossible.
        """
        source = message.get("source", "network")
        if source not in SOURCES:
            raise SettingError(f"Expected a source of {', '.join(SOURCES)}, got {str(source)[:20]!r}.")
        label = read_int(message, "label", EACH_IN_TURN, 1000, default=NOT_TOLD)
        return cls(source, label, read_number(message, "guidance", 0, MAX_GUIDANCE, 1.0))

    def denoiser(self, model: ImageDenoiser, run: Run, n: int, first: int = 0) -> Denoise:
        """D for n chains, counted from a first one."""
        labels = self._labels(model, n, first)
        if self.source == "empirical":
            perfect = empirical_of(run)
            return lambda x, sigma: perfect.denoise(x, sigma, labels)
        return lambda x, sigma: model.denoise(x, sigma, labels, self.guidance)

    def _labels(self, model: ImageDenoiser, n: int, first: int) -> Tensor | None:
        if self.label == NOT_TOLD:
            return None
        if not 0 <= max(self.label, 0) < model.n_classes:
            raise SettingError(f"Expected one of {model.n_classes} classes, got {self.label}.")
        every = torch.arange(first, first + n) % model.n_classes
        return every if self.label == EACH_IN_TURN else torch.full_like(every, self.label)


@dataclass(frozen=True)
class PathAsk:
    """Some chains on their way from noise, or from a noisy picture, to pictures.

    Attributes:
        run, step: Whose weights.
        condition: Who denoises.
        sampler: Key of SAMPLERS.
        n_calls: Most calls of the denoiser.
        temperature: Of noise that is drawn on the way.
        seed: Of all noise; each chain begins with its own, which other chains and the number of calls do not change.
        first, n: Which chains: from this number on, so many.
        sigma: Noise level at which they begin; 0: the largest that was trained.
        picture: Brightnesses 0 ... 255 of the picture that is under the noise; empty: there is only noise.
        mask: A bit for each place of the picture, row by row: 1 is to be drawn anew; empty: all.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    condition: Condition
    sampler: str
    n_calls: int
    temperature: float
    seed: int
    first: int
    n: int
    sigma: float = 0.0
    picture: bytes = b""
    mask: bytes = b""
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        sampler = message.get("sampler", "heun")
        if not isinstance(sampler, str) or sampler not in SAMPLERS:
            raise SettingError(f"Expected a sampler of {', '.join(SAMPLERS)}, got {str(sampler)[:20]!r}.")
        return cls(
            *read_place(message),
            Condition.from_message(message),
            sampler,
            read_int(message, "n_calls", 0, MOST_CALLS),
            read_number(message, "temperature", 0, MAX_TEMPERATURE, 1.0),
            read_int(message, "seed", 0, 10**6),
            read_int(message, "first", 0, MOST_CHAINS - 1, default=0),
            read_int(message, "n", 1, MOST_CHAINS),
            read_number(message, "sigma", 0, MAX_SIGMA, 0.0),
            read_bytes(message, "picture"),
            read_bytes(message, "mask"),
        )

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ImageDenoiser, "a denoiser of pictures")
        check_work(model, self)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[PathAsk]) -> dict[PathAsk, Arrays]:
        """One set of chains after the other."""
        return {ask: follow(model, run, ask) for ask in asks}


@dataclass(frozen=True)
class BeliefAsk:
    """A picture under noise, and what stands behind it: for the net, and for the closed form.

    Attributes:
        picture: Brightnesses 0 ... 255.
        sigma: The noise.
        seed: Of the noise.
        label, guidance: What the net is told.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    condition: Condition
    picture: bytes
    sigma: float
    seed: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        sigma, seed = read_number(message, "sigma", 0, MAX_SIGMA), read_int(message, "seed", 0, 10**6)
        return cls(*read_place(message), Condition.from_message(message), read_bytes(message, "picture"), sigma, seed)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, ImageDenoiser, "a denoiser of pictures")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[BeliefAsk]) -> dict[BeliefAsk, Arrays]:
        """noisy, network, empirical: (C, H, W) each; one question after the other, for few ask this at once."""
        found = {}
        for ask in asks:
            noisy = add_noise(picture_of(model, ask.picture), ask.sigma, make_rng(ask.seed))
            sources = {source: Condition(source, ask.condition.label, ask.condition.guidance) for source in SOURCES}
            beliefs = {name: each.denoiser(model, run, 1)(noisy, ask.sigma) for name, each in sources.items()}
            found[ask] = {name: to_bytes(x)[0] for name, x in ({"noisy": noisy} | beliefs).items()}
        return found


def follow(model: ImageDenoiser, run: Run, ask: PathAsk) -> Arrays:
    """states, beliefs (T, N, C, H, W) uint8, sigmas and calls (T,); nearest (N, C, H, W) training pictures.

    distances (N,): how far each end is from the nearest training picture; usual (1,): the median of that for held-out
    pictures, both on the scale -1 ... 1.

    Raises:
        SettingError: If it would take too long, or a picture is missing.
    """
    denoise = ask.condition.denoiser(model, run, ask.n, ask.first)
    sigma = ask.sigma or model.sigmas.sigma_max
    if sigma <= model.sigmas.sigma_min:
        least = model.sigmas.sigma_min
        raise SettingError(f"Expected noise above {least:g} to begin with: with less, nothing is left to do.")
    rng = LaterRows.begin(ask.seed, ask.first)  # a chain is the same whoever asks for it with whom
    start = noisy_start(ask.n, model.event_shape, sigma, rng)
    if ask.mask:
        mask, known = ~mask_of(model, ask.mask), picture_of(model, ask.picture)
        denoise, start = keep_known(denoise, known, mask), start + known * mask
    elif ask.picture:
        start = start + picture_of(model, ask.picture)
    path = watch_path(
        denoise,
        start,
        Range(model.sigmas.sigma_min, sigma),
        sampler=ask.sampler,
        n_calls=ask.n_calls,
        rng=rng,
        temperature=ask.temperature,
    )
    frames = thinned(list(path), MOST_VALUES // (MOST_CHAINS // 2 * math.prod(model.event_shape)))
    whole = model.to_scale(model.to_pixels(frames[-1].x))  # a picture has whole numbers
    frames[-1] = frames[-1]._replace(x=whole, belief=whole)
    return {
        "states": np.stack([to_bytes(frame.x) for frame in frames]),
        "beliefs": np.stack([to_bytes(frame.belief) for frame in frames]),
        "sigmas": np.array([frame.sigma for frame in frames], np.float32),
        "calls": np.array([frame.n_calls for frame in frames], np.int32),
    } | neighbours_of(model, run, frames[-1].x)


def neighbours_of(model: ImageDenoiser, run: Run, x: Tensor) -> Arrays:
    """The nearest training pictures of the ends of some chains: see `follow`."""
    examples = examples_of(run)
    found = nearest(model.to_pixels(x), examples.train)
    scale = 2 / model.levels
    return {
        "nearest": to_bytes(model.to_scale(examples.train[found.which].float())),
        "distances": to_numpy(found.distance) * scale,
        "usual": np.array([usual_distance(run) * scale], np.float32),
    }


def thinned(frames: list[Frame], most: int) -> list[Frame]:
    """At most so many frames, evenly chosen, the first and the last among them."""
    count = max(2, min(len(frames), most, MOST_FRAMES))
    return [frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int)]


def check_work(model: ImageDenoiser, ask: PathAsk) -> None:
    """Raise SettingError if a question would hold up everybody else's."""
    is_guided = ask.condition.label != NOT_TOLD and ask.condition.guidance not in (0, 1)
    places = min(math.prod(model.event_shape[1:]), LARGEST_SIDE**2)
    work = ask.n * max(1, ask.n_calls) * places * (1 + is_guided)
    if work > MOST_WORK and ask.n > 1:
        most = max(1, int(MOST_WORK * ask.n / work))
        raise SettingError(f"Expected at most {most} chains of {ask.n_calls} calls in one question, got {ask.n}.")


def picture_of(model: ImageDenoiser, picture: bytes) -> Tensor:
    """Brightnesses as a picture of this model, (1, C, H, W) on the scale -1 ... 1."""
    size = math.prod(model.event_shape)
    if len(picture) != size:
        raise SettingError(f"Expected a picture of {size} values, got one of {len(picture)}.")
    bright = torch.from_numpy(np.frombuffer(picture, np.uint8).astype(np.float32))
    return model.to_scale((bright / 255 * (model.levels - 1)).round()).view(1, *model.event_shape)


def mask_of(model: ImageDenoiser, mask: bytes) -> Tensor:
    """Where a picture is to be drawn anew, (1, 1, H, W) of booleans."""
    height, width = model.event_shape[1:]
    if len(mask) != math.ceil(height * width / 8):
        raise SettingError(f"Expected a mask of {height * width} bits, got {8 * len(mask)}.")
    bits = np.unpackbits(np.frombuffer(mask, np.uint8))[: height * width]
    if not bits.any():
        raise SettingError("Nothing is painted over: paint what is to be drawn anew.")
    return torch.from_numpy(bits.astype(bool)).view(1, 1, height, width)


def examples_of(run: Run) -> Examples:
    """The pictures of a run's data set."""
    spec = DATASETS[run.experiment.dataset]
    return spec.examples(spec.settings.from_dict(run.experiment.dataset_settings))


def empirical_of(run: Run) -> EmpiricalDenoiser:
    """The closed-form denoiser of a run's training set, or of its first EMPIRICAL_PICTURES."""
    return _empirical(_DataOf(run))


def usual_distance(run: Run) -> float:
    """Median distance of held-out pictures to the nearest training picture, in grey levels."""
    return _usual(_DataOf(run))


class _DataOf:
    """The data of a run, as a key: equal for runs of the same pictures."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._key = (run.experiment.dataset, tuple(sorted(run.experiment.dataset_settings.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DataOf) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=4)
def _empirical(data: _DataOf) -> EmpiricalDenoiser:
    examples = examples_of(data.run)
    labels = None if examples.train_labels is None else examples.train_labels[:EMPIRICAL_PICTURES]
    pictures = (examples.train[:EMPIRICAL_PICTURES].float() + 0.5) * (2 / examples.levels) - 1
    return EmpiricalDenoiser(pictures, labels)


@lru_cache(maxsize=8)
def _usual(data: _DataOf) -> float:
    examples = examples_of(data.run)
    return float(nearest(examples.test[:USUAL_PICTURES].float(), examples.train).distance.median())


def read_number(message: Mapping[str, Any], name: str, low: float, high: float, default: float | None = None) -> float:
    """A number of a message.

    Raises:
        SettingError: If it is none, or out of range.
    """
    value = message.get(name, default)
    if type(value) not in (int, float) or not low <= value <= high:
        raise SettingError(f"Expected {name} from {low:g} to {high:g}, got {str(value)[:20]!r}.")
    return float(value)


def read_bytes(message: Mapping[str, Any], name: str) -> bytes:
    """Bytes in base64; empty if they are not named.

    Raises:
        SettingError: If they are none, or too many.
    """
    text = message.get(name) or ""
    try:
        found = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        found = None
    if found is None or len(found) > MAX_PIXELS:
        raise SettingError(f"Expected {name} as at most {MAX_PIXELS} bytes in base64.")
    return found
