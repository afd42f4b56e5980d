"""Colour by role, the same in every picture: data, model, base noise, field, error. Safe for colour-blind eyes.

The pairs (light, dark) have the same hue; data and model differ in hue and in lightness, so they stay apart in
grey. `.streamlit/config.toml` repeats the surface colours, which Streamlit needs there; a test holds the two
together.
"""

from __future__ import annotations

from typing import Literal

Role = Literal["data", "model", "base", "field", "error"]
Theme = Literal["light", "dark"]

ROLES: dict[Role, dict[Theme, str]] = {
    "data": {"light": "#2f6fde", "dark": "#6aa2ff"},
    "model": {"light": "#cc7a00", "dark": "#ffb340"},
    "base": {"light": "#7a8494", "dark": "#7d8a9b"},
    "field": {"light": "#0f9488", "dark": "#3ccabb"},
    "error": {"light": "#c8452d", "dark": "#ff7a5c"},
}

SURFACES: dict[str, dict[Theme, str]] = {
    "background": {"light": "#fbfbfa", "dark": "#0f141b"},
    "panel": {"light": "#ffffff", "dark": "#161d27"},
    "ink": {"light": "#1c2430", "dark": "#e7ecf3"},
    "soft": {"light": "#5d6877", "dark": "#93a0b2"},
    "line": {"light": "#e4e6ea", "dark": "#263140"},
}


def role_colours(theme: Theme) -> dict[str, str]:
    """Colour of each role and surface in a theme."""
    return {name: pair[theme] for name, pair in (ROLES | SURFACES).items()}


def both_themes() -> dict[Theme, dict[str, str]]:
    """The same in both, for a canvas that follows the theme of its page."""
    return {"light": role_colours("light"), "dark": role_colours("dark")}
