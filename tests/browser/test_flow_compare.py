"""Two flows side by side in a real browser: one player for both, training live, and the gallery under them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("flow-compare", "globalThis.genlabStage?.rival")
BOTH = "genlabStage.shown?.density && genlabStage.rival.shown?.density"
AT_END = "genlabStage.standing?.stored && genlabStage.current?.step === 2000"


@pytest.fixture
def pair(visit: Callable) -> Callable:
    """Opens the page on stored runs, both at their end."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit({"target": "moons", "a": "nice", "b": "spline", "at": "2000"} | (link or {}), at=AT, **options)
        visitor.wait(f"{AT_END} && {BOTH}")
        return visitor

    return come


def test_one_player_moves_both_and_both_numbers_follow(pair: Callable) -> None:
    visitor = pair()
    ends = [visitor.page.evaluate(f"genlabStage.cards.{name}.value.textContent") for name in ("model", "rival")]
    assert float(ends[1].split()[0]) < float(ends[0].split()[0])
    before = [visitor.picture(name) for name in ("model", "rival")]
    visitor.press("Step back")
    visitor.wait_until(
        lambda: (
            [visitor.picture(name) for name in ("model", "rival")] != before
            and visitor.page.evaluate("genlabStage.rival.picture.step < 2000")
        ),
        "both one snapshot earlier",
    )
    visitor.wait_until(
        lambda: visitor.page.evaluate("genlabStage.cards.rival.value.textContent") != ends[1], "the numbers of then"
    )


@pytest.mark.timeout(300)
def test_both_train_live_the_second_after_the_first_where_one_worker_is_all(visit: Callable) -> None:
    visitor = visit({"target": "heart", "a": "planar/4-layers", "b": "planar/8-layers", "seed": "41"}, at=AT)
    visitor.page.get_by_role("button", name="Train both").click()
    visitor.wait("genlabStage.snapshots.length > 2")
    visitor.wait("genlabStage.rival.snapshots.length > 2", 120)  # its turn comes when the first has ended
    visitor.wait(BOTH, 120)
    visitor.wait("genlabStage.standing.ended && genlabStage.rival.standing.ended", 240)  # 4,000 steps
    assert visitor.page.evaluate("genlabStage.race.canvas.getAttribute('aria-label')").count("planar".title()) == 2


def test_stop_stops_both(visit: Callable) -> None:
    visitor = visit({"target": "heart", "a": "continuous", "b": "residual", "seed": "42"}, at=AT)
    visitor.page.get_by_role("button", name="Train both").click()
    visitor.wait("genlabStage.snapshots.length > 2 && genlabStage.rival.standing")
    visitor.press("Stop")
    visitor.wait("genlabStage.standing.ended && genlabStage.rival.standing.ended")


def test_a_click_in_the_gallery_puts_a_flow_on_its_side(pair: Callable) -> None:
    visitor = pair()
    visitor.page.get_by_role("button", name="right", exact=True).click()
    visitor.page.get_by_role("button", name="Glow on two spirals").click()
    visitor.wait_for_link(target="spirals", b="glow")
    visitor.wait("genlabStage.numbers.names[1] === 'Glow' && genlabStage.rival.shown?.density")


def test_it_fits_every_screen_in_both_themes(pair: Callable) -> None:
    check_everywhere(pair(), "flow-compare", ready=BOTH)
