"""The page of score fields, run as Streamlit runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.lessons import experiments
from app.views.score.canvas import SLIDERS, ScoreStageView, read_point, read_walk, sliders
from app.views.score.figures import (
    draw_error_by_density,
    draw_error_by_level,
    draw_error_over_training,
    draw_loss_and_fisher,
    draw_quality,
)
from app.views.score.numbers import errors_by_density
from app.views.score.target import score_target
from engines.blobs import unpack
from engines.datasets import DATASETS
from engines.models import MODELS
from engines.samplers.walks import WALKS, WalkSettings
from engines.score.score_field import ScoreFieldSettings
from engines.settings import Settings, setting_fields
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import (
    Open,
    another,
    as_link,
    changed,
    checked,
    code_of,
    link_of,
    opener,
    press,
    sentences,
    turn,
    wanted,
)

SMALL = {"width": 8, "n_hidden": 1}
KEPT = {"plan.steps": "40", "model.width": "8", "model.n_hidden": "1"}
QUESTION = "How do particles find the data when only the slope is known?"


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/score/page.py")


@pytest.fixture(scope="session")
def small_field(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small network after 40 steps."""
    experiment = Experiment.default("score_field", "ring", steps=40, settings=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engines.score.measures.N_SAMPLES", 100)
        return train_and_store(Trainer(experiment, device="cpu"), tmp_path_factory.mktemp("field") / experiment.digest)


@pytest.fixture
def stored_field(small_field: Run, home: House) -> Run:
    """The same, in the house's own store."""
    return home.shelves.own.add(small_field)


def tell(page: AppTest, **more: object) -> AppTest:
    """The visitor lets go of something on the stage."""
    place = f"{page.session_state['score/visit']} {page.session_state['score/target']}"
    told = {"of": "", "step": None, "temperature": 1, "place": place} | more
    page.session_state["score/stage"] = {"moment": told}
    return checked(page.run())


# ---- the page ----


def test_the_page_opens_with_the_default_experiment(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value == QUESTION
    assert link_of(page) == {"target": "ring"}
    assert wanted(page, home) == Experiment.default("score_field", "ring")


@pytest.mark.parametrize("group, cls", [("plan", Plan), ("model", ScoreFieldSettings)])
def test_each_control_changes_the_experiment_and_the_link(
    group: str, cls: type[Settings], come: Open, home: House
) -> None:
    page, usual = come(), MODELS["score_field"].usual("ring")
    base = usual.plan if group == "plan" else usual.settings
    for field in setting_fields(cls):
        turn(page, f"score.{group}.{field.name}", another(field))
        assert field.parse(link_of(page)[f"{group}.{field.name}"]) == another(field) != getattr(base, field.name)
    experiment = wanted(page, home)
    assert (experiment.plan if group == "plan" else cls.from_dict(experiment.settings)) == changed(cls)


@pytest.mark.parametrize("target", ["ring", "two_modes"])
def test_a_preset_changes_what_it_is_about_and_nothing_else(target: str, come: Open) -> None:
    page = come({"target": target})
    assert page.selectbox(key="score/preset").value == "every noise level"
    for name, texts in (
        ("one noise level", {"model.n_levels": "1", "model.sigma_min": "0.1"}),
        ("not told the level", {"model.is_told": "false"}),
        ("every noise level", {}),
    ):
        checked(page.selectbox(key="score/preset").set_value(name).run())
        assert link_of(page) == {"target": target} | texts


def test_a_link_restores_everything(come: Open, home: House) -> None:
    spec = DATASETS["moons"]
    groups = {"target": changed(spec.settings), "model": changed(ScoreFieldSettings), "plan": changed(Plan)}
    link = {"target": "moons", "x": "0.5,-1.25", "at": "7"} | as_link("walk", changed(WalkSettings))
    for group, settings in groups.items():
        link |= as_link(group, settings)
    page = come(link)
    assert sentences(page) == []
    assert link_of(page) == link
    plan = Plan.from_dict(groups["plan"].to_dict())
    assert wanted(page, home) == Experiment.make("score_field", "moons", groups["model"], groups["target"], plan)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"x": "abc"},
        {"x": "nan,1"},
        {"x": "," * 30_000},
        {"walk.step": "-1"},
        {"walk.steps": "0"},
        {"walk.sigma": "inf"},
        {"walk.kind": "fly"},
        {"walk.temperature": "3"},
        {"walk.n_particles": "1e9"},
        {"walk.nonsense": "1"},
        {"walk.start": "x" * 30_000},
    ],
)
def test_nonsense_in_a_link_gives_one_sentence_and_loses_nothing(nonsense: dict[str, str], come: Open) -> None:
    page = come(nonsense | {"plan.seed": "5", "walk.share": "0.2"})
    assert len(sentences(page)) == 1
    assert link_of(page) == {"target": "ring", "plan.seed": "5", "walk.share": "0.2"}


