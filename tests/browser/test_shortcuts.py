"""Shortcuts in a real browser: one dial for all ways, one time for all panels, and training watched in its panels."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, at_rest
from tests.browser.screens import check_everywhere
from tests.browser.test_look import FRAMES

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("shortcuts", "globalThis.genlabStage?.looks")
ANSWERED = "Object.values(genlabStage.looks).every(({ way, isOld }) => way && !isOld)"
READY = f"{ANSWERED} && {at_rest()} && !genlabStage.time.isPlaying && !genlabStage.opens"
FEW = {"target": "ring", "ways": "heun,flow,reflow,consistency"}
MADE = "Object.values(genlabStage.looks).map(({ way }) => way?.made)"


@pytest.fixture
def ways(visit: Callable) -> Callable:
    """Opens the page on the runs that ship, and waits until all has come and nothing moves."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit(FEW | (link or {}), at=AT, **{"reduced_motion": "reduce"} | options)
        visitor.wait(READY)
        return visitor

    return come


def pictures(visitor: Any) -> list[str]:
    """Pixels of all panels that are shown."""
    return visitor.page.evaluate("genlabStage.calls.shown.map((key) => genlabStage.panels[key].canvas.toDataURL())")


def wait_for_other_pictures(visitor: Any, before: list[str]) -> list[str]:
    """The pixels of all panels as soon as none is as it was."""
    visitor.wait_until(lambda: all(a != b for a, b in zip(before, pictures(visitor), strict=True)), "all panels change")
    visitor.wait(READY)
    return pictures(visitor)


def text_of(visitor: Any, way: str) -> str:
    return visitor.page.locator(f".way[data-way={way}]").inner_text()


def check_verdicts(visitor: Any) -> None:
    """With one call, what comes of it is said in words."""
    for way in ("reflow", "consistency"):
        said = text_of(visitor, way)
        assert re.search(r"✓ inside the band|✗ outside, [\d.]+ × the band", said), said
        faster = re.search(r"([\d,]+) × faster than Langevin", said)
        assert faster and int(faster[1].replace(",", "")) > 50, said
    assert "✗ outside" in text_of(visitor, "flow")
    assert "1 call ·" in text_of(visitor, "flow")
    expect(visitor.page.locator(".about")).to_contain_text(re.compile(r"one true sample in twenty has more than 0\.00"))
    visitor.keep("shortcuts-one-call")


def test_the_dial_acts_on_all_panels_while_it_is_dragged(ways: Callable) -> None:
    visitor = ways({"calls": "1"})
    check_verdicts(visitor)
    first, answers = pictures(visitor), visitor.ask("answers")
    dial = visitor.page.get_by_role("slider", name="Network calls").bounding_box()
    at = lambda share: (dial["x"] + 8 + share * (dial["width"] - 16), dial["y"] + dial["height"] / 2)  # noqa: E731
    visitor.page.mouse.move(*at(0))
    visitor.page.mouse.down()
    for stop in (1, 2, 4):  # 2, 3 and 5 calls; the hand holds on
        before = visitor.ask("answers")
        visitor.page.mouse.move(*at(stop / 10))
        visitor.wait(f"genlabStage.answers > {before} && {ANSWERED}")
    assert visitor.ask("answers") - answers >= 9  # while it was dragged
    assert "calls" in visitor.link and visitor.link["calls"] == "1"  # the link follows when the hand lets go
    visitor.page.mouse.up()
    visitor.wait_for_link(calls="5")
    visitor.wait_for_value(MADE, [5, 5, 5, 4])
    assert len(set(first) | set(wait_for_other_pictures(visitor, first))) == 8
    print(f"dial to panels: {visitor.ask('latency'):.0f} ms")


