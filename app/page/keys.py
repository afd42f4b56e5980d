"""What a page remembers: typed session keys, and the same state as a link.

A link holds every setting that differs from its default. Impossible values in it become sentences, and the
default is used: nothing crashes, nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from engines.settings import Settings, setting_fields

SETUPS = "setups"  # how often a page was set up anew in this session
LINKS = "visit/links"  # in the session: the last address of each page, by its keys' name


@dataclass(frozen=True)
class PageKeys:
    """Names of a page's session keys; all begin with the page's own name.

    Attributes:
        page: The name.
        folder: Of the page in app/views, where it is called otherwise.
        stage: The canvas that tells where the visitor is.
    """

    page: str
    folder: str = ""
    stage: str = "stage"

    def widget(self, group: str, name: str) -> str:
        """Key of the widget of one setting."""
        return f"{self.page}.{group}.{name}"

    def own(self, name: str) -> str:
        """Key of something that is no widget."""
        return f"{self.page}/{name}"

    def canvas(self, name: str) -> str:
        """Key of a canvas; another one each time that the page is set up anew, so that it begins as by a link."""
        count = st.session_state.get(self.own(SETUPS), 0)
        return self.own(f"{name}/{count}" if count else name)

    def told(self, name: str = "") -> Any:
        """What a canvas (default: the stage) has told, None if nothing; read it with `app.canvas.told`."""
        return st.session_state.get(self.canvas(name or self.stage))


def keep_widgets(keys: PageKeys) -> None:
    """Keep the values of widgets that this run may not draw; Streamlit would forget them. Call it first."""
    for name in list(st.session_state.keys()):
        if str(name).startswith(f"{keys.page}."):
            st.session_state[name] = st.session_state[name]


def load_settings(keys: PageKeys, group: str, usual: Settings, texts: Mapping[str, str]) -> list[str]:
    """Set the widgets of a group to what is usual but for these texts; a sentence for each impossible one."""
    settings, problems = type(usual).from_texts(texts, usual)
    for name, value in settings.to_dict().items():
        st.session_state[keys.widget(group, name)] = value
    known = settings.to_dict()
    for name in texts:
        if name not in known:
            expected = ", ".join(known) or "none"
            problems.append(f"There is no setting {name[:40]!r} here, so it is left out; there are: {expected}.")
    return problems


def store_settings(keys: PageKeys, group: str, settings: Settings) -> None:
    """Set the widgets of a group to a settings object."""
    for name, value in settings.to_dict().items():
        st.session_state[keys.widget(group, name)] = value


def current_settings(keys: PageKeys, group: str, cls: type[Settings]) -> Settings:
    """The settings that the widgets of a group hold now; missing ones have their default."""
    held: dict[str, Any] = {}
    for field in setting_fields(cls):
        key = keys.widget(group, field.name)
        if key in st.session_state:
            held[field.name] = st.session_state[key]
    return cls.from_dict(held)


def texts_of(prefix: str, query: Mapping[str, str]) -> dict[str, str]:
    """The part of a link's parameters that begins with "prefix."."""
    start = f"{prefix}."
    return {name[len(start) :]: value for name, value in query.items() if name.startswith(start)}


def write_link(keys: PageKeys, parameters: Mapping[str, str]) -> None:
    """Make the address bar say exactly this, and remember it: who comes back to the page finds it so."""
    st.session_state.setdefault(LINKS, {})[keys.page] = dict(parameters)
    if dict(st.query_params) != dict(parameters):
        st.query_params.from_dict(dict(parameters))
