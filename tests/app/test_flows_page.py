"""The flows page, run as Streamlit runs it: controls, lessons, drawings, uploads and stored runs."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.canvas.sketchpad import read_strokes
from app.house import House
from app.page.lessons import experiments
from app.views.flows.formula import terms_at
from app.views.flows.model import DEFAULT, FLOWS, facts_of
from engines.datasets import DATASETS, datasets_of
from engines.datasets.drawn import encode_strokes
from engines.errors import GenLabError
from engines.models import MODELS
from engines.settings import Settings, setting_fields
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from engines.training.workers import Standing
from tests.app.pages import (
    Open,
    another,
    as_link,
    changed,
    checked,
    choose,
    code_of,
    link_of,
    press,
    sentences,
    turn,
    wanted,
    widget,
)

FLOW = MODELS["realnvp"].settings


# ---- controls ----


def test_the_page_opens_with_the_default_experiment(visit: Open, home: House) -> None:
    page = visit()
    assert sentences(page) == []
    assert "two moons" in page.title[0].value.lower()
    assert wanted(page, home) == Experiment.default("realnvp", "moons")


@pytest.mark.parametrize("group, cls", [("plan", Plan), ("model", FLOW)])
def test_each_control_changes_the_experiment_and_the_link(
    group: str, cls: type[Settings], visit: Open, home: House
) -> None:
    page, expected = visit(), changed(cls)
    for field in setting_fields(cls):
        turn(page, f"flows.{group}.{field.name}", another(field))
        assert field.parse(link_of(page)[f"{group}.{field.name}"]) == another(field)
    experiment = wanted(page, home)
    assert (experiment.plan if group == "plan" else FLOW.from_dict(experiment.settings)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("target", datasets_of("plane"))
def test_each_setting_of_a_target_changes_it(target: str, visit: Open, home: House) -> None:
    cls = DATASETS[target].settings
    page = visit({"target": target})
    for field in (f for f in setting_fields(cls) if not f.is_hidden):
        turn(page, f"flows.target.{target}.{field.name}", another(field))
        assert field.parse(link_of(page)[f"target.{field.name}"]) == another(field)
    assert wanted(page, home).dataset_settings == changed(cls).to_dict()


def test_the_picker_changes_the_target(visit: Open, home: House) -> None:
    page = choose(visit({"plan.seed": "3"}), "ring")
    assert link_of(page) == {"target": "ring", "plan.seed": "3"}
    assert "ring" in page.title[0].value
    assert wanted(page, home) == Experiment.default("realnvp", "ring", seed=3)
    assert link_of(choose(page, "nonsense")) == link_of(page)


def test_a_preset_sets_the_model(visit: Open, home: House) -> None:
    page = visit()
    box = page.selectbox(key="flows/preset")
    large, usual = next(name for name in box.options if name.startswith("large")), str(box.value)
    checked(box.set_value(large).run())
    assert wanted(page, home).settings == MODELS["realnvp"].presets["large"].to_dict()
    checked(page.selectbox(key="flows/preset").set_value(usual).run())
    assert link_of(page) == {"target": "moons"}


def test_the_preset_names_the_model_that_the_settings_make(visit: Open) -> None:
    """Or the box says the default over a flow of another size."""
    page = visit(as_link("model", MODELS["realnvp"].presets["large"]))
    assert str(page.selectbox(key="flows/preset").value).startswith("large")


def test_a_setting_outlives_a_look_at_another_target(visit: Open) -> None:
    page = visit({"target": "ring", "target.rotation": "30.0", "plan.seed": "5"})
    before = link_of(page)
    assert "target.rotation" not in link_of(choose(page, "moons"))
    assert link_of(choose(page, "ring")) == before


def test_train_takes_a_setting_that_changed_in_the_same_instant(visit: Open, home: House) -> None:
    """A number typed, then Train pressed at once: the browser sends both together."""
    page = visit()
    widget(page, "flows.plan.seed").set_value(7)
    assert wanted(page, home).seed == 7


def test_trouble_with_train_is_said_and_nothing_is_lost(visit: Open, home: House) -> None:
    page = visit({"plan.seed": "5"})
    home.workers.trouble = GenLabError("The cluster is full.")  # pyright: ignore[reportAttributeAccessIssue]
    assert sentences(press(page, "flows/train")) == ["The cluster is full."]
    assert link_of(page)["plan.seed"] == "5"


# ---- which flow ----


def choose_flow(page: AppTest, flow: str) -> AppTest:
    return checked(page.selectbox(key="flows/flow_pick").set_value(flow).run())


@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_can_be_chosen(flow: str, visit: Open, home: House) -> None:
    page = choose_flow(visit({"target": "ring", "temperature": "0.5", "x": "1,2"}), flow)
    assert sentences(page) == []
    named = {} if flow == DEFAULT else {"flow": flow}
    assert link_of(page) == named | {"target": "ring", "temperature": "0.5", "x": "1,2"}
    assert wanted(page, home) == Experiment.default(flow, "ring")
    assert MODELS[flow].idea in page.caption[0].value


@pytest.mark.parametrize("flow", FLOWS)
def test_the_code_shows_the_layers_of_the_chosen_flow(flow: str, visit: Open) -> None:
    page = visit({"flow": flow})
    kinds = facts_of(flow, MODELS[flow].settings()).kinds
    assert [f"class {kind.__name__}" in code for kind, code in zip(kinds, code_of(page)[1:], strict=True)] == [
        True for _ in kinds
    ]


def test_a_run_of_another_flow_opens_with_it(visit: Open, home: House) -> None:
    experiment = Experiment.default("nice", "ring", steps=5, settings={"n_couplings": 2, "width": 8})
    train_and_store(Trainer(experiment, device="cpu"), home.shelves.own.root / experiment.digest)
    page = visit({"run": experiment.digest})
    assert sentences(page) == []
    assert {k: link_of(page)[k] for k in ("flow", "target")} == {"flow": "nice", "target": "ring"}
    assert r"\text{nats}" in page.latex[0].value


def test_there_and_back_leaves_the_link_as_it_was(visit: Open) -> None:
    page = visit({"target": "ring", "plan.seed": "5"})
    assert link_of(choose_flow(choose_flow(page, "planar"), DEFAULT)) == {"target": "ring"}


def test_facts_of_a_flow_do_not_depend_on_who_looks() -> None:
    before = torch.get_rng_state()
    facts = facts_of("iaf", MODELS["iaf"].settings.from_dict({"n_layers": 3}))
    assert facts.names == ("inverse masked affine",) * 3 + ("standardize",)
    assert facts.ways == ("closed form, one coordinate after the other", "closed form")
    assert torch.equal(before, torch.get_rng_state())


# ---- experiments to try ----


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(experiments("flows"))))
def test_an_experiment_to_try_sets_the_page_up(index: int, visit: Open, home: House) -> None:
    lesson = dict(experiments("flows")[index]["link"])
    page = visit({"target": "heart", "plan.seed": "9", "model.width": "64"})
    press(page, f"flows/lesson/{index}")
    assert sentences(page) == []
    assert wanted(page, home) == wanted(visit(lesson), home)
    assert {k: v for k, v in link_of(page).items() if k in lesson} == lesson


# ---- drawings and pictures ----


def draw(page: AppTest, strokes: object) -> AppTest:
    page.session_state["flows/pad"] = {"strokes": strokes}
    return checked(page.run())


def test_a_drawing_goes_into_the_link(visit: Open, home: House) -> None:
    page = draw(choose(visit(), "drawn"), [[[-0.5, 0], [0.5, 0.25]], [[0, 0]]])
    expected = encode_strokes([np.array([[-0.5, 0], [0.5, 0.25]]), np.array([[0.0, 0.0]])])
    assert link_of(page)["target.strokes"] == expected
    assert wanted(page, home).dataset_settings["strokes"] == expected


def test_an_empty_drawing_says_what_to_do_and_the_pad_stays(visit: Open) -> None:
    page = draw(choose(visit(), "drawn"), [])
    assert [text for text in sentences(page) if "draw at least one stroke" in text] == sentences(page) != []
    assert any(part.key == "flows/pad" for part in page.get("bidi_component"))
    assert sentences(draw(page, [[[0, 0], [0.5, 0.5]]])) == []


@pytest.mark.parametrize(
    "nonsense", ["x", [["a"]], [[[1, 2, 3]]], [[[float("nan"), 0]]], [[1, 2]], [[[0, 0]]] * 5000, {}]
)
def test_nonsense_from_the_pad_is_passed_over(nonsense: object) -> None:
    assert read_strokes({"strokes": nonsense}) is None


def test_nonsense_from_the_pad_changes_nothing(visit: Open) -> None:
    page = choose(visit(), "drawn")
    before = link_of(page)
    assert link_of(draw(page, [[["a"]]])) == before


def picture(size: tuple[int, int] = (40, 30), *, blank: bool = False) -> bytes:
    image = Image.new("L", size, 255)
    if not blank:
        image.paste(0, (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def notes(page: AppTest) -> str:
    return "\n".join(box.value for box in (*page.info, *page.warning, *page.error, *page.caption))


def upload(page: AppTest, content: bytes) -> AppTest:
    page.file_uploader(key="flows/upload").set_value(("mine.png", content, "image/png"))
    return checked(page.run())


def test_an_uploaded_picture_becomes_the_target(visit: Open, home: House) -> None:
    page = upload(choose(visit(), "picture"), picture())
    assert "became the shape" in notes(page)
    dark = link_of(page)["target.points"]
    assert wanted(page, home).dataset_settings["points"] == dark
    assert wanted(visit(link_of(page)), home) == wanted(page, home)
    assert link_of(turn(page, "flows/upload_mode", "edges"))["target.points"] != dark


BAD_FILES = {
    "unreadable": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "text": b"hello, I am no picture",
    "empty": b"",
    "cut off": picture()[:60],
    "huge": picture((5000, 4000)),
    "blank": picture(blank=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_is_explained_and_changes_nothing(content: bytes, visit: Open) -> None:
    page = upload(choose(visit(), "picture"), picture())
    before = link_of(page)
    upload(page, content)
    assert notes(page).count("The target is unchanged.") == 1
    assert link_of(page) == before


# ---- runs ----


def test_a_stored_run_shows_its_numbers(visit: Open, stored: Run) -> None:
    page = visit({"run": stored.experiment.digest})
    assert sentences(page) == []
    assert link_of(page) == {"target": "moons", "plan.steps": "40", "model.n_couplings": "2", "model.width": "8"}
    assert r"\text{nats}" in page.latex[0].value


def test_the_formula_adds_up_to_the_models_own_log_prob(visit: Open, stored: Run) -> None:
    visit({"run": stored.experiment.digest})
    model, x = stored.model(), torch.tensor([0.3, -0.7])
    jacobian = torch.autograd.functional.jacobian(lambda point: model.to_latent(point[None])[0][0], x)
    assert isinstance(jacobian, torch.Tensor)
    volume = float(torch.linalg.det(jacobian).abs().log())
    base = float(torch.distributions.Normal(0.0, 1.0).log_prob(model.to_latent(x[None])[0]).sum())
    assert terms_at(stored.experiment.digest, stored.info.started, 0.3, -0.7) == pytest.approx((base, volume), abs=1e-4)


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_run_in_training_is_on_the_stage(state: Any, visit: Open, home: House, stored: Run) -> None:
    digest = stored.experiment.digest
    home.workers.standings[digest] = Standing(state, steps=40)  # pyright: ignore[reportAttributeAccessIssue]
    page = visit({"run": digest})
    assert sentences(page) == []


def test_a_run_that_was_cut_off_opens(visit: Open, stored: Run) -> None:
    """As it lies in the store after the server was killed: no final weights, "running" in run.json."""
    (stored.folder / "run.json").write_text(replace(stored.info, state="running").to_json(), encoding="utf-8")
    (stored.folder / "weights.safetensors").unlink()
    assert sentences(visit({"run": f"{stored.experiment.digest}-00000000"})) == []
    assert len(sentences(visit({"run": stored.experiment.digest}))) == 1  # by its digest nobody opens it


def test_a_fork_opens_by_its_link_while_it_trains(visit: Open, home: House, stored: Run) -> None:
    fork = stored.experiment.fork(40, seed=5)
    home.workers.submit(fork)
    home.workers.standings[fork.digest] = Standing("running", steps=40)  # pyright: ignore[reportAttributeAccessIssue]
    page = visit({"run": fork.digest, "at": "20"})
    assert sentences(page) == []
    assert page.session_state["flows/fork"] == fork and page.session_state["flows/moment"].step == 20


def test_a_run_without_any_weights_opens(visit: Open, stored: Run) -> None:
    for path in stored.folder.glob("weights*"):
        path.unlink()
    visit({"run": stored.experiment.digest})


def test_a_run_with_damaged_weights_opens(visit: Open, stored: Run) -> None:
    for path in stored.folder.glob("weights*"):
        path.write_bytes(b"not weights")
    visit({"run": stored.experiment.digest})


def test_a_run_with_a_damaged_description_is_unknown(visit: Open, stored: Run) -> None:
    (stored.folder / "run.json").write_text("{", encoding="utf-8")
    assert len(sentences(visit({"run": stored.experiment.digest}))) == 1


def test_a_run_of_a_model_from_the_future_is_explained(visit: Open, stored: Run) -> None:
    text = (stored.folder / "run.json").read_text(encoding="utf-8")
    (stored.folder / "run.json").write_text(text.replace('"moons"', '"suns"'), encoding="utf-8")
    assert len(sentences(visit({"run": stored.experiment.digest}))) == 1


def test_a_fork_starts_from_a_kept_step_with_a_changed_plan(visit: Open, home: House, stored: Run) -> None:
    page = visit({"run": stored.experiment.digest})
    step = stored.weight_steps[1]
    turn(page, "flows/fork_step", step)
    press(turn(page, "flows.fork.seed", 8), "flows/start_fork")
    fork = home.workers.submitted[-1]  # pyright: ignore[reportAttributeAccessIssue]
    assert fork.origin == f"{stored.experiment.digest}@{step}"
    assert fork.seed == 8
    assert fork.settings == stored.experiment.settings


def test_a_fork_begins_at_the_step_that_is_shown(visit: Open, stored: Run) -> None:
    page = visit({"run": stored.experiment.digest})
    first, second, *_ = stored.weight_steps
    assert widget(page, "flows/fork_step").value == stored.weight_steps[-1]
    between = next(step for step in range(stored.weight_steps[-1]) if step not in stored.weight_steps)
    before = max(step for step in stored.weight_steps if step < between)
    for name, shown_step, kept in (("step", first, first), ("step", between, before), ("shown", second, second)):
        page.session_state["flows/stage"] = {"moment": {name: shown_step, "temperature": 1}}
        assert widget(checked(page.run()), "flows/fork_step").value == kept
    page = turn(page, "flows/fork_step", first)  # a choice of the visitor stays while the stage stays
    assert widget(checked(page.run()), "flows/fork_step").value == first


def test_charts_are_drawn_when_they_are_opened(visit: Open, stored: Run) -> None:
    page = visit({"run": stored.experiment.digest})
    assert not page.get("plotly_chart")
    page.session_state["flows/charts"] = True
    assert len(checked(page.run()).get("plotly_chart")) == 2


def test_the_code_on_the_page_builds_the_same_experiment(visit: Open, home: House) -> None:
    page = visit({"target": "ring", "plan.seed": "5", "model.n_couplings": "4", "target.rotation": "30.0"})
    lines = code_of(page)[0].split("for snapshot")[0]
    found: dict[str, Any] = {}
    exec(lines, found)  # noqa: S102
    assert found["experiment"] == wanted(page, home)
