"""Questions to a translator of pictures: held-out ones there and back beside their true counterparts, or one's own."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from app.live.ask import need, read_int, read_place
from engines.blobs import Arrays
from engines.errors import SettingError
from engines.gan.cyclegan.images import PictureCycle
from engines.tensors import to_numpy
from engines.training.run import Run

MOST_PICTURES = 12
MAX_PIXELS = 3 * 128 * 128


@dataclass(frozen=True)
class TranslateAsk:
    """Pictures of one domain in the other and back again.

    Attributes:
        run: Digest.
        step: None: the final weights.
        way: 0 from A to B, 1 from B to A.
        n: How many held-out pictures, after the first `first`.
        first: Where they begin.
        pixels: A visitor's picture instead, C x H x W bytes; empty: held-out ones.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    way: int
    n: int
    first: int = 0
    pixels: bytes = b""
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        text = message.get("pixels", "")
        try:
            pixels = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise SettingError("Expected the pixels of a picture in base64.") from None
        if len(pixels) > MAX_PIXELS:
            raise SettingError(f"Expected at most {MAX_PIXELS} bytes of a picture, got {len(pixels)}.")
        n = read_int(message, "n", 1, MOST_PICTURES, default=1)
        way, first = read_int(message, "way", 0, 1), read_int(message, "first", 0, 99, default=0)
        return cls(*read_place(message), way, n, first, pixels)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, PictureCycle, "a translator of pictures")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[TranslateAsk]) -> dict[TranslateAsk, Arrays]:
        """Bytes (N, C, H, W): x, made, back, and for held-out pictures truth."""
        return {ask: _translate(model, ask) for ask in asks}


def _translate(model: Any, ask: TranslateAsk) -> Arrays:
    found = {}
    if ask.pixels:
        x = _own(model, ask.pixels)
    else:
        x, truth = (part[ask.first :] for part in model.held_out(ask.way, ask.first + ask.n))
        found["truth"] = _bytes(model, truth)
    with torch.inference_mode():
        made = model.translate(x, backwards=ask.way == 1)
        back = model.translate(made, backwards=ask.way == 0)
    return found | {"x": _bytes(model, x), "made": _bytes(model, made), "back": _bytes(model, back)}


def _own(model: Any, pixels: bytes) -> torch.Tensor:
    if len(pixels) != math.prod(model.event_shape):
        raise SettingError(f"Expected a picture of {math.prod(model.event_shape)} values, got {len(pixels)}.")
    bright = torch.from_numpy(np.frombuffer(pixels, np.uint8).astype(np.float32))
    return (bright / 255 * (model.levels - 1)).view(1, *model.event_shape)


def _bytes(model: Any, x: torch.Tensor) -> np.ndarray:
    return to_numpy((x * (255 / (model.levels - 1))).round().clamp(0, 255).to(torch.uint8))
