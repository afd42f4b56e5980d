"""The builder of a stack on the page: what is typed or put together is read, kept, and can be undone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

import streamlit as st

from app.page.keys import PageKeys, current_settings
from app.views.flows.model import facts_of
from app.views.flows.stack_canvas import draw_flow_stack, read_wish
from engines.errors import SettingError
from engines.flows.stack import LAYERS, StackSettings, parse_stack
from engines.settings import setting_fields

MOST_HISTORY = 50
FIELD = next(field for field in setting_fields(StackSettings) if field.name == "layers")
PALETTE = {
    "planar": "Pushes along one direction, by an amount that depends on one projection of the point.",
    "radial": "Pushes points away from a centre, or draws them near.",
    "additive": "One coordinate shifts the other; no volume changes (NICE).",
    "scaling": "Each coordinate stretched by one learned factor.",
    "affine": "One coordinate shifts and stretches the other (RealNVP).",
    "spline": "One coordinate chooses a monotone curve that bends the other.",
    "activation norm": "Centres and scales; begins from the first batch (Glow).",
    "linear": "A learned invertible matrix, in LU form (Glow).",
    "masked affine": "Each coordinate shifted and stretched by the ones before it (MAF).",
    "masked spline": "Each coordinate bent by a curve that the ones before it choose.",
    "inverse affine": "A masked affine layer turned round: fast to sample (IAF).",
    "residual": "Adds a net that contracts; undone step by step.",
    "continuous": "Points drift along a learned velocity for one unit of time.",
}


def written(names: Sequence[str]) -> str:
    """Layers in their shortest text form: what repeats is written once, with how often."""
    groups: list[str] = []
    at = 0
    while at < len(names):
        length, times = _best_repeat(names, at)
        group = " + ".join(names[at : at + length])
        groups.append(f"{group} x{times}" if times > 1 else group)
        at += length * times
    return ", ".join(groups)


def _best_repeat(names: Sequence[str], at: int) -> tuple[int, int]:
    """How long a group begins here and how often it comes in a row: the pair that covers most, the shortest such."""
    best = (1, 1)
    for length in range(1, (len(names) - at) // 2 + 1):
        group, times = names[at : at + length], 1
        while names[at + length * times : at + length * (times + 1)] == group:
            times += 1
        if times > 1 and length * times > best[0] * best[1]:
            best = (length, times)
    return best


def checked_text(text: str) -> str:
    """The text form of the stack that a text means; "a x8 + b" is "a x8, b".

    Raises:
        SettingError: If it means none.
    """
    text = re.sub(r"([x×*]\s*\d+)\s*\+", r"\1,", text)
    return str(FIELD.check(written(parse_stack(text))))


def draw_stack_builder(keys: PageKeys) -> None:
    """The palette and the row of layers; the stack itself is the setting `layers`."""
    _note_change(keys)
    settings = cast(StackSettings, current_settings(keys, "model", StackSettings))
    facts, names = facts_of("stack", settings), parse_stack(settings.layers)
    n = len(names)
    problem = st.session_state.get(keys.own("stack_problem"), {})
    draw_flow_stack(
        {name: PALETTE.get(name, "") for name in LAYERS},
        names,
        settings.layers,
        facts=f"{n} layer{'s' if n > 1 else ''}, {facts.n_parameters:,} parameters",
        problem=problem.get("sentence", ""),
        tried=problem.get("tried", ""),
        can_undo=bool(st.session_state.get(keys.own("stack_history"))),
        key=keys.canvas("stack"),
        on_wish=lambda: take_wish(keys, keys.told("stack")),
    )


def take_wish(keys: PageKeys, state: object) -> None:
    """Do what the builder's visitor asked for; what cannot be becomes a sentence, and the last good stack stays."""
    wish = read_wish(state)
    if wish is None or _is_done(keys, wish):
        return
    held, history = keys.widget("model", "layers"), st.session_state.setdefault(keys.own("stack_history"), [])
    st.session_state.pop(keys.own("stack_problem"), None)
    if "undo" in wish:
        if history:
            st.session_state[held] = st.session_state[keys.own("stack_seen")] = history.pop()
        return
    layers = wish.get("layers")
    text = " + ".join(layers) if isinstance(layers, list) else str(wish.get("text"))
    if layers == []:
        st.session_state[keys.own("stack_problem")] = {"sentence": "One layer has to stay.", "tried": ""}
        return
    try:
        st.session_state[held] = checked_text(text)
    except SettingError as error:
        tried = text if "text" in wish else ""
        st.session_state[keys.own("stack_problem")] = {"sentence": str(error), "tried": tried[:200]}


def _is_done(keys: PageKeys, wish: Mapping[str, object]) -> bool:
    """Whether this very wish was carried out before: one may be delivered twice."""
    before, own = st.session_state.get(keys.own("stack_wish")), wish.get("id")
    st.session_state[keys.own("stack_wish")] = own
    return own is not None and own == before


def _note_change(keys: PageKeys) -> None:
    """Remember the stack that was there before, whoever changed it."""
    current = str(current_settings(keys, "model", StackSettings).to_dict()["layers"])
    seen = st.session_state.get(keys.own("stack_seen"), current)
    if seen != current:
        history = st.session_state.setdefault(keys.own("stack_history"), [])
        history.append(seen)
        del history[:-MOST_HISTORY]
    st.session_state[keys.own("stack_seen")] = current
