"""The page of the VAE in the plane, run as Streamlit runs it; and the question that its canvas asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.asks import read_ask
from app.canvas.points import checked_point
from app.house import House
from app.page.lessons import experiments
from app.views.plane_vae.asks import PosteriorAsk, look_at
from app.views.plane_vae.canvas import FARTHEST, PosteriorPlace, PosteriorStageView, read_place
from app.views.plane_vae.figures import draw_gap
from app.views.plane_vae.numbers import terms_at
from engines.blobs import unpack
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.models import MODELS
from engines.settings import Settings, setting_fields
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from engines.vae.plane_vae import REACH, PlaneVaeSettings
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


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/plane_vae/page.py")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Run]:
    """Small VAEs of one and of two latents after 40 steps."""
    folder = tmp_path_factory.mktemp("planes")
    wanted = {z: Experiment.default("plane_vae", "moons", steps=40, settings=SMALL | {"n_latents": z}) for z in (1, 2)}
    return {z: train_and_store(Trainer(e, device="cpu"), folder / e.digest) for z, e in wanted.items()}


@pytest.fixture
def stored_vae(small: Mapping[int, Run], home: House) -> Run:
    """The one of two latents, in the house's own store."""
    return home.shelves.own.add(small[2])


# ---- the page ----


def test_the_page_opens_with_the_default_experiment(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value == "How far is the bound from the truth?"
    assert link_of(page) == {"target": "moons"}
    assert wanted(page, home) == Experiment.default("plane_vae", "moons")


@pytest.mark.parametrize("group, cls", [("plan", Plan), ("model", PlaneVaeSettings)])
def test_each_control_changes_the_experiment_and_the_link(
    group: str, cls: type[Settings], come: Open, home: House
) -> None:
    page, usual = come(), MODELS["plane_vae"].usual("moons")
    base = usual.plan if group == "plan" else usual.settings
    for field in setting_fields(cls):
        turn(page, f"vae_plane.{group}.{field.name}", another(field))
        assert field.parse(link_of(page)[f"{group}.{field.name}"]) == another(field) != getattr(base, field.name)
    experiment = wanted(page, home)
    assert (experiment.plan if group == "plan" else cls.from_dict(experiment.settings)) == changed(cls)


def test_a_preset_sets_the_model(come: Open) -> None:
    page = come()
    for name, texts in (
        ("one latent", {"model.n_latents": "1"}),
        ("β = 8", {"model.beta": "8.0"}),
        ("two latents", {}),
    ):
        checked(page.selectbox(key="vae_plane/preset").set_value(name).run())
        assert link_of(page) == {"target": "moons"} | texts


def test_a_link_restores_everything(come: Open, home: House) -> None:
    spec = DATASETS["ring"]
    groups = {"target": changed(spec.settings), "model": changed(PlaneVaeSettings), "plan": changed(Plan)}
    link = {"target": "ring", "x": "0.5,-1.25", "view": "q", "at": "7", "temperature": "0.5"}
    for group, settings in groups.items():
        link |= as_link(group, settings)
    page = come(link)
    assert sentences(page) == []
    assert link_of(page) == link
    plan = Plan.from_dict(groups["plan"].to_dict())
    assert wanted(page, home) == Experiment.make("plane_vae", "ring", groups["model"], groups["target"], plan)


@pytest.mark.parametrize("text", ["abc", "1", "1,2,3", "nan,1", "inf,0", "1e9,0", "," * 30_000])
def test_an_impossible_point_gives_one_sentence(text: str, come: Open) -> None:
    page = come({"x": text, "plan.seed": "5"})
    assert len(sentences(page)) == 1
    assert link_of(page) == {"target": "moons", "plan.seed": "5"}


def drag_to(page: AppTest, x: object, **more: object) -> AppTest:
    """The visitor lets go of a point."""
    place = f"{page.session_state['vae_plane/visit']} {page.session_state['vae_plane/target']}"
    told = {"of": "", "step": None, "temperature": 1, "x": x, "place": place} | more
    page.session_state["vae_plane/stage"] = {"moment": told}
    return checked(page.run())


def test_a_dragged_point_is_in_the_link_until_the_target_changes(come: Open) -> None:
    page = drag_to(come(), [0.25, -1], zoomed=True)
    assert link_of(page) == {"target": "moons", "x": "0.25,-1", "view": "q"}
    page.session_state["vae_plane/picker"] = {"target": "ring"}
    assert link_of(checked(page.run())) == {"target": "ring", "view": "q"}
    assert link_of(drag_to(page, [1, 2], zoomed=False)) == {"target": "ring", "x": "1,2"}


@pytest.mark.parametrize("nonsense", [None, "x", [1], [1, "y"], [float("nan"), 0], [1e9, 0], [True, False], {}])
def test_nonsense_from_the_stage_is_passed_over(nonsense: object) -> None:
    assert checked_point(nonsense, farthest=FARTHEST) is None
    held = PosteriorPlace((3.0, 4.0), "q")
    assert read_place({"moment": {"x": nonsense, "zoomed": True, "place": "p"}}, "p", held) == held
    assert read_place({"moment": {"x": [1, 2], "zoomed": True, "place": "other"}}, "p", held) == held
    assert read_place(nonsense, "p", held) == held
    assert read_place({"moment": {"zoomed": "yes"}}, "p", held).view == "plane"


def test_where_sockets_are_blocked_the_page_sends_the_snapshots(
    come: Open, stored_vae: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[PosteriorStageView] = []
    monkeypatch.setattr("app.views.plane_vae.canvas.draw_posterior_stage", lambda view, **_: seen.append(view))
    page = come(KEPT)
    page.session_state["vae_plane/stage"] = {"lane": "blocked"}
    checked(page.run())
    assert [bool(view.replay) for view in seen] == [False, True]
    assert seen[1].run == stored_vae.experiment.digest and seen[1].standing


def test_a_stored_run_shows_its_numbers_at_the_point(come: Open, stored_vae: Run) -> None:
    page = come(KEPT | {"x": "0.3,-0.7"})
    assert sentences(page) == []
    terms = terms_at(stored_vae.experiment.digest, stored_vae.info.started, None, (0.3, -0.7))
    assert f"{terms.log_prob:.3f}" in page.latex[0].value
    assert f"{terms.gap:.3f}" in page.latex[0].value
    assert any("(0.30, \u22120.70)" in caption.value for caption in page.caption)


def test_the_formula_adds_up_to_the_density_of_the_model(stored_vae: Run) -> None:
    """log p(x) by a plain sum over a grid of latents; the rest by Monte Carlo."""
    model, x = stored_vae.model(), torch.tensor([[0.3, -0.7]])
    terms = terms_at(stored_vae.experiment.digest, stored_vae.info.started, None, (0.3, -0.7))
    ticks = torch.linspace(-6, 6, 600)
    z = torch.cartesian_prod(ticks, ticks)
    s = float(model.noise)
    log_joint = -0.5 * z.square().sum(1) - (x - model.decode(z)).square().sum(1) / (2 * s * s)
    total = float(log_joint.double().logsumexp(0)) + 2 * math.log(12 / 599) - 2 * math.log(2 * math.pi * s)
    assert terms.log_prob == pytest.approx(total, abs=1e-3)
    tries = torch.stack([model.log_prob_bound(x, rng=torch.Generator().manual_seed(i)) for i in range(2000)])
    bound, error = float(tries.mean()), float(tries.std()) / math.sqrt(2000)
    assert -(terms.distortion + terms.rate) == pytest.approx(bound, abs=5 * error)
    assert terms.gap == pytest.approx(total - bound, abs=5 * error + 1e-3)


def test_charts_are_drawn_when_they_are_opened(come: Open, stored_vae: Run) -> None:
    page = come(KEPT)
    assert not page.get("plotly_chart")
    page.session_state["vae_plane/charts"] = True
    assert len(checked(page.run()).get("plotly_chart")) == 2


def test_the_gap_chart_says_what_it_shows() -> None:
    drawing = draw_gap([0, 10, 20], [-4.0, -3.0, -2.5], [-5.0, -3.5, -2.75], 2.4)
    assert "0.250 nats below" in drawing.alt
    traces: Any = drawing.figure.data
    assert [t.name for t in traces] == ["bound (ELBO)", "log p(x), by quadrature", "the data's own log density"]


def test_the_code_on_the_page_builds_the_same_experiment(come: Open, home: House) -> None:
    page = come({"target": "ring", "plan.seed": "5", "model.beta": "4.0"})
    found: dict[str, Any] = {}
    exec(code_of(page)[0].split("for snapshot")[0], found)  # noqa: S102
    assert found["experiment"] == wanted(page, home)


@pytest.mark.parametrize("index", range(len(experiments("plane_vae"))))
def test_an_experiment_to_try_sets_the_page_up(index: int, come: Open, home: House) -> None:
    lesson = dict(experiments("plane_vae")[index]["link"])
    page = come({"target": "heart", "plan.seed": "9", "x": "1,1"})
    press(page, f"vae_plane/lesson/{index}")
    assert sentences(page) == []
    assert link_of(page) == lesson
    assert wanted(page, home) == wanted(come(lesson), home)


def test_the_stages_blob_holds_the_point() -> None:
    picture = np.zeros((4, 4), np.float16)
    common: dict[str, Any] = dict.fromkeys(("target", "target_title", "target_note", "run"), "")
    common |= {"truth": picture, "samples": picture[:, :2], "window": (0, 1, 0, 1), "entropy": (1.0, 0.1)}
    common |= {"attempt": 0, "steps": 1, "temperature": 1.0, "at": None, "autoplay": True}
    view = PosteriorStageView(**common, x=(0.5, 2.0), place="here", n_latents=1, zoomed=True)
    numbers = unpack(view.to_bytes())[1]
    assert (numbers["x"], numbers["place"], numbers["n_latents"], numbers["zoomed"]) == ([0.5, 2.0], "here", 1, True)


# ---- what the canvas asks ----


def answer(run: Run, *points: tuple[float, float]) -> list[dict[str, np.ndarray]]:
    asks: list[Any] = [read_ask({"what": "posterior", "run": "r", "step": None, "x": list(p)}) for p in points]
    with torch.inference_mode():
        answers = PosteriorAsk.answer(run.model(), run, asks)
    return [answers[ask] for ask in asks]


@pytest.mark.parametrize("n_latents", [1, 2])
def test_the_answer_holds_what_the_engine_says(n_latents: int, small: Mapping[int, Run]) -> None:
    model, x = small[n_latents].model(), torch.tensor([[0.3, -0.7]])
    [found] = answer(small[n_latents], (0.3, -0.7))
    total, error, bound, rate, distortion, few, few_error, many, many_error = found["nats"].tolist()
    value, off = model.log_prob_estimate(x)
    assert total == pytest.approx(float(value), abs=1e-5)
    assert error == pytest.approx(float(off), abs=1e-5)
    assert bound == pytest.approx(-(rate + distortion), abs=1e-5)
    assert total - bound == pytest.approx(float(model.posterior_kl(x)), abs=1e-4)
    assert bound - 0.01 < few < many + 5 * many_error < total + 10 * many_error
    side = found["log_posterior"].shape[0]
    assert found["log_posterior"].shape == (side,) * n_latents
    mass = np.exp(found["log_posterior"].astype(float)).sum() * (2 * REACH / side) ** n_latents
    assert mass == pytest.approx(1, abs=0.01)
    q = model.encode(x)
    assert found["mean"] == pytest.approx(q.mean[0].numpy())
    assert found["std"] == pytest.approx(q.std[0].numpy())


def test_around_q_the_density_is_counted_in_its_own_units(small: Mapping[int, Run]) -> None:
    """Where q is narrower than its map, almost the whole posterior lies in it."""
    [found] = answer(small[2], (0.3, -0.7))
    mass = np.exp(found["around"].astype(float)).sum() * (8 / 48) ** 2
    assert 0.9 < mass < 1.01


def test_points_of_several_visitors_are_answered_together(small: Mapping[int, Run]) -> None:
    both = answer(small[2], (0.3, -0.7), (-1.5, 0.2))
    alone = [answer(small[2], p)[0] for p in ((0.3, -0.7), (-1.5, 0.2))]
    for one, other in zip(both, alone, strict=True):
        for name, array in one.items():
            np.testing.assert_allclose(array, other[name], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("x", [None, "x", [1], [1, 2, 3], [1, None], [float("inf"), 0], [[1, 2]], {"a": 1}])
def test_a_point_that_is_none_is_refused(x: object) -> None:
    with pytest.raises(SettingError, match="Expected"):
        read_ask({"what": "posterior", "run": "r", "step": None, "x": x})


def test_a_point_far_away_is_cut_and_finite(small: Mapping[int, Run]) -> None:
    [found] = answer(small[2], (1e300, -5.0))
    assert all(np.isfinite(array).all() for array in found.values())


def test_only_a_vae_of_the_plane_is_asked(stored: Run) -> None:
    ask: Any = read_ask({"what": "posterior", "run": "r", "step": None, "x": [0, 0]})
    with pytest.raises(SettingError, match="VAE of the plane"):
        ask.check(stored.model(), stored)


def test_another_model_is_covered_anew(small: Mapping[int, Run]) -> None:
    first, other = small[2].model(), small[2].model(0)
    x = torch.tensor([[0.3, -0.7]])
    with torch.inference_mode():
        assert look_at(first, x)["nats"][0, 0] == pytest.approx(float(first.log_prob_estimate(x)[0]), abs=1e-5)
        assert look_at(other, x)["nats"][0, 0] == pytest.approx(float(other.log_prob_estimate(x)[0]), abs=1e-5)
