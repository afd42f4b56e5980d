"""The builder of a stack: its shortest text form, what it refuses, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some

from app.page.keys import PageKeys
from app.views.flows.stack import PALETTE, checked_text, take_wish, written
from app.views.flows.stack_canvas import read_wish
from engines.errors import SettingError
from engines.flows.stack import LAYERS, MOST_LAYERS, NOT_INVERTIBLE, parse_stack
from tests.app.pages import Open, link_of, sentences

KEYS = PageKeys("flows")


@given(some.lists(some.sampled_from(list(LAYERS)), min_size=1, max_size=MOST_LAYERS))
def test_the_text_form_is_the_same_stack(names: list[str]) -> None:
    assert parse_stack(written(names)) == tuple(names)


@pytest.mark.parametrize(
    "text", ["planar x8", "activation norm + spline x3", "additive x4, scaling", "linear, planar x2, affine"]
)
def test_a_short_text_stays_as_it_is(text: str) -> None:
    assert checked_text(text) == text


def test_a_repeat_in_the_middle_is_read_as_it_is_meant() -> None:
    assert checked_text("planar x3 + affine") == "planar x3, affine"


@pytest.mark.parametrize("other", NOT_INVERTIBLE)
def test_what_cannot_be_inverted_is_explained(other: str) -> None:
    with pytest.raises(SettingError, match="cannot be inverted: "):
        checked_text(f"affine + {other}")


def test_every_layer_of_the_palette_says_what_it_does() -> None:
    assert set(PALETTE) == set(LAYERS)


@pytest.mark.parametrize("wish", [None, 3, {}, {"layers": "planar"}, {"layers": [1]}, {"text": 1}, {"undo": 1}])
def test_nonsense_from_the_builder_is_passed_over(wish: object) -> None:
    assert read_wish({"wish": wish}) is None


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session that holds the default stack."""
    held: dict[str, Any] = {"flows.model.layers": "planar x2"}
    monkeypatch.setattr(st, "session_state", held)
    return held


def test_a_wish_becomes_the_stack(session: dict[str, Any]) -> None:
    take_wish(KEYS, {"wish": {"layers": ["planar", "affine", "planar", "affine"]}})
    assert session["flows.model.layers"] == "planar + affine x2"
    take_wish(KEYS, {"wish": {"text": "Spline X2"}})
    assert session["flows.model.layers"] == "spline x2"


@pytest.mark.parametrize("wish", [{"text": "affine + relu"}, {"layers": []}, {"layers": ["planar"] * 49}])
def test_a_stack_that_cannot_be_leaves_the_last_good_one(wish: dict[str, Any], session: dict[str, Any]) -> None:
    take_wish(KEYS, {"wish": wish})
    assert session["flows.model.layers"] == "planar x2"
    assert len(session["flows/stack_problem"]["sentence"]) > 20
    take_wish(KEYS, {"wish": {"text": "radial"}})
    assert "flows/stack_problem" not in session


def test_undo_goes_back(session: dict[str, Any]) -> None:
    session["flows/stack_history"] = ["affine", "radial"]
    take_wish(KEYS, {"wish": {"undo": True}})
    assert session["flows.model.layers"] == "radial"
    for _ in range(3):
        take_wish(KEYS, {"wish": {"undo": True}})
    assert session["flows.model.layers"] == "affine"


def test_a_wish_that_is_delivered_twice_is_done_once(session: dict[str, Any]) -> None:
    session["flows/stack_history"] = ["affine", "radial"]
    for own in ("1/7", "1/7"):
        take_wish(KEYS, {"wish": {"undo": True, "id": own}})
    assert session["flows.model.layers"] == "radial"
    take_wish(KEYS, {"wish": {"undo": True, "id": "1/8"}})
    assert session["flows.model.layers"] == "affine"


def test_the_builder_stands_only_over_a_stack(visit: Open) -> None:
    def has_builder(link: dict[str, str]) -> bool:
        page = visit(link)
        assert sentences(page) == []
        return any(part.key == "flows/stack" for part in page.get("bidi_component"))

    assert has_builder({"flow": "stack", "model.layers": "planar x3"})
    assert not has_builder({"flow": "planar"})


def test_the_stack_stands_in_the_link(visit: Open) -> None:
    link = {"flow": "stack", "target": "ring", "model.layers": "planar x3, affine x2"}
    assert link_of(visit(link)) == link
