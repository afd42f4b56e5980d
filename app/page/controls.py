"""Settings classes as widgets: label, range, unit and help come from the field, and nowhere else."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from app.page.keys import PageKeys, current_settings
from app.page.visit import MARK, is_changed
from app.words import plain
from engines.errors import SettingError
from engines.settings import SettingField, Settings, setting_fields


def draw_settings(keys: PageKeys, group: str, cls: type[Settings], *, without: tuple[str, ...] = ()) -> Settings:
    """Draw a widget for each visible setting of a class, but those named in `without`; returns what all hold."""
    for field in setting_fields(cls):
        key = keys.widget(group, field.name)
        st.session_state.setdefault(key, field.default)
        if not field.is_hidden and field.name not in without:
            _draw(field, key, is_marked=is_changed(keys, key))
    return current_settings(keys, group, cls)


def _draw(field: SettingField, key: str, *, is_marked: bool) -> None:
    label = f"{MARK} {field.label}" if is_marked else field.label
    label = f"{label} ({field.unit})" if field.unit else label
    common: dict[str, Any] = {"key": key, "help": field.help}
    if field.kind == "bool":
        st.toggle(label, **common)
    elif field.kind == "choice":
        st.selectbox(label, field.choices, **common)
    elif field.kind == "text":
        st.text_input(label, max_chars=field.max_length, **common)
    elif field.kind == "numbers":
        st.text_input(label, max_chars=field.max_length, on_change=_keep_valid, args=(field, key), **common)
    elif field.is_log:
        st.select_slider(label, _series(field, st.session_state[key]), format_func=lambda v: f"{v:,g}", **common)
    elif field.name == "seed":
        st.number_input(label, int(field.low or 0), int(field.high or 0), step=1, **common)
    else:
        as_type = int if field.kind == "int" else float
        low, high, step = (as_type(v or 0) for v in (field.low, field.high, field.step or 1))
        st.slider(label, low, high, step=step, **common)


def _keep_valid(field: SettingField, key: str) -> None:
    """A list that is none gives way to the default, with a sentence; one that is fine is written in its short form."""
    try:
        st.session_state[key] = field.check(st.session_state[key])
    except SettingError as error:
        st.session_state[key] = field.default
        st.toast(plain(f"{error} It is {field.default} again."), icon=":material/info:", duration="long")


def _series(field: SettingField, current: float) -> list[float]:
    """1, 2, 5, 10, ... over the range of a field, and whatever it holds now."""
    assert field.low is not None  # noqa: S101  (every number has a range)
    assert field.high is not None  # noqa: S101
    powers = range(math.floor(math.log10(field.low)), math.ceil(math.log10(field.high)) + 1)
    values = {round(m * 10.0**p, 12) for p in powers for m in (1, 2, 5)} | {
        current,
        field.default,
        field.low,
        field.high,
    }
    inside = sorted(v for v in values if isinstance(v, int | float) and field.low <= v <= field.high)
    return [int(v) if field.kind == "int" else float(v) for v in inside if field.kind != "int" or v == int(v)]
