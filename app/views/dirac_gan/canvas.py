"""The stage of the Dirac-GAN: two numbers that play, as a field, with ways, eigenvalues and a grid of all games."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.canvas.component import lane_component
from app.canvas.points import checked_point, point_of_text
from app.canvas.told import told_moment
from app.theme import both_themes
from engines.blobs import pack
from engines.errors import SettingError
from engines.gan.dirac.game import CURES, DiracSettings, quadrature
from engines.gan.losses import LOSSES
from engines.settings import setting_fields

SLIDERS = ("strength", "h", "ratio", "momentum", "n_critic")
MOVES = {
    "flow": ("flow", "Infinitely small steps of both players"),
    "simultaneous": ("both at once", "Both players step at the same time"),
    "alternating": ("in turn", "The discriminator steps first; the generator sees its new slope"),
}
USUAL = "usual"  # a game in which nothing is changed, as a word of a link
FARTHEST = 2.2  # of a start, from the origin along each axis
MOST_KEPT = 4

_mount = lane_component("views/dirac_gan/canvas", styles=("canvas/stage", "views/dirac_gan/canvas"), triggers=())


@dataclass(frozen=True)
class DiracPlace:
    """Where the visitor is.

    Attributes:
        game: The game on the stage.
        start: θ and ψ at its beginning.
        kept: Games beside it, from the same start.
    """

    game: DiracSettings = DiracSettings()
    start: tuple[float, float] = (1.0, 1.0)
    kept: tuple[DiracSettings, ...] = (DiracSettings(cure="r1"),)

    def texts(self) -> dict[str, str]:
        """What a link says of it: what differs from the usual."""
        texts = {f"game.{name}": text for name, text in self.game.changed().items()}
        if self.start != DiracPlace().start:
            texts["start"] = f"{self.start[0]:g},{self.start[1]:g}"
        if self.kept != DiracPlace().kept:
            texts["kept"] = ";".join(_game_text(game) for game in self.kept)
        return texts


@dataclass(frozen=True)
class DiracView:
    """What the stage shows: where it opens, and the name of this visit; a new one opens it anew."""

    place: DiracPlace
    visit: str

    def to_bytes(self) -> bytes:
        """The blob that the canvas reads."""
        places, weights = quadrature()
        numbers: dict[str, Any] = {"visit": self.visit, "game": self.place.game.to_dict(), "start": self.place.start}
        numbers |= {
            "kept": [game.to_dict() for game in self.place.kept],
            "losses": [{"key": loss.key, "title": loss.title} for loss in LOSSES.values()],
            "cures": [{"key": key, **asdict(cure)} for key, cure in CURES.items()],
            "dynamics": [{"key": key, "title": title, "idea": idea} for key, (title, idea) in MOVES.items()],
            "fields": sliders(),
            "nodes": {"places": places.tolist(), "weights": weights.tolist()},
            "themes": both_themes(),
        }
        return pack({}, numbers)


def sliders() -> list[dict[str, Any]]:
    """What the canvas needs of each setting that it draws a slider for."""
    names = ("name", "label", "help", "low", "high", "step", "is_log", "kind")
    fields = {field.name: field for field in setting_fields(DiracSettings)}
    return [{name: getattr(fields[key], name) for name in names} for key in SLIDERS]


def draw_dirac(view: DiracView, *, key: str) -> None:
    """Mount the stage. Where the visitor is stands in its state; see `read_dirac_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_dirac_place(state: object, visit: str) -> DiracPlace | None:
    """The stage's place from its session state, checked; None if there is none, or it is of another visit."""
    moment = told_moment(state, visit=visit)
    if moment is None:
        return None
    games = moment.get("kept")
    kept = [_game_of(found) for found in games[:MOST_KEPT]] if isinstance(games, Sequence) else []
    start = checked_point(moment.get("start"), farthest=FARTHEST)
    return DiracPlace(
        _game_of(moment.get("game")) or DiracSettings(),
        start or DiracPlace().start,
        tuple(game for game in kept if game is not None),
    )


def place_of_link(query: Mapping[str, str], problems: list[str]) -> DiracPlace:
    """Where a link opens the stage, and a sentence for each thing in it that is impossible."""
    texts = {name[5:]: text for name, text in query.items() if name.startswith("game.")}
    game, wrong = DiracSettings.from_texts(texts)
    problems += wrong
    problems += _unknown(texts)
    place = DiracPlace(game)
    if "start" in query:
        place = replace(place, start=_start_of_text(query["start"], problems))
    if "kept" in query:
        place = replace(place, kept=_kept_of_text(query["kept"], problems))
    return place


def _game_of(found: object) -> DiracSettings | None:
    """A game that a canvas told, if it is one."""
    try:
        return DiracSettings.from_dict(dict(found)) if isinstance(found, Mapping) else None
    except (SettingError, TypeError, ValueError):
        return None


def _start_of_text(text: str, problems: list[str]) -> tuple[float, float]:
    start = point_of_text(text, farthest=FARTHEST)
    if start is not None:
        return start
    problems.append(
        f"Expected two numbers from {-FARTHEST} to {FARTHEST} after start=, such as 1,0.5; got {text[:20]!r}. "
        "The usual start is taken."
    )
    return DiracPlace().start


def _game_text(game: DiracSettings) -> str:
    """A game as one word of a link."""
    return ",".join(f"{name}:{text}" for name, text in game.changed().items()) or USUAL


def _unknown(texts: Mapping[str, str]) -> list[str]:
    known = DiracSettings().to_dict()
    return [f"There is no setting {name[:40]!r} of a game." for name in texts if name not in known]


def _kept_of_text(text: str, problems: list[str]) -> tuple[DiracSettings, ...]:
    kept = []
    for word in [word for word in text.split(";") if word][:MOST_KEPT]:
        parts = [part.partition(":") for part in word.split(",") if word != USUAL]
        pairs = {name: value for name, _, value in parts}
        game, wrong = DiracSettings.from_texts(pairs)
        problems += wrong + _unknown(pairs)
        kept.append(game)
    return tuple(kept)
