"""Teacher and student in a real browser: four maps of the plane, and waves that are drawn, heard and made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from engines.training import Experiment, Trainer
from engines.training.storing import train_and_store
from tests.browser.conftest import Server
from tests.browser.screens import check_everywhere

pytestmark = [pytest.mark.browser, pytest.mark.slow]
READY = {
    "points": ("distillation", "globalThis.genlabStage?.standing?.ended"),
    "sound": ("distillation", "globalThis.genlabStage?.run?.standing?.ended"),
}
SMALL = {"width": 8, "n_hidden": 1, "teacher_layers": 1, "student_layers": 1}
LINKS = {
    part: {f"model.{name}": str(value) for name, value in SMALL.items()} | more
    for part, more in {
        "points": {"target": "moons", "plan.steps": "20"},
        "sound": {"part": "sound", "plan.steps": "12"},
    }.items()
}


@pytest.fixture(scope="session")
def stored_students(server: Server) -> None:
    """Small runs of both kinds in the server's store."""
    runs = [Experiment.default("distillation", "moons", steps=20, settings=SMALL)]
    runs.append(Experiment.default("tone_distillation", "tones", steps=12, settings=SMALL))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.flows.distillation.tones.N_HEARD_AT_END", 100)
        patch.setattr("engines.flows.distillation.tones.N_LIKELY_AT_END", 50)
        for experiment in runs:
            train_and_store(Trainer(experiment, device="cpu"), server.store.root / experiment.digest)


@pytest.fixture
def come(visit: Callable, stored_students: None) -> Callable:
    """Opens a stored run, without motion."""

    def open_page(part: str, **options: Any) -> Any:
        return visit(LINKS[part], at=READY[part], **{"reduced_motion": "reduce"} | options)

    return open_page


@pytest.mark.parametrize("part", ["points", "sound"])
def test_the_page_fits_each_screen_and_theme(part: str, come: Callable) -> None:
    visitor = come(part)
    check_everywhere(visitor, f"distillation-{part}", ready="!genlabStage.isDirty")


def test_four_maps_have_names_and_numbers(come: Callable) -> None:
    visitor = come("points")
    expect(visitor.page.locator(".distillation_points .cards .card")).to_have_count(4)
    canvases = visitor.page.locator(".distillation_points canvas")
    names = [str(canvases.nth(i).get_attribute("aria-label")) for i in range(5)]
    assert "Teacher's density" in names[1] and "Student's density" in names[2] and "minus the teacher's" in names[3]
    assert "nats" in visitor.text(".distillation_points .card:nth-child(4) .cap")
    before = visitor.picture("teacher")
    visitor.press("Back to the untrained model")
    visitor.wait_for_other_picture(before, "teacher")
    visitor.wait_for_link(at="0")


def test_a_wave_is_heard_as_it_is_said(come: Callable) -> None:
    visitor = come("sound")
    expect(visitor.page.locator(".about").first).to_contain_text("64 samples at 8,000 a second, repeated 150 times")
    visitor.page.locator("canvas.waves").nth(2).click(position={"x": 120, "y": 20})
    visitor.wait_for_value("genlabStage.speaker.name", "student/0")
    played = visitor.page.evaluate("[...genlabStage.speaker.last.slice(640, 704)]")
    shown = visitor.page.evaluate("[...genlabStage.waves.student.values.slice(0, 64)]")
    assert visitor.page.evaluate("genlabStage.speaker.last.length") == 9600
    assert played == pytest.approx([0.22 * v for v in shown], abs=1e-5)
    visitor.page.locator("canvas.waves").nth(2).click(position={"x": 120, "y": 20})
    visitor.wait_for_value("genlabStage.speaker.name", None)


def test_waves_are_played_by_the_keyboard(come: Callable) -> None:
    visitor = come("sound")
    waves = visitor.page.locator("canvas.waves").first
    waves.focus()
    waves.press("ArrowDown")
    waves.press("Enter")
    visitor.wait_for_value("genlabStage.speaker.name", "data/1")
    visitor.wait("genlabStage.speaker.name === null", 10)  # it ends by itself


def test_other_noise_makes_other_waves_of_both(come: Callable) -> None:
    visitor = come("sound")
    before = visitor.page.evaluate("[...genlabStage.waves.teacher.values.slice(0, 8)]")
    visitor.page.get_by_role("button", name="other noise").click()
    visitor.wait("genlabStage.answers === 1")
    assert visitor.page.evaluate("[...genlabStage.waves.teacher.values.slice(0, 8)]") != before
    visitor.press("Back to the untrained model")
    visitor.wait_for_step(0)
    expect(visitor.page.get_by_role("button", name="other noise")).to_be_hidden()
    visitor.wait_for_link(at="0")


def test_times_and_passes_stand_under_the_waves(come: Callable) -> None:
    visitor = come("sound")
    expect(visitor.page.locator(".distillation_sound .card").nth(1)).to_contain_text("64 passes")
    expect(visitor.page.locator(".distillation_sound .card").nth(2)).to_contain_text(", 1 pass")


def test_where_sockets_are_blocked_the_stage_says_so(visit: Callable, stored_students: None) -> None:
    visitor = visit(LINKS["sound"], "**/lane/**", at=("distillation", "globalThis.genlabStage?.run?.digest"))
    expect(visitor.page.locator(".note")).to_contain_text("are blocked on the way here", timeout=40_000)
