"""The VAE in the plane in a real browser: the posterior follows the hand, and the numbers under it add up."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import AT_END, Server, at_rest
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("autoencoders-plane", "globalThis.genlabStage?.truth")
SMALL = {"width": 16, "n_hidden": 1}
LINK = {"target": "moons", "model.width": "16", "model.n_hidden": "1", "plan.steps": "300"}
ANSWERED = "genlabStage.posterior && genlabStage.posterior.x.join() === genlabStage.x.join() && !genlabStage.isDirty"


@pytest.fixture(scope="session")
def planes(server: Server) -> dict[int, Run]:
    """Small VAEs of one and of two latents in the server's store."""
    found = {}
    for z in (1, 2):
        experiment = Experiment.default("plane_vae", "moons", steps=300, settings=SMALL | {"n_latents": z})
        trainer = Trainer(experiment, device="cpu")
        found[z] = train_and_store(trainer, server.store.root / experiment.digest)
    return found


@pytest.fixture
def plane(visit: Callable, planes: dict[int, Run]) -> Callable:
    """Opens one of the small VAEs at its end."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Any:
        visitor = visit(LINK | {"at": "300"} | (link or {}), at=AT, **options)
        assert planes[2].experiment.steps == 300
        visitor.wait(f"{AT_END} && {ANSWERED} && {at_rest()}")
        return visitor

    return come


def drag(visitor: Any, panel: str, places: list[tuple[float, float]]) -> list[str]:
    """Drag over shares of a panel, up from its lower left; the posterior's picture at each place."""
    box = visitor.page.evaluate(
        f"(() => {{ const b = genlabStage.cards.{panel}.canvas.getBoundingClientRect(); "
        "return [b.left, b.top, b.width, b.height]; })()"
    )
    at = lambda u, v: (box[0] + u * box[2], box[1] + (1 - v) * box[3])  # noqa: E731
    visitor.page.mouse.move(*at(*places[0]))
    before = visitor.ask("x")
    visitor.page.mouse.down()
    visitor.wait_for_change("genlabStage.x", before)
    seen = [posterior_picture(visitor)]
    for (u0, v0), (u1, v1) in pairwise(places):
        for share in (0.2, 0.4, 0.6, 0.8, 1.0):
            before = visitor.ask("x")
            visitor.page.mouse.move(*at(u0 + share * (u1 - u0), v0 + share * (v1 - v0)))
            visitor.wait_for_change("genlabStage.x", before)
            visitor.wait(ANSWERED)
        seen.append(posterior_picture(visitor))
    visitor.page.mouse.up()
    return seen


def posterior_picture(visitor: Any) -> str:
    """The posterior's pixels when the model has answered."""
    visitor.wait(f"{ANSWERED} && {at_rest()}")
    return visitor.picture("posterior")


def numbers_of(visitor: Any) -> tuple[float, float, float]:
    """Bound, gap and log p(x) as they stand on the page."""
    texts = [visitor.text(f".equation .{name}") for name in ("bound", "gap", "total")]
    bound, gap, total = (float(text.replace("\u2212", "-")) for text in texts)
    return bound, gap, total


@pytest.mark.parametrize("panel", ["data", "model"])
def test_the_posterior_follows_the_hand_and_the_numbers_add_up(panel: str, plane: Callable) -> None:
    visitor = plane()
    untouched = visitor.picture("posterior")
    answers = visitor.ask("posteriorAnswers")
    places = [(0.2, 0.55), (0.35, 0.7), (0.5, 0.5), (0.7, 0.3)]
    pictures = drag(visitor, panel, places)
    assert len({untouched, *pictures}) == 5
    assert visitor.ask("posteriorAnswers") - answers > 8  # while it moved, not only where it rested
    x0, x1, y0, y1 = visitor.ask("numbers.window")
    assert visitor.ask("x") == pytest.approx([x0 + 0.7 * (x1 - x0), y0 + 0.3 * (y1 - y0)], abs=0.02 * (x1 - x0))
    bound, gap, total = numbers_of(visitor)
    assert bound + gap == pytest.approx(total, abs=0.0016)  # three rounded numbers
    assert gap >= 0
    visitor.wait_for_link(x=",".join(f"{v:g}" for v in visitor.ask("x")))
    print(f"point to posterior: {visitor.ask('posteriorLatency'):.0f} ms")


