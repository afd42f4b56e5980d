"""The page of the Dirac-GAN, run as Streamlit runs it."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.house import House
from app.page.lessons import experiments
from app.views.dirac_gan.canvas import DiracPlace, DiracView, place_of_link, read_dirac_place, sliders
from app.views.dirac_gan.numbers import jacobian_of, outlook_of
from engines.blobs import unpack
from engines.gan.dirac.game import CURES, DiracSettings
from engines.gan.losses import LOSSES
from engines.settings import setting_fields
from tests.app.pages import Open, checked, code_of, link_of, opener, press, sentences

CLIPPED = DiracSettings(loss="wasserstein", cure="clip", strength=0.5, dynamics="alternating", h=0.1, momentum=-0.3)


@pytest.fixture
def come(home: House) -> Open:
    """Opens the page by a link."""
    return opener("views/dirac_gan/page.py")


def tell(page: AppTest, **more: Any) -> AppTest:
    """The visitor lets go of something on the stage."""
    told = {"visit": page.session_state["dirac/visit"], "game": {}, "start": [1, 1], "kept": []} | more
    page.session_state["dirac/stage"] = {"moment": told}
    return checked(page.run())


def shown(page: AppTest) -> str:
    return " ".join(box.value for box in (*page.caption, *page.latex, *page.markdown))


def test_the_page_opens_with_a_question_and_an_empty_link(come: Open) -> None:
    page = come()
    assert page.title[0].value == "Why do some GANs circle, and some converge?"
    assert sentences(page) == []
    assert link_of(page) == {}


def test_what_is_set_on_the_stage_goes_into_link_formula_and_code(come: Open) -> None:
    page = tell(come(), game=CLIPPED.to_dict(), start=[0.5, -1.25], kept=[DiracSettings(cure="r1").to_dict()] * 2)
    link = link_of(page)
    assert link["game.cure"] == "clip"
    assert link["start"] == "0.5,-1.25"
    assert link["kept"] == "cure:r1;cure:r1"
    assert outlook_of(CLIPPED).sentence in shown(page)
    assert "strength=0.5" in code_of(page)[0]
    again = come(link)
    assert again.session_state["dirac/place"] == DiracPlace(CLIPPED, (0.5, -1.25), (DiracSettings(cure="r1"),) * 2)
    assert link_of(again) == link


def test_every_game_survives_a_link() -> None:
    for loss in LOSSES:
        for cure in CURES:
            game = DiracSettings(loss=loss, cure=cure, h=0.37, ratio=2.5, n_critic=3)
            place, problems = DiracPlace(game, (0.1, 0.2), (game, DiracSettings())), list[str]()
            assert place_of_link(place.texts(), problems) == place
            assert problems == []


def test_nothing_kept_is_a_state_of_its_own() -> None:
    place = DiracPlace(kept=())
    assert place.texts() == {"kept": ""}
    assert place_of_link(place.texts(), []) == place


@pytest.mark.parametrize(
    "link, word",
    [
        ({"game.h": "7"}, "Step h"),
        ({"game.loss": "quarrel"}, "Loss"),
        ({"game.temper": "1"}, "temper"),
        ({"start": "9,9"}, "start="),
        ({"start": "here"}, "start="),
        ({"kept": "cure:prayer"}, "Regularizer"),
        ({"kept": "temper:1"}, "temper"),
        ({"kept": "nonsense"}, "nonsense"),
    ],
)
def test_what_is_impossible_in_a_link_becomes_a_sentence(link: dict[str, str], word: str, come: Open) -> None:
    page = come(link)
    assert len(sentences(page)) == 1
    assert word in sentences(page)[0]
    assert page.session_state["dirac/place"].game == DiracSettings()


def test_nonsense_from_a_canvas_is_not_believed() -> None:
    usual = DiracPlace()
    for moment in (
        {"game": {"h": "x"}},
        {"game": 3, "start": [1]},
        {"start": [float("nan"), 0]},
        {"kept": [{"h": 99}]},
    ):
        found = read_dirac_place({"moment": {"visit": "v"} | moment}, "v")
        assert found is not None
        assert (found.game, found.start, found.kept) == (usual.game, usual.start, ())
    assert read_dirac_place({"moment": {"visit": "other"}}, "v") is None
    assert read_dirac_place(None, "v") is None


def test_the_formula_has_the_jacobian_of_the_paper(come: Open) -> None:
    """-γ under R1 in the lower right, ± 1/2 beside it; at a kink a sentence takes its place."""
    (a, b), (c, d) = jacobian_of(DiracSettings(cure="r1", strength=0.7))
    assert (a, b, c, d) == pytest.approx((0, 0.5, -0.5, -0.7))
    page = tell(come(), game={"cure": "gp"})
    assert "no rest" in shown(page)


def test_an_experiment_sets_the_page_up(come: Open) -> None:
    page = press(come(), "dirac/lesson/2")
    assert link_of(page) == experiments("dirac_gan")[2]["link"]


def test_every_experiment_is_possible() -> None:
    for entry in experiments("dirac_gan"):
        problems: list[str] = []
        assert place_of_link(entry["link"], problems).texts() == entry["link"]
        assert problems == []


def test_the_blob_says_what_the_canvas_must_know() -> None:
    _, numbers = unpack(DiracView(DiracPlace(CLIPPED), "v").to_bytes())
    assert numbers["game"] == CLIPPED.to_dict()
    assert [cure["key"] for cure in numbers["cures"]] == list(CURES)
    assert sum(numbers["nodes"]["weights"]) == pytest.approx(1)
    ranges = {field.name: (field.low, field.high) for field in setting_fields(DiracSettings)}
    assert all((slider["low"], slider["high"]) == ranges[slider["name"]] for slider in sliders())
