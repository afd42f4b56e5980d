"""The bench of denoising: chains from noise to picture, what the denoiser believes, a film, and the player."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from app.views.image_diffusion.asks import MAX_GUIDANCE, MAX_SIGMA, MAX_TEMPERATURE, MOST_CALLS, SOURCES
from engines.blobs import pack
from engines.samplers import SAMPLERS

_mount = lane_component(
    "views/image_diffusion/canvas", styles=("canvas/stage", "canvas/image_panels", "views/image_diffusion/canvas")
)
TASKS = ("noise", "picture", "fill")
MOST_EXAMPLES = 24
MOST_CLASSES = 1000
MASK = frozenset("0123456789abcdef")
LARGE_PICTURE = 1000  # values; of larger ones fewer chains are shown


@dataclass(frozen=True)
class DenoisingPlace:
    """Where the visitor is.

    Attributes:
        task: "noise": chains begin as noise; "picture": as a picture under noise; "fill": parts are drawn anew.
        source: "network", or "empirical": the closed form.
        sampler, calls, temperature: How the chains move.
        label, guidance: What the denoiser is told: a class, -1 nothing, -2 each in turn where chains begin as noise.
        seed: Of the noise.
        sigma: Noise over the picture; 0: the usual.
        example: Which held-out picture.
        mask: What is drawn anew, as hexadecimal digits of four places each; empty: the lower half.
        at: Denoising time, 0 noise to 1 picture.
        chain: The chosen chain.
    """

    task: str = "noise"
    source: str = "network"
    sampler: str = "heun"
    calls: int = 19
    label: int = -2
    guidance: float = 1.0
    temperature: float = 1.0
    seed: int = 1
    sigma: float = 0.0
    example: int = 0
    mask: str = ""
    at: float = 1.0
    chain: int = 0


# Name -> lowest and highest value of the numbers of a place.
RANGES: Mapping[str, tuple[float, float]] = {
    "calls": (1, MOST_CALLS),
    "label": (-2, MOST_CLASSES),
    "guidance": (0, MAX_GUIDANCE),
    "temperature": (0, MAX_TEMPERATURE),
    "seed": (0, 999),
    "sigma": (0, MAX_SIGMA),
    "example": (0, MOST_EXAMPLES - 1),
    "at": (0, 1),
    "chain": (0, 23),
}
CHOICES: Mapping[str, tuple[str, ...]] = {"task": TASKS, "source": SOURCES, "sampler": tuple(SAMPLERS)}


@dataclass(frozen=True)
class DenoisingView:
    """What the bench shows.

    Attributes:
        run: Digest of the run to show, or empty.
        attempt: Counts trainings of this visit; a new number opens the run anew.
        steps: Steps that a training would take.
        dataset: Key of the set.
        event_shape: C, H, W.
        sigmas: Least and largest noise of the training.
        classes: Names of the classes, or none.
        originals: First held-out examples, bytes (M, C, H, W).
        place: Where to open.
        own: The visitor's own picture, bytes (C, H, W), or None.
        own_id: Names the upload, so that the same one is not opened twice.
        empirical: What the closed form is, as a sentence.
    """

    run: str
    attempt: int
    steps: int
    dataset: str
    event_shape: tuple[int, ...]
    sigmas: tuple[float, float]
    classes: tuple[str, ...]
    originals: np.ndarray
    place: DenoisingPlace
    own: np.ndarray | None = None
    own_id: str = ""
    empirical: str = ""

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("run", "attempt", "steps", "dataset", "event_shape", "sigmas", "classes", "own_id", "empirical")
        numbers: dict[str, Any] = {name: getattr(self, name) for name in names}
        numbers |= {"place": vars(self.place), "usual": vars(DenoisingPlace())}
        numbers |= dict(zip(("n_chains", "columns"), chains_of(self.event_shape), strict=True))
        numbers["samplers"] = [
            {"key": spec.key, "title": spec.title, "idea": spec.idea, "is_random": spec.is_random}
            for spec in SAMPLERS.values()
        ]
        numbers["themes"] = both_themes()
        arrays = {"originals": self.originals} | ({} if self.own is None else {"own": self.own})
        return pack(arrays, numbers)


def chains_of(event_shape: tuple[int, ...]) -> tuple[int, int]:
    """How many chains are shown of such pictures, and in how many columns."""
    return (20, 5) if math.prod(event_shape) <= LARGE_PICTURE else (12, 4)


def draw_denoising(view: DenoisingView, *, key: str) -> None:
    """Mount the bench. Where the visitor is stands in its state; see `read_denoising_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_denoising_place(state: object, run: str, attempt: int) -> DenoisingPlace | None:
    """The bench's place from its session state, checked; None if there is none, or it is of another run."""
    moment = told_moment(state, of=f"{run}/{attempt}")
    if moment is None:
        return None
    usual = vars(DenoisingPlace())
    return DenoisingPlace(**{name: _checked(name, moment.get(name), default) for name, default in usual.items()})


def place_of_link(query: Mapping[str, str], problems: list[str]) -> DenoisingPlace:
    """Where a link opens the bench, and a sentence for each thing in it that is impossible."""
    found: dict[str, Any] = {}
    for name, default in vars(DenoisingPlace()).items():
        if name not in query:
            continue
        value = _parsed(query[name], type(default))
        found[name] = _checked(name, value, default)
        if value is None or found[name] != value:
            problems.append(f"Expected {_expected(name)} after {name}=, got {query[name][:20]!r}. The usual is used.")
    return DenoisingPlace(**found)


def _parsed(text: str, kind: type) -> Any:
    """A text as a number; None if it is none."""
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        return None


def _checked(name: str, value: object, default: Any) -> Any:
    """A value of a place if it is possible, else its default."""
    if name in CHOICES:
        return value if value in CHOICES[name] else default
    if name == "mask":
        return value if isinstance(value, str) and set(value) <= MASK and len(value) <= 1024 else default
    low, high = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return default
    return value if type(default) is float or value == int(value) else default


def _expected(name: str) -> str:
    if name in CHOICES:
        return "one of " + ", ".join(CHOICES[name])
    if name == "mask":
        return "hexadecimal digits"
    return f"a number from {RANGES[name][0]:g} to {RANGES[name][1]:g}"
