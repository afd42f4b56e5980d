"""How a canvas is registered: a shell of HTML and CSS here, its script from the live lane's own route.

The script is loaded by URL, so it is sent once, cached by the browser, and may import its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

APP = Path(__file__).resolve().parents[1]
# Streamlit's own scripts lie beside the lane, wherever a proxy has put both: below a path, or at the root.
LOADER = """
const own = document.querySelector('script[src*="static/js/"]')?.src.replace(/static\\/js\\/.*$/, "");
const url = new URL("lane/js/NAME.js", own ?? new URL("BASE", location.origin)).href;
const script = import(url);
export default function (component) {
  const mounted = script.then((module) => module.mount(component), () => {
    const words = document.createElement("p");
    words.setAttribute("role", "alert");
    words.textContent = `This picture could not be loaded from ${url}. A proxy in between must pass /lane/ on.`;
    component.parentElement.replaceChildren(words);
  });
  return () => mounted.then((unmount) => unmount?.());
}
"""


def lane_component(
    name: str,
    styles: tuple[str, ...] = (),
    *,
    states: tuple[str, ...] = ("moment",),
    triggers: tuple[str, ...] = ("ended",),
) -> Callable[..., Any]:
    """Register a canvas.

    Args:
        name: Its script is app/<name>.js, as in "views/flows/canvas"; its element's class is that path, see `class_of`.
        styles: Its style sheets, named in the same way; none: app/<name>.css.
        states: What it tells that stays, such as where the visitor is; `app.canvas.told` reads it.
        triggers: What it tells for one run of the page, such as that a training has just ended.

    Returns:
        The mount function; give it `data` as bytes of a safetensors blob, and always a key.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    script = LOADER.replace("NAME", name).replace("BASE", f"/{base}/" if base else "/")
    html = f'<div class="{class_of(name)}"></div>'
    style = "\n".join((APP / f"{each}.css").read_text(encoding="utf-8") for each in styles or (name,))
    component = v2.component(f"genlab_{class_of(name)}", html=html, css=style, js=script)
    hears: dict[str, Any] = {f"on_{name}_change": lambda: None for name in (*states, *triggers)}

    def mount(*, data: bytes, key: str, **more: Any) -> Any:
        return component(**{"data": data, "key": key, "default": dict.fromkeys(states)} | hears | more)

    return mount


def class_of(name: str) -> str:
    """CSS class of a canvas: "flows_canvas" of "views/flows/canvas", "picker" of "canvas/picker"."""
    return name.removeprefix("views/").removeprefix("canvas/").replace("/", "_")
