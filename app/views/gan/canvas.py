"""The stage of a GAN in the plane: landscape, particles, the mode monitor, two futures, and moves by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.canvas.stage import StageView
from app.canvas.told import told
from app.page.facts import fill
from engines.errors import SettingError
from engines.gan.losses import LOSSES
from engines.gan.plane.alarm import ALARMS, PATIENCE
from engines.gan.plane.cures import supported_cures
from engines.gan.plane.settings import PlaneGanSettings
from engines.settings import Value, setting, setting_fields
from engines.training.moves import MOST_MOVES, check_moves

VIEWS = ("learned", "optimal", "difference")
LAYERS = ("real", "fakes", "arrows", "grid")
USUAL_LAYERS = ("real", "fakes", "arrows")
_RATE = "{{file benchmarks/results/gan_alarm.json results/{} .0f}}".format
WATCHED = (
    "Watched for: modes lost, modes chased one after the other, a discriminator too strong to learn from, samples "
    f"between the modes. From {100 * PATIENCE:.0f} % of the training on: silent on "
    f"{_RATE('healthy_presets/healthy_and_silent')} of {_RATE('healthy_presets/healthy')} games that ended well, "
    f"loud on {_RATE('presets/collapse/collapsed_and_loud_at_the_end')} of {_RATE('presets/collapse/collapsed')} that "
    "collapsed, none of them among the games that its rules were made with."
)

_mount = lane_component(
    "views/gan/canvas",
    styles=("canvas/stage", "views/gan/canvas"),
    states=("moment", "lane"),
    triggers=("ended", "cure"),
)


@dataclass(frozen=True)
class GanPlace(Place):
    """What a visitor set on the stage."""

    view: str = setting("learned", "View", "Whose landscape is shown.", choices=VIEWS)
    layers: tuple[str, ...] = setting(USUAL_LAYERS, "Layers", "What lies over the landscape.", choices=LAYERS)
    moves: str = setting("", "Moves", "Made by hand from the shown step.", max_length=MOST_MOVES, rule=check_moves)


@dataclass(frozen=True)
class Origin:
    """Where a fork came from.

    Attributes:
        run: Digest of the run that it left.
        step: At which step.
        was, became: What was changed, before and after, such as "PacGAN pack size = 1" and "… = 2".
    """

    run: str
    step: int
    was: str
    became: str


@dataclass(frozen=True)
class GanStageView(StageView):
    """What the stage shows, beyond that of `StageView`.

    Attributes:
        modes, mode_std, mode_shares, blurred, blur, bands: See `GanTarget`.
        settings: Of the run.
        place: What was set on the stage, at first and whenever `visit` changes.
        visit: Name of the visit and the target that the place belongs to.
        origin: Where a fork came from; None for a run of its own.
    """

    modes: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    mode_std: float = 0.0
    mode_shares: Sequence[float] = ()
    blurred: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))
    blur: float = 1.0
    bands: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    settings: PlaneGanSettings = PlaneGanSettings()
    place: GanPlace = GanPlace()
    visit: str = ""
    origin: Origin | None = None

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        game = LOSSES[self.settings.loss]
        own = {name: getattr(self, name) for name in ("mode_std", "mode_shares", "blur", "visit")}
        own |= {"modes": self.modes.tolist(), "bands": dict(self.bands), "settings": self.settings.to_dict()}
        own |= {"game": {"key": game.key, "title": game.title, "optimum": game.optimum}}
        own |= {"alarms": alarms(self.settings), "watched": fill(WATCHED)}
        own |= {"place": self.place.numbers(), "usual_place": GanPlace().numbers()}
        return super().numbers() | own | {"origin": vars(self.origin) if self.origin else None}

    def arrays(self) -> dict[str, np.ndarray]:
        """The pictures of the blob."""
        return super().arrays() | {"blurred": self.blurred}


def alarms(settings: PlaneGanSettings) -> list[dict[str, Any]]:
    """Every alarm with the cures that the stored sweep supports in this game and that are not in use yet."""
    held = settings.to_dict()
    return [
        {
            "key": alarm.key,
            "sentence": alarm.sentence,
            "cures": [
                {"name": cure.name, "value": cure.value, "text": said(cure.name, cure.value), "support": cure.support}
                for cure in supported_cures(alarm.key, settings.loss)
                if held[cure.name] != cure.value and not is_weaker(held[cure.name], cure.value)
            ],
        }
        for alarm in ALARMS.values()
    ]


def is_weaker(held: Value, cure: Value) -> bool:
    """Whether a cure that is measured out is given already, and more of it."""
    numbers = isinstance(held, int | float) and isinstance(cure, int | float) and not isinstance(held, bool)
    return numbers and 0 < float(cure) < float(held) and float(cure) != 1


def said(name: str, value: Value) -> str:
    """A setting with its value, as a visitor reads it: "PacGAN pack size = 2", "minibatch std. dev. on"."""
    label = next(f.in_text for f in setting_fields(PlaneGanSettings) if f.name == name)
    if isinstance(value, bool):
        return f"{label} {'on' if value else 'off'}"
    if name == "loss":
        return f"{LOSSES[str(value)].title.lower()} loss"
    return f"{label} = {value:g}" if isinstance(value, int | float) else f"{label} = {value}"


def draw_gan_stage(view: GanStageView, *, key: str, on_cure: Callable[[], object]) -> None:
    """Mount the stage; `read_moment` and `GanPlace` read what its visitor set, `read_cure` what cure was pressed."""
    _mount(data=view.to_bytes(), key=key, on_cure_change=on_cure)


@dataclass(frozen=True)
class Cure:
    """A fork that a visitor asked for: from a step of a run, with one setting changed."""

    run: str
    step: int
    name: str
    value: Value


def read_cure(state: object) -> Cure | None:
    """The cure that was just pressed, checked; None if there is none or it is nonsense."""
    text = told(state, "cure")
    try:
        found = json.loads(text) if isinstance(text, str) else None
        if not isinstance(found, dict) or type(found.get("step")) is not int:
            return None
        name = str(found.get("name"))
        value = PlaneGanSettings.from_dict({name: found.get("value")}).to_dict()[name]
    except (ValueError, SettingError, TypeError, KeyError):
        return None
    return Cure(str(found.get("run")), found["step"], name, value)
