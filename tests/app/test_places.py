"""Places of all pages: what a canvas tells and what a link says is one thing, and nonsense in either does no harm."""

from __future__ import annotations

import importlib
import json
import math
from typing import Any

import pytest
import streamlit as st

from app.canvas.place import Place
from app.navigation import NAVIGATION
from app.page.keys import PageKeys
from app.page.places import open_place, place_in_run, place_in_visit, visit_of
from app.page.runs import ShownRun
from app.views.flows.canvas import FlowPlace
from engines.settings import SettingField, setting_fields
from engines.training import Experiment

for entry in NAVIGATION:
    if entry.folder != "flow_compare":  # it has two canvases, and none of them a place
        importlib.import_module(f"app.views.{entry.folder}.canvas")

PLACES = sorted((cls for cls in Place.__subclasses__() if cls.__module__.startswith("app.views.")), key=str)
FIELDS = [(cls, field) for cls in PLACES for field in setting_fields(cls)]
each_field = pytest.mark.parametrize(("cls", "field"), FIELDS, ids=[f"{c.__name__}.{f.name}" for c, f in FIELDS])
NONSENSE = (math.nan, math.inf, "\x00", [], {}, ["x"], [math.nan, 0], -(10**400), True)
OTHER_TEXTS = {"codes": "0a1z", "mask": "0f", "moved": "3:1.5,7:-0.2", "moves": "DDG"}


def another(field: SettingField) -> Any:
    """A possible value of a field that is not its default."""
    if field.kind == "text":
        return OTHER_TEXTS[field.name]
    if field.kind == "choice":
        return next(choice for choice in field.choices if choice != field.default)
    if field.kind == "subset":
        return field.choices[-2:] if field.default != field.choices[-2:] else field.choices[:1]
    assert field.low is not None and field.high is not None
    if field.kind == "vector":
        return (0.5, -0.25, 1.0)[: field.most]
    value = field.low + 0.25 * (field.high - field.low)
    return round(value, field.digits or 0) if field.kind == "float" else int(value)


def test_every_page_that_has_a_place_is_here() -> None:
    assert len(PLACES) >= 10


@each_field
def test_a_place_survives_a_link_and_a_canvas(cls: type[Place], field: SettingField) -> None:
    place, problems = cls(**{field.name: another(field)}), list[str]()
    assert place != cls()
    assert list(place.texts()) == [cls.IN_LINKS.get(field.name, field.name)]
    assert cls.of_link(place.texts(), problems) == place and not problems
    assert cls.of_told(json.loads(json.dumps(place.numbers()))) == place


@each_field
def test_nonsense_in_a_link_is_one_sentence_and_the_default(cls: type[Place], field: SettingField) -> None:
    problems: list[str] = []
    found = cls.of_link({cls.IN_LINKS.get(field.name, field.name): "\x00nonsense"}, problems)
    assert found == cls()
    assert len(problems) == 1 and problems[0].endswith("is used.")


@each_field
@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_from_a_canvas_gives_way_to_the_default(cls: type[Place], field: SettingField, nonsense: Any) -> None:
    found = getattr(cls.of_told(cls().numbers() | {field.name: nonsense}), field.name)
    is_possible = field.kind == "subset" and nonsense == [] and not field.least
    assert found == (() if is_possible else field.default)


@pytest.mark.parametrize("cls", PLACES, ids=lambda cls: cls.__name__)
def test_the_usual_place_is_not_in_a_link(cls: type[Place]) -> None:
    assert cls().texts() == {}
    assert cls.of_link({}, []) == cls.of_told(cls().numbers()) == cls()


# ---- whose word counts ----


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session whose page was opened by a link."""
    held: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", held)
    open_place(PageKeys("page"), FlowPlace, {"layer": "2"}, [])
    return held


@pytest.mark.parametrize("nothing", [None, 3, "x", {}, {"moment": 3}, {"moment": {"visit": "another", "layer": 1}}])
def test_the_link_counts_until_the_canvas_has_spoken(session: dict[str, Any], nothing: Any) -> None:
    keys = PageKeys("page")
    session["page/stage"] = nothing
    shown = ShownRun(Experiment.default("realnvp", "moons"), "run", None)
    assert place_in_visit(keys, FlowPlace, "moons") == FlowPlace(layer=2.0)
    assert place_in_run(keys, FlowPlace, shown) == FlowPlace(layer=2.0)


def test_a_canvas_speaks_for_its_own_visit_and_target(session: dict[str, Any]) -> None:
    keys = PageKeys("page")
    session["page/stage"] = {"moment": {"visit": visit_of(keys, "moons"), **FlowPlace(layer=3.0).numbers()}}
    assert place_in_visit(keys, FlowPlace, "moons").layer == 3
    assert place_in_visit(keys, FlowPlace, "ring").layer == 2
    open_place(keys, FlowPlace, {}, [])
    assert place_in_visit(keys, FlowPlace, "moons").layer is None


def test_a_canvas_speaks_for_its_own_training(session: dict[str, Any]) -> None:
    keys, shown = PageKeys("page"), ShownRun(Experiment.default("realnvp", "moons"), "run", None)
    session["page/stage"] = {"moment": {"of": "run/0", **FlowPlace(layer=3.0).numbers()}}
    assert place_in_run(keys, FlowPlace, shown).layer == 3
    session["page/attempt"] = 1
    assert place_in_run(keys, FlowPlace, shown).layer == 2
