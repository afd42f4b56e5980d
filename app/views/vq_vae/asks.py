"""Questions to a model whose latent is a pair of maps of codes: pictures of maps, a palette, an atlas, draws."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from app.live.ask import MANY, need, read_int, read_place
from app.views.latent_space.asks import MAX_PIXELS, check_size
from engines.blobs import Arrays
from engines.datasets import DATASETS
from engines.errors import SettingError
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run
from engines.vae.atlas import atlas, bytes_of
from engines.vae.vq_vae import VqVae

MAX_ROWS = 64  # pairs of maps in one question
MAX_CELLS = 1024  # of a map
MAX_CODES = 512
MAX_DRAWS = 8
MAX_TEMPERATURE = 1.5

Maps = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class CodesAsk:
    """The pictures of some pairs of maps, and what the prior thinks of each.

    Attributes:
        run, step: Whose weights.
        top, bottom: Rows of codes, each map flattened row by row.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    top: Maps
    bottom: Maps
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        top, bottom = read_maps(message.get("top")), read_maps(message.get("bottom"))
        if len(top) != len(bottom):
            raise SettingError(f"Expected as many coarse maps as fine ones, got {len(top)} and {len(bottom)}.")
        return cls(*read_place(message), top, bottom)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, VqVae, "a VQ-VAE")
        maps_of(model, self.top, self.bottom)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[CodesAsk]) -> dict[CodesAsk, Arrays]:
        """All maps in one pass: pictures (R, C, H, W), rates (R,) in nats."""
        rows = [(top, bottom) for ask in asks for top, bottom in zip(ask.top, ask.bottom, strict=True)]
        top, bottom = maps_of(model, [top for top, _ in rows], [bottom for _, bottom in rows])
        sizes = [len(ask.top) for ask in asks]
        pictures = bytes_of(model, model.decode_codes(top, bottom)).split(sizes)
        rates = (-model.prior.log_prob(torch.cat([top.flatten(1), bottom.flatten(1)], 1))).split(sizes)
        parts = zip(asks, pictures, rates, strict=True)
        return {ask: {"pictures": to_numpy(picture), "rates": to_numpy(rate)} for ask, picture, rate in parts}


@dataclass(frozen=True)
class PaletteAsk:
    """What every code would draw in one cell of a picture, and how likely the prior finds it there.

    Attributes:
        top, bottom: The picture's maps, flattened.
        level: 0: the coarse map, 1: the fine one.
        cell: Which cell of that map.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    top: tuple[int, ...]
    bottom: tuple[int, ...]
    level: int
    cell: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        maps = read_maps([message.get("top")])[0], read_maps([message.get("bottom")])[0]
        place = read_int(message, "level", 0, 1), read_int(message, "cell", 0, MAX_CELLS - 1)
        return cls(*read_place(message), *maps, *place)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, VqVae, "a VQ-VAE")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[PaletteAsk]) -> dict[PaletteAsk, Arrays]:
        """One palette after the other."""
        return {ask: palette(model, ask) for ask in asks}


@dataclass(frozen=True)
class CodeEncodeAsk:
    """The codes of a visitor's picture; `pixels`: bytes of C x H x W brightnesses, 0 ... 255."""

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    pixels: bytes
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        text = message.get("pixels")
        try:
            pixels = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            pixels = b""
        if not 0 < len(pixels) <= MAX_PIXELS:
            raise SettingError(f"Expected the pixels of a picture, at most {MAX_PIXELS} bytes in base64.")
        return cls(*read_place(message), pixels)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, VqVae, "a VQ-VAE")
        check_size(model, self.pixels)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[CodeEncodeAsk]) -> dict[CodeEncodeAsk, Arrays]:
        """Maps, reconstruction, rate and distortion of each picture."""
        bright = torch.tensor(np.stack([np.frombuffer(ask.pixels, np.uint8) for ask in asks]).astype(np.float32))
        x = (bright / 255 * (model.levels - 1)).round().view(-1, *model.event_shape)
        top, bottom = model.codes(x)
        rate, distortion = model.rate_and_distortion(x)
        found = {
            "top": to_numpy(top.flatten(1).short()),
            "bottom": to_numpy(bottom.flatten(1).short()),
            "reconstruction": to_numpy(bytes_of(model, model.decode_codes(top, bottom))),
            "rate": to_numpy(rate)[:, None],
            "distortion": to_numpy(distortion)[:, None],
        }
        return {ask: {name: array[i] for name, array in found.items()} for i, ask in enumerate(asks)}


@dataclass(frozen=True)
class AtlasAsk:
    """Both codebooks as the held-out set uses them."""

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, VqVae, "a VQ-VAE")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[AtlasAsk]) -> dict[AtlasAsk, Arrays]:
        """See `atlas`."""
        spec = DATASETS[run.experiment.dataset]
        examples = spec.examples(spec.settings.from_dict(run.experiment.dataset_settings))
        return dict.fromkeys(asks, atlas(model, examples.test.float()))