@pytest.mark.alone
def test_the_time_carries_all_panels_from_the_same_noise(ways: Callable) -> None:
    visitor = ways({"calls": "5", "time": "0"}, reduced_motion="no-preference")
    first = "[...way.at(0, new Float32Array(2 * way.n)).slice(0, 40)].map((v) => v.toFixed(2)).join()"
    starts = f"Object.values(genlabStage.looks).map(({{ way }}) => {first})"
    assert len(set(visitor.page.evaluate(starts))) == 1
    noise = pictures(visitor)
    time = visitor.page.get_by_role("slider", name="Time from noise")
    time.focus()
    visitor.page.keyboard.press("End")
    data = wait_for_other_pictures(visitor, noise)
    visitor.wait("!location.search.includes('time=')")
    visitor.page.keyboard.press("Home")
    assert wait_for_other_pictures(visitor, data) == noise
    visitor.wait_for_link(time="0")
    visitor.page.get_by_role("button", name="Play from noise").click()
    visitor.wait("genlabStage.time.isPlaying")
    rate = visitor.page.evaluate(FRAMES)
    print(f"ways: {rate:.0f} frames/s")
    assert rate >= 15  # of a busy machine without a graphics card
    visitor.wait("!genlabStage.time.isPlaying && genlabStage.time.time === 1")
    visitor.wait("!location.search.includes('time=')")


def test_a_link_restores_ways_calls_time_and_noise(ways: Callable) -> None:
    link = {"target": "moons", "ways": "annealed,teacher", "calls": "8", "time": "0.4", "seed": "3"}
    visitor = ways(link)
    assert visitor.page.evaluate(MADE) == [8, 7]
    assert visitor.ask("time.time") == 0.4
    visitor.wait_for_whole_link(link)
    seen = pictures(visitor)
    visitor.page.get_by_role("button", name="other noise").click()
    visitor.wait_for_link(seed="4")
    visitor.wait(READY)
    wait_for_other_pictures(visitor, seen)
    visitor.page.get_by_role("button", name="flow", exact=True).click()
    visitor.wait_for_link(ways="annealed,flow,teacher")
    visitor.wait(f"genlabStage.grid.children.length === 3 && {READY}")


def test_training_is_watched_in_its_panels(visit: Callable) -> None:
    changed = {"flow_matching.steps": "300", "flow_matching.width": "16", "flow_matching.n_hidden": "1"}
    visitor = visit(FEW | {"calls": "2"} | changed, at=AT, reduced_motion="reduce")
    visitor.wait("genlabStage.looks.flow.words.startsWith('Not trained yet')")
    visitor.page.get_by_role("button", name="Train the three").click()
    visitor.wait("genlabStage.looks.flow.isLive && genlabStage.looks.reflow.isLive && genlabStage.looks.flow.way")
    before = visitor.ask("updates")
    assert visitor.ask("runs.consistency.isLive") is False  # only what was missing
    visitor.wait(f"genlabStage.updates > {before} || !genlabStage.runs.flow_matching.isLive")
    visitor.wait(f"!genlabStage.runs.flow_matching.isLive && {READY}", 2 * PATIENCE)
    visitor.wait_for_value(MADE, [1, 2, 2, 2])
    expect(visitor.page.locator(".trainings")).to_contain_text("300 steps")


def test_without_websockets_the_ways_come_through_the_page(visit: Callable) -> None:
    visitor = visit(
        FEW | {"calls": "1", "ways": "flow,reflow"}, blocked=re.compile("/lane/"), at=AT, reduced_motion="reduce"
    )
    visitor.wait("genlabStage.isBlocked")
    visitor.wait_for_value(MADE, [1, 1])
    visitor.page.get_by_role("slider", name="Network calls").focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.wait_for_value(MADE, [2, 2])
    expect(visitor.page.locator(".note").first).to_contain_text("blocked")
    visitor.wait_for_link(calls="2")


def test_the_page_fits_each_screen_and_theme(ways: Callable) -> None:
    visitor = ways({"calls": "5"})
    visitor.wait_until(lambda: visitor.page.locator(".js-plotly-plot .main-svg").count() > 0, "the figure is drawn")
    check_everywhere(visitor, "shortcuts", ready=READY)
    names = visitor.page.evaluate(
        "[...genlabStage.root.querySelectorAll('canvas')].map((c) => c.getAttribute('aria-label'))"
    )
    assert len(names) == 4
    assert all("network calls, energy distance" in each for each in names)
