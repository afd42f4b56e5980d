"""The studio of games about pictures in a browser: a latent is dragged, styles are mixed, a training is watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server, at_rest
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("gan-pictures", "globalThis.genlabGame?.numbers")
STEPS, BATCH = 12, 16
QUIET = f"(genlabGame.canAsk && genlabGame.hand && genlabGame.near && {at_rest('genlabGame')})"
HAND = "genlabGame.inHand.canvas.toDataURL()"
ALARMS = """async (cases) => {
  const { alarms } = await import("/lane/js/views/image_gan/alarm.js");
  const classes = [..."0123456789"], shares = classes.map(() => 0.1);
  const even = { logit_seen: 0, logit_held_out: 0, logit_fake: -1, neighbour_ratio: 1, classes: shares };
  return cases.map(([part, share]) => alarms({ ...even, ...part }, { classes, shares, share }).map((e) => e.kind));
}"""
CASES: list[tuple[dict[str, Any], float, list[str]]] = [
    ({}, 1.0, []),
    ({"classes": [0.9, 0.1] + [0.0] * 8}, 1.0, ["collapse"]),
    ({"classes": [1.0] + [0.0] * 9}, 0.1, []),  # too early
    ({"coverage": 0.04, "coverage_of_truth": 0.9}, 1.0, ["far"]),
    ({"coverage": 0.04}, 1.0, ["far"]),
    ({"coverage": 0.04, "coverage_of_truth": 0.9}, 0.3, []),  # it may still come
    ({"coverage": 0.4, "coverage_of_truth": 0.9}, 1.0, []),
    ({"coverage": 0.04, "coverage_of_truth": 0.9, "classes": [0.9, 0.1] + [0.0] * 8}, 1.0, ["collapse"]),
    ({"neighbour_ratio": 0.2}, 1.0, ["copies"]),
    ({"logit_seen": 4}, 1.0, ["by_heart"]),
    ({"logit_fake": -12}, 1.0, ["won"]),
    ({"modes": 300, "n_modes_of": 26000}, 1.0, ["collapse"]),
    ({"modes": 980, "n_modes_of": 4000}, 1.0, []),  # as many as a perfect sampler shows
]


@pytest.fixture(scope="session")
def stored_games(server: Server) -> dict[str, Run]:
    """A small game of each kind on digits in the server's store."""
    found = {}
    for model in ("picture_gan", "style_gan"):
        experiment = Experiment.default(model, "digits", steps=STEPS, batch_size=BATCH)
        found[model] = train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)
    return found


@pytest.fixture
def studio(visit: Callable, stored_games: dict[str, Run]) -> Callable:
    """Opens one of the small games."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        plan = {"target": "digits", "plan.steps": str(STEPS), "plan.batch_size": str(BATCH)}
        visitor = visit(plan | (link or {}), at=AT, **options)
        visitor.wait(QUIET)
        return visitor

    return come


def test_a_latent_is_dragged_and_a_link_keeps_it(studio: Callable) -> None:
    visitor = studio()
    page, before = visitor.page, visitor.page.evaluate(HAND)
    slider = page.get_by_role("slider", name="Latent").first
    slider.press("End")
    moved = visitor.wait_for_change(HAND, before)
    visitor.wait(QUIET)
    assert list(page.evaluate("genlabGame.moves").values()) == [3.2]
    page.get_by_role("tab", name="A plane of two").click()
    visitor.wait("genlabGame.tools.tiles?.length === 49")
    plane = page.get_by_role("application", name="Plane of the latents")
    plane.press("ArrowUp")
    visitor.wait_for_change(HAND, moved)
    visitor.wait_until(lambda: visitor.link.get("tab") == "plane" and "moved" in visitor.link, "the place in the link")
    page.get_by_role("tab", name="Interpolation").click()
    visitor.wait(f"genlabGame.tools.way?.length === 9 && {QUIET}")
    way = page.get_by_role("slider", name="Way from A to B")
    way.press("Home")
    visitor.wait_for_link(tab="between", t="0")
    visitor.wait(QUIET)
    at_a = page.evaluate(HAND)
    way.press("End")
    at_b = visitor.wait_for_change(HAND, at_a)
    visitor.wait_for_link(t="1")
    visitor.reload().wait(QUIET)
    visitor.wait_for_value(HAND, at_b)
    expect(page.get_by_text("the usual distance").first).to_be_visible()


def test_the_wall_follows_the_player_and_gives_pictures_to_the_hand(studio: Callable) -> None:
    visitor = studio()
    wall, hand = "genlabGame.wall.canvas.toDataURL()", visitor.page.evaluate(HAND)
    last = visitor.page.evaluate(wall)
    visitor.press_at_once(visitor.page.get_by_role("application", name="48 samples"), "ArrowRight", 2)
    visitor.wait_for_change(HAND, hand)
    visitor.wait_for_link(pick="2")
    visitor.press("Back to the untrained model")
    visitor.wait_for_step(0)
    visitor.wait_for_change(wall, last)
    expect(visitor.page.get_by_text("Too early to judge")).to_be_visible()
    visitor.wait_for_link(at="0", pick="2")
    visitor.reload().wait("genlabGame.picture?.step === 0")


def test_styles_are_mixed_and_cut_short(studio: Callable) -> None:
    visitor = studio({"game": "style_gan", "tab": "styles"})
    page = visitor.page
    visitor.wait("genlabGame.tools.styles.mixes?.length === 4 && genlabGame.tools.styles.mixes.every(Boolean)")
    plain = page.evaluate(HAND)
    for side in ("4 by 4", "8 by 8"):
        page.get_by_role("button", name=f"{side}: style of B").click()
    mixed = visitor.wait_for_change(HAND, plain)
    visitor.wait_for_link(levels="3")
    page.get_by_role("button", name="swap A and B").click()  # all of B, and A is now what B was
    visitor.wait(QUIET)
    page.get_by_role("slider", name="Truncation").press("Home")
    visitor.wait_for_link(truncation="0")
    visitor.wait(QUIET)
    mean = page.evaluate(HAND)
    page.get_by_role("button", name="another B").click()
    visitor.wait(QUIET)
    assert page.evaluate(HAND) == mean != mixed  # one picture for all
    page.get_by_role("checkbox", name="Noise at 8 by 8").check()
    visitor.wait_for_link(noises="2")


def test_a_training_is_watched_and_the_alarm_knows_what_is_wrong(visit: Callable) -> None:
    visitor = visit({"target": "digits", "plan.steps": "3000", "plan.seed": "78"}, at=AT)
    page = visitor.page
    found = page.evaluate(ALARMS, [case[:2] for case in CASES])
    assert found == [wrong for _, _, wrong in CASES]
    page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait(
        "genlabGame.standing?.state === 'running' && genlabGame.updates > 3 && genlabGame.picture?.samples", 60
    )
    page.evaluate("genlabGame.socket.send({ do: 'stop' })")
    visitor.wait(f"genlabGame.standing.ended && {QUIET}")  # what it has made can be taken in hand


def test_the_page_fits(studio: Callable) -> None:
    check_everywhere(studio(), "gan-pictures", stage="genlabGame", ready=QUIET)
