"""The stage of a GAN in the plane: landscape, particles, the mode monitor, two futures, and moves by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.stage import StageView
from app.canvas.told import told, told_moment
from app.page.facts import fill
from engines.errors import SettingError
from engines.gan.losses import LOSSES
from engines.gan.plane.alarm import ALARMS, PATIENCE
from engines.gan.plane.cures import supported_cures
from engines.gan.plane.settings import PlaneGanSettings
from engines.settings import Value, setting_fields
from engines.training.moves import check_moves

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
class GanPlace:
    """What a visitor set on the stage.

    Attributes:
        view: Whose landscape is shown: one of VIEWS.
        layers: What lies over it, of LAYERS.
        moves: Made by hand from the shown step.
    """

    view: str = "learned"
    layers: tuple[str, ...] = USUAL_LAYERS
    moves: str = ""

    def texts(self) -> dict[str, str]:
        """What differs from the usual, as parameters of a link."""
        usual, found = GanPlace(), {"view": self.view, "layers": " ".join(self.layers) or "none", "moves": self.moves}
        return {name: text for name, text in found.items() if getattr(self, name) != getattr(usual, name)}


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
        own |= {"place": vars(self.place), "usual_place": vars(GanPlace())}
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
    """Mount the stage; `read_moment` and `read_place` read what its visitor set, `read_cure` what cure was pressed."""
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


def read_place(state: object, visit: str) -> GanPlace | None:
    """What the stage's visitor set, checked; None if there is none or it is nonsense."""
    moment = told_moment(state, visit=visit)
    if moment is None:
        return None
    layers = moment.get("layers")
    if not isinstance(layers, list):
        return None
    try:
        return checked_place(str(moment.get("view")), [str(name) for name in layers], moment.get("moves"))
    except SettingError:
        return None


def place_of_link(query: Mapping[str, str], problems: list[str]) -> GanPlace:
    """What a link sets; a sentence for each thing in it that is impossible."""
    place = GanPlace()
    for name in ("view", "layers", "moves"):
        if name not in query:
            continue
        wanted = {"view": place.view, "layers": place.layers, "moves": place.moves} | {name: query[name]}
        layers = wanted["layers"]
        names = [n for n in layers.split() if n != "none"] if isinstance(layers, str) else list(layers)
        try:
            place = checked_place(str(wanted["view"]), names, wanted["moves"])
        except SettingError as error:
            problems.append(f"{error} The usual is shown.")
    return place


def checked_place(view: str, layers: Sequence[str], moves: object) -> GanPlace:
    """A place.

    Raises:
        SettingError: If it is none.
    """
    if view not in VIEWS:
        raise SettingError(f"Expected the view {', '.join(VIEWS)}, got {view[:20]!r}.")
    if not set(layers) <= set(LAYERS):
        raise SettingError(f"Expected layers of {', '.join(LAYERS)}, got {' '.join(layers)[:30]!r}.")
    return replace(GanPlace(view), layers=tuple(n for n in LAYERS if n in layers), moves=check_moves(moves))
