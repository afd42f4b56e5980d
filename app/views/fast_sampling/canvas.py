"""The stage of shortcuts: several ways from the same noise to the same data, side by side, under one dial of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.theme import both_themes
from app.views.fast_sampling.asks import MOST_SEED, N_POINTS, OWN_CALLS, SHOWN, STOPS, WAYS
from engines.blobs import pack
from engines.settings import setting

_mount = lane_component(
    "views/fast_sampling/canvas", styles=("canvas/stage", "views/fast_sampling/canvas"), states=("moment", "lane")
)
OPENING_CALLS = 4


@dataclass(frozen=True)
class WaysPlace(Place):
    """Where the visitor is; the calls snap to the nearest of STOPS."""

    calls: int = setting(OPENING_CALLS, "Network calls", "That each way may make.", low=1, high=STOPS[-1])
    time: float = setting(1.0, "Time", "0 is noise, 1 is data.", low=0.0, high=1.0, digits=3)
    ways: tuple[str, ...] = setting(SHOWN, "Ways", "Which are shown.", choices=tuple(WAYS), least=1)
    seed: int = setting(0, "Seed", "Of the noise.", low=0, high=MOST_SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "calls", min(STOPS, key=lambda stop: abs(stop - self.calls)))

    def texts(self) -> dict[str, str]:
        """What a link says of it: what differs from the usual; ways with commas between them."""
        return {name: text.replace(" ", ",") for name, text in super().texts().items()}


@dataclass(frozen=True)
class ShownModel:
    """One of the models on the stage.

    Attributes:
        title: Its name.
        digest: Of its run in training, or stored; empty: there is none.
        is_live: Whether it is in training or in the queue.
        words: How a stored run came about.
        steps: Of its training.
    """

    title: str
    digest: str
    is_live: bool
    words: str
    steps: int


@dataclass(frozen=True)
class ShortcutsView:
    """What the stage shows.

    Attributes:
        visit: Name of this opening of the page; a new one sets the stage to `place`.
        attempt: Counts trainings of this visit; a new number watches runs anew.
        target_title: For screen readers.
        truth: Exact log density on cells, lowest y first, shape (R, R).
        window: x0, x1, y0, y1.
        mean, scale: Of the target: noise has the same.
        noise: Standard-normal noise of seed 0, shape (N, 2), on which runs in training are looked at.
        models: By key, one for each network that a way calls.
        place: Where to open.
        answers: Ways that the page itself has asked for, where no WebSocket comes through: way -> its arrays.
        is_blocked: Whether that is so.
    """

    visit: str
    attempt: int
    target_title: str
    truth: np.ndarray
    window: tuple[float, float, float, float]
    mean: tuple[float, float]
    scale: float
    noise: np.ndarray
    models: Mapping[str, ShownModel]
    place: WaysPlace
    answers: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    is_blocked: bool = False

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        names = ("visit", "attempt", "target_title", "window", "mean", "scale", "is_blocked")
        numbers: dict[str, Any] = {name: getattr(self, name) for name in names}
        numbers |= {"place": self.place.numbers(), "models": {key: asdict(model) for key, model in self.models.items()}}
        numbers |= {
            "usual": WaysPlace().numbers(),
            "ways": ways_for_canvas(),
            "stops": STOPS,
            "n_points": N_POINTS,
            "own_calls": OWN_CALLS,
        }
        numbers["themes"] = both_themes()
        arrays = {"truth": self.truth, "noise": self.noise.astype(np.float16)}
        arrays |= {f"{way}.{name}": array for way, found in self.answers.items() for name, array in found.items()}
        return pack(arrays, numbers)


def ways_for_canvas() -> dict[str, dict[str, Any]]:
    """What the canvas must know of each way."""
    names = ("title", "idea", "model", "fewest", "most", "live")
    return {key: {name: getattr(way, name) for name in names} for key, way in WAYS.items()}


def draw_shortcuts(view: ShortcutsView, *, key: str) -> None:
    """Mount the stage. Where the visitor is stands in its state; see `WaysPlace`."""
    _mount(data=view.to_bytes(), key=key)
