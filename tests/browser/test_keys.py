"""Keys on every slider and every cross of every page: each moves it by a step that is seen, and none throws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import ElementHandle
from playwright.sync_api import TimeoutError as TooLateError

from app.navigation import NAVIGATION, PageEntry

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]  # some pages have twenty sliders
READY = "Object.keys(globalThis).some((name) => name.startsWith('genlab'))"
CROSSES = "[role=application][tabindex='0'], canvas[aria-label*='cross'][tabindex='0']"
SLIDERS = f"input[type=range], [role=slider], {CROSSES}"
# Streamlit's own sliders stand in no shadow root; a slider with one place only has nowhere to go.
IS_OURS = """(e) => e.getRootNode() instanceof ShadowRoot && e.clientWidth > 0
  && (e.type !== 'range' || (!e.disabled && +e.min < +e.max))"""
# What a person sees of a slider, or a screen reader hears.
SAID = """(e) => e.type === 'range' ? e.value
  : ['aria-valuenow', 'aria-valuetext', 'aria-description'].map((name) => e.getAttribute(name)).join()"""
IS_OTHER = f"([e, old]) => ({SAID})(e) !== old"
SECONDS = 6.0  # a step that does not come by then does not come
# Start at the low end; each key then has to change what it finds.
KEYS = ("ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "PageDown", "End", "ArrowLeft", "Home")


def name_of(slider: ElementHandle) -> str:
    return str(slider.evaluate("(e) => e.getAttribute('aria-label') || e.parentElement.textContent"))


def is_moved(visitor: Any, slider: ElementHandle, key: str) -> bool:
    """Whether a key changes what a slider says."""
    said = slider.evaluate(SAID)
    slider.press(key)
    try:
        visitor.page.wait_for_function(IS_OTHER, arg=[slider, said], timeout=1000 * SECONDS, polling=50)
    except TooLateError:
        return False
    return True


def stuck_keys(visitor: Any, slider: ElementHandle) -> list[str]:
    """The keys that leave a slider where it is."""
    slider.focus()
    slider.press("Home")
    visitor.page.wait_for_timeout(300)
    return [f"{name_of(slider)}: {key}" for key in KEYS if not is_moved(visitor, slider, key)]


def sliders_of(visitor: Any) -> list[ElementHandle]:
    return [each for each in visitor.page.query_selector_all(SLIDERS) if each.evaluate(IS_OURS)]


@pytest.mark.parametrize("entry", NAVIGATION, ids=lambda entry: entry.path)
def test_keys_move_every_slider_and_every_cross(visit: Callable, entry: PageEntry) -> None:
    path = "" if entry is NAVIGATION[0] else entry.path
    visitor = visit(at=(path, READY), reduced_motion="reduce")
    visitor.page.wait_for_timeout(3000)  # what is stored has come
    stuck = [words for slider in sliders_of(visitor) for words in stuck_keys(visitor, slider)]
    assert stuck == []
