"""The page of shortcuts, run as Streamlit runs it: its link, its three models, its charts, what its stage tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.lessons import experiments
from app.page.properties import QUESTIONS, card
from app.views.fast_sampling.asks import MODELS_OF_WAYS, SHOWN, STOPS, WAYS
from app.views.fast_sampling.canvas import WaysPlace
from app.views.fast_sampling.figures import draw_likelihood_by_steps, draw_quality_by_calls, draw_straightness
from app.views.fast_sampling.numbers import kl_words, measured
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.models import MODELS
from engines.training import Experiment
from engines.training.run import Run
from engines.training.standing import Standing
from tests.app.pages import Open, checked, code_of, link_of, opener, press, sentences, turn

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/fast_sampling/page.py")


@pytest.fixture
def shelved(home: House) -> dict[str, Run]:
    """The runs on the ring that ship, in the house's own store."""
    return {m: home.shelves.own.add(Run.load(ROOT / "checkpoints" / "score" / f"{m}-ring")) for m in MODELS_OF_WAYS}


def submitted(home: House) -> list[Experiment]:
    return home.workers.submitted  # pyright: ignore[reportAttributeAccessIssue]


def tell(page: AppTest, **moment: Any) -> AppTest:
    """The stage says where its visitor is."""
    told = {
        "visit": page.session_state["shortcuts/visit"],
        "calls": 4,
        "time": 1,
        "ways": list(SHOWN),
        "seed": 0,
    } | moment
    page.session_state["shortcuts/stage"] = {"moment": told}
    return checked(page.run())


# ---- opening, training ----


def test_the_page_opens_and_trains_what_is_missing(come: Open, home: House) -> None:
    page = come({"target": "moons"})
    assert sentences(page) == []
    assert page.title[0].value == "How few looks at the network are enough?"
    press(page, "shortcuts/train")
    assert submitted(home) == [Experiment.default(model, "moons") for model in MODELS_OF_WAYS]


def test_only_the_missing_ones_are_queued_and_all_when_none_is(
    come: Open, home: House, shelved: dict[str, Run]
) -> None:
    page = come({"consistency.steps": "500"})
    press(page, "shortcuts/train")
    assert submitted(home) == [Experiment.default("consistency", "ring", steps=500)]
    press(come(), "shortcuts/train")
    assert submitted(home)[1:] == [Experiment.default(model, "ring") for model in MODELS_OF_WAYS]
    assert shelved["consistency"].experiment in submitted(home)


def test_trouble_with_the_queue_is_a_sentence(come: Open, home: House) -> None:
    home.workers.trouble = SettingError("The queue is full.")  # pyright: ignore[reportAttributeAccessIssue]
    assert sentences(press(come({"target": "moons"}), "shortcuts/train")) == ["The queue is full."]


def test_nothing_more_can_be_trained_while_all_train(come: Open, home: House) -> None:
    standings: dict[str, Standing] = home.workers.standings  # pyright: ignore[reportAttributeAccessIssue]
    for model in MODELS_OF_WAYS:
        standings[Experiment.default(model, "ring").digest] = Standing("running")
    assert come().button(key="shortcuts/train").disabled


@pytest.mark.parametrize("model", MODELS_OF_WAYS)
def test_each_model_has_settings_of_its_own(model: str, come: Open, home: House) -> None:
    page = turn(come(), f"shortcuts.{model}.width", 24)
    page = turn(page, f"shortcuts.{model}_plan.steps", 200)
    assert link_of(page) == {"target": "ring", f"{model}.width": "24", f"{model}.steps": "200"}
    press(page, "shortcuts/train")
    changed = Experiment.default(model, "ring", settings={"width": 24}, steps=200)
    assert [e for e in submitted(home) if e.model == model] == [changed]
    assert [e for e in submitted(home) if e.model != model] == [
        Experiment.default(other, "ring") for other in MODELS_OF_WAYS if other != model
    ]


# ---- links ----


def test_a_link_restores_everything(come: Open, home: House) -> None:
    link = {"target": "moons", "calls": "20", "time": "0.25", "ways": "heun,reflow", "seed": "7"}
    link |= {"flow_matching.pairing": "nearest", "consistency.n_levels": "12", "score_field.seed": "3"}
    about = DATASETS["moons"].settings()
    link |= {
        f"target.{name}": str(value / 2)
        for name, value in about.to_dict().items()
        if isinstance(value, float) and value
    }
    page = come(link)
    assert sentences(page) == []
    assert link_of(page) == link
    assert page.session_state["shortcuts/place"] == WaysPlace(20, 0.25, ("heun", "reflow"), 7)
    press(page, "shortcuts/train")
    assert submitted(home)[1].settings["pairing"] == "nearest"
    assert all(e.dataset_settings != about.to_dict() for e in submitted(home))


@pytest.mark.parametrize(
    "link, said",
    [
        ({"calls": "0"}, "Network calls: expected a whole number from 1 to 301"),
        ({"calls": "many"}, "Network calls: expected"),
        ({"time": "2"}, "Time: expected a number from 0 to 1"),
        ({"time": "nan"}, "Time: expected"),
        ({"ways": "heun,foo"}, "got 'heun,foo'"),
        ({"ways": "none"}, "Ways: expected some of annealed"),
        ({"seed": "-1"}, "Seed: expected"),
        ({"target": "nonsense"}, "The default, ring, is shown."),
        ({"target": "digits"}, "no target of the plane"),
        ({"flow_matching.width": "7"}, "expected a whole number from 8"),
        ({"consistency.nonsense": "7"}, "no setting 'nonsense'"),
    ],
)
def test_an_impossible_link_is_one_sentence_and_nothing_else_is_lost(
    link: dict[str, str], said: str, come: Open
) -> None:
    page = come(link | {"score_field.width": "64"})
    assert len(sentences(page)) == 1
    assert said in sentences(page)[0]
    assert link_of(page)["score_field.width"] == "64"


