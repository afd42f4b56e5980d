"""The stage of a score network in the plane: its field beside the exact one, the noise dial, particles that walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.canvas.component import lane_component
from app.canvas.points import Point, checked_point
from app.canvas.stage import StageView
from app.canvas.told import told_moment
from app.views.plane_vae.canvas import FARTHEST
from engines.errors import SettingError
from engines.samplers.walks import HANDFUL, LEAST_WARMTH, WALKS, WalkSettings
from engines.settings import setting_fields

SLIDERS = ("share", "step", "temperature", "level_steps", "n_levels", "steps", "n_particles")

_mount = lane_component("views/score/canvas", styles=("canvas/stage", "views/score/canvas"), states=("moment", "lane"))


@dataclass(frozen=True)
class ScoreStageView(StageView):
    """What the stage shows.

    Attributes:
        exact: The exact field: field, log_prob, sigmas and boxes as `exact_field` gives them.
        modes: Centres of the modes, shape (M, 2); M = 0 where there are none.
        mode_shares: Their true shares, shape (M,).
        band: Median and 95th percentile of the energy distances of true samples from those that are shown.
        spread: Mean and standard deviation of the target along each axis, and the largest variance of a component.
        trained: Least and largest noise level that the network knows.
        walk: The walk, at first and whenever `place` changes.
        point: The chosen point; None for none.
        place: Name of the visit and target that walk and point belong to.
        is_denoising: Whether the loss is that of denoising, whose least value is known.
    """

    exact: Mapping[str, np.ndarray] = field(default_factory=dict)
    modes: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    mode_shares: Sequence[float] = ()
    band: tuple[float, float] = (0.0, 0.0)
    spread: tuple[float, float, float, float, float] = (0.0, 0.0, 1.0, 1.0, 1.0)
    trained: tuple[float, float] = (0.02, 5.0)
    walk: WalkSettings = WalkSettings()
    point: Point | None = None
    place: str = ""
    is_denoising: bool = True

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        own = ("mode_shares", "band", "spread", "trained", "point", "place", "is_denoising")
        own_numbers = {name: getattr(self, name) for name in own} | {"modes": self.modes.tolist()}
        kinds = [{"key": key, **asdict(kind)} for key, kind in WALKS.items()]
        fixed = {"kinds": kinds, "sliders": sliders(), "least_warmth": LEAST_WARMTH, "handful": HANDFUL}
        walks = {"walk": self.walk.to_dict(), "usual_walk": WalkSettings().to_dict()}
        return super().numbers() | own_numbers | fixed | walks

    def arrays(self) -> dict[str, np.ndarray]:
        """The pictures of the blob."""
        return super().arrays() | {f"exact_{name}": array for name, array in self.exact.items()}


def sliders() -> list[dict[str, Any]]:
    """What the canvas needs of each setting that it draws a slider for."""
    names = ("name", "label", "help", "low", "high", "step", "is_log", "kind")
    fields = {f.name: f for f in setting_fields(WalkSettings)}
    return [{name: getattr(fields[key], name) for name in names} for key in SLIDERS]


def draw_score_stage(view: ScoreStageView, *, key: str) -> None:
    """Mount the stage; `read_moment`, `read_walk` and `read_point` read what its visitor set."""
    _mount(data=view.to_bytes(), key=key)


def read_walk(state: object, place: str) -> WalkSettings | None:
    """The walk that the stage's visitor set at this place; None if there is none or it is nonsense."""
    moment = told_moment(state, place=place)
    values = moment.get("walk") if moment else None
    try:
        return WalkSettings.from_dict(values) if isinstance(values, dict) else None
    except (SettingError, TypeError):
        return None


def read_point(state: object, place: str) -> Point | None:
    """The point that the stage's visitor chose at this place; None if there is none or it is nonsense."""
    moment = told_moment(state, place=place)
    return checked_point(moment.get("x"), farthest=FARTHEST) if moment else None
