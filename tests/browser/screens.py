"""The same page on every screen and in both themes, seen in one visit."""

from __future__ import annotations

from typing import Any, Literal

from app.theme import SURFACES

SCREENS: dict[str, tuple[Literal["light", "dark"], tuple[int, int]]] = {
    "light": ("light", (1440, 900)),
    "dark": ("dark", (1440, 900)),
    "tablet": ("light", (800, 1000)),
    "phone": ("dark", (390, 844)),
}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What is cut off at the right: elements that end outside of the screen, unless something scrolls them.
CUT_OFF = """() => {
  const within = (e) => (e.shadowRoot ? walk(e.shadowRoot) : []);
  const walk = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...within(e)]);
  const isClipped = (e) => /auto|scroll|hidden/.test(getComputedStyle(e).overflowX);
  const scrolls = (e) => e && (isClipped(e) || scrolls(e.parentElement ?? e.getRootNode().host));
  return walk(document.querySelector('[data-testid="stMainBlockContainer"]'))
    .filter((e) => e.clientWidth && e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement))
    .map((e) => `${e.tagName}.${e.className}`).slice(0, 5);
}"""


def check_fit(visitor: Any) -> None:
    """Nothing makes the page wider than the screen, and nothing is cut off."""
    visitor.wait_for_value(f"Math.max(0, {OVERFLOW})", 0)
    visitor.wait_for_value(f"({CUT_OFF})()", [])


def check_everywhere(visitor: Any, name: str, *, stage: str = "genlabStage", ready: str = "true") -> None:
    """Look at an open page on each screen and keep a picture of it.

    Args:
        visitor: At the page.
        name: Of the pictures.
        stage: JavaScript name of its canvas, whose colours tell the theme.
        ready: JavaScript that is true when all is drawn.
    """
    for screen, (theme, (width, height)) in SCREENS.items():
        visitor.page.emulate_media(color_scheme=theme)
        visitor.page.set_viewport_size({"width": width, "height": height})
        visitor.wait(f"{stage}.colours.background === '{SURFACES['background'][theme]}'")
        visitor.wait(ready)
        check_fit(visitor)
        visitor.keep_whole(f"{name}-{screen}")
