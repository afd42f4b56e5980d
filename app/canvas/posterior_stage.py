"""The stage of a VAE in the plane: data, model, the posterior of a point that is dragged, and the bound's gap there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.stage import StageView

Point = tuple[float, float]
FARTHEST = 1000.0

_mount = lane_component("posterior_stage", styles=("stage", "posterior_stage"))


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
    _mount(
        key=key,
        data=view.to_bytes(),
        default={"moment": None, "lane": None},
        on_moment_change=lambda: None,
        on_lane_change=lambda: None,
        on_ended_change=lambda: None,
    )


def read_point(state: object, place: str) -> Point | None:
    """The point that the stage's visitor chose at this place, checked; None if there is none or it is nonsense."""
    moment = state.get("moment") if isinstance(state, dict) else getattr(state, "moment", None)
    if not isinstance(moment, dict) or moment.get("place") != place:
        return None
    return checked_point(moment.get("x"))


def read_zoomed(state: object) -> bool | None:
    """Whether the stage's visitor looks around q; None if nothing was told."""
    moment = state.get("moment") if isinstance(state, dict) else getattr(state, "moment", None)
    zoomed = moment.get("zoomed") if isinstance(moment, dict) else None
    return zoomed if isinstance(zoomed, bool) else None


def checked_point(value: object) -> Point | None:
    """Two finite numbers within reach, to three decimals; None if they are none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(type(v) in (int, float) and math.isfinite(v) and abs(v) <= FARTHEST for v in value):
        return None
    return round(float(value[0]), 3), round(float(value[1]), 3)
