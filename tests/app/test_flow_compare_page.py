"""The page that compares two flows, run as Streamlit runs it: its link, its two runs, its gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.house import House
from app.page.curves import draw_two_losses
from app.page.lessons import experiments
from app.views.flow_compare.sides import TARGETS, choices, flow_costs, gallery, run_of
from app.views.flows.model import FLOWS
from engines.datasets import DATASETS
from engines.probes import cell_centres
from engines.training import Experiment
from engines.training.run import Run
from tests.app.pages import Open, checked, link_of, opener, press, sentences, turn

ROOT = Path(__file__).resolve().parents[2]
NOTHING = {"usual": {"target": "ring", "a": "realnvp", "b": "autoregressive_spline"}}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/flow_compare/page.py")


def submitted(home: House) -> list[Experiment]:
    return home.workers.submitted  # pyright: ignore[reportAttributeAccessIssue]


def test_train_both_queues_both_sides_with_one_seed(come: Open, home: House) -> None:
    page = come({"target": "moons", "a": "nice", "b": "spline/few-bins", "seed": "3"})
    press(page, "flow_compare/train")
    left, right = submitted(home)
    assert left == Experiment.default("nice", "moons", seed=3)
    assert (right.model, right.settings["n_bins"], right.seed) == ("spline", 3, 3)


def test_the_same_on_both_sides_is_trained_once(come: Open, home: House) -> None:
    press(come({"a": "nice", "b": "nice"}), "flow_compare/train")
    assert len(submitted(home)) == 1


def test_a_link_comes_back_as_it_went(come: Open) -> None:
    link = {"target": "two_modes", "a": "realnvp/reverse-KL", "b": "glow/mixture-as-base", "seed": "7", "at": "500"}
    assert link_of(come(link)) == link
    assert link_of(come()) == {}


def test_a_change_stands_in_the_link(come: Open) -> None:
    page = turn(come(), "flow_compare.side.a", "residual")
    assert link_of(page) == {"a": "residual"}
    assert link_of(turn(page, "flow_compare.plan.seed", 5)) == {"a": "residual", "seed": "5"}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"a": "dance"}, "There is no flow 'dance'"),
        ({"b": "spline/none"}, "spline/few-bins"),
        ({"target": "digits"}, "no target 'digits' in the plane"),
        ({"seed": "-1"}, "a whole number from 0"),
        ({"at": "soon"}, "a whole number of steps"),
    ],
)
def test_nonsense_in_a_link_is_told_and_the_usual_is_shown(come: Open, link: dict[str, str], said: str) -> None:
    page = come(link)
    assert said in " ".join(sentences(page))
    assert link_of(page) == {}


def test_a_click_in_the_gallery_fills_its_side(come: Open) -> None:
    page = come({"seed": "4"})
    page.session_state["flow_compare/gallery"] = {
        "choice": {"model": "glow", "target": "spirals", "side": 1, "count": 1}
    }
    page = checked(page.run())
    assert link_of(page) == {"target": "spirals", "b": "glow"}
    page.session_state["flow_compare/gallery"] = {"choice": {"model": "rm", "target": "x", "side": 9, "count": 2}}
    assert link_of(checked(page.run())) == {"target": "spirals", "b": "glow"}


def test_each_choice_differs_from_the_others_and_can_be_trained() -> None:
    digests = {choice.experiment("ring", 0).digest for choice in choices().values()}
    assert len(digests) >= len(choices()) - 1  # a preset may be what is usual on a target
    for choice in choices().values():
        choice.experiment("ring", 0).check()


def test_every_flow_is_in_the_gallery_on_six_targets_and_opens_at_once(home: House) -> None:
    cells, pictures = gallery()
    assert {(cell.model, cell.target) for cell in cells} == {(m, t) for m in FLOWS for t in TARGETS}
    for cell in cells:
        run = Run.load(ROOT / "checkpoints" / "flow" / f"{cell.model}-{cell.target}")
        assert run.experiment == Experiment.default(cell.model, cell.target)
        assert f"{cell.model}/{cell.target}" in pictures


def test_stored_flows_integrate_to_one_and_their_kl_is_that_of_the_stored_weights() -> None:
    """On cells of our own over the data's window, widened: nothing of the engines' measures is used."""
    for cell in gallery()[0]:
        run = Run.load(ROOT / "checkpoints" / "flow" / f"{cell.model}-{cell.target}")
        assert abs(run.snapshots[-1].metrics["integral"] - 1) < 0.005, (cell.model, cell.target)
    run = Run.load(ROOT / "checkpoints" / "flow" / "spline-moons")
    density: Any = DATASETS["moons"].density
    x0, x1, y0, y1 = density.window
    wide = (x0 - 2, x1 + 2, y0 - 2, y1 + 2)
    cells, area = cell_centres(wide, 400), (wide[1] - wide[0]) * (wide[3] - wide[2]) / 400**2
    q, p = run.model().log_prob(cells).double(), density.log_prob(cells.double())
    assert float(q.exp().sum() * area) == pytest.approx(1, abs=0.002)
    kl = float((p.exp() * (p - q)).sum() * area)
    metrics: Any = run.snapshots[-1].metrics
    assert kl == pytest.approx(metrics["kl"], abs=4 * metrics["kl_error"] + 1e-4)


def test_lessons_are_links_without_problems(come: Open) -> None:
    for entry in experiments("flow_compare"):
        page = come(entry["link"])
        assert sentences(page) == []
        usual = NOTHING["usual"]
        assert {k: v for k, v in entry["link"].items() if usual.get(k) != v} == link_of(page)


def test_costs_are_there_for_every_flow() -> None:
    assert flow_costs().keys() == set(FLOWS)
    assert all(value > 0 for costs in flow_costs().values() for value in costs.values())


def test_the_chart_of_both_losses_says_what_it_shows() -> None:
    drawing = draw_two_losses(("one", "two"), ([0, 10], [0, 20]), ([3.0, 2.5], [3.0, 2.4]), 2.399)
    names = [trace.name for trace in drawing.figure.data]  # pyright: ignore[reportAttributeAccessIssue]
    assert names == ["one", "two", "entropy of the data"]
    assert np.allclose(drawing.figure.data[2].y, 2.399)  # pyright: ignore[reportAttributeAccessIssue]
    assert "one 2.500, two 2.400" in drawing.alt and "2.399" in drawing.alt


def test_a_run_in_training_is_shown(home: House) -> None:
    assert run_of(Experiment.default("nice", "heart", seed=99)).digest == ""
