"""The stage of a VAE in the plane: data, model, the posterior of a point that is dragged, and the bound's gap there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.points import Point, checked_point
from app.canvas.stage import StageView
from app.canvas.told import told_moment

FARTHEST = 1000.0

_mount = lane_component(
    "views/plane_vae/canvas", styles=("canvas/stage", "views/plane_vae/canvas"), states=("moment", "lane")
)


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
    """Mount the stage. Its moment is read with `read_moment`, the point with `read_point`."""
    _mount(data=view.to_bytes(), key=key)


def read_point(state: object, place: str) -> Point | None:
    """The point that the stage's visitor chose at this place, checked; None if there is none or it is nonsense."""
    moment = told_moment(state, place=place)
    return checked_point(moment.get("x"), farthest=FARTHEST) if moment else None


def read_zoomed(state: object) -> bool | None:
    """Whether the stage's visitor looks around q; None if nothing was told."""
    moment = told_moment(state)
    zoomed = moment.get("zoomed") if moment else None
    return zoomed if isinstance(zoomed, bool) else None
