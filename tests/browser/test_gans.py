"""The page of GANs in the plane in a real browser: landscape, layers, alarm and cures, moves by hand, slow motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server, Visitor
from tests.browser.test_look import VIEWS, check_fit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("gans", "globalThis.genlabStage?.truth && genlabStage.visit")
SMALL = {"width": 8, "n_hidden": 1, "discriminator_hidden": 1}
RING = {"target": "ring", "target.std": "0.1"}
LINK = RING | {"plan.steps": "30", "plan.batch_size": "32"} | {f"model.{name}": str(v) for name, v in SMALL.items()}
HERE = "genlabStage.standing?.ended && genlabStage.current?.step === 30"
CALM = "!genlabStage.isDirty && !genlabStage.decoder.pending.size && !genlabStage.decoder.next.size"


@pytest.fixture(scope="session")
def game(server: Server) -> Run:
    """A small game in the server's store; after 30 steps all that it makes lies in one place."""
    changes: dict[str, Any] = {"settings": SMALL, "dataset_settings": {"std": 0.1}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.training.trainer.N_SNAPSHOTS", 6)  # each is measured, which takes time
        trainer = Trainer(Experiment.default("plane_gan", "ring", steps=30, batch_size=32, **changes), device="cpu")
    return train_and_store(trainer, server.store.root / trainer.experiment.digest)


@pytest.fixture
def come(visit: Callable, game: Run) -> Callable:
    """Opens the small game at its end."""

    def open_page(link: dict[str, str] | None = None, **options: Any) -> Visitor:
        assert game.info.state == "finished"
        visitor = visit(LINK | {"at": "30"} | (link or {}), at=AT, **options)
        visitor.wait(f"{HERE} && {CALM}")
        return visitor

    return open_page


def click(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name, exact=True).click()


def test_views_and_layers_change_the_picture_and_the_link(come: Callable) -> None:
    visitor = come()
    picture = visitor.picture()
    click(visitor, "optimal")
    picture = visitor.wait_for_other_picture(picture)
    expect(visitor.page.locator(".over .tag").first).to_contain_text("exact p, estimated q")
    click(visitor, "difference")
    picture = visitor.wait_for_other_picture(picture)
    for layer in ("real", "fakes", "arrows", "grid"):
        click(visitor, layer)
        picture = visitor.wait_for_other_picture(picture)
    visitor.wait_for_link(view="difference", layers="grid")
    visitor.page.get_by_role("slider", name="Training step").focus()
    visitor.page.keyboard.press("Home")
    visitor.wait("genlabStage.current.step === 0")
    visitor.wait_for_other_picture(picture)


STROKES = """() => {
  const { prototype } = CanvasRenderingContext2D, own = prototype.lineTo;
  let n = 0;
  prototype.lineTo = function (...at) { n += 1; own.apply(this, at); };
  const count = (more) => { n = 0; genlabStage.paintPlane(genlabStage.plane, genlabStage.motion, more); return n; };
  const strokes = count({}) - count({ warp: null });
  prototype.lineTo = own;
  return strokes;
}"""  # lines of the latent grid


def test_each_piece_of_the_noise_shows_a_grid_of_its_own(come: Callable, server: Server) -> None:
    bare = {"layers": "grid"}
    assert come(bare).page.evaluate(STROKES) == 2 * 17 * 16
    changes: dict[str, Any] = {"settings": SMALL | {"pieces": 3}, "dataset_settings": {"std": 0.1}}
    trainer = Trainer(Experiment.default("plane_gan", "ring", steps=30, batch_size=32, **changes), device="cpu")
    train_and_store(trainer, server.store.root / trainer.experiment.digest)
    visitor = come(bare | {"model.pieces": "3"}, reduced_motion="reduce")
    assert visitor.page.evaluate(STROKES) == 3 * 2 * 5 * 4
    click(visitor, "One iteration, slowly")
    expect(visitor.page.locator(".narrated")).to_contain_text("one of 3 pieces", timeout=40_000)


def test_a_collapse_raises_the_alarm_and_a_cure_forks_it(come: Callable) -> None:
    visitor = come()
    alert = visitor.page.get_by_role("alert").filter(has_text="modes")
    expect(alert).to_contain_text("of 8 modes have at least a fifth of their share")
    cure = visitor.page.get_by_role("button", name="PacGAN pack size = 2 (")
    expect(cure).to_contain_text("all modes in 8 of 8 seeds")  # what the stored sweep says of it
    cure.click()
    visitor.wait("genlabStage.numbers.origin?.became === 'PacGAN pack size = 2' && genlabStage.standing?.ended", 90)
    expect(visitor.page.locator(".game.two .main .head").first).to_contain_text("with PacGAN pack size = 2")
    expect(visitor.page.locator(".future")).to_contain_text("as it was, PacGAN pack size = 1")
    visitor.wait("genlabStage.future.picture && genlabStage.future.shares.length === 8")
    assert visitor.ask("numbers.settings.pack") == 2
    assert visitor.ask("numbers.origin.step") == 30
    visitor.wait_until(lambda: "run" in visitor.link, "the fork in the link")
    visitor.reload()
    visitor.wait("genlabStage.numbers.origin?.step === 30 && genlabStage.future.picture?.step === 30")


def test_a_game_that_is_not_trained_shows_nothing_of_the_last_one(come: Callable) -> None:
    visitor = come()
    expect(visitor.page.locator(".found b")).not_to_have_text("–")
    visitor.page.get_by_role("button", name="More").click()
    seed = visitor.page.get_by_role("spinbutton", name="Seed")
    seed.fill("77")
    seed.press("Enter")
    visitor.page.get_by_text("Not trained yet: press Train.").wait_for()
    expect(visitor.page.locator(".found b")).to_have_text("–")
    assert visitor.ask("aimed") is None and visitor.ask("bars.live") is None


def test_moves_by_hand_are_made_taken_back_and_linked(come: Callable) -> None:
    visitor = come()
    untouched = visitor.picture()
    click(visitor, "Step D")
    visitor.wait("genlabStage.bout.answers.has('D')")
    visitor.wait_for_other_picture(untouched)
    click(visitor, "Step G")
    visitor.wait("genlabStage.bout.answers.has('DG')")
    expect(visitor.page.locator(".bouttext")).to_contain_text("2 moves by hand: DG")
    expect(visitor.page.locator(".bouttext")).to_contain_text("G's loss")
    visitor.wait_for_link(moves="DG", at="30")
    far = "[...genlabStage.bout.answers.get('DG').samples.slice(0, 6)]"
    samples = visitor.page.evaluate(far)
    visitor.reload()
    visitor.wait("genlabStage.bout.answers.has('DG')")
    assert visitor.page.evaluate(far) == samples
    click(visitor, "Undo")
    click(visitor, "Undo")
    visitor.wait("genlabStage.bout.moves === ''")
    visitor.wait_until(lambda: "moves" not in visitor.link, "a link without moves")


def test_one_iteration_is_told_step_by_step(come: Callable) -> None:
    visitor = come(reduced_motion="reduce")
    click(visitor, "One iteration, slowly")
    told = visitor.page.locator(".narrated")
    expect(told).to_contain_text("Noise is drawn: 32 times")
    assert not visitor.ask("bout.slow.isPlaying")
    picture = visitor.picture()
    for words in ("turns each noise", "answers for 32 real points", "landscape rises", "feels the slope", "all fakes"):
        visitor.page.keyboard.press("ArrowRight")
        expect(told).to_contain_text(words)
        picture = visitor.wait_for_other_picture(picture)
    visitor.page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("feels the slope")
    for _ in range(2):
        visitor.page.keyboard.press("ArrowRight")
    visitor.wait("!genlabStage.bout.isNarrating && genlabStage.bout.moves === 'DG'")


@pytest.mark.parametrize("name", ("dark", "phone"))
def test_the_page_fits_each_screen_and_theme(name: str, come: Callable) -> None:
    visitor = come(**VIEWS[name])
    check_fit(visitor)
    canvases = "[...genlabStage.parent.querySelectorAll('canvas')].filter((c) => c.clientWidth)"
    names = visitor.page.evaluate(f"{canvases}.map((c) => c.getAttribute('aria-label'))")
    assert len(names) == 4 and all(names)
    for button in visitor.page.locator(".stage button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip() or button.is_hidden()
    visitor.keep_whole(f"gans-{name}")
