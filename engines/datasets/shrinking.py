"""Large pictures in little memory: blocks of pixels are averaged piece by piece, before anything is copied whole.

What Pillow decodes takes up to four bytes a pixel, and each whole copy in RGBA as much again; so only small
pictures are turned and converted at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

AT_ONCE = 4_000_000  # pixels up to which a picture is converted as a whole
PIECE = 1_000_000  # pixels of a larger one that are converted at a time
_ORIENTATION = 0x0112  # tag of EXIF; from 5 on a picture lies on its side
Box = tuple[int, int, int, int]


def upright(picture: Image, least: int, *, is_square: bool = False) -> Image:
    """A picture as its camera was held, in RGB, or RGBA where it has transparency; a large one shrunk.

    Args:
        picture: Not decoded yet, or decoded.
        least: Pixels that a side keeps when it is shrunk; at most one block in so many is cut at the edges.
        is_square: Whether only the square in the middle is wanted, so that no more of a large picture need come back.

    Returns:
        The picture; the ratio of a large one's sides is that of `upright_size` only up to the blocks.
    """
    from PIL import ImageOps

    if picture.width * picture.height <= AT_ONCE:
        return _plain(ImageOps.exif_transpose(picture))
    small = _in_blocks(picture, _middle(picture.size) if is_square else (0, 0, *picture.size), least)
    small.info = {key: value for key, value in picture.info.items() if key != "transparency"}  # how it was held
    return ImageOps.exif_transpose(small)


def upright_size(picture: Image) -> tuple[int, int]:
    """Width and height in pixels as the camera was held."""
    width, height = picture.size
    return (height, width) if picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8) else (width, height)


def _middle(size: tuple[int, int]) -> Box:
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return left, top, left + side, top + side


def _in_blocks(picture: Image, box: Box, least: int) -> Image:
    """The means over blocks of a part of a picture: at least `least` along each side that has so many pixels."""
    from PIL import Image

    left, top, right, bottom = box
    across, down = max(1, (right - left) // least), max(1, (bottom - top) // least)  # pixels of a block
    n, n_down = (right - left) // across, (bottom - top) // down
    left, top = left + (right - left - n * across) // 2, top + (bottom - top - n_down * down) // 2
    mode = _plain(picture.crop((left, top, left + 1, top + 1))).mode
    small = Image.new(mode, (n, n_down))
    for x, y, x_end, y_end in _pieces(n, n_down, across, down):
        part = picture.crop((left + x * across, top + y * down, left + x_end * across, top + y_end * down))
        small.paste(_plain(part).reduce((across, down)), (x, y))
    return small


def _pieces(n: int, n_down: int, across: int, down: int) -> Iterator[Box]:
    """Rectangles of blocks that hold about PIECE pixels each."""
    step = min(n, max(1, PIECE // (across * down)))
    step_down = max(1, PIECE // (across * down * step))
    for y in range(0, n_down, step_down):
        for x in range(0, n, step):
            yield x, y, min(x + step, n), min(y + step_down, n_down)


def _plain(picture: Image) -> Image:
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits a pixel: Pillow would clip, not scale
        picture = Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8))
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
