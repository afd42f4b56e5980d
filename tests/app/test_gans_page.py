"""The page of GANs in the plane, run as Streamlit runs it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.lessons import experiments
from app.page.train import UNCHANGED
from app.views.gan.canvas import Cure, alarms, read_cure, said
from app.views.gan.figures import draw_game_losses, draw_modes_curve, draw_quality_curve, draw_sweep
from app.views.gan.numbers import NOTHING, changes_of, differences
from app.views.gan.odds import measured_odds, published_table
from app.views.gan.target import PERFECT_QUALITY, gan_target
from engines.datasets import DATASETS
from engines.gan.losses import LOSSES
from engines.gan.plane.alarm import ALARMS
from engines.gan.plane.settings import PlaneGanSettings
from engines.gan.plane.spec import CURES, PUBLISHED
from engines.models import MODELS
from engines.settings import setting_fields
from engines.training import Experiment, Plan, Trainer
from engines.training.run import Run
from engines.training.storing import train_and_store
from tests.app.pages import Open, another, changed, checked, link_of, opener, press, sentences, turn, wanted

FIRST = {"target": "ring", "target.std": "0.1"}
SMALL = {"width": 8, "n_hidden": 1, "discriminator_hidden": 1}
KEPT = {"plan.steps": "4", "plan.batch_size": "32"} | {f"model.{name}": str(v) for name, v in SMALL.items()}


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/gan/page.py")


@pytest.fixture(scope="module")
def small_game(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small game after four steps."""
    ring = {"std": 0.1}
    experiment = Experiment.default("plane_gan", "ring", steps=4, batch_size=32, settings=SMALL, dataset_settings=ring)
    folder = tmp_path_factory.mktemp("game") / experiment.digest
    return train_and_store(Trainer(experiment, device="cpu"), folder)


@pytest.fixture
def stored_game(small_game: Run, home: House) -> Run:
    """The same, in the house's own store."""
    return home.shelves.own.add(small_game)


def tell(page: AppTest, **more: object) -> AppTest:
    """The visitor lets go of something on the stage."""
    visit = f"{page.session_state['gans/visit']} {page.session_state['gans/target']}"
    told = {"of": "", "step": None, "temperature": 1, "visit": visit, "view": "learned", "layers": ["real"]}
    page.session_state["gans/stage"] = {"moment": told | {"moves": ""} | more}
    return checked(page.run())


# ---- the page ----


def test_the_page_opens_with_narrow_modes(come: Open, home: House) -> None:
    page = come()
    assert sentences(page) == []
    assert page.title[0].value.endswith("?")
    assert link_of(page) == FIRST
    assert wanted(page, home) == Experiment.default("plane_gan", "ring", dataset_settings={"std": 0.1})


def test_the_ring_is_the_same_narrow_one_whichever_target_came_first(come: Open) -> None:
    page = come({"target": "moons"})
    page.session_state["gans/picker"] = {"target": "ring"}
    assert link_of(checked(page.run())) == {"target": "ring", "target.std": "0.1"}
    page = turn(page, "gans.target.ring.std", 0.2)
    for target in ("moons", "ring"):
        page.session_state["gans/picker"] = {"target": target}
        page = checked(page.run())
    assert link_of(page)["target.std"] == "0.2"


def test_presets_are_what_they_say(come: Open, home: House) -> None:
    page = come()
    for name, settings in MODELS["plane_gan"].presets.items():
        checked(page.selectbox(key="gans/preset").set_value(name).run())
        assert wanted(page, home).settings == settings.to_dict()
    checked(page.selectbox(key="gans/preset").set_value("default").run())
    assert link_of(page) == FIRST


def test_each_setting_changes_the_experiment_and_the_link(come: Open) -> None:
    page = come()
    for field in setting_fields(PlaneGanSettings):
        turn(page, f"gans.model.{field.name}", another(field))
        assert field.parse(link_of(page)[f"model.{field.name}"]) == another(field)


def test_a_link_restores_everything(come: Open, home: House) -> None:
    groups = {"target": changed(DATASETS["grid"].settings), "model": changed(PlaneGanSettings), "plan": changed(Plan)}
    link = {"target": "grid", "at": "7", "view": "optimal", "layers": "fakes grid", "moves": "DDG"}
    usual = MODELS["plane_gan"].usual("grid")
    bases = {"target": DATASETS["grid"].settings(), "model": usual.settings, "plan": usual.plan}
    for group, settings in groups.items():
        link |= {f"{group}.{name}": text for name, text in settings.changed(bases[group]).items()}
    page = come(link)
    assert sentences(page) == []
    assert link_of(page) == link
    plan = Plan.from_dict(groups["plan"].to_dict())
    assert wanted(page, home) == Experiment.make("plane_gan", "grid", groups["model"], groups["target"], plan)


@pytest.mark.parametrize(
    "nonsense",
    [{"view": "x"}, {"layers": "real sky"}, {"moves": "DXG"}, {"moves": "D" * 5000}, {"model.loss": "luck"}],
)
def test_nonsense_in_a_link_gives_one_sentence_and_loses_nothing(nonsense: dict[str, str], come: Open) -> None:
    page = come(FIRST | nonsense | {"plan.seed": "5"})
    assert len(sentences(page)) == 1
    assert link_of(page) == FIRST | {"plan.seed": "5"}


