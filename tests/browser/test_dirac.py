"""The Dirac-GAN in a real browser: its arithmetic is the engine's, the start is dragged, games stand side by side."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from engines.gan.dirac.game import CURES, DYNAMICS, DiracSettings, quadrature
from engines.gan.dirac.steps import outlook, trajectory
from engines.gan.losses import LOSSES
from tests.browser.test_look import FRAMES, VIEWS, check_fit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("gan-dirac", "globalThis.genlabStage?.ways")
AT_REST = "!genlabStage.isDirty && !genlabStage.isPlaying && !genlabStage.hasNewGrid"
START, N_STEPS = (1.3, -0.7), 8
PLAY = """async ([games, nodes, kinks, start, n]) => {
  const { Game, outlook } = await import("/lane/js/views/dirac_gan/game.js");
  return games.map((settings) => {
    const game = new Game(settings, nodes), { values, kind, sentence } = outlook(game, kinks.includes(game.cure));
    return { way: [...game.trajectory(start, n)], values, kind, sentence };
  });
}"""


def all_games() -> list[DiracSettings]:
    """Every loss with every cure, the ways to move in turn, and some of what else can be turned."""
    bare = zip(itertools.product(LOSSES, CURES), itertools.cycle(DYNAMICS), strict=False)
    games = [DiracSettings(loss=loss, cure=cure, dynamics=moves, strength=0.6) for (loss, cure), moves in bare]
    turned = [
        DiracSettings(loss=loss, cure=cure, dynamics=moves, momentum=beta, n_critic=3, ratio=0.5, h=0.3)
        for loss in ("wasserstein", "non_saturating")
        for cure in ("r1", "consensus")
        for moves, beta in itertools.product(("simultaneous", "alternating"), (-0.4, 0.6))
    ]
    return games + turned


def test_the_browser_plays_the_engines_game(chromium: Browser, server: Any) -> None:
    """Ways, eigenvalues and words of 64 games; a mean over pairs of noises is taken in another way."""
    page = chromium.new_page()
    page.goto(f"{server.url}_stcore/health")
    places, weights = quadrature()
    nodes = {"places": places.tolist(), "weights": weights.tolist()}
    kinks = [key for key, cure in CURES.items() if cure.is_kink]
    games = all_games()
    found = page.evaluate(PLAY, [[game.to_dict() for game in games], nodes, kinks, START, N_STEPS])
    page.close()
    for game, told in zip(games, found, strict=True):
        is_pair = game.cure == "noise" and game.loss == "relativistic"
        way = trajectory(game, START, N_STEPS).numpy().ravel()
        np.testing.assert_allclose(told["way"], way, atol=1e-4 if is_pair else 1e-8, err_msg=str(game))
        expected = outlook(game)
        assert (told["kind"], told["sentence"]) == (expected.kind, expected.sentence), game
        theirs = sorted((round(re, 4), round(abs(im), 4)) for re, im in told["values"])
        ours = sorted((round(z.real, 4), round(abs(z.imag), 4)) for z in expected.eigenvalues)
        np.testing.assert_allclose(theirs, ours, atol=5e-4, err_msg=str(game))


@pytest.mark.alone
def test_dragging_the_start_draws_another_way_at_once_and_lands_in_the_link(visit: Callable) -> None:
    visitor = visit({"game.cure": "r1"}, at=AT)
    canvas = visitor.page.locator("canvas.portrait")
    box = canvas.bounding_box()
    assert box
    before = visitor.ask("ways.at(-1).places[0]")
    visitor.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
    visitor.page.mouse.down()
    visitor.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    assert visitor.ask("ways.at(-1).places[0]") == pytest.approx(-1.1, abs=0.05) != before
    assert visitor.ask("at") == 500  # while it is dragged the whole way is seen
    assert visitor.page.evaluate(FRAMES) > 15
    visitor.page.mouse.up()
    visitor.wait("genlabStage.isPlaying")
    start = visitor.ask("start")
    visitor.wait_for_link(start=f"{start[0]:g},{start[1]:g}")
    visitor.page.mouse.move(5, 5)
    picture = "genlabStage.portrait.canvas.toDataURL()"
    visitor.wait_for_change(picture, visitor.page.evaluate(picture))


def test_a_game_of_the_grid_comes_to_the_stage_and_others_stay_beside_it(visit: Callable) -> None:
    visitor = visit({"kept": ""}, at=AT, reduced_motion="reduce")
    assert "out" in visitor.text(".verdict")
    visitor.page.get_by_role("button", name="Keep this one beside").click()
    tile = visitor.page.locator("[data-game='wasserstein/r1']")
    tile.click()
    visitor.wait_for_value("genlabStage.game.cure", "r1")
    assert tile.get_attribute("aria-pressed") == "true" or visitor.wait(AT_REST) is None
    assert "spirals in" in visitor.text(".verdict")
    assert visitor.ask("ways.length") == 2
    visitor.wait_for_link(game__loss="wasserstein", game__cure="r1", kept="usual")
    strength = visitor.page.get_by_label("Strength γ")
    said = visitor.text(".verdict")
    strength.press("Home")
    visitor.wait_for_change("genlabStage.verdict.textContent", said)
    visitor.wait_for_link(game__strength="0.01")
    link = visitor.link
    visitor.reload()
    visitor.wait_for_whole_link(link)
    assert visitor.ask("game.strength") == 0.01


@pytest.mark.parametrize("name", ["dark", "phone"])
def test_the_page_fits_each_screen(name: str, visit: Callable) -> None:
    visitor = visit({"game.cure": "noise"}, at=AT, **VIEWS[name] | {"reduced_motion": "reduce"})
    visitor.wait(AT_REST)
    check_fit(visitor)
    visitor.keep_whole(f"dirac-{name}")
