"""The studio of a latent space in a real browser: the cross is dragged, the picture follows, a sweep trains live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server
from tests.browser.test_look import CUT_OFF, FRAMES, OVERFLOW, VIEWS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("autoencoders", "globalThis.genlabStudio?.numbers")
SMALL = {"betas": "0.5 1 20", "width": 32, "n_latents": 4}
LINK = {"target": "small_shapes", "model.betas": "0.5 1 20", "model.width": "32", "model.n_latents": "4"}
Z = "genlabStudio.z && [...genlabStudio.z].map((v) => v.toFixed(2)).join(' ')"


@pytest.fixture(scope="session")
def sweep(server: Server) -> Run:
    """Three small models of squares in the server's store."""
    experiment = Experiment.default("vae", "small_shapes", steps=150, settings=SMALL)
    return train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture
def studio(visit: Callable, sweep: Run) -> Callable:
    """Opens the small sweep."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit(LINK | {"plan.steps": str(sweep.experiment.steps)} | (link or {}), at=AT, **options)
        visitor.wait("genlabStudio.canDecode && genlabStudio.bigBitmap && genlabStudio.plane.bitmaps")
        return visitor

    return come


def picture(visitor: Any) -> str:
    return visitor.page.evaluate("genlabStudio.decoded.canvas.toDataURL()")


def drag(visitor: Any, begin: tuple[float, float], end: tuple[float, float], steps: int = 25) -> None:
    box = visitor.page.locator("canvas.square").first.bounding_box()
    place = lambda p: (box["x"] + p[0] * box["width"], box["y"] + p[1] * box["height"])  # noqa: E731
    visitor.page.mouse.move(*place(begin))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*place(end), steps=steps)
    visitor.page.mouse.up()


def test_the_picture_follows_the_cross(studio: Callable) -> None:
    visitor = studio()
    before = picture(visitor)
    drag(visitor, (0.5, 0.5), (0.8, 0.3))
    visitor.page.wait_for_timeout(300)
    assert picture(visitor) != before
    p, q = visitor.page.evaluate("[genlabStudio.plane.place.p, genlabStudio.plane.place.q]")
    assert p == pytest.approx(0.6 * 3.2, abs=0.05)
    assert q == pytest.approx(0.4 * 3.2, abs=0.05)
    visitor.wait_for_link(z=visitor.link["z"])
    assert visitor.page.evaluate("genlabStudio.latency") < 500


def test_a_slider_and_a_key_move_one_latent(studio: Callable) -> None:
    visitor = studio()
    slider = visitor.page.locator(".latent input").first
    slider.focus()
    before = picture(visitor)
    for _ in range(40):
        slider.press("ArrowRight")
    visitor.page.wait_for_timeout(300)
    assert picture(visitor) != before
    visitor.page.locator("canvas.square").first.focus()
    place = visitor.page.evaluate(Z)
    visitor.page.keyboard.press("ArrowLeft")
    assert visitor.page.evaluate(Z) != place


def test_the_dial_opens_another_model_at_the_same_place(studio: Callable) -> None:
    visitor = studio({"member": "0", "z": "1 0.5 -0.5 0"})
    assert visitor.page.evaluate(Z) == "1.00 0.50 -0.50 0.00"
    before = picture(visitor)
    visitor.page.get_by_label("β, the price of a code").press("ArrowRight")
    visitor.wait("genlabStudio.member === 1 && genlabStudio.canDecode")
    visitor.page.wait_for_timeout(500)
    assert picture(visitor) != before
    assert visitor.page.evaluate(Z) == "1.00 0.50 -0.50 0.00"
    visitor.wait_for_link(member="1")


@pytest.mark.parametrize("tab", ["All models", "Traversal", "Rebuild", "Between two", "Prior", "Radius", "Yours"])
def test_each_tab_shows_something_and_stands_in_the_link(tab: str, studio: Callable) -> None:
    visitor = studio()
    visitor.page.get_by_role("tab", name=tab).click()
    visitor.page.wait_for_timeout(600)
    said = visitor.page.locator(".lower .card.wide > .cap").inner_text()
    assert len(said) > 20
    visitor.wait_for_link(tab=visitor.page.evaluate("genlabStudio.strips.tab"))
    visitor.keep(f"studio-{visitor.page.evaluate('genlabStudio.strips.tab')}")


def test_painting_is_encoded_while_the_hand_moves(studio: Callable) -> None:
    visitor = studio({"tab": "yours"})
    place = visitor.page.evaluate(Z)
    pad = visitor.page.locator("canvas.pad").first
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    visitor.page.mouse.move(box["x"] + 40, box["y"] + 40)
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 90, box["y"] + 80, steps=10)
    visitor.page.mouse.up()
    visitor.wait(f"({Z}) !== {place!r}")
    visitor.wait("genlabStudio.pad.words.textContent.includes('nats')")


def test_holes_and_principal_axes_redraw_the_plane(studio: Callable) -> None:
    visitor = studio()
    plain = visitor.page.evaluate("genlabStudio.plane.canvas.toDataURL()")
    visitor.page.get_by_role("button", name="holes").click()
    visitor.wait("genlabStudio.holes")
    visitor.page.wait_for_timeout(100)
    assert visitor.page.evaluate("genlabStudio.plane.canvas.toDataURL()") != plain
    visitor.page.locator("button.tag", has_text="×").click()
    visitor.wait("genlabStudio.axes === 'pca'")


def test_a_sweep_trains_live_and_opens_when_it_has_ended(visit: Callable) -> None:
    visitor = visit(LINK | {"plan.steps": "1500", "plan.seed": "77"}, at=AT)
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait("genlabStudio.standing?.state === 'running' && genlabStudio.updates > 5")
    assert visitor.page.evaluate("genlabStudio.strips.tab") == "sweep"
    first = visitor.page.evaluate("genlabStudio.strips.canvas.toDataURL()")
    updates = visitor.page.evaluate("genlabStudio.updates")
    visitor.wait(f"genlabStudio.updates > {updates + 5}")
    assert visitor.page.evaluate("genlabStudio.strips.canvas.toDataURL()") != first
    visitor.press("Stop the training")
    visitor.wait("genlabStudio.standing.ended && genlabStudio.canDecode && genlabStudio.bigBitmap", 30)
    assert visitor.page.evaluate("genlabStudio.standing.state") == "stopped"


@pytest.mark.parametrize("name", VIEWS)
def test_the_studio_fits_each_screen_and_theme(name: str, studio: Callable) -> None:
    visitor = studio(**VIEWS[name])
    visitor.page.wait_for_timeout(500)
    assert visitor.page.evaluate(OVERFLOW) <= 0
    assert visitor.page.evaluate(CUT_OFF) == []
    visitor.keep_whole(f"studio-{name}-whole")


def test_the_page_stays_smooth_while_dragging(studio: Callable) -> None:
    """Software drawing on two busy cores: half of what a visitor's machine should do is enough to pass."""
    visitor = studio()
    drag(visitor, (0.5, 0.5), (0.7, 0.6), steps=60)
    assert visitor.page.evaluate(FRAMES) > 20
