"""The page of score fields in a real browser: the dial moves field and particles, and walks end where they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.browser.conftest import Server, Visitor
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AT = ("score", "globalThis.genlabStage?.truth")
LINK = {"target": "two_modes", "model.width": "64", "plan.steps": "200"}
ONE = {"n_levels": 1, "sigma_min": 0.1}
OVER = "genlabStage.walker.isOver && !genlabStage.walker.isPlaying"
CALM = f"{OVER} && genlabStage.energy !== null && !genlabStage.isDirty"
SHORT = {"walk.kind": "heun", "walk.n_levels": "4"}  # a walk of about two seconds
PAINTED = "!genlabStage.isDirty && !genlabStage.isGroundDirty && !genlabStage.isMapDirty"
COUNTS = """() => new Promise((done) => {
  let count = 0;
  const start = performance.now();
  const tick = (now) => {
    count++;
    globalThis.endCount ? done((1000 * count) / (now - start)) : requestAnimationFrame(tick);
  };
  globalThis.endCount = false;
  requestAnimationFrame(tick);
})"""


@pytest.fixture(scope="session")
def fields(server: Server) -> dict[str, Run]:
    """Small networks in the server's store: of all levels, and of one."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.score.measures.N_SAMPLES", 100)  # of the samplers' qualities, which are not looked at
        for name, steps, more in (("all", 200, {}), ("one", 20, ONE)):
            settings = {"width": 64} | more
            experiment = Experiment.default("score_field", "two_modes", steps=steps, settings=settings)
            trainer = Trainer(experiment, device="cpu")
            found[name] = train_and_store(trainer, server.store.root / experiment.digest)
    return found


@pytest.fixture
def field(visit: Callable, fields: dict[str, Run]) -> Callable:
    """Opens the small network; its field has come whole."""

    def come(link: dict[str, str] | None = None, **options: Any) -> Visitor:
        assert fields["all"].info.state == "finished"
        visitor = visit(LINK | SHORT | (link or {}), at=AT, **options)
        visitor.wait("genlabStage.full.size === 1 && genlabStage.learned === genlabStage.full.get(200)")
        return visitor

    return come


def drag_dial(visitor: Visitor, shares: list[float]) -> None:
    """Take the dial's knob along, and let go."""
    box = visitor.page.get_by_role("slider", name="Noise sigma").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    visitor.page.mouse.move(box["x"] + shares[0] * box["width"], y)
    visitor.page.mouse.down()
    for share in shares[1:]:
        visitor.page.mouse.move(box["x"] + share * box["width"], y)
    visitor.page.mouse.up()


def plane_box(visitor: Visitor) -> dict[str, float]:
    """Where the plane is on the screen."""
    plane = visitor.page.locator("canvas.plane")
    plane.scroll_into_view_if_needed()
    box: Any = plane.bounding_box()
    return box


def click_plane(visitor: Visitor, u: float, v: float) -> None:
    """Click at shares of the plane, from its lower left."""
    box = plane_box(visitor)
    visitor.page.mouse.click(box["x"] + u * box["width"], box["y"] + (1 - v) * box["height"])


def slide(visitor: Visitor, name: str, value: float) -> None:
    """Drag one of the walk's sliders to a place, as a hand does: input events, then a change."""
    slider = visitor.page.get_by_role("slider", name=name, exact=True)
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value)


def test_particles_are_released_by_themselves_and_the_network_itself_agrees(field: Callable) -> None:
    visitor = field()
    visitor.wait("genlabStage.walker.isPlaying || genlabStage.walker.isOver")
    visitor.wait(CALM)
    assert visitor.ask("walker.n") == 2000
    assert visitor.ask("sigma") == pytest.approx(0.05, rel=1e-4)
    expect(visitor.page.locator(".check")).to_contain_text("with the network itself")
    assert sum(visitor.ask("shares")) == pytest.approx(1)
    expect(visitor.page.locator(".weights .tag")).to_have_text("2,000 particles")
    expect(visitor.page.locator(".walkplayer .readout")).to_contain_text("step 4 of 4")
    expect(visitor.page.locator(".main .tag")).to_contain_text("learned, stored 20")
    expect(visitor.page.locator(".facts")).to_contain_text("80 × 80 cells at 16 levels")


