"""What a canvas told, from its session state; it came from a browser, so whoever reads it checks each value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def told(state: object, name: str) -> Any:
    """What a canvas told under a name; None if nothing."""
    return state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)


def told_moment(state: object, **at: str) -> Mapping[str, Any] | None:
    """Where a canvas says that its visitor is; None if it has said nothing, or said it somewhere else.

    Args:
        state: Of the canvas.
        at: What the moment must name to be of here, such as visit="…" or of="run/attempt".
    """
    moment = told(state, "moment")
    if not isinstance(moment, Mapping) or any(moment.get(name) != here for name, here in at.items()):
        return None
    return moment