def test_the_formula_below_says_the_same_as_the_stage(plane: Callable) -> None:
    visitor = plane({"x": "0.5,-1"})
    bound, gap, total = numbers_of(visitor)
    said = visitor.page.locator(".katex-mathml annotation").first.text_content()
    numbers = [float(n) for n in re.findall(r"-?\d+\.\d{3}", said)]
    assert numbers[0] == pytest.approx(total, abs=0.0011)
    assert numbers[1] - numbers[2] == pytest.approx(bound, abs=0.0016)
    assert numbers[3] == pytest.approx(gap, abs=0.0011)


def test_a_link_restores_the_point_and_the_view(plane: Callable) -> None:
    link = {"x": "0.5,-1", "view": "q"}
    visitor = plane(link)
    assert visitor.ask("x") == [0.5, -1]
    expect(visitor.page.get_by_role("button", name="around q")).to_have_attribute("aria-pressed", "true")
    assert visitor.link == LINK | {"at": "300"} | link
    around = visitor.picture("posterior")
    visitor.page.get_by_role("button", name="plane", exact=True).click()
    visitor.wait_for_other_picture(around, "posterior")
    visitor.wait("!location.search.includes('view=')")


def test_the_keys_move_the_point(plane: Callable) -> None:
    visitor = plane({"x": "0.5,-1"})
    visitor.page.get_by_role("application").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        visitor.page.keyboard.press(key)
    step = visitor.ask("numbers.window[1] - genlabStage.numbers.window[0]") / 100
    wanted = pytest.approx([0.5 + 2 * step, -1 + step], abs=2e-3)
    visitor.wait_until(lambda: visitor.ask("x") == wanted, "the point has moved")
    visitor.wait_for_link(x=",".join(f"{v:g}" for v in visitor.ask("x")))


def test_the_posterior_follows_the_player(plane: Callable) -> None:
    visitor = plane({"x": "0.5,-1"})
    at_the_end, (_, _, total) = visitor.picture("posterior"), numbers_of(visitor)
    track = visitor.page.get_by_role("slider", name="Training step")
    track.focus()
    visitor.page.keyboard.press("Home")
    visitor.wait(f"genlabStage.posterior.step === 0 && {at_rest()}")
    visitor.wait_for_other_picture(at_the_end, "posterior")
    assert numbers_of(visitor)[2] != total


def test_one_latent_is_shown_as_curves(plane: Callable) -> None:
    visitor = plane({"model.n_latents": "1", "x": "0.5,-1"})
    before = visitor.picture("posterior")
    assert visitor.ask("posterior.map.shape.length") == 1
    assert len(set(drag(visitor, "data", [(0.3, 0.6), (0.7, 0.3)])) | {before}) == 3
    bound, gap, total = numbers_of(visitor)
    assert bound + gap == pytest.approx(total, abs=0.0016)
    visitor.keep("vae-plane-curves")


def test_training_is_watched_live_and_the_posterior_comes_with_it(visit: Callable) -> None:
    visitor = visit({"plan.steps": "600", "plan.seed": "78"}, at=AT)
    assert "Train first" not in visitor.text(".note")
    untrained = visitor.picture()
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    visitor.wait_for_other_picture(untrained)
    visitor.wait("genlabStage.current?.step > 20 && genlabStage.shown?.sheet")
    visitor.wait_for_other_picture(visitor.picture())
    visitor.wait("genlabStage.posteriorAnswers > 1")
    visitor.wait("genlabStage.standing.ended", 60)
    assert visitor.ask("standing.state") == "finished"
    visitor.wait("genlabStage.posterior.step === 600")
    expect(visitor.page.locator(".card:nth-child(2) .tag").first).to_contain_text("by quadrature")


def test_the_page_fits_each_screen_and_theme(plane: Callable) -> None:
    visitor = plane({"x": "0.5,-1"})
    check_everywhere(visitor, "vae-plane", ready=ANSWERED)
    names = visitor.page.evaluate(
        "[...genlabStage.parent.querySelectorAll('canvas')].map((c) => c.getAttribute('aria-label'))"
    )
    assert len(names) == 5 and all(names)