@dataclass(frozen=True)
class CodeDrawAsk:
    """Draws from the prior: some coarse maps, and some fine ones for each.

    Attributes:
        seed: Of the noise.
        temperature: Of the prior.
        n_coarse, n_fine: How many coarse maps, and fine ones for each.
        top: A coarse map to keep; empty: they are drawn as well.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    seed: int
    temperature: float
    n_coarse: int
    n_fine: int
    top: tuple[int, ...] = ()
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        temperature = message.get("temperature", 1.0)
        if type(temperature) not in (int, float) or not 0 <= temperature <= MAX_TEMPERATURE:
            raise SettingError(f"Expected a temperature from 0 to {MAX_TEMPERATURE}, got {str(temperature)[:20]!r}.")
        counts = read_int(message, "n_coarse", 1, MAX_DRAWS), read_int(message, "n_fine", 1, MAX_DRAWS)
        top = read_maps([message["top"]])[0] if message.get("top") else ()
        seed = read_int(message, "seed", 0, 10**6)
        return cls(*read_place(message), seed, float(temperature), *counts, top)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, VqVae, "a VQ-VAE")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[CodeDrawAsk]) -> dict[CodeDrawAsk, Arrays]:
        """One set of draws after the other."""
        return {ask: draws(model, ask) for ask in asks}


def palette(model: Any, ask: PaletteAsk) -> Arrays:
    """Every code at one place: patches (K, C, h, w) of the picture around the cell, shares (K,) under the prior.

    The prior knows the codes before this cell only: the coarse ones, and those above and to the left.
    """
    top, bottom = maps_of(model, [ask.top], [ask.bottom])
    chosen = (top, bottom)[ask.level].flatten(1)
    if ask.cell >= chosen.shape[1]:
        raise SettingError(f"Expected a cell from 0 to {chosen.shape[1] - 1}, got {ask.cell}.")
    n_codes = model.settings.n_codes
    rows = [each.flatten(1).repeat(n_codes, 1) for each in (top, bottom)]
    rows[ask.level][:, ask.cell] = torch.arange(n_codes)
    shapes = (model.top_shape, model.bottom_shape)
    pictures = model.decode_codes(*(row.view(-1, *shape) for row, shape in zip(rows, shapes, strict=True)))
    before = chosen[:, : ask.cell] if ask.level == 0 else torch.cat([top.flatten(1), chosen[:, : ask.cell]], 1)
    shares = model.prior.next_code_logits(before)[0].softmax(0)
    y, x, height, width = around(model, ask.level, ask.cell)
    patches = bytes_of(model, pictures[:, :, y : y + height, x : x + width])
    return {"patches": to_numpy(patches.contiguous()), "shares": to_numpy(shares)}


def around(model: Any, level: int, cell: int) -> tuple[int, int, int, int]:
    """The pixels that a cell rules and half as many on each side: first row and column, height and width."""
    shape, size = (model.top_shape, model.bottom_shape)[level], model.event_shape[1:]
    place = []
    for i, index in enumerate((cell // shape[1], cell % shape[1])):
        side = model.padded[i] // shape[i]
        length = min(2 * side, size[i])
        place.append((max(0, min(index * side - side // 2, size[i] - length)), length))
    return place[0][0], place[1][0], place[0][1], place[1][1]


def draws(model: Any, ask: CodeDrawAsk) -> Arrays:
    """Coarse maps and fine ones for each: top (A, h w), bottom (A, F, ...), pictures (A F, C, H, W), gists (A, ...).

    A gist is the mean picture of a coarse map's fine draws: what the coarse map alone decides.
    """
    rng, prior = make_rng(ask.seed), model.prior
    if ask.top:
        bottom = np.zeros(math.prod(model.bottom_shape), np.int64)
        top = maps_of(model, [ask.top], [tuple(bottom.tolist())])[0].flatten(1).repeat(ask.n_coarse, 1)
    else:
        top = prior.sample(ask.n_coarse, rng=rng, temperature=ask.temperature, length=prior.lengths[0])
    each = top.repeat_interleave(ask.n_fine, 0)
    codes = prior.sample(len(each), rng=rng, temperature=ask.temperature, prefix=each)
    fine = codes[:, prior.lengths[0] :]
    pictures = model.decode_codes(each.view(-1, *model.top_shape), fine.reshape(-1, *model.bottom_shape))
    gists = pictures.view(ask.n_coarse, ask.n_fine, *model.event_shape).mean(1)
    return {
        "top": to_numpy(top.short()),
        "bottom": to_numpy(fine.short().contiguous()),
        "pictures": to_numpy(bytes_of(model, pictures)),
        "gists": to_numpy(bytes_of(model, gists)),
    }


def read_maps(value: object) -> Maps:
    """Rows of codes from a message.

    Raises:
        SettingError: If they are none, or too many.
    """
    is_rows = isinstance(value, list) and 0 < len(value) <= MAX_ROWS and all(isinstance(row, list) for row in value)
    rows: list[list[Any]] = value if is_rows else []  # pyright: ignore[reportAssignmentType]
    if not rows or not all(0 < len(row) <= MAX_CELLS for row in rows):
        raise SettingError(f"Expected 1 to {MAX_ROWS} maps of 1 to {MAX_CELLS} codes each.")
    if not all(type(code) is int and 0 <= code < MAX_CODES for row in rows for code in row):
        raise SettingError(f"Expected codes as whole numbers from 0 to {MAX_CODES - 1}.")
    return tuple(tuple(row) for row in rows)


def maps_of(model: Any, top: Sequence[Sequence[int]], bottom: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Rows of codes as maps of this model: (B, h, w) and (B, 2 h, 2 w).

    Raises:
        SettingError: If they are of another size, or name codes that the model has not.
    """
    found = []
    for name, rows, shape in (("coarse", top, model.top_shape), ("fine", bottom, model.bottom_shape)):
        n, n_codes = math.prod(shape), model.settings.n_codes
        if any(len(row) != n for row in rows):
            raise SettingError(f"Expected {n} codes of the {name} map, got {len(rows[0])}.")
        if any(code >= n_codes for row in rows for code in row):
            raise SettingError(
                f"Expected codes from 0 to {n_codes - 1}, got {max(code for row in rows for code in row)}."
            )
        found.append(torch.tensor(rows).view(-1, *shape))
    return found[0], found[1]
