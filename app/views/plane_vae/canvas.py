"""The stage of a VAE in the plane: data, model, the posterior of a point that is dragged, and the bound's gap there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.canvas.points import Point
from app.canvas.stage import StageView
from app.canvas.told import told_moment
from engines.settings import setting

FARTHEST = 1000.0
VIEWS = ("plane", "q")

_mount = lane_component(
    "views/plane_vae/canvas", styles=("canvas/stage", "views/plane_vae/canvas"), states=("moment", "lane")
)


@dataclass(frozen=True)
class PosteriorPlace(Place):
    """What a visitor set on the stage; no point: a point of the data."""

    x: Point | None = setting(None, "Point", "Whose posterior is shown.", low=-FARTHEST, high=FARTHEST, digits=3)
    view: str = setting("plane", "View", "The whole latent plane, or what lies around q.", choices=VIEWS)

    def numbers(self) -> dict[str, Any]:
        """As the canvas takes and tells it."""
        return {"x": self.x, "zoomed": self.view == "q"}

    @classmethod
    def of_told(cls, moment: Mapping[str, Any]) -> Self:
        """Where a canvas says that its visitor is; what is impossible gives way to the default."""
        return super().of_told({**moment, "view": "q" if moment.get("zoomed") is True else "plane"})


@dataclass(frozen=True)
class PosteriorStageView(StageView):
    """What the stage shows.

    Attributes:
        x: The point whose posterior is shown, at first and whenever `place` changes.
        place: Name of the visit and target that x belongs to.
        is_chosen: Whether x was chosen by a visitor, and so stands in the link.
        zoomed: Whether the posterior is at first shown around q, not on the whole latent plane.
        n_latents: 1 or 2.
        is_bound: Whether the loss is the bound itself, which the entropy limits.
    """

    x: Point = (0.0, 0.0)
    place: str = ""
    is_chosen: bool = False
    zoomed: bool = False
    n_latents: int = 2
    is_bound: bool = True

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        own = ("place", "is_chosen", "zoomed", "n_latents", "is_bound")
        return super().numbers() | {"x": list(self.x)} | {name: getattr(self, name) for name in own}


def draw_posterior_stage(view: PosteriorStageView, *, key: str) -> None:
    """Mount the stage. Its moment is read with `read_moment`, the rest with `read_place`."""
    _mount(data=view.to_bytes(), key=key)


def read_place(state: object, visit: str, held: PosteriorPlace) -> PosteriorPlace:
    """What the stage's visitor set, over what is held; a point that was chosen in another visit says nothing here."""
    moment = told_moment(state)
    if moment is None:
        return held
    found = PosteriorPlace.of_told(moment)
    return PosteriorPlace(found.x if found.x and moment.get("place") == visit else held.x, found.view)
