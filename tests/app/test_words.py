"""Texts that quote what came from outside are shown as they are, and nothing in them is ever Markdown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.house import House
from app.words import plain, shown
from tests.app.pages import opener, sentences, small_gan

APP = Path(__file__).resolve().parents[2] / "app"
BOXES = {"warning", "error", "info", "success", "toast"}
LINKS = {
    "flows": {"target.![](http://host.invalid/x.png)": "1"},
    "score": {"target": "![](//host.invalid)"},
    "gan": {"model.![](http://host.invalid/x.png)": "1"},
    "human_discriminator": {"run": "![](//h.invalid)", "seed": "www.host.invalid", "at": "<img src=//h.invalid>"},
}


@pytest.mark.parametrize("page", LINKS)
@pytest.mark.parametrize("quoted", [None, "![](http://host.invalid/m.png)"])
def test_no_link_puts_a_picture_or_a_link_into_our_sentences(page: str, quoted: str | None, home: House) -> None:
    link = LINKS[page] if quoted is None else dict.fromkeys(["target", "model.base", "plan.steps", "at", "run"], quoted)
    if page == "human_discriminator":
        run = home.shelves.own.add(small_gan(home.shelves.own.root.parent))
        assert run
    opened = opener(f"views/{page}/page.py")(link)
    raw = [box.value for box in (*opened.warning, *opened.error, *opened.info)]
    assert raw and any("](" in text or "www" in text for text in map(shown, raw))  # it is quoted
    assert not [text for text in raw if live_markdown(text)]
    assert sentences(opened)


def live_markdown(text: str) -> list[str]:
    """What a Markdown reader would act on: marks that no backslash stands before, and addresses it makes links of."""
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    addresses = re.findall(r"(?i)://|www\.|\w@\w", re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text))
    return re.findall(r"[\[\]<>`*_$~|]", unescaped) + addresses


@pytest.mark.parametrize(
    "text", ["![](http://h/x.png)", "[a](//h)", "<http://h>", "http://h", "www.h.org", "a@h.org", "$x$", "&lt;", "`a`"]
)
def test_the_check_above_can_fail(text: str) -> None:
    assert text == "&lt;" or live_markdown(text)
    assert not live_markdown(plain(text))
    assert shown(plain(text)) == text


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    assert shown(plain(text)) == " ".join(text.split()).replace("\u2060", "")
    assert not live_markdown(plain(text))


def test_a_quoted_line_break_begins_no_heading_and_no_list() -> None:
    assert "\n" not in plain("a\n# heading\n- item\n\n    code")


def boxes() -> Iterator[tuple[str, ast.expr]]:
    """The first argument of every call that draws a box of the app."""
    for file in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_box = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in BOXES
            if is_box and not ast.unparse(node.func).startswith("LOGGER"):  # pyright: ignore
                yield f"{file.relative_to(APP)}:{node.lineno}", node.args[0]  # pyright: ignore


def test_every_box_is_drawn_with_plain_words() -> None:
    calls = list(boxes())
    assert len(calls) > 15
    for place, text in calls:
        assert isinstance(text, ast.Constant) or "plain" in ast.unparse(text), f"{place} quotes without `plain`"
