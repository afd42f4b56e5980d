"""The stage of a flow in the plane: data, model, difference, the ledger of a point, and the layers one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.canvas.component import lane_component
from app.canvas.points import Point, checked_point, point_of_text
from app.canvas.stage import StageView
from app.canvas.told import told_moment

FARTHEST = 1e6
SHOWN = ("samples", "contours", "marginals", "grid", "particles", "square")
USUAL_SHOWN = ("samples", "grid", "particles", "square")
RINGS = ("all", "inner", "middle", "outer")
MOST_LAYERS = 200

_mount = lane_component("views/flows/canvas", styles=("canvas/stage", "views/flows/canvas"), states=("moment", "lane"))


@dataclass(frozen=True)
class FlowPlace:
    """What a visitor set on the stage.

    Attributes:
        x: The point of the ledger; None: a point of the data.
        layer: How many layers have acted, from the base; None: as it opens.
        show: What is drawn, of SHOWN.
        ring: Which particles, of RINGS.
    """

    x: Point | None = None
    layer: float | None = None
    show: tuple[str, ...] = USUAL_SHOWN
    ring: str = "all"

    def texts(self) -> dict[str, str]:
        """What differs from the usual, as parameters of a link."""
        texts = {} if self.x is None else {"x": f"{self.x[0]:g},{self.x[1]:g}"}
        texts |= {} if self.layer is None else {"layer": f"{self.layer:g}"}
        texts |= {} if self.show == USUAL_SHOWN else {"show": " ".join(self.show) or "none"}
        return texts | ({} if self.ring == "all" else {"ring": self.ring})


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
        place = {"x": self.place.x, "layer": self.place.layer, "show": self.place.show, "ring": self.place.ring}
        own = {"names": list(self.names), "base": self.base, "ways": self.ways, "first_x": self.first_x}
        return super().numbers() | own | {"place": place, "visit": self.visit, "usual_show": USUAL_SHOWN}


def draw_flow_stage(view: FlowStageView, *, key: str) -> None:
    """Mount the stage; `read_moment` and `read_place` read what its visitor set."""
    _mount(data=view.to_bytes(), key=key)


def read_place(state: object, visit: str) -> FlowPlace | None:
    """What the stage's visitor set, checked; None if there is none or it is nonsense."""
    moment = told_moment(state, visit=visit)
    if moment is None:
        return None
    x, layer, show = moment.get("x"), moment.get("layer"), moment.get("show")
    if not isinstance(show, list) or moment.get("ring") not in RINGS:
        return None
    shown = tuple(name for name in SHOWN if name in show)
    return FlowPlace(checked_point(x, farthest=FARTHEST, digits=4), _checked_layer(layer), shown, str(moment["ring"]))


def place_of_link(query: Mapping[str, str], problems: list[str]) -> FlowPlace:
    """What a link sets; a sentence for each thing in it that is impossible."""
    place = FlowPlace()
    if text := query.get("x", ""):
        point = point_of_text(text, farthest=FARTHEST, digits=4)
        place = replace(place, x=point)
        if point is None:
            problems.append(
                f"Expected two numbers for x, within a million of 0, such as 0.5,-1; got {text[:20]!r}. "
                "A point of the data is shown."
            )
    if text := query.get("layer", ""):
        layer = _number_of(text)
        place = replace(place, layer=layer)
        if layer is None:
            problems.append(f"Expected how many layers have acted, such as 2.5; got {text[:20]!r}. It is left out.")
    return _with_choices(place, query, problems)


def _with_choices(place: FlowPlace, query: Mapping[str, str], problems: list[str]) -> FlowPlace:
    names = [name for name in query.get("show", " ".join(USUAL_SHOWN)).split() if name != "none"]
    if set(names) <= set(SHOWN):
        place = replace(place, show=tuple(name for name in SHOWN if name in names))
    else:
        problems.append(f"Expected show of {', '.join(SHOWN)}; got {' '.join(names)[:30]!r}. The usual is shown.")
    ring = query.get("ring", "all")
    if ring in RINGS:
        return replace(place, ring=ring)
    problems.append(f"Expected ring to be one of {', '.join(RINGS)}; got {ring[:20]!r}. All are shown.")
    return place


def _number_of(text: str) -> float | None:
    try:
        return _checked_layer(float(text))
    except ValueError:
        return None


def _checked_layer(value: object) -> float | None:
    if type(value) not in (int, float) or not isinstance(value, int | float) or not 0 <= value <= MOST_LAYERS:
        return None
    return round(float(value), 2)
