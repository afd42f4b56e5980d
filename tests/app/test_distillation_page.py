"""The page of teacher and student, run as Streamlit runs it, and what its canvases may ask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.page.properties import QUESTIONS, card
from app.views.distillation.asks import WavesAsk
from app.views.distillation.canvas import SoundView, read_sound_step
from app.views.distillation.figures import draw_clocks, draw_kls, draw_pitches
from app.views.distillation.numbers import handover_of, marks_of, nats, presets_of
from engines.blobs import unpack
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.flows.distillation.plane import DistillationSettings
from engines.flows.distillation.tones import ToneDistillation, ToneDistillationSettings, build_tone_distillation
from engines.settings import setting_fields
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, checked, link_of, opener, press, sentences, turn, wanted

TONES = {"width": 8, "n_hidden": 1, "teacher_layers": 1, "student_layers": 1}
POINTS = {"width": 8, "n_hidden": 1, "teacher_layers": 1, "student_layers": 1}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/distillation/page.py")


@pytest.fixture(scope="session")
def small_points(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small teacher and student of points after 20 steps."""
    experiment = Experiment.default("distillation", "moons", steps=20, settings=POINTS)
    return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("points") / experiment.digest)


@pytest.fixture(scope="session")
def small_tones(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small teacher and student of tones after 10 steps."""
    experiment = Experiment.default("tone_distillation", "tones", steps=10, settings=TONES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.flows.distillation.base.N_PAIRS", 50)
        patch.setattr("engines.flows.distillation.tones.N_HEARD_AT_END", 100)
        patch.setattr("engines.flows.distillation.tones.N_LIKELY_AT_END", 50)
        return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("tones") / experiment.digest)


def as_link(settings: Mapping[str, object], **more: str) -> dict[str, str]:
    return {f"model.{name}": str(value) for name, value in settings.items()} | more


# ---- the page ----


def test_the_page_opens_with_points(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value == "Can a slow teacher make a fast student?"
    assert link_of(page) == {"target": "moons"}
    assert wanted(page, home) == Experiment.default("distillation", "moons")


def test_sound_has_its_own_model_and_link(come: Open, home: House) -> None:
    page = come({"part": "sound", "model.power_weight": "20.0"})
    assert sentences(page) == []
    assert link_of(page) == {"part": "sound", "model.power_weight": "20.0"}
    assert wanted(page, home) == Experiment.default("tone_distillation", "tones", settings={"power_weight": 20.0})
    page.session_state["distillation/parts"] = "points"
    assert link_of(checked(page.run())) == {"target": "moons"}


@pytest.mark.parametrize(("part", "settings"), [("points", DistillationSettings), ("sound", ToneDistillationSettings)])
def test_each_control_changes_the_experiment_and_the_link(part: str, settings: type, come: Open, home: House) -> None:
    page = come({"part": part})
    for field in setting_fields(settings):
        turn(page, f"distillation.model.{field.name}", another(field))
        assert field.parse(link_of(page)[f"model.{field.name}"]) == another(field)
    assert wanted(page, home).settings == {f.name: another(f) for f in setting_fields(settings)}


def test_the_tones_can_be_turned_too(come: Open, home: House) -> None:
    page = turn(come({"part": "sound"}), "distillation.target.tones.noise", 0.2)
    assert link_of(page) == {"part": "sound", "target.noise": "0.2"}
    assert wanted(page, home).dataset_settings["noise"] == 0.2


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ({"part": "smell"}, "part="),
        ({"at": "-1"}, "at="),
        ({"target": "digits"}, "does not fit"),
        ({"part": "sound", "target": "moons"}, "does not fit"),
        ({"model.student_layers": "99"}, "Student's layers"),
        ({"part": "sound", "model.power_weight": "-3"}, "Power loss"),
        ({"target": "nowhere"}, "nowhere"),
    ],
)
def test_what_is_impossible_in_a_link_becomes_a_sentence(link: dict[str, str], word: str, come: Open) -> None:
    page = come(link)
    assert len(sentences(page)) == 1
    assert word in sentences(page)[0]


def test_every_experiment_is_possible_and_set_up_by_a_click(come: Open) -> None:
    for entry in experiments("distillation"):
        page = come(entry["link"])
        assert sentences(page) == []
        assert link_of(page) == entry["link"]
    assert link_of(press(come(), "distillation/lesson/4")) == experiments("distillation")[4]["link"]


@pytest.mark.parametrize("model", ["distillation", "tone_distillation"])
def test_the_card_answers_every_question(model: str) -> None:
    facts = card(model)
    assert all(facts[question]["value"] and facts[question]["how"] for question in QUESTIONS)
    assert "not measured yet" not in str(facts)


# ---- a stored run ----


def test_a_stored_run_of_points_has_its_numbers(small_points: Run, home: House, come: Open) -> None:
    home.shelves.own.add(small_points)
    page = come(as_link(POINTS, **{"plan.steps": "20"}))
    last, latex = small_points.snapshots[-1].metrics, " ".join(box.value for box in page.latex)
    for name in ("teacher_kl", "kl", "distilled_kl"):
        digits = max(0, min(4, -math.floor(math.log10(last[f"{name}_error"]))))
        assert f"{last[name]:.{digits}f}" in latex and f"{last[f'{name}_error']:.{digits}f}" in latex
    table = next(box.value for box in page.markdown if "1,000 samples" in box.value)
    assert "2 passes" in table and "1 pass |" in table


def test_a_stored_run_of_tones_has_its_numbers_and_charts(small_tones: Run, home: House, come: Open) -> None:
    home.shelves.own.add(small_tones)
    page = come(as_link(TONES, part="sound", **{"plan.steps": "10"}))
    assert "64 passes" in next(box.value for box in page.markdown if "1,000 samples" in box.value)
    assert "distilled_by_sample" in small_tones.snapshots[-1].metrics


def test_a_stored_run_knows_the_parts_of_its_kl(small_tones: Run) -> None:
    last = small_tones.snapshots[-1].metrics
    assert sum(last["distilled_by_sample"]) == pytest.approx(last["distilled_kl"], abs=64 * 5e-5 + 1e-3)
    assert len(last["student_spectrum"]) == 33
    assert sum(last["teacher_pitches"]) == pytest.approx(1, abs=1e-3)
    assert last["true_nll"] < last["teacher_nll"]


# ---- figures, words, canvases ----


def test_figures_say_what_they_show() -> None:
    kls = {"teacher": [1.0, 0.1], "student": [1.0, 0.2], "student against teacher": [3.0, -0.001]}
    drawing: Any = draw_kls([0, 100], kls, 50)
    assert "0.1" in drawing.alt and len(drawing.figure.data) == 3
    clocks = {
        2: {"teacher_sample_ms": 4.0, "student_sample_ms": 2.0},
        64: {"teacher_sample_ms": 90, "student_sample_ms": 3},
    }
    assert "at D = 64 the student is 30.0 times as fast" in draw_clocks(clocks).alt
    shares = {"data": [0.5, 0.5], "teacher": [0.4, 0.6], "student": [0.9, 0.1]}
    assert "rarest is 375 Hz, 10%" in draw_pitches(["250 Hz", "375 Hz"], shares).alt


def test_huge_numbers_have_an_exponent() -> None:
    assert nats(0.1234) == "0.123"
    assert nats(1.43e8) == r"1.4\cdot 10^{8}"


def test_presets_and_handover() -> None:
    assert list(presets_of("tone_distillation", "tones")) == ["as usual", "without pairs", "power term instead"]
    assert handover_of(Experiment.default("distillation", "moons", steps=100, settings={"student_from": 0.3})) == 30
    experiment = Experiment.default("distillation", "moons", steps=1000, settings={"student_from": 0.5})
    assert [step for step, _ in marks_of(experiment)] == [500, 800]
    alone = Experiment.default("distillation", "moons", settings={"pair_weight": 0.0})
    assert marks_of(alone) == ((handover_of(alone), "the student begins"),)


def test_the_blob_of_sound_carries_the_waves() -> None:
    waves = np.arange(12.0).reshape(3, 4)
    arrays, numbers = unpack(SoundView("r", 1, 10, 5, ((5, "a turn"),), None, (-80.0, 0.1), 8000, waves).to_bytes())
    assert np.array_equal(arrays["waves"], waves)
    assert numbers["marks"] == [{"step": 5, "text": "a turn"}]
    assert (numbers["handover"], numbers["rate"], numbers["entropy"]) == (5, 8000, -80.0)


def test_nonsense_from_a_canvas_is_not_believed() -> None:
    assert read_sound_step({"moment": {"of": "r/1", "step": 7}}, "r", 1) == 7
    for moment in ({"of": "r/2", "step": 7}, {"of": "r/1", "step": -1}, {"of": "r/1", "step": "7"}, "x", None):
        assert read_sound_step({"moment": moment}, "r", 1) is None
    assert read_sound_step(None, "r", 1) is None


# ---- questions ----


@pytest.fixture(scope="module")
def speaker() -> ToneDistillation:
    torch.manual_seed(0)
    return build_tone_distillation(ToneDistillationSettings(**TONES), DATASETS["tones"].examples())


def test_waves_of_both_come_from_the_same_noise(speaker: ToneDistillation) -> None:
    asks: list[Any] = [
        read_ask({"what": "waves", "run": "r", "step": None, "seed": s, "n": n}) for s, n in ((1, 3), (2, 5))
    ]
    found = WavesAsk.answer(speaker, None, asks)  # pyright: ignore[reportArgumentType]
    alone = WavesAsk.answer(speaker, None, asks[1:])[asks[1]]  # pyright: ignore[reportArgumentType]
    assert found[asks[0]]["student"].shape == (3, 64) and found[asks[1]]["teacher"].shape == (5, 64)
    np.testing.assert_allclose(found[asks[1]]["student"], alone["student"], atol=2e-3)
    assert not np.allclose(found[asks[1]]["student"], found[asks[1]]["teacher"], atol=1e-2)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 99}, {"seed": -1}, {"seed": 1.5}, {"step": "x"}])
def test_an_impossible_question_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Expected"):
        read_ask({"what": "waves", "run": "r", "step": None, "seed": 1, "n": 3} | wrong)


def test_a_run_without_sound_is_told() -> None:
    ask: Any = read_ask({"what": "waves", "run": "r", "step": None, "seed": 1, "n": 3})
    with pytest.raises(SettingError, match="teacher and a student of sound"):
        ask.check(torch.nn.Linear(1, 1), None)
