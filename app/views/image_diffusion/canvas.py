"""The bench of denoising: chains from noise to picture, what the denoiser believes, a film, and the player."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from app.views.image_diffusion.asks import MAX_GUIDANCE, MAX_SIGMA, MAX_TEMPERATURE, MOST_CALLS, SOURCES
from engines.blobs import pack
from engines.errors import SettingError
from engines.samplers import SAMPLERS
from engines.settings import setting

_mount = lane_component(
    "views/image_diffusion/canvas", styles=("canvas/stage", "canvas/image_panels", "views/image_diffusion/canvas")
)
TASKS = ("noise", "picture", "fill")
MOST_EXAMPLES = 24
MOST_CLASSES = 1000
LARGE_PICTURE = 1000  # values; of larger ones fewer chains are shown
MASK = frozenset("0123456789abcdef")


def check_mask(text: str) -> str:
    """A mask as text.

    Raises:
        SettingError: If it is none.
    """
    if set(text) <= MASK:
        return text
    raise SettingError(f"Mask: expected hexadecimal digits, got {text[:20]!r}.")


@dataclass(frozen=True)
class DenoisingPlace(Place):
    """Where the visitor is."""

    task: str = setting("noise", "Task", "Whether chains begin as noise, as a picture, or fill parts.", choices=TASKS)
    source: str = setting("network", "Source", "The network, or the closed form.", choices=SOURCES)
    sampler: str = setting("heun", "Sampler", "How the chains move.", choices=tuple(SAMPLERS))
    calls: int = setting(19, "Calls", "Steps of a chain.", low=1, high=MOST_CALLS)
    label: int = setting(
        -2, "Class", "What the denoiser is told; -1 nothing, -2 each in turn in noise.", low=-2, high=MOST_CLASSES
    )
    guidance: float = setting(1.0, "Guidance", "How much it counts.", low=0.0, high=MAX_GUIDANCE, digits=4)
    temperature: float = setting(1.0, "Temperature", "Of the chains.", low=0.0, high=MAX_TEMPERATURE, digits=4)
    seed: int = setting(1, "Seed", "Of the noise.", low=0, high=999)
    sigma: float = setting(0.0, "Noise", "Over the picture; 0: the usual.", low=0.0, high=MAX_SIGMA, digits=4)
    example: int = setting(0, "Example", "Which held-out picture.", low=0, high=MOST_EXAMPLES - 1)
    mask: str = setting(
        "", "Mask", "Hexadecimal digits of four places each to be drawn anew; empty: the lower half.",
        max_length=1024, rule=check_mask,
    )  # fmt: skip
    at: float = setting(1.0, "Denoising time", "0 noise, 1 picture.", low=0.0, high=1.0, digits=4)
    chain: int = setting(0, "Chain", "The chosen one.", low=0, high=23)


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
        numbers |= {"place": self.place.numbers(), "usual": DenoisingPlace().numbers()}
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
    """Mount the bench. Where the visitor is stands in its state; see `DenoisingPlace`."""
    _mount(data=view.to_bytes(), key=key)
