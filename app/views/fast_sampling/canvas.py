"""The stage of shortcuts: several ways from the same noise to the same data, side by side, under one dial of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.told import told_moment
from app.theme import both_themes
from app.views.fast_sampling.asks import MOST_SEED, N_POINTS, OWN_CALLS, SHOWN, STOPS, WAYS
from engines.blobs import pack

_mount = lane_component(
    "views/fast_sampling/canvas", styles=("canvas/stage", "views/fast_sampling/canvas"), states=("moment", "lane")
)
OPENING_CALLS = 4


@dataclass(frozen=True)
class WaysPlace:
    """Where the visitor is.

    Attributes:
        calls: Network calls that each way may make; one of STOPS.
        time: 0 is noise, 1 is data.
        ways: Which ways are shown, keys of WAYS.
        seed: Of the noise.
    """

    calls: int = OPENING_CALLS
    time: float = 1.0
    ways: tuple[str, ...] = SHOWN
    seed: int = 0

    def texts(self) -> dict[str, str]:
        """What a link says of it: what differs from the usual."""
        texts = {
            "calls": str(self.calls),
            "time": f"{self.time:g}",
            "ways": ",".join(self.ways),
            "seed": str(self.seed),
        }
        usual = WaysPlace()
        return {name: text for name, text in texts.items() if getattr(self, name) != getattr(usual, name)}


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
        numbers |= {"place": asdict(self.place), "models": {key: asdict(model) for key, model in self.models.items()}}
        numbers |= {
            "usual": asdict(WaysPlace()),
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
    """Mount the stage. Where the visitor is stands in its state; see `read_place_of`."""
    _mount(data=view.to_bytes(), key=key)


def read_place_of(state: object, visit: str) -> WaysPlace | None:
    """The stage's place from its session state, checked; None if there is none, or it is of another visit."""
    moment = told_moment(state, visit=visit)
    if moment is None:
        return None
    usual, calls, seed, time = WaysPlace(), moment.get("calls"), moment.get("seed"), moment.get("time")
    is_time = isinstance(time, int | float) and not isinstance(time, bool) and 0 <= time <= 1
    return WaysPlace(
        calls=calls if type(calls) is int and calls in STOPS else usual.calls,
        time=round(float(time), 3) if is_time else usual.time,  # pyright: ignore[reportArgumentType]
        ways=known_ways(moment.get("ways")) or usual.ways,
        seed=seed if type(seed) is int and 0 <= seed <= MOST_SEED else usual.seed,
    )


def known_ways(names: object) -> tuple[str, ...]:
    """Those of some names that are ways, in the order of WAYS."""
    if not isinstance(names, Sequence) or isinstance(names, str):
        return ()
    return tuple(way for way in WAYS if way in names)


def place_of_link(query: Mapping[str, str], problems: list[str]) -> WaysPlace:
    """Where a link opens the stage; a sentence for each thing in it that is impossible."""
    usual = WaysPlace()
    return WaysPlace(
        calls=_calls(query.get("calls", str(usual.calls)), problems),
        time=_time(query.get("time", "1"), problems),
        ways=_ways(query.get("ways"), problems),
        seed=_seed(query.get("seed", "0"), problems),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _calls(text: str, problems: list[str]) -> int:
    found = _whole(text)
    if found is None or found < 1:
        problems.append(
            f"Expected a number of network calls from 1 to {STOPS[-1]} after calls=, got {text[:20]!r}: without a call "
            f"there is only noise. {OPENING_CALLS} are shown."
        )
        return OPENING_CALLS
    return min(STOPS, key=lambda stop: abs(stop - found))


def _time(text: str, problems: list[str]) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if 0 <= found <= 1:
        return round(found, 3)
    problems.append(f"Expected a time from 0 (noise) to 1 (data), got {text[:20]!r}. The data are shown.")
    return 1.0


def _ways(text: str | None, problems: list[str]) -> tuple[str, ...]:
    names = SHOWN if text is None else tuple(text.split(","))
    if unknown := [name for name in names if name not in WAYS]:
        problems.append(f"There is no way {unknown[0][:20]!r}; there are: {', '.join(WAYS)}.")
    return known_ways(names) or SHOWN


def _seed(text: str, problems: list[str]) -> int:
    found = _whole(text)
    if found is not None and found <= MOST_SEED:
        return found
    problems.append(f"Expected a seed from 0 to {MOST_SEED} after seed=, got {text[:20]!r}. The usual noise is used.")
    return 0
