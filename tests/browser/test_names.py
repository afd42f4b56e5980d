"""The page of names in a browser: the slider morphs a name while it moves, the map answers, bad letters are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect

from tests.browser.conftest import Server, Visitor, at_rest
from tests.browser.screens import check_everywhere
from tests.browser.test_look import FRAMES

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("autoencoders-names", "globalThis.genlabNames?.numbers")
ANSWERED = "globalThis.genlabNames?.canAsk && genlabNames.steps && genlabNames.codes?.isWhole && genlabNames.isSpelt"
QUIET = at_rest("genlabNames")
COUNT_PICTURES = """() => {
  const { canvas } = genlabNames.word;
  const seen = globalThis.seenPictures = new Set();
  const look = () => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    seen.add(new Uint32Array(data.buffer).reduce((sum, v) => (31 * sum + v) | 0, 7));
    requestAnimationFrame(look);
  };
  look();
}"""
CLICKED = {"t": "0.0"}  # opens at the first name, without showing the way by itself


class NameVisitor(Visitor):
    """A person at the page of names."""

    def answered(self) -> NameVisitor:
        """Wait until the stored model has answered everything."""
        self.wait(ANSWERED, 60)
        return self

    def ask(self, expression: str) -> Any:
        return self.page.evaluate(f"genlabNames.{expression}")

    @property
    def word(self) -> str:
        return self.ask("word.name")

    def slider(self, name: str = "From the first name to the second") -> Locator:
        return self.page.get_by_role("slider", name=name)


@pytest.fixture
def come(server: Server, chromium: Browser) -> Iterator[Callable[..., NameVisitor]]:
    """Lets a visitor come to the page of names; at the end nobody may have seen an error or a foreign host."""
    visitors: list[NameVisitor] = []
    contexts: list[BrowserContext] = []

    def open_page(link: dict[str, str] | None = None, **options: Any) -> NameVisitor:
        contexts.append(chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options}))
        visitors.append(NameVisitor(contexts[-1].new_page(), server, *AT))
        visitors[-1].open(link)
        return visitors[-1]

    yield open_page
    for context in contexts:
        context.close()
    for visitor in visitors:
        assert visitor.errors == []
        assert visitor.hosts == {"localhost"}


def test_the_slider_morphs_the_name_while_it_is_dragged(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    visitor.wait_for_value("genlabNames.word.name", "Berlin")
    box = visitor.slider().bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    visitor.page.mouse.move(box["x"] + 11, y)
    visitor.page.mouse.down()
    seen = []
    for i in range(1, 41):
        visitor.page.mouse.move(box["x"] + 11 + (box["width"] - 22) * i / 40, y)
        visitor.wait(QUIET)
        seen.append(visitor.word)
    visitor.wait("genlabNames.word.name === 'New York'")  # the hand has not let go yet
    assert len(set(seen)) >= 5
    expect(visitor.page.locator(".word")).to_have_attribute("aria-label", "Decoded name: New York")
    visitor.page.mouse.up()
    visitor.wait_for_link(t="1")
    print(f"slider to name: {visitor.ask('latency'):.0f} ms")


@pytest.mark.alone
def test_letters_fade_into_each_other_frame_by_frame(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    visitor.wait("!genlabNames.word.isMoving")
    rate = visitor.page.evaluate(FRAMES)
    visitor.slider().focus()
    visitor.page.evaluate(COUNT_PICTURES)
    visitor.page.keyboard.press("End")
    visitor.wait("genlabNames.word.name === 'New York' && !genlabNames.word.isMoving")
    assert visitor.page.evaluate("seenPictures.size") > 3
    print(f"at rest: {rate:.0f} frames/s")
    assert rate >= 20


def test_the_cross_can_be_dragged_anywhere(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    map_ = visitor.page.get_by_role("application", name="Map of names")
    box = map_.bounding_box()
    assert box
    answers = visitor.ask("answers")
    visitor.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    visitor.page.mouse.down()
    for i in range(20):
        visitor.page.mouse.move(box["x"] + box["width"] * (0.3 + 0.02 * i), box["y"] + box["height"] * (0.3 + 0.02 * i))
        visitor.wait(QUIET)
    visitor.wait(f"genlabNames.answers > {answers} + 4")
    visitor.page.mouse.up()
    visitor.wait("genlabNames.isOff")
    place = visitor.ask("placeOf(genlabNames.z)")
    assert place["p"] == pytest.approx((0.68 * 2 - 1) * 3.2, abs=0.1)
    visitor.wait("new URLSearchParams(location.search).get('z')?.split(' ').length === 16")
    visitor.wait(QUIET)
    before = visitor.ask("placeOf(genlabNames.z)")
    visitor.press_at_once(visitor.page.locator("canvas:focus"), "ArrowLeft", 2)
    moved = visitor.wait_for_change("genlabNames.placeOf(genlabNames.z)", before)
    assert moved["p"] == pytest.approx(place["p"] - 0.2, abs=0.01)
    visitor.slider().focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.wait("!genlabNames.isOff")


def test_bad_letters_are_told_and_the_name_stays(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    field = visitor.page.get_by_role("textbox", name="From this name")
    bad = {"R2-D2": "'2'", "Llanfairpwllgwyngyll": "shorten it", "": "at least one letter", "🙂": "🙂"}
    for typed, part in bad.items():
        field.fill(typed)
        field.press("Enter")
        visitor.page.get_by_test_id("stAlert").filter(has_text=part).get_by_text("Berlin stays.").wait_for()
        assert visitor.word == "Berlin"
    visitor.keep("names-bad-letters")
    field.fill("Zürich")
    field.press("Enter")
    visitor.wait("genlabNames.numbers.a === 'zurich' && genlabNames.word.name === 'Zurich'")
    expect(visitor.page.get_by_text("stays.")).to_have_count(0)
    visitor.wait_for_link(a="zurich")


def test_a_link_restores_names_place_and_way(come: Callable[..., NameVisitor]) -> None:
    link = {"a": "bogota", "b": "heidelberg", "t": "0.5", "way": "round"}
    visitor = come(link).answered()
    expect(visitor.slider()).to_have_value("0.5")
    expect(visitor.page.get_by_role("button", name="round", exact=True)).to_have_attribute("aria-pressed", "true")
    visitor.wait_for_value("genlabNames.word.name", visitor.ask("steps.names.round[4]"))
    visitor.wait_for_whole_link(link)
    off = come({"a": "oslo", "b": "lagos", "z": " ".join(["0"] * 16)}).answered()
    assert off.ask("isOff") and off.ask("z.every((v) => v === 0)")


def test_draws_follow_the_temperature(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    heat = visitor.slider("Temperature of the letters")
    heat.focus()
    visitor.page.keyboard.press("Home")
    visitor.wait("genlabNames.variantNames?.length && new Set(genlabNames.variantNames).size === 1")
    visitor.page.keyboard.press("End")
    visitor.wait("new Set(genlabNames.variantNames).size > 6")
    fixed = visitor.ask("picture.samples[0]")
    visitor.page.get_by_role("button", name="draw others").click()
    visitor.wait("genlabNames.drawn")
    assert visitor.ask("drawn[0]") != fixed


def test_a_collapsed_model_says_so(come: Callable[..., NameVisitor]) -> None:
    collapsed = {"model.beta": "1.0", "model.warm_up": "0.0", "model.word_dropout": "0.0"}
    visitor = come(CLICKED | collapsed).answered()
    expect(visitor.page.get_by_text("collapsed: the writer does without it")).to_be_visible()
    assert len(set(visitor.ask("steps.names.straight"))) <= 3
    visitor.keep_whole("names-collapsed")


def test_names_improve_while_it_trains(come: Callable[..., NameVisitor]) -> None:
    visitor = come({"plan.seed": "77", "plan.steps": "100", "model.width": "32"})
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait("genlabNames.standing?.state === 'running' && genlabNames.snapshots.length")
    first = visitor.ask("snapshots[0].samples")
    expect(visitor.slider()).to_be_disabled()
    visitor.wait("genlabNames.picture.step > 5 && genlabNames.tail.length", 60)
    visitor.keep_whole("names-training")
    visitor.wait("genlabNames.standing.ended", 90)
    visitor.wait_for_change("genlabNames.picture.samples", first)
    visitor.answered()
    expect(visitor.slider()).to_be_enabled()


def test_scrubbing_shows_the_past_and_comes_back(come: Callable[..., NameVisitor]) -> None:
    visitor = come(CLICKED).answered()
    visitor.page.get_by_role("slider", name="Training step").focus()
    visitor.page.keyboard.press("Home")
    visitor.wait("!genlabNames.canAsk")
    expect(visitor.slider()).to_be_disabled()
    visitor.wait_for_value("genlabNames.word.name", visitor.ask("snapshots[0].samples[0]"))
    visitor.page.keyboard.press("End")
    visitor.wait("genlabNames.word.name === 'Berlin'")


def test_the_page_fits_each_screen_and_theme(come: Callable[..., NameVisitor]) -> None:
    visitor = come({"t": "0.5"}).answered()
    check_everywhere(visitor, "names", stage="genlabNames", ready="!genlabNames.word.isMoving")


def test_it_shows_the_way_by_itself_unless_stillness_is_wanted(come: Callable[..., NameVisitor]) -> None:
    visitor = come().answered()
    visitor.wait("genlabNames.t > 0.05")
    assert "t" not in visitor.link
    still = come(None, reduced_motion="reduce").answered()
    still.page.wait_for_timeout(800)
    assert still.ask("t") == 0
