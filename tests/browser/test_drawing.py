"""Targets of one's own: a drawing and a picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from engines.datasets.drawn import decode_strokes

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def wait_for_other_target(visitor: Any, before: str) -> str:
    visitor.wait(f"genlabStage.cards.data.canvas.toDataURL() !== {before!r} && !genlabStage.isDirty")
    return visitor.picture("data")


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
    face = visitor.picture("data")
    pad = visitor.page.get_by_label("Drawing area")
    visitor.page.get_by_role("button", name="Clear").click()
    visitor.page.get_by_text("draw at least one stroke").wait_for()
    visitor.keep("empty-drawing")

    drag(visitor, pad, (0.2, 0.2), (0.8, 0.2))
    visitor.page.get_by_text("draw at least one stroke").wait_for(state="detached")
    visitor.settle()
    line = wait_for_other_target(visitor, face)
    (stroke,) = decode_strokes(visitor.link["target.strokes"])
    assert stroke[0] == pytest.approx([-0.6, 0.6], abs=0.02)
    assert stroke[-1] == pytest.approx([0.6, 0.6], abs=0.02)

    drag(visitor, pad, (0.5, 0.5), (0.5, 0.9))
    both = wait_for_other_target(visitor, line)
    assert len(decode_strokes(visitor.link["target.strokes"])) == 2
    visitor.keep("drawing")

    visitor.page.get_by_role("button", name="Undo").click()
    wait_for_other_target(visitor, both)
    visitor.wait("!genlabStage.isDirty")
    assert visitor.picture("data") == line
    link = visitor.link
    visitor.reload()
    assert visitor.link == link


def picture() -> bytes:
    image = Image.new("L", (60, 40), 255)
    image.paste(0, (10, 10, 30, 30))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_uploaded_picture_becomes_the_target(visit: Callable) -> None:
    visitor = visit({"target": "picture"})
    cat = visitor.picture("data")
    chooser = visitor.page.locator('input[type="file"]')
    chooser.set_input_files({"name": "square.png", "mimeType": "image/png", "buffer": picture()})
    visitor.page.get_by_text("became the shape").wait_for()
    wait_for_other_target(visitor.settle(), cat)
    square, link = visitor.ask("numbers.target"), visitor.link
    assert link["target.points"] in square
    visitor.keep("upload")
    chooser.set_input_files({"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"})
    visitor.page.get_by_text("could not be read").wait_for()
    visitor.settle()
    assert visitor.ask("numbers.target") == square
    assert visitor.link == link
