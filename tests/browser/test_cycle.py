"""CycleGAN in a real browser: points fly under the slider, runs stand side by side, faces by their counterparts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.storing import train_and_store
from tests.browser.conftest import Server
from tests.browser.test_look import FRAMES, VIEWS, check_fit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("gan-cycle", "globalThis.genlabStage?.run?.standing?.ended")
POINTS = {"width": 8, "n_hidden": 1}
FACES = {"width": 8, "n_blocks": 1, "n_pictures": 1}
POINTS_LINK = {"target": "moons", "plan.steps": "12", "model.width": "8", "model.n_hidden": "1"}
FACES_LINK = {"part": "pictures", "plan.steps": "3"} | {f"model.{name}": str(value) for name, value in FACES.items()}
SHOWN = "genlabStage.panels.shown.canvas.toDataURL()"
AT_REST = "!genlabStage.isDirty && !genlabStage.time.isPlaying && !genlabStage.opens"


@pytest.fixture(scope="session")
def stored_cycles(server: Server) -> None:
    """Small runs in the server's store: points with the cycle and without, and faces."""
    runs = [Experiment.default("plane_cycle", "moons", steps=12, settings=POINTS | {"cycle": w}) for w in (10.0, 0.0)]
    runs.append(Experiment.default("picture_cycle", "faces", steps=3, settings=FACES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.gan.cyclegan.plane.N_COMPARED", 60)
        patch.setattr("engines.gan.cyclegan.images.N_MEASURED", 4)
        patch.setattr("engines.gan.cyclegan.images.N_MEASURED_AT_END", 8)
        for experiment in runs:
            train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture
def come(visit: Callable, stored_cycles: None) -> Callable:
    """Opens a stored run, and waits until nothing moves."""

    def open_page(link: dict[str, str], **options: Any) -> Any:
        visitor = visit(link, at=AT, **{"reduced_motion": "reduce"} | options)
        visitor.wait(AT_REST)
        return visitor

    return open_page


@pytest.mark.alone
def test_points_fly_under_the_slider_while_it_is_dragged(come: Callable) -> None:
    visitor = come(POINTS_LINK)
    slider = visitor.page.get_by_label("Way through the mapping")
    box = slider.bounding_box()
    assert box
    before = visitor.page.evaluate(SHOWN)
    visitor.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2, steps=4)
    halfway = visitor.wait_for_change(SHOWN, before)
    assert visitor.page.evaluate(FRAMES) > 15
    visitor.page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + box["height"] / 2, steps=4)
    visitor.wait_for_change(SHOWN, halfway)
    visitor.page.mouse.up()
    visitor.wait_for_link(time=f"{round(visitor.ask('time.time'), 2):g}")
    assert 1.5 < visitor.ask("time.time") <= 2


@pytest.mark.parametrize("link", [POINTS_LINK, FACES_LINK])
def test_where_sockets_are_blocked_the_stage_says_so(
    link: dict[str, str], visit: Callable, stored_cycles: None
) -> None:
    visitor = visit(link, "**/lane/**", at=(AT[0], "globalThis.genlabStage?.run?.digest"))
    said = visitor.page.locator(".cyclestage .note")
    expect(said).to_contain_text("are blocked on the way here", timeout=40_000)
    expect(said).to_contain_text("charts and code below")


def test_with_and_without_the_cycle_stand_side_by_side_in_both_directions(come: Callable) -> None:
    visitor = come(POINTS_LINK)
    visitor.wait("genlabStage.beside?.arrays?.samples")
    expect(visitor.page.locator(".flightcard").nth(1)).to_contain_text("without the cycle")
    facts = visitor.page.locator(".flightcard .facts").nth(1)
    expect(facts).to_contain_text("widths")
    there = facts.inner_text()
    visitor.page.get_by_role("button", name="B → A → B").click()
    expect(facts).not_to_have_text(there)
    visitor.wait_for_link(way="back")
    link = visitor.link
    visitor.reload()
    visitor.wait_for_value("genlabStage.way", "back")
    assert visitor.link == link
    visitor.page.get_by_role("button", name="Back to the untrained model").click()
    visitor.wait_for_step(0)
    visitor.wait_for_link(at="0")


def test_faces_stand_by_their_true_counterparts(come: Callable) -> None:
    visitor = come(FACES_LINK)
    visitor.wait("genlabStage.answers.every((answer) => answer?.truth.length === 4)")
    expect(visitor.page.locator(".lanes .card").first).to_contain_text("day → night")
    expect(visitor.page.locator(".lanes .facts").first).to_contain_text("of the needed change made")
    picture = "genlabStage.lanes[0].canvas.toDataURL()"
    before = visitor.page.evaluate(picture)
    visitor.page.get_by_label("Way through the mapping").press("Home")
    home = visitor.wait_for_change(picture, before)
    visitor.page.get_by_role("button", name="Other faces").click()
    visitor.wait_for_change(picture, home)
    visitor.wait_for_link(part="pictures", time="0")


@pytest.mark.parametrize("part, name", [("points", "phone"), ("pictures", "dark")])
def test_the_page_fits_each_screen(part: str, name: str, come: Callable) -> None:
    visitor = come(POINTS_LINK if part == "points" else FACES_LINK, **VIEWS[name])
    visitor.wait("genlabStage.beside || genlabStage.answers?.[1]")
    check_fit(visitor)
    visitor.keep_whole(f"cycle-{part}-{name}")
