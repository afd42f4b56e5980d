"""The page of CycleGAN, run as Streamlit runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.asks import read_ask
from app.house import House
from app.page.lessons import experiments
from app.views.cyclegan.asks import TranslateAsk
from app.views.cyclegan.canvas import CyclePicturesView, CyclePlace
from app.views.cyclegan.figures import draw_translation
from app.views.cyclegan.numbers import beside_of, domains_of, presets_of
from engines.blobs import unpack
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.gan.cyclegan.images import PictureCycle, PictureCycleSettings
from engines.gan.cyclegan.plane import PlaneCycleSettings, shown_points
from engines.gan.cyclegan.tasks import TASKS
from engines.settings import setting_fields
from engines.training import Experiment, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, checked, link_of, opener, press, sentences, turn, wanted

SMALL = {"width": 8, "n_hidden": 1}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/cyclegan/page.py")


@pytest.fixture(scope="session")
def small_cycle(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small translator of points after 20 steps."""
    experiment = Experiment.default("plane_cycle", "moons", steps=20, settings=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.gan.cyclegan.plane.N_COMPARED", 60)
        return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("cycle") / experiment.digest)


@pytest.fixture(scope="module")
def pictures() -> PictureCycle:
    torch.manual_seed(0)
    return PictureCycle(PictureCycleSettings(width=8, n_blocks=1), DATASETS["faces"].examples())


def tell(page: AppTest, part: str = "points", **more: Any) -> AppTest:
    """The visitor lets go of something on the stage."""
    told = {"visit": page.session_state["cycle/visit"], "of": "", "time": 1, "way": "there", "step": None} | more
    page.session_state[f"cycle/{part}"] = {"moment": told}
    return checked(page.run())


# ---- the page ----


