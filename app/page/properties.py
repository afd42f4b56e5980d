"""The property card of a model: the article's five questions, answered by measurements with their how."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import streamlit as st

CARDS = Path(__file__).resolve().parents[2] / "assets" / "properties"
QUESTIONS = ("stability", "capacity", "density", "constraints", "speed")


@lru_cache(maxsize=16)
def card(model: str) -> dict[str, dict[str, str]]:
    """Question -> {"value": what was measured, "how": how}; made by benchmarks/bench_properties.py."""
    return json.loads((CARDS / f"{model}.json").read_text(encoding="utf-8"))


def draw_properties(model: str) -> None:
    """A small table: question, answer, and how it was measured."""
    st.subheader("Model card", anchor=False)
    facts = card(model)
    rows = "".join(f"| **{q.capitalize()}** | {facts[q]['value']} |\n" for q in QUESTIONS)
    st.markdown("| property | measured |\n|---|---|\n" + rows)
    with st.popover("How this was measured", type="tertiary"):
        st.markdown("\n".join(f"- **{q.capitalize()}:** {facts[q]['how']}" for q in QUESTIONS))