def test_what_is_set_on_the_stage_is_in_the_link_and_moves_go_with_the_target(come: Open) -> None:
    page = tell(come(FIRST), view="difference", layers=[], moves="DG")
    assert link_of(page) == FIRST | {"view": "difference", "layers": "none", "moves": "DG"}
    page.session_state["gans/picker"] = {"target": "moons"}
    assert link_of(checked(page.run())) == {"target": "moons", "view": "difference", "layers": "none"}


@pytest.mark.parametrize("state", [None, "x", {}, {"moment": 3}, {"moment": {"visit": "v", "layers": [3], "view": 1}}])
def test_nonsense_from_the_stage_is_passed_over(state: object) -> None:
    assert read_cure(state) is None
    assert read_cure({"cure": "{"}) is read_cure({"cure": json.dumps({"run": "r", "step": 1, "name": "x"})}) is None


def test_lessons_are_possible(come: Open, home: House) -> None:
    entries = experiments("gan")
    assert 6 <= len(entries) <= 10
    for entry in entries:
        page = come(entry["link"])
        assert sentences(page) == []
        assert link_of(page) == entry["link"], entry["title"]
        wanted(page, home).check()


# ---- forks ----


def test_a_cure_forks_the_run_with_one_setting_changed(come: Open, home: House, stored_game: Run) -> None:
    page = come(FIRST | KEPT)
    told = {"run": stored_game.experiment.digest, "step": 4, "name": "pack", "value": 2}
    page.session_state["gans/stage"] = {"cure": json.dumps(told)}
    assert read_cure(page.session_state["gans/stage"]) == Cure(stored_game.experiment.digest, 4, "pack", 2)
    page.session_state["gans/stage"] = {}
    checked(page.selectbox(key="gans/fork_change").set_value("PacGAN pack size = 2").run())
    press(page, "gans/start_fork")
    fork = home.workers.submitted[-1]  # pyright: ignore[reportAttributeAccessIssue]
    assert fork == stored_game.experiment.fork(4, settings=dict(stored_game.experiment.settings) | {"pack": 2})
    assert page.session_state["gans.model.pack"] == 2
    assert differences(stored_game.experiment, fork) == ("PacGAN pack size = 1", "PacGAN pack size = 2")


def test_a_fork_without_a_change_changes_nothing(come: Open, home: House, stored_game: Run) -> None:
    page = come(FIRST | KEPT)
    assert page.selectbox(key="gans/fork_change").value == UNCHANGED
    press(page, "gans/start_fork")
    assert home.workers.submitted[-1] == stored_game.experiment.fork(4)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_link_to_a_fork_restores_it(come: Open, home: House, stored_game: Run, tmp_path: Path) -> None:
    fork = stored_game.experiment.fork(4, settings=dict(stored_game.experiment.settings) | {"pack": 2})
    trainer = Trainer(fork, device="cpu", weights=stored_game.weights(4))
    home.shelves.own.add(train_and_store(trainer, tmp_path / fork.digest))
    page = come({"run": fork.digest})
    assert sentences(page) == []
    assert link_of(page) == FIRST | KEPT | {"model.pack": "2", "run": fork.digest}


# ---- below the stage ----


def test_the_formula_is_that_of_the_game_with_its_numbers(come: Open, stored_game: Run) -> None:
    page = come(FIRST | KEPT)
    shown = " ".join(latex.value for latex in page.latex)
    assert LOSSES["non_saturating"].formula in shown
    assert f"{stored_game.snapshots[-1].losses['discriminator_game']:.3f}" in shown
    assert "1.386" in shown
    page = come(FIRST | {"model.loss": "hinge", "model.r1": "0.5"})
    assert LOSSES["hinge"].formula in page.latex[0].value


def test_bridges_and_their_cure_are_explained_where_they_are(come: Open) -> None:
    def said(link: dict[str, str]) -> str:
        return " ".join(caption.value for caption in come(link).caption)

    assert "lies in 16 pieces" in said({"target": "ring_narrow"})
    assert "several noise mixture components" in said(FIRST)


def test_a_discriminator_that_can_tell_nothing_has_the_loss_that_is_said() -> None:
    import torch

    for key, answer in {key: 0.5 if key == "least_squares" else 0.0 for key in LOSSES}.items():
        same = torch.full((8,), answer)
        assert float(LOSSES[key].discriminator(same, same)) == pytest.approx(NOTHING[key][0])


def test_charts_are_drawn_when_they_are_opened(come: Open, stored_game: Run) -> None:
    page = come(FIRST | KEPT)
    assert not page.get("plotly_chart")
    page.session_state["gans/charts"] = True
    assert len(checked(page.run()).get("plotly_chart")) >= 3


