"""Where the visitor of a page is: what its canvas told last, checked; before it has spoken, what the link says."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TypeVar

import streamlit as st

from app.canvas.place import Place
from app.canvas.told import told_moment
from app.page.keys import PageKeys
from app.page.runs import ShownRun

AnyPlace = TypeVar("AnyPlace", bound=Place)


def open_place(keys: PageKeys, cls: type[Place], query: Mapping[str, str], problems: list[str]) -> None:
    """Set the stage to where a link opens it; a sentence for each thing in it that is impossible."""
    start_at(keys, cls.of_link(query, problems))


def start_at(keys: PageKeys, place: Place) -> None:
    """Set the stage to a place, as a visit of its own: what was told in the one before says nothing in it."""
    st.session_state[keys.own("place")] = place
    name_visit(keys)


def name_visit(keys: PageKeys) -> None:
    """Begin a visit."""
    st.session_state[keys.own("visit")] = secrets.token_hex(4)


def visit_of(keys: PageKeys, target: str = "") -> str:
    """Name of this visit, and of the target where each has a place of its own."""
    return f"{st.session_state[keys.own('visit')]} {target}".strip()


def training_of(keys: PageKeys, shown: ShownRun) -> str:
    """Name of the shown run and of the training in this visit that made it."""
    return f"{shown.digest}/{st.session_state.get(keys.own('attempt'), 0)}"


def place_in_visit(keys: PageKeys, cls: type[AnyPlace], target: str = "", *, stage: str = "") -> AnyPlace:
    """Where the visitor is in this visit.

    Args:
        keys: Session keys of the page.
        cls: Its places.
        target: The present one, where each has a place of its own.
        stage: The canvas that tells; empty: the page's usual one.
    """
    told = told_moment(keys.told(stage), visit=visit_of(keys, target))
    return cls.of_told(told) if told is not None else st.session_state[keys.own("place")]


def place_in_run(keys: PageKeys, cls: type[AnyPlace], shown: ShownRun) -> AnyPlace:
    """Where the visitor is in the run that is shown; what was told of another one says nothing here."""
    told = told_moment(keys.told(), of=training_of(keys, shown))
    return cls.of_told(told) if told is not None else st.session_state[keys.own("place")]