def test_calls_snap_to_the_dial() -> None:
    problems: list[str] = []
    assert [WaysPlace.of_link({"calls": text}, problems).calls for text in ("1", "7", "30", "300")] == [1, 8, 20, 301]
    assert problems == []
    assert {way.clip(stop) for way in WAYS.values() for stop in STOPS} <= set(range(1, 302))


def test_where_the_visitor_is_stands_in_the_link(come: Open) -> None:
    page = tell(come(), calls=1, time=0.5, ways=["reflow", "flow"], seed=2)
    assert link_of(page) == {"target": "ring", "calls": "1", "time": "0.5", "ways": "flow,reflow", "seed": "2"}
    assert r"n = 1" in page.latex[0].value
    page.session_state["shortcuts/picker"] = {"target": "moons"}
    assert link_of(checked(page.run())) == {
        "target": "moons",
        "calls": "1",
        "time": "0.5",
        "ways": "flow,reflow",
        "seed": "2",
    }


# ---- numbers, charts, lessons ----


def test_stored_runs_show_their_numbers_and_charts(come: Open, shelved: dict[str, Run]) -> None:
    page = come()
    metrics = shelved["flow_matching"].snapshots[-1].metrics
    assert f"{metrics['flow_straightness']:.3f}" in page.latex[1].value
    assert len(page.get("plotly_chart")) == 1
    page.session_state["shortcuts/charts"] = True
    page = checked(page.run())
    assert len(page.get("plotly_chart")) == 3
    assert any("consistency student | 1 |" in m.value for m in page.markdown)


def test_without_websockets_the_page_itself_asks(come: Open, shelved: dict[str, Run]) -> None:
    from app.views.fast_sampling.models import Trained
    from app.views.fast_sampling.numbers import answer_here

    models = {m: Trained(run.experiment, False, run) for m, run in shelved.items()}
    answers = answer_here(models, WaysPlace(calls=2, ways=("annealed", "reflow")))
    assert {way: found["calls"][-1] for way, found in answers.items()} == {"annealed": 2, "reflow": 2}
    page = come()
    page.session_state["shortcuts/stage"] = {"lane": "blocked"}
    assert sentences(checked(page.run())) == []


def test_the_figures_say_what_they_show() -> None:
    quality = draw_quality_by_calls(
        {"heun": ([1, 9, 19], [0.7, 0.02, 0.001]), "flow": ([1, 2], [1.0, 0.5])}, titles(), (0.0, 0.004)
    )
    assert quality.alt == "Network calls that reach the band of true samples (0.0040): Heun ODE from 19 on, flow never."
    assert {"Heun ODE", "flow"} <= {a.text for a in quality.figure.layout.annotations}  # pyright: ignore[reportAttributeAccessIssue]
    assert "100 times straighter" in draw_straightness({1: 1.0, 9: 1.0}, {9: 0.01}).alt
    likelihood = draw_likelihood_by_steps([5, 50], {"Flow": [1.5, 2.2]}, 2.17, 2.18)
    assert "Flow 1.500 with 5 steps, 2.200 with 50" in likelihood.alt


def titles() -> dict[str, str]:
    return {key: way.title for key, way in WAYS.items()}


def test_a_likelihood_that_cannot_be_trusted_is_not_shown() -> None:
    assert kl_words({"likelihood_error": 0.31}) == "not shown, because halving the steps changes log p by 0.31 nats"
    assert kl_words({"kl": 0.0512, "kl_error": 0.004}) == "0.051 ± 0.004 nats"


def test_what_was_measured_holds_the_claim() -> None:
    """A student of one call is at least 150 times faster than annealed Langevin, and inside the band."""
    for target, ways in measured()["ways"].items():
        student = ways["consistency"]
        assert student["ratio"] >= 150, target
        assert student["energy"] <= student["band"], target
    facts = measured()["likelihood"]
    assert facts["flow_matching"][0] < facts["exact"] - 0.3  # five steps look better than perfect
    assert all(card("shortcuts")[question]["value"] for question in QUESTIONS)


@pytest.mark.parametrize("index", range(len(experiments("fast_sampling"))))
def test_an_experiment_to_try_sets_the_page_up(index: int, come: Open, home: House) -> None:
    lesson = dict(experiments("fast_sampling")[index]["link"])
    trains = lesson.pop("train", None)
    page = press(come({"target": "heart", "seed": "9"}), f"shortcuts/lesson/{index}")
    assert sentences(page) == []
    assert link_of(page) == lesson
    assert [e.model for e in submitted(home)] == ([trains] if trains else [])


def test_the_code_on_the_page_builds_the_same_experiments(come: Open) -> None:
    found: dict[str, Any] = {}
    page = come({"flow_matching.pairing": "nearest"})
    exec(code_of(page)[1].split("for snapshot")[0], found)  # noqa: S102
    assert found["experiment"] == Experiment.default("flow_matching", "ring", settings={"pairing": "nearest"})
    assert set(MODELS_OF_WAYS) <= set(MODELS)
