"""A builder for a flow of one's own: a palette of layers, the layers in a row, and their text form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.canvas.component import lane_component
from app.canvas.told import told
from app.theme import both_themes
from engines.blobs import pack

_mount = lane_component("views/flows/stack_canvas", states=(), triggers=("wish",))


def draw_flow_stack(
    palette: Mapping[str, str],
    layers: Sequence[str],
    text: str,
    *,
    facts: str,
    problem: str,
    tried: str,
    can_undo: bool,
    key: str,
    on_wish: Callable[[], object],
) -> None:
    """Mount the builder.

    Args:
        palette: Layer -> what it does, in display order.
        layers: The stack, from the data to the base.
        text: The same as a visitor would type it.
        facts: How many layers and parameters.
        problem: What was wrong with what was typed last; empty if nothing.
        tried: What was typed then.
        can_undo: Whether there is something to go back to.
        key: Widget key.
        on_wish: Called when the visitor wants another stack; see `read_wish`.
    """
    numbers = {"palette": dict(palette), "layers": list(layers), "text": text, "facts": facts, "problem": problem}
    numbers |= {"tried": tried, "can_undo": can_undo}
    numbers |= {"themes": both_themes()}
    _mount(data=pack({}, numbers), key=key, on_wish_change=on_wish)


def read_wish(state: object) -> Mapping[str, object] | None:
    """What was just asked for: {"layers": names}, {"text": words} or {"undo": True}, with its "id" if it has one.

    None if nothing was asked for, or nonsense.
    """
    wish = told(state, "wish")
    if not isinstance(wish, dict):
        return None
    layers, text = wish.get("layers"), wish.get("text")
    own = {"id": wish["id"]} if isinstance(wish.get("id"), str) else {}
    if isinstance(layers, list) and all(isinstance(name, str) for name in layers):
        return {"layers": layers} | own
    if isinstance(text, str):
        return {"text": text} | own
    return {"undo": True} | own if wish.get("undo") is True else None
