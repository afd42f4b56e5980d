"""The flows page in a real browser: the ledger adds up under the hand, the layers act under the scrubber."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import AT_END, at_rest
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ANSWERED = "genlabStage.ledger?.x.join() === genlabStage.x.join()"
READY = f"{AT_END} && genlabStage.layers.film && {ANSWERED} && {at_rest()}"
TRACK = "slider[name='How many layers have acted']"


@pytest.fixture
def flow(visit: Callable, stored_link: dict[str, str]) -> Callable:
    """Opens the small stored flow at its end, standing at its base."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit(stored_link | {"at": "300", "layer": "0"} | (link or {}), **options)
        visitor.wait(READY)
        return visitor

    return come


def box_of(visitor: Any, canvas: str) -> tuple[float, float, float, float]:
    """Where a canvas of the stage lies: left, top, width, height."""
    visitor.page.evaluate(f"genlabStage.{canvas}.scrollIntoView({{ block: 'center' }})")
    look = (
        f"(() => {{ const b = genlabStage.{canvas}.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})()"
    )
    return visitor.page.evaluate(look)


def drag(visitor: Any, canvas: str, *places: tuple[float, float]) -> None:
    """Drag over shares of a canvas, down from its upper left."""
    x, y, width, height = box_of(visitor, canvas)
    visitor.page.mouse.move(x + places[0][0] * width, y + places[0][1] * height)
    visitor.page.mouse.down()
    for u, v in places[1:]:
        visitor.page.mouse.move(x + u * width, y + v * height, steps=5)
    visitor.page.mouse.up()


def middles_of(parts: Locator) -> list[list[float]]:
    """Where the middle of each lies, all at once: parts may be drawn anew at any time."""
    middle = "(b) => [b.x + b.width / 2, b.y + b.height / 2]"
    return parts.evaluate_all(f"(parts) => parts.map((part) => ({middle})(part.getBoundingClientRect()))")


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").split()[0])


def test_the_ledger_follows_the_hand_and_adds_up(flow: Callable) -> None:
    visitor = flow()
    drag(visitor, "cards.model.canvas", (0.3, 0.4), (0.6, 0.6), (0.7, 0.5))
    visitor.wait(f"{ANSWERED} && {at_rest()}")
    view = visitor.page.evaluate(
        "(({ ledgerCard: card, ledger }) => ({ terms: card.terms, total: card.value.textContent, parts: "
        "card.parts.textContent, area: ledger.area, volume: ledger.volume }))(genlabStage)"
    )
    assert sum(view["terms"]) == pytest.approx(number(view["total"]), abs=1e-9)  # as they are printed
    first, sign, rest = re.sub("\u2212", "-", view["parts"]).partition(" - " if " \u2212 " in view["parts"] else " + ")
    assert number(first) + (-1 if "-" in sign else 1) * number(rest) == pytest.approx(number(view["total"]), abs=2e-3)
    assert view["area"][2] == pytest.approx(view["volume"], abs=5e-5)
    x = visitor.ask("x")
    visitor.wait_for_link(x=f"{x[0]:g},{x[1]:g}")
    expect(visitor.page.locator(".katex-mathml").first).to_contain_text(
        view["total"].split()[0][:4].replace("\u2212", "")
    )


def test_the_scrubber_names_the_layer_that_acts(flow: Callable) -> None:
    visitor = flow()
    words = visitor.page.locator(".figure.main .cap")
    words.scroll_into_view_if_needed()  # the layers are asked for when they are seen
    expect(words).to_contain_text("the base")
    before = visitor.ask("layers.figures.main.canvas.toDataURL()")
    drag(visitor, "layers.track", (0.05, 0.3), (0.5, 0.3))
    visitor.wait_for_change("genlabStage.layers.figures.main.canvas.toDataURL()", before)
    expect(words).to_contain_text("layer 2 of 3 acts: affine coupling, 50 %")
    visitor.wait_for_link(layer="1.5")
    visitor.page.keyboard.press("Tab")
    visitor.page.evaluate("genlabStage.layers.track.focus()")
    visitor.page.keyboard.press("PageUp")
    expect(words).to_contain_text("layer 3 of 3 acts: standardize, 50 %")
    visitor.page.keyboard.press("End")
    expect(words).to_contain_text("after the last layer")


def test_the_layers_follow_the_training_under_the_player(flow: Callable) -> None:
    visitor = flow({"layer": "3"})
    end = visitor.ask("layers.figures.data.canvas.toDataURL()")
    visitor.press("Back to the untrained model")
    visitor.wait(f"genlabStage.layers.step === 0 && {at_rest()}")
    visitor.wait_for_change("genlabStage.layers.figures.data.canvas.toDataURL()", end)
    assert visitor.ask("ledger.step") == 0


