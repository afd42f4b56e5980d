"""The bench of denoising in a real browser: time runs both ways, a mask is painted, a training is watched."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server, at_rest
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("denoising", "globalThis.genlabDenoising?.numbers")
STEPS, BATCH = 30, 32
LINK = {"target": "digits", "model.width": "16", "plan.batch_size": str(BATCH)}
QUIET = f"(!genlabDenoising.isAsking && genlabDenoising.way && {at_rest('genlabDenoising')})"
STATES = "genlabDenoising.states.canvas.toDataURL()"
FRAME = "genlabDenoising.frame"


@pytest.fixture(scope="session")
def stored_denoiser(server: Server) -> Run:
    """A small model of digits in the server's store."""
    settings = {**Experiment.default("image_denoiser", "digits").settings, "width": 16}
    experiment = Experiment.default("image_denoiser", "digits", steps=STEPS, batch_size=BATCH, settings=settings)
    return train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture
def bench(visit: Callable, stored_denoiser: Run) -> Callable:
    """Opens the small model."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit(LINK | {"plan.steps": str(STEPS)} | (link or {}), at=AT, **options)
        visitor.wait(QUIET)
        return visitor

    return come


def test_time_runs_both_ways_and_a_link_keeps_it(bench: Callable) -> None:
    visitor = bench()
    end = visitor.page.evaluate(STATES)
    visitor.wait_for_value(FRAME, 10)
    slider = visitor.page.get_by_role("slider", name="Denoising time")
    slider.press("Home")
    visitor.wait_for_value(FRAME, 0)
    noise = visitor.wait_for_change(STATES, end)
    visitor.press_at_once(slider, "ArrowRight", 4)
    visitor.wait_for_value(FRAME, 4)
    visitor.wait_for_change(STATES, noise)
    visitor.wait_for_link(at="0.4")
    visitor.page.get_by_role("button", name="Play backwards").click()
    visitor.wait_for_value(FRAME, 0)
    visitor.page.get_by_role("button", name="Play: from noise").click()
    visitor.wait_for_value(FRAME, 10)
    visitor.wait(f"!genlabDenoising.time.direction && {QUIET}")
    assert visitor.page.evaluate(STATES) == end  # scrubbing there and back changes nothing
    visitor.page.get_by_role("button", name="Play: from noise").click()
    visitor.wait("genlabDenoising.time.direction === 1")
    visitor.page.locator("canvas.film").click(position={"x": 90, "y": 20})  # which also stops the play
    visitor.wait("genlabDenoising.frame === 0 && !genlabDenoising.time.direction")
    visitor.press_at_once(visitor.page.locator("canvas.grid").first, "ArrowDown", 2)
    visitor.wait_for_value("genlabDenoising.chain", 10)
    visitor.wait_for_link(at="0", chain="10")
    visitor.reload().wait(QUIET)
    visitor.wait_for_value("[genlabDenoising.frame, genlabDenoising.chain]", [0, 10])


def test_classes_samplers_and_the_closed_form(bench: Callable) -> None:
    visitor = bench()
    page, request = visitor.page, "genlabDenoising.way?.request"
    page.get_by_role("button", name="7", exact=True).click()
    visitor.wait(f"{request}?.label === 7 && {QUIET}")
    knob = page.get_by_label("guidance")
    knob.press("End")
    visitor.wait(f"{request}?.guidance === 8 && {QUIET}")
    page.get_by_label("Sampler").select_option("annealed")
    visitor.wait(f"{request}?.n_calls === 199 && {QUIET}")  # in several questions
    visitor.wait_for_value("genlabDenoising.way.known", 20)
    expect(page.get_by_label("temperature")).to_be_visible()
    page.get_by_label("Sampler").select_option("heun")
    page.get_by_role("button", name="perfect on its training set").click()
    visitor.wait(f"{request}?.source === 'empirical' && {QUIET}")
    assert visitor.page.evaluate("genlabDenoising.way.ratio") < 0.05
    expect(page.get_by_text("Copies.")).to_be_visible()
    visitor.wait_for_link(source="empirical", label="7")


def test_a_picture_under_noise_and_a_painted_mask(bench: Callable) -> None:
    visitor = bench({"task": "picture", "sigma": "1", "label": "-1"})
    page = visitor.page
    visitor.wait("genlabDenoising.source.seen")
    dial = page.get_by_label("noise σ")
    seen = visitor.page.evaluate("genlabDenoising.source.answers")
    dial.press("End")
    visitor.wait(f"genlabDenoising.source.answers > {seen}")
    expect(page.get_by_text("outside the noise that it was trained on").first).to_be_visible()
    visitor.wait(f"genlabDenoising.way?.request.sigma > 30 && {QUIET}")
    page.get_by_role("tab", name="Fill in").click()
    visitor.wait(f"genlabDenoising.way?.request.mask && {QUIET}")
    page.get_by_role("button", name="clear").first.click()
    expect(page.get_by_text("Nothing is painted over").first).to_be_visible()
    canvas = page.locator("canvas.picture-large")
    canvas.scroll_into_view_if_needed()
    box: Any = canvas.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 10, steps=8)
    page.mouse.up()
    visitor.wait(f"genlabDenoising.way?.request.mask && {QUIET}")
    painted = visitor.page.evaluate("Array.from(genlabDenoising.source.mask)")
    assert sum(painted[:8]) == 8 and sum(painted[24:]) == 0
    visitor.wait_for_link(task="fill", mask=visitor.page.evaluate("genlabDenoising.source.where().mask"))


def test_an_upload_is_taken(bench: Callable) -> None:
    visitor = bench()
    held = io.BytesIO()
    Image.new("RGB", (30, 30), (255, 255, 255)).save(held, "PNG")
    visitor.page.get_by_role("button", name="Your picture").click()
    chooser = visitor.page.locator("[data-testid=stFileUploaderDropzoneInput]").first
    chooser.set_input_files({"name": "white.png", "mimeType": "image/png", "buffer": held.getvalue()})
    visitor.wait(f"genlabDenoising.source.isOwn && genlabDenoising.tools.task === 'picture' && {QUIET}")
    assert visitor.page.evaluate("Array.from(genlabDenoising.source.pixels).every((v) => v === 255)")


def test_a_training_is_watched(visit: Callable) -> None:
    visitor = visit(LINK | {"plan.steps": "2000", "plan.seed": "78"}, at=AT)
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait("genlabDenoising.standing?.state === 'running' && genlabDenoising.updates > 3", 60)
    visitor.wait("genlabDenoising.picture?.samples && !genlabDenoising.way")
    visitor.page.evaluate("genlabDenoising.socket.send({ do: 'stop' })")
    visitor.wait(f"genlabDenoising.standing.ended && {QUIET}")  # what it has made can be asked


@pytest.mark.parametrize("task", ["noise", "picture"])
def test_the_page_fits(task: str, bench: Callable) -> None:
    check_everywhere(bench({"task": task}), f"denoising-{task}", stage="genlabDenoising", ready=QUIET)
