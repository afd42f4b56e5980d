"""How the page looks and feels: sizes, themes, names for screen readers, stillness, frame rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.theme import SURFACES, Theme
from tests.browser.conftest import AT_END, at_rest
from tests.browser.screens import OVERFLOW, check_everywhere, check_fit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "tablet": {"viewport": {"width": 800, "height": 1000}},
}
FRAMES = """() => new Promise((done) => {
  let count = 0;
  const start = performance.now();
  const tick = (now) => {
    count++;
    now - start < 1500 ? requestAnimationFrame(tick) : done((1000 * count) / (now - start));
  };
  requestAnimationFrame(tick);
})"""


def test_the_page_fits_each_screen_and_theme(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"})
    ready = f"{AT_END} && genlabStage.isSharp && {at_rest()}"
    visitor.wait(ready)
    check_colours(visitor, "light")
    check_everywhere(visitor, "flows", ready=ready)
    check_colours(visitor, "dark")  # of the phone, which is looked at last


def test_canvases_are_as_sharp_as_the_screen(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"}, **VIEWS["phone"])
    visitor.wait(f"{AT_END} && {at_rest()}")
    visitor.wait_for_value("genlabStage.cards.model.canvas.width / genlabStage.cards.model.canvas.clientWidth", 2)
    check_fit(visitor)


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
    expect(canvases).to_have_count(9)  # three maps, ledger, loss, three figures of the layers and their scrubber
    names = [canvases.nth(i).get_attribute("aria-label") for i in range(9)]
    assert all(names)
    assert any("step 300" in str(name) for name in names)
    for button in visitor.page.get_by_role("button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()
    tags = [tag.inner_text() for tag in visitor.page.locator(".card .tag").all()]
    assert "exact" in tags[0]
    assert "exact" in tags[1] and "stored 20" in tags[1]
    assert "estimate" in tags[2]


@pytest.mark.alone
def test_a_stored_run_plays_smoothly(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link)
    visitor.wait(AT_END)
    assert not visitor.ask("player.isPlaying")
    visitor.page.get_by_role("button", name="Play the training from its start").click()
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
