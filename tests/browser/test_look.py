"""How the page looks and feels: sizes, themes, names for screen readers, stillness, frame rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.theme import SURFACES, Theme
from tests.browser.conftest import AT_END, at_rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "tablet": {"viewport": {"width": 800, "height": 1000}},
}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FRAMES = """() => new Promise((done) => {
  let count = 0;
  const start = performance.now();
  const tick = (now) => {
    count++;
    now - start < 1500 ? requestAnimationFrame(tick) : done((1000 * count) / (now - start));
  };
  requestAnimationFrame(tick);
})"""
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


@pytest.mark.parametrize("name", VIEWS)
def test_the_page_fits_each_screen_and_theme(name: str, visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"}, **VIEWS[name])
    visitor.wait(f"{AT_END} && genlabStage.isSharp && {at_rest()}")
    visitor.keep(f"flows-{name}")
    check_fit(visitor)
    check_colours(visitor, "dark" if name == "dark" else "light")
    dense = VIEWS[name].get("device_scale_factor", 1)
    visitor.wait_for_value("genlabStage.cards.model.canvas.width / genlabStage.cards.model.canvas.clientWidth", dense)
    visitor.keep_whole(f"flows-{name}-whole")


def check_colours(visitor: Any, theme: Theme) -> None:
    """Where nothing lies, a canvas has the colour of its panel."""
    assert visitor.ask("colours.background") == SURFACES["background"][theme]
    corner = visitor.ask("cards.data.canvas.getContext('2d').getImageData(3, 3, 1, 1).data.join()")
    panel = SURFACES["panel"][theme]
    assert corner == ",".join(str(int(panel[i : i + 2], 16)) for i in (1, 3, 5)) + ",255"


def test_all_that_is_drawn_has_a_name_and_an_origin(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"})
    visitor.wait(AT_END)
    canvases = visitor.page.locator("canvas:not([aria-hidden=true])")
    expect(canvases).to_have_count(4)
    names = [canvases.nth(i).get_attribute("aria-label") for i in range(4)]
    assert all(names)
    assert any("step 300" in str(name) for name in names)
    for button in visitor.page.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()
    tags = [tag.inner_text() for tag in visitor.page.locator(".card .tag").all()]
    assert "exact" in tags[0]
    assert "exact" in tags[1] and "stored 20" in tags[1]
    assert "estimate" in tags[2]


def test_a_stored_run_plays_by_itself_smoothly(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link)
    visitor.wait("genlabStage.player.isPlaying")
    rate = visitor.page.evaluate(FRAMES)
    print(f"replay: {rate:.0f} frames/s")
    assert rate >= 30
    assert visitor.ask("player.isPlaying")
    visitor.press("Play or pause")
    visitor.wait("!genlabStage.player.isPlaying")


def test_reduced_motion_is_honoured(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link, reduced_motion="reduce")
    visitor.wait(AT_END)  # at once
    assert not visitor.ask("player.isPlaying")


def test_an_impossible_link_is_explained_on_the_page(visit: Callable) -> None:
    visitor = visit({"plan.steps": "-5", "target": "nonsense", "run": "deadbeefdeadbeef"})
    expect(visitor.page.get_by_text("not stored here")).to_be_visible()
    expect(visitor.page.get_by_text("expected a whole number from 1")).to_be_visible()
    visitor.keep("impossible-link")


def test_popovers_and_charts(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"})
    for name in ("Target", "More", "Fork"):
        visitor.page.get_by_role("button", name=name, exact=False).first.click()
        visitor.page.get_by_test_id("stPopoverBody").wait_for()
        visitor.keep(f"popover-{name.lower()}")
        visitor.page.keyboard.press("Escape")
    visitor.page.get_by_text("Charts: loss and KL").click()
    visitor.page.locator(".js-plotly-plot .main-svg").nth(1).wait_for()
    visitor.page.wait_for_timeout(500)
    visitor.keep_whole("charts")
    visitor.wait_for_value(f"Math.max(0, {OVERFLOW})", 0)