def test_what_is_set_on_the_stage_is_in_the_link_until_the_target_changes(come: Open) -> None:
    walk = WalkSettings(kind="hold", sigma=0.3, temperature=0.5, view="exact")
    page = tell(come(), x=[0.25, -1], walk=walk.to_dict())
    own = {"walk.kind": "hold", "walk.temperature": "0.5", "walk.view": "exact"}
    assert link_of(page) == {"target": "ring", "x": "0.25,-1", "walk.sigma": "0.3"} | own
    page.session_state["score/picker"] = {"target": "moons"}
    assert link_of(checked(page.run())) == {"target": "moons"} | own
    assert link_of(tell(page, walk=WalkSettings().to_dict())) == {"target": "moons"}


@pytest.mark.parametrize(
    "nonsense", [None, "x", {}, {"moment": 3}, {"moment": {"place": "p", "walk": {"step": "much"}}}]
)
def test_nonsense_from_the_stage_is_passed_over(nonsense: object) -> None:
    assert read_walk(nonsense, "p") is None
    assert read_point(nonsense, "p") is None
    good = {"moment": {"place": "p", "walk": WalkSettings().to_dict(), "x": [1, 2]}}
    assert read_walk(good, "p") == WalkSettings()
    assert read_point(good, "p") == (1.0, 2.0)
    assert read_walk(good, "other") is read_point(good, "other") is None


@pytest.mark.parametrize("kind", WALKS)
def test_the_formula_and_the_code_are_those_of_the_walk(kind: str, come: Open) -> None:
    page = come({"walk.kind": kind} if kind != "annealed" else {})
    names = {"hold": "def langevin", "metropolis": "def metropolis_langevin", "annealed": "def annealed_langevin"}
    names |= {"predictor_corrector": "def predictor_corrector", "heun": "def heun"}
    assert names.get(kind, "def ddim") in code_of(page)[1]
    assert ("factor of two" in " ".join(c.value for c in page.caption)) == (kind in ("hold", "annealed", "metropolis"))


def test_the_numbers_stand_below_the_formula(come: Open) -> None:
    page = come({"target": "gaussian", "walk.kind": "hold", "walk.sigma": "0.5", "walk.step": "0.2"})
    said = next(c.value for c in page.caption if c.value.startswith("Now"))
    assert "σ = 0.5, a = 0.2, T = 1: 1,000 network calls" in said
    assert "below a = 2.5" in said  # 2 (1 + 0.5²)
    page = come({"walk.n_levels": "5", "walk.level_steps": "20"})
    said = next(c.value for c in page.caption if c.value.startswith("Now"))
    assert "from 5 to 0.02 in 5 levels of 20 steps" in said
    assert "101 network calls" in said


def test_charts_are_drawn_when_they_are_opened(come: Open, stored_field: Run) -> None:
    page = come(KEPT)
    assert not page.get("plotly_chart")
    page.session_state["score/charts"] = True
    assert len(checked(page.run()).get("plotly_chart")) == 5


def test_the_error_is_put_against_the_density(stored_field: Run) -> None:
    found = errors_by_density(stored_field.experiment.digest, stored_field.info.started, None)
    assert list(found) == ["σ = 0.02", "σ = 0.316", "σ = 5"]
    assert all(len(errors) == 10 and min(errors) >= 0 for errors in found.values())


def test_the_code_on_the_page_builds_the_same_experiment(come: Open, home: House) -> None:
    page = come({"target": "moons", "plan.seed": "5", "model.objective": "sliced"})
    found: dict[str, Any] = {}
    code = code_of(page)
    exec(code[0].split("for snapshot")[0], found)  # noqa: S102
    assert found["experiment"] == wanted(page, home)
    assert "def sliced" in code[1]