@pytest.mark.alone
def test_the_dial_moves_field_density_and_particles_while_it_is_dragged(field: Callable) -> None:
    visitor = field()
    visitor.wait(f"{CALM} && {PAINTED}")
    before, turns = visitor.ask("shownX.slice(0, 400).join().split(',').map(Number)"), visitor.ask("turns ?? 0")
    picture = visitor.picture()
    counting = visitor.page.evaluate_handle(f"({{ rate: ({COUNTS})() }})")
    drag_dial(visitor, [0.02 + 0.9 * i / 60 for i in range(61)])
    visitor.page.evaluate("globalThis.endCount = true")
    rate = visitor.page.evaluate("(c) => c.rate", counting)
    print(f"while the dial is dragged: {rate:.0f} frames/s")
    assert rate >= 12  # of a busy machine without a graphics card
    assert visitor.ask("turns") - turns > 30  # it acts while it moves, not when it is let go
    visitor.wait_for_other_picture(picture)
    visitor.wait("genlabStage.handTo === undefined && !genlabStage.isDirty")
    after = visitor.ask("shownX.slice(0, 400).join().split(',').map(Number)")
    assert sum(abs(a - b) for a, b in zip(before, after, strict=True)) > 400  # the ODE flows back out
    assert visitor.ask("sigma") > 8
    visitor.wait("location.search.includes('walk.sigma=')")
    error = visitor.text(".errormap .big")
    drag_dial(visitor, [0.92, 0.3])
    visitor.wait_for_change("genlabStage.parent.querySelector('.errormap .big').textContent", error)


def test_the_dial_obeys_wheel_and_keys(field: Callable) -> None:
    visitor = field()
    visitor.wait(CALM)
    dial = visitor.page.get_by_role("slider", name="Noise sigma")
    dial.hover()
    visitor.page.mouse.wheel(0, -300)
    sigma = visitor.wait_for_change("genlabStage.sigma", visitor.ask("range[0]"))
    dial.focus()
    visitor.page.keyboard.press("ArrowRight")
    assert visitor.wait_for_change("genlabStage.sigma", sigma) > sigma
    assert "sigma" in str(dial.get_attribute("aria-valuetext"))


def test_views_show_different_fields_and_stand_in_the_link(field: Callable) -> None:
    visitor = field({"walk.sigma": "1"})
    visitor.wait(PAINTED)
    assert visitor.ask("walker.n") == 0  # a link to one level: nothing runs away from it
    seen = {visitor.picture()}
    for name in ("exact", "difference"):
        visitor.page.get_by_role("button", name=name, exact=True).click()
        visitor.wait_for_link(walk__view=name)
        visitor.wait(PAINTED)
        seen.add(visitor.picture())
    assert len(seen) == 3
    visitor.page.get_by_role("button", name="exact", exact=True).click()
    expect(visitor.page.locator(".main .tag")).to_have_text("exact, closed form")


def test_the_walk_is_scrubbed_back_and_forth(field: Callable) -> None:
    visitor = field()
    visitor.wait(CALM)
    end = visitor.ask("shownX[0]")
    visitor.page.get_by_role("slider", name="Steps of the walk").focus()
    visitor.page.keyboard.press("Home")
    visitor.wait("genlabStage.walker.cursor === 0 && !genlabStage.isDirty")
    assert visitor.ask("sigma") == pytest.approx(20)
    assert visitor.ask("shownX[0]") == visitor.ask("walker.frames[0].x[0]") != end
    visitor.press("One step on")
    visitor.wait("genlabStage.walker.cursor === 1")
    visitor.press("One step back")
    visitor.wait("genlabStage.walker.cursor === 0")
    visitor.page.keyboard.press("End")
    visitor.wait("genlabStage.walker.cursor === 4 && !genlabStage.isDirty")
    assert visitor.ask("shownX[0]") == end
    visitor.press("One step back")
    visitor.press("Play or pause the walk")  # and on from there
    visitor.wait(CALM)
    assert visitor.ask("walker.frames.length") == 5


def test_sliders_act_while_they_are_dragged(field: Callable) -> None:
    visitor = field({"walk.kind": "annealed", "walk.n_levels": "10"})
    visitor.wait("genlabStage.walker.isPlaying")
    slide(visitor, "Temperature", 0.2)
    visitor.wait_for_value("genlabStage.walker.settings.temperature", 0.2)
    assert visitor.ask("walker.isPlaying")
    slide(visitor, "Steps a level", 5)
    visitor.wait_for_value("genlabStage.walker.steps.length", 51)
    slide(visitor, "Particles", 300)
    visitor.wait_for_value("genlabStage.walker.n", 300)
    expect(visitor.page.get_by_role("button", name="Release 300")).to_be_visible()


