"""How a canvas is registered: a shell of HTML and CSS here, its script from the live lane's own route.

The script is loaded by URL, so it is sent once, cached by the browser, and may import its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

HERE = Path(__file__).parent


def lane_component(name: str, styles: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Register the canvas whose script is <name>.js; its styles are those named, or <name>.css.

    Returns:
        The mount function; give it `data` as bytes of a safetensors blob, and always a key.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    url = f"{'/' + base if base else ''}/lane/js/{name}.js"
    script = f"""
const script = import(new URL({url!r}, location.origin).href);
export default function (component) {{
  const mounted = script.then((module) => module.mount(component));
  return () => mounted.then((unmount) => unmount?.());
}}
"""
    html = f'<div class="{name}"></div>'
    style = "\n".join((HERE / f"{each}.css").read_text(encoding="utf-8") for each in styles or (name,))
    return v2.component(f"genlab_{name}", html=html, css=style, js=script)
