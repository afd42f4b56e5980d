"""Targets of one's own: a drawing and a picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from engines.datasets.drawn import decode_strokes
from tests.browser.conftest import at_rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def target_of(visitor: Any) -> tuple[str, str]:
    """The target's settings, and its picture."""
    visitor.settle().wait(at_rest())
    return visitor.ask("numbers.target"), visitor.picture("data")


def wait_for_other_target(visitor: Any, before: tuple[str, str]) -> tuple[str, str]:
    visitor.wait_for_change("genlabStage.numbers.target", before[0])
    visitor.wait_for_other_picture(before[1], "data")
    return target_of(visitor)


def wait_for_strokes(visitor: Any, count: int) -> list[Any]:
    """The strokes in the link as soon as they are so many."""
    visitor.wait_until(lambda: len(decode_strokes(visitor.link.get("target.strokes", ""))) == count, f"{count} strokes")
    return decode_strokes(visitor.link["target.strokes"])


def drag(visitor: Any, pad: Any, *points: tuple[float, float]) -> None:
    """Draw a stroke; points from 0 to 1, y downwards."""
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    visitor.page.mouse.move(*places[0])
    visitor.page.mouse.down()
    for place in places[1:]:
        visitor.page.mouse.move(*place, steps=6)
    visitor.page.mouse.up()


def test_a_drawing_becomes_the_target(visit: Callable) -> None:
    visitor = visit({"target": "drawn"})
    face = target_of(visitor)
    pad = visitor.page.get_by_label("Drawing area")
    visitor.page.get_by_role("button", name="Clear").click()
    visitor.page.get_by_text("draw at least one stroke").wait_for()
    visitor.settle().keep("empty-drawing")

    drag(visitor, pad, (0.2, 0.2), (0.8, 0.2))
    visitor.page.get_by_text("draw at least one stroke").wait_for(state="detached")
    line = wait_for_other_target(visitor, face)
    (stroke,) = wait_for_strokes(visitor, 1)
    assert stroke[0] == pytest.approx([-0.6, 0.6], abs=0.02)
    assert stroke[-1] == pytest.approx([0.6, 0.6], abs=0.02)

    drag(visitor, pad, (0.5, 0.5), (0.5, 0.9))
    both = wait_for_other_target(visitor, line)
    wait_for_strokes(visitor, 2)
    visitor.keep("drawing")

    visitor.page.get_by_role("button", name="Undo").click()
    assert wait_for_other_target(visitor, both) == line
    wait_for_strokes(visitor, 1)
    link = visitor.link
    visitor.reload()
    visitor.wait_for_value("genlabStage.numbers.target", line[0])
    assert visitor.link == link


def picture() -> bytes:
    image = Image.new("L", (60, 40), 255)
    image.paste(0, (10, 10, 30, 30))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_picture_becomes_the_target(visit: Callable) -> None:
    visitor = visit({"target": "picture"})
    cat = target_of(visitor)
    chooser = visitor.page.locator('input[type="file"]')
    chooser.set_input_files({"name": "square.png", "mimeType": "image/png", "buffer": picture()})
    visitor.page.get_by_text("became the shape").wait_for()
    square, _ = wait_for_other_target(visitor, cat)
    visitor.wait_until(lambda: visitor.link.get("target.points", "none") in square, "the picture's points in the link")
    link = visitor.link
    visitor.keep("upload")
    chooser.set_input_files({"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"})
    visitor.page.get_by_text("could not be read").wait_for()
    visitor.settle()
    assert visitor.ask("numbers.target") == square
    assert visitor.link == link
