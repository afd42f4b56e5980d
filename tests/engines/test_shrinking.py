"""Large pictures: shrunk in pieces they look as when converted whole, in a small share of the memory."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engines.datasets import shrinking
from engines.datasets.own_images import read_square
from engines.datasets.picture import read_luminance

MODES = ("RGB", "RGBA", "L", "LA", "P", "I;16", "1")


def encoded(picture: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1, **options)
    return stream.getvalue()


def smooth(width: int, height: int, mode: str) -> Image.Image:
    """Waves of four channels, none of them symmetric."""
    x, y = np.meshgrid(np.linspace(0, 4, width), np.linspace(0, 3, height))
    waves = [np.sin((k + 1) * x + k) * np.cos(y / (k + 1) + k * k) for k in range(4)]
    picture = Image.fromarray(np.stack([127.5 + 127 * wave for wave in waves], axis=2).astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray((32_000 + 30_000 * waves[0]).astype(np.uint16))
    return picture if mode == "RGBA" else picture.convert("RGB" if mode in ("RGB", "P", "1") else "LA").convert(mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_picture_looks_as_when_it_is_converted_whole(
    mode: str, orientation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(smooth(801, 1603, mode), exif=exif)
    readers = [lambda: read_square(content, size=16, colour=True) / 255, lambda: read_luminance(content)]
    whole = [read() for read in readers]
    monkeypatch.setattr(shrinking, "AT_ONCE", 100_000)
    monkeypatch.setattr(shrinking, "PIECE", 50_000)
    for read, expected in zip(readers, whole, strict=True):
        got = read()
        assert got.shape == expected.shape and expected.std() > 0.05
        assert np.abs(got - expected).mean() < 0.01 and np.abs(got - expected).max() < 0.1


@pytest.mark.parametrize("size", [(1, 5_000_000), (16_000_000, 1), (3_900, 4_100)])
def test_no_large_picture_is_converted_whole(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    content, most = encoded(Image.new("L", size, 100)), []
    convert, copy = Image.Image.convert, Image.Image.copy
    monkeypatch.setattr(Image.Image, "convert", lambda self, *a, **k: most.append(self.size) or convert(self, *a, **k))
    monkeypatch.setattr(Image.Image, "copy", lambda self: most.append(self.size) or copy(self))
    luminance = read_luminance(content)
    assert luminance.shape in ((96, 1), (1, 96), (96, 91)) and np.abs(luminance - 100 / 255).max() < 1e-6
    assert (read_square(content, size=32, colour=False) == 100).all()
    assert 0 < max(width * height for width, height in most) <= shrinking.AT_ONCE
