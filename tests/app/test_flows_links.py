"""Links to the flows page: what they restore, what they say when they are impossible, what they keep."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.canvas.stage import read_moment
from app.house import House
from app.views.flows.canvas import USUAL_SHOWN
from engines.datasets import DATASETS
from engines.models import MODELS
from engines.training import Experiment, Plan
from engines.training.run import Run
from tests.app.pages import Open, as_link, changed, checked, choose, link_of, press, sentences, turn, wanted

FLOW = MODELS["realnvp"].settings


@pytest.mark.parametrize("target", ["moons", "ring", "letters", "random", "drawn"])
def test_a_link_restores_every_setting(target: str, visit: Open, home: House) -> None:
    spec = DATASETS[target]
    groups = {"target": changed(spec.settings), "model": changed(FLOW), "plan": changed(Plan)}
    link = {"target": target}
    for group, settings in groups.items():
        link |= as_link(group, settings)
    page = visit(link)
    assert sentences(page) == []
    assert link_of(page) == link
    plan = Plan.from_dict(groups["plan"].to_dict())
    assert wanted(page, home) == Experiment.make("realnvp", target, groups["model"], groups["target"], plan)


def test_what_widgets_set_comes_back_through_the_link(visit: Open, home: House) -> None:
    page = turn(choose(visit(), "letters"), "flows.target.letters.word", "A B")
    turn(page, "flows.plan.seed", 41)
    first = wanted(page, home)
    assert wanted(visit(link_of(page)), home) == first


def test_the_link_follows_also_while_the_target_is_impossible(visit: Open) -> None:
    page = turn(choose(visit(), "letters"), "flows.target.letters.word", "\u2603")
    assert len(sentences(turn(page, "flows.plan.seed", 41))) == 1
    assert link_of(page)["plan.seed"] == "41"


def test_an_opened_link_keeps_its_step_and_temperature(visit: Open) -> None:
    """Or a reload right after would lose them."""
    link = {"target": "moons", "at": "40", "temperature": "0.5"}
    assert link_of(visit(link)) == link


def rest_at(page: AppTest, of: str, step: int, temperature: float = 1.0) -> AppTest:
    """The visitor lets go of the player at a step."""
    page.session_state["flows/stage"] = {"moment": {"of": of, "step": step, "temperature": temperature}}
    return checked(page.run())


def test_the_stage_writes_step_and_temperature_into_the_link(visit: Open, stored: Run) -> None:
    digest = stored.experiment.digest
    page = rest_at(visit({"run": digest}), f"{digest}/0", 11, 0.25)
    assert {k: link_of(page)[k] for k in ("at", "temperature")} == {"at": "11", "temperature": "0.25"}
    choose(page, "ring")  # another run: the step is not of it
    assert "at" not in link_of(page)
    assert link_of(page)["temperature"] == "0.25"


def test_a_new_training_forgets_the_step_of_the_old_one(visit: Open, stored: Run) -> None:
    digest = stored.experiment.digest
    page = rest_at(visit({"run": digest}), f"{digest}/0", 11)
    assert "at" not in link_of(press(page, "flows/train"))


@pytest.mark.parametrize("moment", [None, 3, "x", {}, {"of": "/0", "step": "x", "temperature": 1}, {"step": 1}])
def test_nonsense_from_the_stage_is_passed_over(moment: object) -> None:
    assert read_moment({"moment": moment}, "", 0) is None


@pytest.mark.parametrize("temperature", [-1, 2, float("inf")])
def test_a_temperature_from_the_stage_is_kept_in_its_range(temperature: float) -> None:
    moment = read_moment({"moment": {"step": None, "temperature": temperature}}, "", 0)
    assert moment is not None
    assert 0 <= moment.temperature <= 1.5


PLACES = {
    "a point": {"x": "0.5,-1.25"},
    "a point far out": {"x": "10000,10000"},
    "a layer": {"layer": "2.5"},
    "the base": {"layer": "0"},
    "contours": {"show": "samples contours grid"},
    "nothing": {"show": "none"},
    "a ring": {"ring": "outer"},
    "all of them": {"x": "0,0", "layer": "1", "show": "marginals square", "ring": "inner"},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_link_restores_what_is_set_on_the_stage(place: dict[str, str], visit: Open) -> None:
    link = {"flow": "planar", "target": "ring", **place}
    page = visit(link)
    assert sentences(page) == []
    assert link_of(page) == link


def told(page: AppTest, target: str, **parts: object) -> AppTest:
    """The visitor lets go of something on the stage."""
    visit = f"{page.session_state['flows/visit']} {target}"
    usual = {"of": "/0", "step": None, "temperature": 1, "visit": visit, "x": None, "layer": None}
    page.session_state["flows/stage"] = {"moment": usual | {"show": list(USUAL_SHOWN), "ring": "all"} | parts}
    return checked(page.run())


def test_the_stage_writes_its_point_and_layer_into_the_link(visit: Open) -> None:
    page = told(visit(), "moons", x=[0.5, -1], layer=3.25, show=["grid", "contours"], ring="middle")
    place = {"x": "0.5,-1", "layer": "3.25", "show": "contours grid", "ring": "middle"}
    assert link_of(page) == {"target": "moons"} | place
    choose(page, "ring")  # the point was chosen on another target
    assert link_of(page) == {"target": "ring"} | {k: v for k, v in place.items() if k != "x"}


@pytest.mark.parametrize(
    "parts", [{"x": "here"}, {"x": [1, 2, 3]}, {"x": [1e9, 0]}, {"layer": "3"}, {"layer": -1}, {"layer": float("inf")}]
)
def test_nonsense_from_the_stage_is_left_out_of_the_link(parts: dict[str, object], visit: Open) -> None:
    assert link_of(told(visit(), "moons", **parts)) == {"target": "moons"}


@pytest.mark.parametrize("parts", [{"show": "grid"}, {"ring": "wedding"}, {"visit": "another"}])
def test_a_place_that_is_none_changes_nothing(parts: dict[str, object], visit: Open) -> None:
    assert link_of(told(visit({"x": "1,1"}), "moons", **{"x": [1, 1], **parts})) == {"target": "moons", "x": "1,1"}


IMPOSSIBLE = {
    "steps below the range": {"plan.steps": "-5"},
    "learning rate is no number": {"plan.learning_rate": "nan"},
    "infinite": {"model.n_couplings": "inf"},
    "half a seed": {"plan.seed": "1.5"},
    "unknown target": {"target": "nonsense"},
    "noise out of range": {"target": "moons", "target.noise": "1e9"},
    "step is a word": {"at": "abc"},
    "step is a digit that is no number": {"at": "²"},
    "step is negative": {"at": "-1"},
    "step without end": {"at": "9" * 30_000},
    "too hot": {"temperature": "7"},
    "temperature is no number": {"temperature": "nan"},
    "unknown run": {"run": "deadbeefdeadbeef"},
    "run is a path": {"run": "../../etc/passwd"},
    "strokes of other characters": {"target": "drawn", "target.strokes": "%%%"},
    "strokes cut off": {"target": "drawn", "target.strokes": "AAk"},
    "no strokes": {"target": "drawn", "target.strokes": ""},
    "points of other characters": {"target": "picture", "target.points": "!!"},
    "word that no font has": {"target": "letters", "target.word": "\u2603"},
    "30 kB of target": {"target": "x" * 30_000},
    "30 kB of run": {"run": "x" * 30_000},
    "30 kB of strokes": {"target": "drawn", "target.strokes": "A" * 30_000},
    "unknown flow": {"flow": "nonsense"},
    "flow of another kind": {"flow": "vae"},
    "stack that cannot be inverted": {"flow": "stack", "model.layers": "affine + relu"},
    "stack without layers": {"flow": "stack", "model.layers": " "},
    "stack without end": {"flow": "stack", "model.layers": "planar x4000"},
    "one number for x": {"x": "1"},
    "x is a word": {"x": "here,there"},
    "x beyond reach": {"x": "1e9,0"},
    "x is no number": {"x": "nan,0"},
    "layer is a word": {"layer": "last"},
    "layer is negative": {"layer": "-1"},
    "something else to show": {"show": "grid everything"},
    "another ring": {"ring": "wedding"},
    "30 kB of x": {"x": "1" * 30_000},
    "30 kB of word": {"target": "letters", "target.word": "<b>" * 10_000},
}


@pytest.mark.parametrize("link", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_an_impossible_link_gives_one_clear_sentence(link: dict[str, str], visit: Open) -> None:
    page = visit({"plan.batch_size": "64", **link})
    said = sentences(page)
    assert len(said) == 1
    assert 20 < len(said[0]) < 520
    assert page.query_params["plan.batch_size"] == "64"  # nothing else is lost
    assert page.button(key="flows/train")


@pytest.mark.parametrize("target", ["digits", "names", "tones"])
def test_a_target_of_another_kind_gives_a_sentence_and_the_default(target: str, visit: Open, home: House) -> None:
    page = visit({"target": target, "flow": "planar", "temperature": "0.5"})
    assert [text for text in sentences(page) if DATASETS[target].title in text and "moons" in text] == sentences(page)
    assert len(sentences(page)) == 1
    assert link_of(page) == {"flow": "planar", "target": "moons", "temperature": "0.5"}
    assert wanted(page, home) == Experiment.default("planar", "moons")


@pytest.mark.parametrize("name", ["plan.sedd", "target.nois", "model.layers"])
def test_a_misspelt_setting_is_named(name: str, visit: Open) -> None:
    said = sentences(visit({name: "3"}))
    assert len(said) == 1
    assert name.split(".")[1] in said[0]


def test_foreign_parameters_are_passed_over(visit: Open) -> None:
    assert sentences(visit({"utm_source": "x" * 30_000})) == []


def test_several_impossible_values_give_a_sentence_each(visit: Open) -> None:
    page = visit({"plan.steps": "-5", "plan.seed": "x", "temperature": "7", "plan.batch_size": "64"})
    assert len(sentences(page)) == 3
    assert link_of(page) == {"target": "moons", "plan.batch_size": "64"}