def test_the_page_opens_with_points(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value == "How do you translate without a dictionary?"
    assert link_of(page) == {"target": "moons"}
    assert wanted(page, home) == Experiment.default("plane_cycle", "moons")


def test_pictures_have_their_own_model_and_link(come: Open, home: House) -> None:
    page = come({"part": "pictures", "model.task": "tilt"})
    assert sentences(page) == []
    assert link_of(page) == {"part": "pictures", "model.task": "tilt"}
    assert wanted(page, home) == Experiment.default("picture_cycle", "faces", settings={"task": "tilt"})
    page.session_state["cycle/parts"] = "points"
    assert link_of(checked(page.run())) == {"target": "moons"}


def test_each_control_changes_the_experiment_and_the_link(come: Open, home: House) -> None:
    page, usual = come(), PlaneCycleSettings()
    for field in setting_fields(PlaneCycleSettings):
        turn(page, f"cycle.model.{field.name}", another(field))
        assert field.parse(link_of(page)[f"model.{field.name}"]) == another(field) != getattr(usual, field.name)
    assert wanted(page, home).settings == {f.name: another(f) for f in setting_fields(PlaneCycleSettings)}


def test_what_the_stage_tells_goes_into_the_link_and_back(come: Open) -> None:
    page = tell(come(), time=1.62, way="back")
    assert link_of(page) == {"target": "moons", "time": "1.62", "way": "back"}
    again = come(link_of(page))
    assert again.session_state["cycle/place"] == CyclePlace(1.62, "back")


@pytest.mark.parametrize(
    "link, word",
    [
        ({"part": "sounds"}, "part="),
        ({"time": "3"}, "Time: expected a number from 0 to 2"),
        ({"time": "soon"}, "Time: expected"),
        ({"way": "up"}, "Way: expected one of there, back"),
        ({"at": "-1"}, "Step: expected a whole number"),
        ({"target": "digits"}, "does not fit"),
        ({"part": "pictures", "target": "digits"}, "does not fit"),
        ({"model.cycle": "-2"}, "Cycle"),
        ({"model.other": "mars"}, "Domain B"),
    ],
)
def test_what_is_impossible_in_a_link_becomes_a_sentence(link: dict[str, str], word: str, come: Open) -> None:
    page = come(link)
    assert len(sentences(page)) == 1
    assert word in sentences(page)[0]


def test_a_step_of_another_run_is_not_believed(come: Open) -> None:
    assert link_of(tell(come(), step=7, of="/0"))["at"] == "7"
    assert "at" not in link_of(tell(come({"at": "3"}), step=7, of="other/0"))


def test_every_experiment_is_possible_and_set_up_by_a_click(come: Open) -> None:
    for entry in experiments("cyclegan"):
        page = come(entry["link"])
        assert sentences(page) == []
        assert link_of(page) == entry["link"]
    assert link_of(press(come(), "cycle/lesson/5")) == experiments("cyclegan")[5]["link"]


# ---- what stands on the stage ----


def test_the_same_run_without_the_cycle_stands_beside_when_it_is_stored(small_cycle: Run, home: House) -> None:
    experiment = small_cycle.experiment
    assert beside_of(experiment) == ("", 0.0)
    without = Experiment.default("plane_cycle", "moons", steps=20, settings=SMALL | {"cycle": 0.0})
    home.shelves.own.add(small_cycle)
    assert beside_of(without) == (experiment.digest, 10.0)


def test_a_stored_run_has_numbers_in_formula_and_charts(small_cycle: Run, home: House, come: Open) -> None:
    home.shelves.own.add(small_cycle)
    page = come({"plan.steps": "20", "model.width": "8", "model.n_hidden": "1"})
    latex = " ".join(box.value for box in page.latex)
    cycle = small_cycle.snapshots[-1].losses["generator_cycle"]
    assert f"{cycle:.4f}" in latex
    drawing: Any = draw_translation([0, 10], [0.5, 0.1], [0.4, 0.2], ("there", "back"), "error (widths)")
    assert "0.1" in drawing.alt and drawing.figure.layout.yaxis.title.text == "error (widths)"


def test_the_domains_hold_the_points_that_snapshots_follow() -> None:
    a, b = domains_of(Experiment.default("plane_cycle", "moons"))
    assert (a.title, b.title) == (DATASETS["moons"].title, DATASETS["ring"].title)
    density: Any = DATASETS["ring"].density
    np.testing.assert_allclose(b.points, shown_points(density, len(b.points)).numpy())


def test_presets_are_the_tasks_and_the_missing_cycle() -> None:
    assert [s.to_dict()["cycle"] for s in presets_of("plane_cycle", "moons").values()] == [10.0, 0.0]
    tasks = [s.to_dict()["task"] for s in presets_of("picture_cycle", "faces").values()]
    assert tasks[: len(TASKS)] == list(TASKS)


def test_the_blob_of_pictures_carries_the_visitors_own() -> None:
    own = np.arange(3 * 32 * 32, dtype=np.uint8).reshape(3, 32, 32)
    view = CyclePicturesView("r", 1, 10, CyclePlace(), "v", words=("day", "night"), own=own, own_id="x")
    arrays, numbers = unpack(view.to_bytes())
    assert np.array_equal(arrays["own"], own)
    assert (numbers["words"], numbers["own_id"]) == (["day", "night"], "x")


# ---- questions ----


def test_faces_come_with_their_translation_and_their_true_counterpart(pictures: PictureCycle) -> None:
    ask = read_ask({"what": "translate", "run": "r", "step": None, "way": 1, "n": 3, "first": 2})
    assert isinstance(ask, TranslateAsk)
    found = TranslateAsk.answer(pictures, None, [ask])[ask]  # pyright: ignore[reportArgumentType]
    x, truth = pictures.held_out(1, 5)
    assert np.array_equal(found["x"], x[2:].byte().numpy())
    assert np.array_equal(found["truth"], truth[2:].byte().numpy())
    with torch.no_grad():
        made = pictures.translate(x[2:], backwards=True)
    assert np.array_equal(found["made"], made.round().byte().numpy())


def test_a_picture_of_the_visitor_is_translated_without_a_truth(pictures: PictureCycle) -> None:
    import base64

    own = np.full((3, 32, 32), 90, np.uint8)
    pixels = base64.b64encode(own.tobytes()).decode()
    ask: Any = read_ask({"what": "translate", "run": "r", "step": None, "way": 0, "pixels": pixels})
    found = TranslateAsk.answer(pictures, None, [ask])[ask]  # pyright: ignore[reportArgumentType]
    assert np.array_equal(found["x"][0], own)
    assert "truth" not in found


@pytest.mark.parametrize("wrong", [{"way": 2}, {"n": 0}, {"n": 99}, {"first": -1}, {"pixels": "%"}, {"pixels": 3}])
def test_an_impossible_question_is_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Expected"):
        read_ask({"what": "translate", "run": "r", "step": None, "way": 0} | wrong)


def test_a_picture_of_another_size_is_told(pictures: PictureCycle) -> None:
    ask = TranslateAsk("r", None, 0, 1, 0, b"123")
    with pytest.raises(SettingError, match="3072"):
        TranslateAsk.answer(pictures, None, [ask])  # pyright: ignore[reportArgumentType]