@pytest.mark.parametrize("index", range(len(experiments("score"))))
def test_an_experiment_to_try_sets_the_page_up(index: int, come: Open, home: House) -> None:
    lesson = dict(experiments("score")[index]["link"])
    page = come({"target": "heart", "plan.seed": "9", "x": "1,1", "walk.share": "0.5"})
    press(page, f"score/lesson/{index}")
    assert sentences(page) == []
    assert link_of(page) == lesson
    assert wanted(page, home) == wanted(come(lesson), home)


# ---- what the stage gets ----


def test_the_stages_blob_holds_walk_point_and_exact_field() -> None:
    picture = np.zeros((4, 4), np.float16)
    common: dict[str, Any] = dict.fromkeys(("target", "target_title", "target_note", "run"), "")
    common |= {"truth": picture, "samples": picture[:, :2], "window": (0, 1, 0, 1), "entropy": (1.0, 0.1)}
    common |= {"attempt": 0, "steps": 1, "temperature": 1.0, "at": None, "autoplay": True}
    walk = WalkSettings(kind="heun", n_levels=7)
    view = ScoreStageView(**common, walk=walk, point=(0.5, 2.0), place="here", exact={"field": picture})
    arrays, numbers = unpack(view.to_bytes())
    assert (numbers["point"], numbers["place"], numbers["walk"]) == ([0.5, 2.0], "here", walk.to_dict())
    assert numbers["usual_walk"] == WalkSettings().to_dict()
    assert [kind["key"] for kind in numbers["kinds"]] == list(WALKS)
    assert arrays["exact_field"].shape == (4, 4)


def test_each_slider_says_what_its_setting_says() -> None:
    fields = {f.name: f for f in setting_fields(WalkSettings)}
    for slider in sliders():
        field = fields[slider["name"]]
        assert (slider["low"], slider["high"], slider["label"], slider["help"]) == (
            field.low,
            field.high,
            field.label,
            field.help,
        )
    assert [s["name"] for s in sliders()] == list(SLIDERS)


def test_the_stages_data_stay_the_same_while_a_hand_turns_things(come: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else 600 kB would go to the browser at each turn."""
    seen: list[bytes] = []
    monkeypatch.setattr("app.views.score.canvas.draw_score_stage", lambda view, **_: seen.append(view.to_bytes()))
    page = come()
    tell(page, walk=WalkSettings(temperature=0.5).to_dict())
    tell(page, x=[1, 1], walk=WalkSettings(kind="heun", sigma=1.0).to_dict())
    assert len(seen) == 3
    assert len(set(seen)) == 1


@pytest.mark.parametrize("key", ["two_modes", "moons", "grid"])
def test_what_is_known_of_a_target(key: str) -> None:
    spec = DATASETS[key]
    found, density = score_target(key, tuple(sorted(spec.settings().to_dict().items()))), spec.density
    assert density is not None
    n_modes = 0 if density.modes is None else len(density.modes)
    assert len(found.modes) == len(found.mode_shares) == n_modes
    assert n_modes == 0 or sum(found.mode_shares) == pytest.approx(1)
    assert 0 < found.band[1] < 0.2
    if key == "two_modes":
        assert found.mode_shares == pytest.approx((0.8, 0.2))
        assert found.spread == pytest.approx((3, 3, 17**0.5, 17**0.5, 1))  # 1 + 0.16 · 10²


# ---- figures ----


def test_each_chart_says_what_it_shows() -> None:
    sigmas = [5.0, 0.5, 0.05]
    drawings = [
        draw_error_by_level(sigmas, [0.001, 0.02, 0.003]),
        draw_error_by_density({"σ = 0.05": [1.0 / (i + 1) for i in range(10)], "σ = 5": [0.01] * 10}),
        draw_loss_and_fisher(sigmas, [0.2, 1.1, 1.9], [0.199, 1.08, 1.897], [0.001, 0.02, 0.003]),
        draw_error_over_training([0, 10, 20], [1.0, 0.1, 0.01], [0.9, -0.1, 0.02]),
        draw_quality({"Heun ODE": ([1, 5], [0.5, 0.01]), "annealed": ([21, 301], [0.4, 0.3])}, (0.001, 0.02)),
    ]
    words = ("0.0200 at most, at sigma 0.500", "from 1 in the emptiest", "0.0080", "from 1 to 0.01", "from 5 calls on")
    for drawing, word in zip(drawings, words, strict=True):
        assert word in drawing.alt
        layout: Any = drawing.figure.layout
        assert layout.xaxis.title.text and layout.yaxis.title.text
        assert layout.height == 300
    assert "annealed never" in drawings[-1].alt
