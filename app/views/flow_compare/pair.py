"""Two flows side by side on the same data: both densities, the data between them, and their KL over the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.canvas.component import lane_component
from app.canvas.stage import StageView

_mount = lane_component(
    "views/flow_compare/pair",
    styles=("canvas/stage", "views/flows/canvas", "views/flow_compare/pair"),
    states=("moment", "lane"),
)


@dataclass(frozen=True)
class FlowPairView(StageView):
    """What the stage shows: the run of `StageView` on the left, another one on the right.

    Attributes:
        rival: Digest of the run on the right, or empty.
        names: What the two are called.
    """

    rival: str = ""
    names: tuple[str, str] = ("", "")

    def numbers(self) -> dict[str, Any]:
        """What goes into the blob's header."""
        return super().numbers() | {"rival": self.rival, "names": list(self.names)}


def draw_flow_pair(view: FlowPairView, *, key: str) -> None:
    """Mount the stage. Its moment is read with `read_moment`."""
    _mount(data=view.to_bytes(), key=key)
