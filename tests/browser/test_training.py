"""One visitor: train, watch, pause, scrub, turn the temperature, come back by a link."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import AT_END, at_rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def kl_of(text: str) -> float:
    return float(text.split()[0].replace("\u2212", "-"))


def test_train_shows_a_moving_picture_that_learns(visit: Callable) -> None:
    visitor = visit({"plan.seed": "101", "plan.steps": "300"})
    untrained = visitor.picture()
    visitor.page.get_by_test_id("stBaseButton-primary").first.click()
    early = visitor.wait_for_other_picture(untrained)
    visitor.wait("genlabStage.current?.step > 20")
    kl = ".card:nth-child(3) .num"
    expect(visitor.page.locator(kl).first).to_contain_text("nats")
    first = kl_of(visitor.text(kl))
    visitor.wait_for_other_picture(visitor.picture())
    visitor.wait("genlabStage.standing.ended", 60)
    assert visitor.ask("standing.state") == "finished"
    visitor.wait_for_step(300)
    visitor.wait_for_other_picture(early)
    assert kl_of(visitor.text(kl)) < min(0.5 * first, 0.25)
    assert 0.99 < float(visitor.text(".card:nth-child(2) .num")) < 1.01
    visitor.keep("trained")


def test_pause_step_and_resume(visit: Callable) -> None:
    visitor = visit({"plan.seed": "102", "plan.steps": "10000"}).train()
    visitor.wait("genlabStage.current.step > 30")
    visitor.press("Play or pause")
    visitor.wait("genlabStage.standing.state === 'paused'")
    visitor.wait("genlabStage.current.step === genlabStage.standing.step")
    held = visitor.shown_step
    visitor.page.wait_for_timeout(700)
    assert visitor.shown_step == held
    for done in (1, 2):
        visitor.press("Step forward")
        visitor.wait(f"genlabStage.current.step === {held + done}")
        visitor.wait_for_step(held + done)
    visitor.press("Play or pause")
    visitor.wait(f"genlabStage.current.step > {held + 20}")
    visitor.stop_training()
    expect(visitor.page.locator(".player .status").first).to_contain_text("stopped")


def test_a_reload_in_mid_run_rejoins_it(visit: Callable) -> None:
    visitor = visit({"plan.seed": "103", "plan.steps": "10000"}).train()
    visitor.wait("genlabStage.current.step > 50")
    digest, step = visitor.ask("digest"), visitor.ask("current.step")
    visitor.reload()
    visitor.wait(f"genlabStage.standing?.state === 'running' && genlabStage.current?.step > {step}")
    assert visitor.ask("digest") == digest
    assert visitor.ask("snapshots[0].step") == 0
    steps = visitor.ask("snapshots.map((s) => s.step)")
    assert steps == sorted(set(steps))
    visitor.stop_training()


def test_scrubbing_back_shows_the_past_and_writes_the_link(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"})
    visitor.wait(f"{AT_END} && genlabStage.isSharp && {at_rest()}")
    last = visitor.picture()
    track = visitor.page.get_by_role("slider", name="Training step")
    track.focus()
    for _ in range(5):
        visitor.page.keyboard.press("ArrowLeft")
    steps = visitor.ask("snapshots.map((s) => s.step)")
    visitor.wait_for_step(steps[-6])
    expect(track).to_have_attribute("aria-valuenow", str(steps[-6]))
    visitor.wait_for_other_picture(last)
    visitor.wait_for_whole_link(stored_link | {"at": str(steps[-6])})
    visitor.page.keyboard.press("Home")
    visitor.wait_for_step(0)
    visitor.page.keyboard.press("End")
    visitor.wait_for_step(300)

    box = track.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    visitor.page.mouse.move(box["x"] + box["width"] - 5, middle)
    visitor.page.mouse.down()
    seen = []
    for share in (0.8, 0.5, 0.2):
        before = visitor.ask("current.step")
        visitor.page.mouse.move(box["x"] + share * box["width"], middle)
        seen.append(visitor.wait_for_change("genlabStage.current.step", before))
        visitor.wait_for_step(seen[-1])
    visitor.page.mouse.up()
    assert seen == sorted(seen, reverse=True)
    assert seen[2] < 100 < seen[0]
    visitor.wait_for_link(at=str(seen[2]))


def test_the_temperature_moves_the_samples_while_it_is_dragged(visit: Callable, stored_link: dict[str, str]) -> None:
    visitor = visit(stored_link | {"at": "300"})
    visitor.wait(f"{AT_END} && genlabStage.shown?.samples")
    slider = visitor.page.get_by_role("slider", name="Temperature of the samples")
    box = slider.bounding_box()
    assert box
    spread = "(() => { const s = genlabStage.target.samples; return s.reduce((a, v) => a + v * v, 0); })()"
    before, answers = visitor.page.evaluate(spread), visitor.ask("answers ?? 0")
    visitor.page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + box["height"] / 2)
    visitor.page.mouse.down()
    for x in range(20):
        visitor.page.mouse.move(box["x"] + box["width"] * (0.66 - 0.03 * x), box["y"] + box["height"] / 2)
        visitor.wait(at_rest())
    visitor.wait(f"genlabStage.answers > {answers} + 5")  # the hand has not let go yet
    assert visitor.page.evaluate(spread) < 0.6 * before
    visitor.page.mouse.up()
    visitor.wait_for_link(temperature=f"{visitor.ask('temperature'):g}")
    print(f"temperature to samples: {visitor.ask('latency'):.0f} ms")


def test_a_link_restores_target_settings_step_and_temperature(visit: Callable, stored_link: dict[str, str]) -> None:
    link = stored_link | {"at": "75", "temperature": "0.5"}
    visitor = visit(link)
    visitor.wait("genlabStage.standing?.stored && genlabStage.target?.samples && genlabStage.answers")
    assert visitor.ask("current.step") == min(s for s in visitor.ask("snapshots.map((s) => s.step)") if s >= 75)
    assert visitor.ask("temperature") == 0.5
    assert visitor.page.get_by_role("slider", name="Temperature of the samples").input_value() == "0.5"
    expect(visitor.page.get_by_role("radio", name="two moons", exact=True)).to_be_checked()
    assert visitor.link == link
    visitor.reload()
    assert visitor.link == link


def test_the_picker_is_moved_by_keys(visit: Callable) -> None:
    visitor = visit()
    visitor.page.get_by_role("radio", name="two moons", exact=True).focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.wait_for_link(target="ring")
    expect(visitor.page.get_by_role("radio", name="ring of 8", exact=True)).to_be_checked()
    visitor.wait("genlabStage.numbers.target.startsWith('ring')")


def test_a_diverged_run_says_why_and_keeps_its_picture(visit: Callable) -> None:
    visitor = visit(
        {"plan.learning_rate": "1.0", "plan.steps": "500", "model.n_couplings": "24", "model.scale_cap": "5.0"}
    )
    visitor.train()
    visitor.wait("genlabStage.standing.ended", 60)
    assert visitor.ask("standing.state") == "diverged"
    expect(visitor.page.locator(".note").first).to_contain_text("learning rate")
    assert visitor.ask("current.step") >= 0
    visitor.keep("diverged")
