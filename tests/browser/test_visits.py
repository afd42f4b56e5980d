"""Coming and going in a real browser: Back takes one press, an experiment scrolls up, a chip leads to its run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("score", "globalThis.genlabStage?.numbers?.target")


def test_back_takes_one_press_and_the_page_is_as_it_was_left(visit: Callable) -> None:
    visitor = visit({"target": "moons", "walk.temperature": "0.5"}, at=AT)
    visitor.wait_for_link(target="moons")
    left = visitor.page.url
    visitor.page.get_by_test_id("stSidebar").get_by_role("link").nth(0).click()
    visitor.wait_until(lambda: "/score" not in visitor.page.url, "another page")
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("Gaussian")
    visitor.wait_for_link(target="moons")  # the other page has written its address: it would do so after Back, too
    visitor.page.go_back()
    visitor.wait_until(lambda: visitor.page.url == left, "the address that was left")
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("slope")
    visitor.wait("globalThis.genlabStage?.numbers?.target?.startsWith('moons')")
    assert visitor.page.url == left


def test_an_experiment_scrolls_up_each_time_and_says_what_to_watch(visit: Callable) -> None:
    visitor = visit({}, at=AT)
    for index in (0, 1, 0):
        button = visitor.page.get_by_role("button", name="Open this experiment").nth(index)
        button.scroll_into_view_if_needed()
        assert visitor.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") > 300
        button.click()
        visitor.wait("document.querySelector('[data-testid=stMain]').scrollTop < 5")
        expect(visitor.page.get_by_test_id("stAlert").filter(has_text="Watch:")).to_be_visible()


def test_a_chip_leads_back_to_a_run_of_this_visit(visit: Callable) -> None:
    link = {"target": "moons", "plan.steps": "40", "plan.seed": "17", "model.n_couplings": "2", "model.width": "8"}
    visitor = visit(link)
    visitor.train()
    chip = visitor.page.get_by_test_id("stSidebar").get_by_role("button", name="two moons, RealNVP")
    expect(chip).to_be_visible()
    visitor.wait("genlabStage.standing?.ended")
    run = visitor.ask("digest")
    visitor.page.get_by_test_id("stSidebar").get_by_role("link").nth(1).click()
    visitor.wait_until(lambda: not link.items() <= visitor.link.items(), "another page")
    chip.click()
    visitor.wait_for_link(**link)
    visitor.wait(f"genlabStage.standing?.stored && genlabStage.digest === '{run}'")