def test_figures_say_what_they_show() -> None:
    rows = [
        {"loss": loss, "cure": cure, "modes": [8, 2], "high_quality": [0.9, 0.1], "reverse_kl": [0, 1]}
        for loss, cure in (("hinge", "none"), ("hinge", "r1"), ("minimax", "none"))
    ]
    for drawing in (
        draw_modes_curve([0, 5], [1, 8], [0, 7], 8),
        draw_quality_curve([0, 5], [0.1, 0.9], 0.989),
        draw_game_losses([1, 2], [1.3, 1.2], [0.7, 0.9]),
        draw_sweep(rows),
    ):
        assert drawing.alt.endswith(".")
        assert drawing.figure.to_dict()["layout"]["yaxis"]["title"]["text"]


# ---- the odds of its presets ----


def test_the_odds_of_a_preset_stand_under_its_run_whatever_the_seed(come: Open) -> None:
    link = {"model.n_latents": "16", "model.discriminator_rate": "0.1"}
    for more in ({}, {"plan.seed": "7"}, {"model.n_models": "4"}):
        page = come(FIRST | link | more)
        assert any("of 16 seeds ended at 2 modes or fewer" in caption.value for caption in page.caption)
    page = come(FIRST | link | {"model.r1": "0.5"})
    assert not any("seeds ended" in caption.value for caption in page.caption)


def test_presets_are_as_good_as_they_are_advertised() -> None:
    presets = measured_odds()["presets"]
    assert set(presets) == {"collapse", *CURES} and all(odds["seeds"] == 16 for odds in presets.values())
    assert sum(modes <= 2 for modes in presets["collapse"]["modes"]) == presets["collapse"]["as_said"] >= 15
    for name in CURES:
        assert presets[name]["modes"] == [8.0] * 16, name


@pytest.mark.parametrize(
    ("name", "least_modes", "least_quality", "most_kl"),
    [("ring of 8", 8, 0.956, 0.07), ("grid of 25", 24.8, 0.936, 0.04)],
)
def test_the_published_rows_are_reached(
    name: str, least_modes: float, least_quality: float, most_kl: float, come: Open
) -> None:
    """The best rows of PacGAN's table 1, by every seed."""
    found = measured_odds()["published"][name]
    assert min(found["modes"]) >= least_modes
    assert min(found["high_quality"]) >= least_quality
    assert max(found["reverse_kl"]) <= most_kl
    page = come({"target": PUBLISHED[name][0]})
    assert any(f"The published {name} by this preset" in caption.value for caption in page.caption)


def test_each_row_beside_the_papers_names_its_preset() -> None:
    assert published_table("ring of 8").splitlines()[-1].startswith("| **here: preset *narrow modes*, 2,000 steps")
    assert "*many narrow modes*" in published_table("grid of 25")
    assert "| 24.8 | 93.6 % | 0.04 |" in published_table("grid of 25")


# ---- what it knows of its target ----


def test_true_samples_score_as_a_perfect_sampler_should() -> None:
    assert pytest.approx(1 - math.exp(-4.5), abs=1e-4) == PERFECT_QUALITY
    found = gan_target("ring", (("std", 0.1),))
    low, middle, high = found.bands["high_quality"]
    assert low <= middle <= high
    assert middle == pytest.approx(PERFECT_QUALITY, abs=0.003)
    assert found.bands["modes"] == (8, 8, 8)
    assert found.bands["reverse_kl"][1] == pytest.approx(7 / (2 * 2500), rel=0.5)  # (M - 1) / 2 N, as likelihoods have
    assert found.mode_shares == pytest.approx([1 / 8] * 8)


def test_the_blurred_density_is_that_of_blurred_samples() -> None:
    found = gan_target("ring", ())
    window = DATASETS["ring"].build(DATASETS["ring"].settings()).window  # pyright: ignore[reportOptionalMemberAccess]
    cell = (window[1] - window[0]) / len(found.blurred)
    assert np.exp(found.blurred.astype(float)).sum() * cell**2 == pytest.approx(1, abs=0.01)


def test_a_target_without_modes_has_only_distances() -> None:
    found = gan_target("moons", ())
    assert len(found.modes) == 0
    assert set(found.bands) == {"squared_mmd", "sliced_wasserstein"}


def test_a_cure_that_is_in_use_is_not_offered_again() -> None:
    def offered(settings: PlaneGanSettings) -> set[str]:
        return {cure["text"] for alarm in alarms(settings) for cure in alarm["cures"]}

    assert {"PacGAN pack size = 2", "minibatch std. dev. on"} <= offered(PlaneGanSettings())
    used = PlaneGanSettings(pack=4, minibatch_std=True, r1=0.5, unroll=10)
    assert not {"PacGAN pack size = 2", "minibatch std. dev. on", "R1 penalty γ = 0.1", "unrolled steps = 5"} & offered(
        used
    )
    assert [alarm["key"] for alarm in alarms(used)] == list(ALARMS)


def test_a_fork_may_change_to_any_game() -> None:
    found = changes_of(PlaneGanSettings())
    assert {value for name, value in found.values() if name == "loss"} == set(LOSSES) - {"non_saturating"}
    assert said("decays", True) == "learning-rate decay on"
