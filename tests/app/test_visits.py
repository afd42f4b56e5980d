"""A page that is left is found again as it was; an experiment sets it up as its link would; forks stay in the link."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.house import House
from app.navigation import NAVIGATION
from app.page.lessons import VIEWS, experiments
from app.page.visit import MARK
from tests.app.pages import checked, link_of, press, small_gan

PAGES = {entry.file.partition("/")[0]: entry.path for entry in NAVIGATION}
Walk = Callable[..., AppTest]


def walk() -> None:
    """The frame around two pages: draws the one whose folder the test has set."""
    import runpy

    import streamlit as st

    from app.page.lessons import VIEWS
    from app.page.visit import arrive

    folder = st.session_state["test/folder"]
    arrive(folder)
    runpy.run_path(str(VIEWS / folder / "page.py"))


@pytest.fixture
def visitor(home: House) -> Walk:
    """Goes to a page, with a link or without one as from the sidebar."""
    page = AppTest.from_function(walk, default_timeout=60)
    assert home.shelves.own.add(small_gan(home.shelves.own.root.parent))  # which the human discriminator judges

    def go(folder: str, link: dict[str, str] | None = None) -> AppTest:
        page.session_state["test/folder"] = folder
        page.query_params.clear()
        page.query_params.update(link or {})
        return checked(page.run())

    return go


def other_than(folder: str) -> str:
    return "dirac_gan" if folder != "dirac_gan" else "score"


def widgets_of(page: AppTest) -> dict[str, Any]:
    """What every widget with a key holds."""
    kinds = ("slider", "select_slider", "number_input", "selectbox", "text_input", "toggle", "segmented_control")
    found: list[Any] = [each for kind in kinds for each in page.get(kind)]
    return {each.key: each.value for each in found if each.key}


@pytest.mark.parametrize("folder", PAGES)
def test_a_page_that_was_left_is_found_again_as_it_was(folder: str, visitor: Walk) -> None:
    for entry in experiments(folder)[:2]:
        page = visitor(folder, {name: text for name, text in entry["link"].items() if name != "train"})
        link, held = link_of(page), widgets_of(page)
        assert link
        visitor(other_than(folder))
        page = visitor(folder)
        assert (link_of(page), widgets_of(page)) == (link, held)


@pytest.mark.parametrize("folder", PAGES)
def test_the_address_of_a_link_counts_more_than_what_was_left(folder: str, visitor: Walk) -> None:
    first, second = (dict(entry["link"]) for entry in experiments(folder)[:2])
    fresh = link_of(visitor(folder, second))
    visitor(other_than(folder))
    visitor(folder, first)
    visitor(other_than(folder))
    assert link_of(visitor(folder, second)) == fresh


@pytest.mark.parametrize("folder", PAGES)
def test_an_experiment_sets_up_what_its_link_opens(folder: str, visitor: Walk) -> None:
    """Pressed twice, from any state: the page stands as if its link had been opened afresh."""
    for index, entry in enumerate(experiments(folder)):
        wanted = {name: text for name, text in entry["link"].items() if name != "train"}
        visitor(other_than(folder))
        page = visitor(folder, wanted)
        link, held = link_of(page), widgets_of(page)
        for _ in range(2):
            button = next(each for each in page.button if str(each.key).endswith(f"/lesson/{index}"))
            page = checked(button.click().run())
            assert link_of(page) == link
            assert {key: value for key, value in widgets_of(page).items() if key in held} == held
            assert any(entry["title"] in note.value for note in page.info)


def marked_in(page: AppTest) -> set[str]:
    """Keys of the widgets that say they were changed."""
    widgets = [*page.slider, *page.select_slider, *page.selectbox]
    return {str(each.key) for each in widgets if MARK in each.label}


def test_what_an_experiment_changed_is_marked_until_its_note_is_put_away(visitor: Walk) -> None:
    page = visitor("gan", {"target": "ring", "model.loss": "minimax"})
    assert marked_in(page) == set()
    page = press(page, "gans/lesson/0")
    changed = ("model.loss", "model.n_latents", "model.discriminator_rate", "target.ring.std")
    assert marked_in(page) == {f"gans.{name}" for name in changed}
    link, held = link_of(page), widgets_of(page)
    press(page, "gans/got_watch")
    assert (link_of(page), widgets_of(page)) == (link, held)
    assert marked_in(page) == set()


def test_an_own_picture_stays_until_it_is_taken_away(visitor: Walk) -> None:
    held = io.BytesIO()
    Image.new("RGB", (30, 30), (200, 30, 30)).save(held, "PNG")
    page = visitor("latent_space")
    page.file_uploader(key="vae/upload").upload("mine.png", held.getvalue(), "image/png")
    checked(page.run())
    visitor("score")
    page = visitor("latent_space")
    assert page.session_state["vae/own_picture"] == held.getvalue()
    assert press(page, "vae/no_picture").session_state["vae/own_picture"] is None


def test_every_page_has_experiments() -> None:
    assert sorted(path.parent.name for path in VIEWS.glob("*/lessons.toml")) == sorted(PAGES)
