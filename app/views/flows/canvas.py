"""The stage of a flow in the plane: data, model, difference, the ledger of a point, and the layers one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.place import Place
from app.canvas.points import Point
from app.canvas.stage import StageView
from engines.settings import setting

FARTHEST = 1e6
SHOWN = ("samples", "contours", "marginals", "grid", "particles", "square")
USUAL_SHOWN = ("samples", "grid", "particles", "square")
RINGS = ("all", "inner", "middle", "outer")
MOST_LAYERS = 200

_mount = lane_component("views/flows/canvas", styles=("canvas/stage", "views/flows/canvas"), states=("moment", "lane"))


@dataclass(frozen=True)
class FlowPlace(Place):
    """What a visitor set on the stage; no point: a point of the data, no layer: as it opens."""

    x: Point | None = setting(None, "Point", "Of the ledger.", low=-FARTHEST, high=FARTHEST, digits=4)
    layer: float | None = setting(
        None, "Layers", "How many have acted, from the base.", low=0.0, high=MOST_LAYERS, digits=2
    )
    show: tuple[str, ...] = setting(USUAL_SHOWN, "What is drawn", "Beside the densities.", choices=SHOWN)
    ring: str = setting("all", "Particles", "Those of a ring of the base, or all.", choices=RINGS)


@dataclass(frozen=True)
class FlowStageView(StageView):
    """What the stage shows, beyond that of `StageView`.

    Attributes:
        names: Of the layers, base first.
        base: What the layers bend, in words.
        ways: How the latent and how the data side is found, in words.
        first_x: The ledger's point while nobody has chosen one.
        place: What was set on the stage, at first and whenever `visit` changes.
        visit: Name of the visit and the target that the place belongs to.
    """

    names: Sequence[str] = ()
    base: str = ""
    ways: tuple[str, str] = ("", "")
    first_x: Point = (0.0, 0.0)
    place: FlowPlace = FlowPlace()
    visit: str = ""

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        own = {"names": list(self.names), "base": self.base, "ways": self.ways, "first_x": self.first_x}
        return super().numbers() | own | {"place": self.place.numbers(), "visit": self.visit, "usual_show": USUAL_SHOWN}


def draw_flow_stage(view: FlowStageView, *, key: str) -> None:
    """Mount the stage; `read_moment` and `FlowPlace` read what its visitor set."""
    _mount(data=view.to_bytes(), key=key)