def test_a_click_chooses_a_particle_and_a_point(field: Callable) -> None:
    visitor = field({"walk.kind": "annealed", "walk.n_levels": "5", "walk.level_steps": "10"})
    visitor.wait(CALM)
    x0, x1, y0, y1 = visitor.ask("numbers.window")
    xs = visitor.ask("shownX.slice(0, 400).join().split(',').map(Number)")
    x, y = next((x, y) for x, y in zip(xs[::2], xs[1::2], strict=True) if x0 < x < x1 and y0 < y < y1)
    click_plane(visitor, (x - x0) / (x1 - x0), (y - y0) / (y1 - y0))
    visitor.wait("genlabStage.chosen !== null && genlabStage.likelihood")
    expect(visitor.page.locator(".way .tag")).to_contain_text("particle")
    expect(visitor.page.locator(".way .cap")).to_contain_text("sum of learned slopes")
    expect(visitor.page.locator(".likelihood .nats")).to_contain_text("exact")
    visitor.wait_for_link(x=",".join(f"{v:g}" for v in visitor.ask("point")))
    value, change, exact, base = visitor.ask("likelihood")
    assert change < 0.05 or "too few steps" in visitor.text(".likelihood .nats")
    slide(visitor, "Steps of the ODE", 5)
    visitor.wait_for_change("genlabStage.likelihood", [value, change, exact, base])
    expect(visitor.page.locator(".likelihood .nats")).to_contain_text("too few steps to say anything")


def test_a_step_too_large_is_said_and_stops_the_walk(field: Callable) -> None:
    link = {"walk.kind": "hold", "walk.sigma": "0.05", "walk.step": "5", "walk.start": "window", "walk.view": "exact"}
    visitor = field(link)
    visitor.wait("genlabStage.walker.isLost")
    expect(visitor.page.locator(".sentence")).to_contain_text("The particles have left all bounds")
    assert not visitor.ask("walker.isPlaying")
    visitor.page.get_by_role("button", name="annealed Langevin").click()
    visitor.wait("genlabStage.walker.isPlaying && !genlabStage.walker.isLost")
    expect(visitor.page.locator(".sentence")).to_be_hidden()


def test_outside_of_the_trained_level_it_is_said(visit: Callable, fields: dict[str, Run]) -> None:
    assert fields["one"].info.state == "finished"
    one = {"model.n_levels": "1", "model.sigma_min": "0.1", "plan.steps": "20"}
    visitor = visit(LINK | one | {"walk.sigma": "2"}, at=AT)
    visitor.wait("genlabStage.full.size === 1")
    expect(visitor.page.locator(".sentence")).to_contain_text("has only seen σ = 0.100")
    expect(visitor.page.locator(".sentence")).to_contain_text("its field at 2.00 is that of 0.100")
    expect(visitor.page.locator(".likelihood .nats")).to_contain_text("single noise level")


def test_a_level_beyond_the_dial_is_said(field: Callable) -> None:
    visitor = field({"walk.sigma": "45"})
    expect(visitor.page.locator(".sentence")).to_contain_text("σ = 45 lies outside of the dial")
    assert visitor.ask("sigma") == pytest.approx(20)


def test_what_was_set_is_still_there_after_a_visit_to_another_page(field: Callable) -> None:
    visitor = field()
    visitor.page.get_by_role("button", name="Metropolis").click()
    visitor.wait_for_link(walk__kind="metropolis")
    visitor.page.get_by_role("link", name="ELBO and true posterior").click()
    visitor.wait("!genlabStage.walk")
    visitor.page.get_by_role("link", name="Score matching and Langevin").click()
    visitor.wait("genlabStage.walk?.kind === 'metropolis' && genlabStage.truth")


def test_metropolis_says_whose_field_it_follows(field: Callable) -> None:
    visitor = field({"walk.kind": "metropolis", "walk.sigma": "0.5", "walk.steps": "20", "walk.start": "window"})
    expect(visitor.page.locator(".sentence")).to_contain_text("Metropolis compares densities")
    visitor.wait(CALM)
    expect(visitor.page.locator(".check")).to_contain_text("with the closed form itself")