def test_the_particles_of_the_layers_follow_the_temperature_and_the_grid_stays(flow: Callable) -> None:
    visitor = flow()
    look = "(({ particles, grid }) => [[...particles.slice(0, 40)], [...grid.slice(0, 40)]])(genlabStage.layers.film)"
    visitor.page.evaluate("genlabStage.layers.root.scrollIntoView({ block: 'center' })")
    particles, grid = visitor.page.evaluate(look)
    for temperature in ("0.5", "1"):
        visitor.page.get_by_label("Temperature of the samples").evaluate(
            "(slider, v) => { slider.value = v; slider.dispatchEvent(new Event('input')); }", temperature
        )
        visitor.wait(f"(genlabStage.layers.heat?.temperature ?? 1) === {temperature} && {at_rest()}")
        heated, same = visitor.page.evaluate(look)
        assert heated == pytest.approx([float(temperature) * v for v in particles], abs=2e-3)
        assert same == grid


def test_a_continuous_flow_bends_inside_its_layers(visit: Callable) -> None:
    visitor = visit({"flow": "continuous", "at": "1000", "layer": "0.5"})  # a run that ships
    visitor.wait(f"genlabStage.layers.film && {at_rest()}")
    far = visitor.page.evaluate(
        "(({ ends: [, end], particles, n }) => { const m = particles.length / n;"
        "  const from = (row, i) => particles[row * m + i];"
        "  return Math.max(...Array.from({ length: m }, (_, i) => "
        "    Math.abs(from(end / 2, i) - (from(0, i) + from(end, i)) / 2))); })(genlabStage.layers.film)"
    )
    assert far > 0.05  # data units off the straight line, in the middle of the first layer
    expect(visitor.page.locator(".figure.main .cap")).to_contain_text("layer 1 of 4 acts: continuous, 50 %")


def test_a_stack_is_built_refused_and_undone(visit: Callable) -> None:
    visitor = visit({"flow": "stack", "model.layers": "planar x2"})
    visitor.page.get_by_role("button", name="Add affine").click()
    visitor.wait_for_link(model__layers="planar x2, affine")
    text = visitor.page.get_by_label("The stack as text, from the data to the base")
    text.press_sequentially("half a wo")
    half = text.input_value()
    visitor.page.get_by_role("button", name="Add spline").dispatch_event("click")  # while the field keeps the focus
    visitor.wait_for_link(model__layers="planar x2, affine, spline")
    assert text.input_value() == half
    visitor.page.get_by_role("button", name="Undo").click()
    visitor.wait_for_link(model__layers="planar x2, affine")
    text.fill("affine + relu")
    text.press("Enter")
    expect(visitor.page.get_by_role("alert")).to_contain_text("cannot be inverted")
    assert visitor.link["model.layers"] == "planar x2, affine"
    visitor.page.get_by_role("button", name="Undo").click()
    visitor.wait_for_link(model__layers="planar x2")


def test_layers_are_dragged_to_another_place(visit: Callable) -> None:
    visitor = visit({"flow": "stack", "model.layers": "planar, radial, spline"})
    chips = visitor.page.locator(".flows_stack_canvas .chip")

    def drag(start: int, goal: int) -> None:
        """By hand, in small steps, to where the other one stands."""
        visitor.settle()
        (x, y), (to, _) = (middles_of(chips)[k] for k in (start, goal))
        visitor.page.mouse.move(x, y)
        visitor.page.mouse.down()
        visitor.page.mouse.move(to, y, steps=12)
        visitor.page.mouse.up()

    expect(chips).to_have_count(3)
    drag(0, 2)
    visitor.wait_for_link(model__layers="radial, spline, planar")
    drag(2, 1)
    visitor.wait_for_link(model__layers="radial, planar, spline")
    expect(chips).to_have_text(["3radial×", "2planar×", "1spline×"])
    for _ in range(3):
        visitor.page.get_by_role("button", name="Remove").first.click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("One layer has to stay.")
    visitor.wait_for_link(model__layers="spline")


def test_an_experiment_that_is_set_up_comes_into_view_though_its_scroll_is_broken_off(visit: Callable) -> None:
    visitor = visit({"target": "ring"})
    button = visitor.page.get_by_role("button", name="Open this experiment").last
    button.scroll_into_view_if_needed()
    main = "document.querySelector('[data-testid=stMain]')"
    assert visitor.page.evaluate(f"{main}.scrollTop") > 500
    broken_off = "() => main.scrollTo({ top: main.scrollTop, behavior: 'instant' })"  # as a page does that grows
    visitor.page.evaluate(f"() => {{ const main = {main}; main.onscroll = {broken_off}; }}")
    button.click()
    visitor.wait_for_change(f"{main}.scrollTop", visitor.page.evaluate(f"{main}.scrollTop"))
    visitor.page.evaluate(f"{main}.onscroll = null")
    visitor.wait(f"{main}.scrollTop === 0")


def test_the_page_fits_every_screen(flow: Callable) -> None:
    visitor = flow({"show": "samples contours marginals grid particles square", "layer": "1.5"})
    check_everywhere(visitor, "flows-layers", ready=READY)