def test_particles_start_at_a_point_or_are_painted(field: Callable) -> None:
    visitor = field({"walk.start": "point"})
    expect(visitor.page.get_by_text("Click the plane to say where")).to_be_visible()
    click_plane(visitor, 0.25, 0.75)
    visitor.wait("genlabStage.walker.n === 2000")
    x0, x1, y0, y1 = visitor.ask("numbers.window")
    wanted = [x0 + 0.25 * (x1 - x0), y0 + 0.75 * (y1 - y0)]
    assert visitor.ask("startedAt") == pytest.approx(wanted, abs=0.2)
    visitor.wait(OVER)
    visitor.page.get_by_role("button", name="handful").click()
    box = plane_box(visitor)
    visitor.page.mouse.move(box["x"] + 100, box["y"] + 100)
    visitor.page.mouse.down()
    for i in range(12):
        visitor.page.mouse.move(box["x"] + 100 + 10 * i, box["y"] + 100)
    visitor.page.mouse.up()
    visitor.wait("genlabStage.walker.n > 50 && genlabStage.walker.n < 200")
    visitor.wait(CALM)


def test_the_plane_obeys_keys(field: Callable) -> None:
    visitor = field()
    visitor.wait(CALM)
    visitor.page.locator("canvas.plane").focus()
    before = visitor.ask("point")
    visitor.page.keyboard.press("ArrowRight")
    assert visitor.wait_for_change("genlabStage.point", before)[0] > before[0]
    visitor.page.keyboard.press("Enter")
    visitor.wait("genlabStage.chosen !== null")
    releases = visitor.ask("releases")
    visitor.page.keyboard.press(" ")
    visitor.wait_for_change("genlabStage.releases", releases)


def test_a_link_restores_walk_and_point(field: Callable) -> None:
    link = {"walk.view": "exact", "walk.sigma": "0.7", "walk.temperature": "0.5", "x": "1,2", "at": "200"}
    visitor = field(link)
    assert visitor.ask("sigma") == pytest.approx(0.7)
    assert visitor.ask("point") == [1, 2]
    expect(visitor.page.get_by_role("button", name="Heun ODE")).to_have_attribute("aria-pressed", "true")
    visitor.wait_for_whole_link(LINK | SHORT | link)


def test_the_training_is_scrubbed_and_shows_its_own_field(field: Callable) -> None:
    visitor = field()
    visitor.wait(f"{CALM} && {PAINTED}")
    picture = visitor.picture()
    visitor.page.get_by_role("slider", name="Training step").focus()
    visitor.page.keyboard.press("Home")
    visitor.wait("genlabStage.current.step === 0 && genlabStage.walker.n === 0")
    visitor.wait_for_other_picture(picture)
    visitor.page.keyboard.press("ArrowRight")
    expect(visitor.page.locator(".facts")).to_contain_text("this step's field on 20 × 20 cells at 5 levels")
    expect(visitor.page.locator(".likelihood .nats")).to_contain_text("Weights are kept only at steps")


def test_training_is_watched_live_and_ends_in_a_walk(visit: Callable) -> None:
    visitor = visit({"target": "two_modes", "model.width": "24", "plan.steps": "300", "plan.seed": "78"} | SHORT, at=AT)
    expect(visitor.page.locator(".sentence")).to_contain_text("Not trained yet")
    untrained = visitor.picture()
    visitor.train()
    visitor.wait_for_other_picture(untrained)
    visitor.wait("genlabStage.current?.step > 20 && genlabStage.shown?.samples?.length === 2000")
    visitor.wait("genlabStage.standing.ended", 90)
    assert visitor.ask("standing.state") == "finished"
    visitor.wait(f"genlabStage.full.has(300) && {OVER}")


def test_reduced_motion_is_honoured(field: Callable) -> None:
    visitor = field(reduced_motion="reduce")
    visitor.wait(CALM)
    assert visitor.ask("walker.cursor") == visitor.ask("walker.steps.length") == 4
    assert not visitor.ask("player.isPlaying")


def test_the_page_fits_each_screen_and_theme(field: Callable) -> None:
    visitor = field()
    visitor.wait(f"{CALM} && {PAINTED}")
    check_everywhere(visitor, "score", ready=PAINTED)
    names = visitor.page.evaluate(
        "[...genlabStage.parent.querySelectorAll('canvas')].map((c) => c.getAttribute('aria-label'))"
    )
    assert len(names) == 7 and all(names)
    for button in visitor.page.locator(".stage button").all():
        assert button.get_attribute("aria-label") or button.inner_text().strip()
