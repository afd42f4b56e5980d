"""Questions to a generator of pictures: pictures of latents and what the discriminator says of them, styles mixed and
cut short, the nearest training pictures, and what each latent moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from app.live.ask import MANY, need, read_int, read_place, read_rows
from engines.blobs import Arrays
from engines.datasets import DATASETS, Examples
from engines.errors import SettingError
from engines.gan.images.base import SHOWN_SEED, PictureGame, to_bytes
from engines.gan.images.style import StyleGan
from engines.metrics.classifier import digit_classifier, knows
from engines.metrics.neighbours import nearest
from engines.nets.style_nets import CONVOLUTIONS
from engines.settings import Settings
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run

MAX_LATENTS, MAX_ROWS = 64, 128
FARTHEST = 10.0  # latents beyond are cut to it: no prior reaches there
MAX_TRUNCATION = 1.5
N_NEAREST = 3
N_USUAL = 300  # held-out pictures whose distance to the training set is the measure of newness
N_PORTRAIT, STEP = 8, 1.5  # latents at which each is moved, by how much to either side
N_COMPANY = 15
ALL_LEVELS = 255


@dataclass(frozen=True)
class GameDecodeAsk:
    """Pictures of some latents, with the discriminator's logit of each.

    Attributes:
        run, step: Whose weights.
        z: Rows of latents.
        other: The latents of picture B for a style-based model, empty without.
        levels: Which resolutions take their style from B: bit k for the k-th, the coarsest first.
        truncation: How far styles may lie from their mean, in hundredths.
        noises: Which resolutions hear noise: bits as before.
        seed: Of the noise.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    z: tuple[tuple[float, ...], ...]
    other: tuple[float, ...] = ()
    levels: int = 0
    truncation: int = 100
    noises: int = 0
    seed: int = 0
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        rows = read_rows(message.get("z"), most_rows=MAX_ROWS, most_columns=MAX_LATENTS, limit=FARTHEST)
        other: tuple[float, ...] = ()
        if message.get("other"):
            other = read_rows([message["other"]], most_rows=1, most_columns=MAX_LATENTS, limit=FARTHEST)[0]
        return cls(
            *read_place(message),
            rows,
            other,
            read_int(message, "levels", 0, ALL_LEVELS, default=0),
            read_int(message, "truncation", 0, round(100 * MAX_TRUNCATION), default=100),
            read_int(message, "noises", 0, ALL_LEVELS, default=0),
            read_int(message, "seed", 0, 9999, default=0),
        )

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, PictureGame, "a GAN of pictures")
        if len(self.z[0]) != model.n_latents or len(self.other) not in (0, model.n_latents):
            raise SettingError(f"Expected rows of {model.n_latents} latents, got {len(self.z[0])}.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[GameDecodeAsk]) -> dict[GameDecodeAsk, Arrays]:
        """Pictures (N, C, H, W) uint8, logits (N,), for digits chances (N, 10); all rows in one pass where they may."""
        if not isinstance(model, StyleGan):
            sizes = [len(ask.z) for ask in asks]
            parts = model.decode(torch.tensor([row for ask in asks for row in ask.z])).split(sizes)
            return {ask: _judged(model, x) for ask, x in zip(asks, parts, strict=True)}
        return {ask: _judged(model, painted(model, ask)) for ask in asks}


@dataclass(frozen=True)
class NearestAsk:
    """The training pictures nearest to what latents become.

    Attributes:
        run, step: Whose weights.
        decode: The question whose first picture is meant.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    decode: GameDecodeAsk
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), GameDecodeAsk.from_message(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        self.decode.check(model, run)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[NearestAsk]) -> dict[NearestAsk, Arrays]:
        """Pictures (K, C, H, W) uint8 and distances (K,); usual (3,): quartiles of those of held-out pictures."""
        scale = 255 / (model.levels - 1)
        decoded = GameDecodeAsk.answer(model, run, [ask.decode for ask in asks])
        examples, usual = _examples(run), usual_distances(run.experiment.dataset, _settings(run))
        found = {}
        for ask in asks:
            bright = torch.from_numpy(decoded[ask.decode]["pictures"][0].astype(np.float32))
            x = (bright * ((examples.levels - 1) / 255)).round()
            apart = torch.cat([_distances(x, part) for part in examples.train.split(4000)]) * scale
            near = apart.topk(min(N_NEAREST, len(apart)), largest=False)
            pictures = to_bytes(examples.train[near.indices].float(), examples.levels)
            found[ask] = {"pictures": pictures, "distances": to_numpy(near.values), "usual": usual}
        return found


@dataclass(frozen=True)
class LatentsAsk:
    """What each latent moves.

    Attributes:
        run, step: Whose weights.
    """

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
        need(model, PictureGame, "a GAN of pictures")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[LatentsAsk]) -> dict[LatentsAsk, Arrays]:
        """moves (Z,): see `latent_moves`; wall (M, Z): the latents of the samples that snapshots show."""
        wall = to_numpy(model.draw_latents(model.n_shown, make_rng(SHOWN_SEED)))
        return dict.fromkeys(asks, {"moves": latent_moves(model), "wall": wall})


def painted(model: StyleGan, ask: GameDecodeAsk) -> Tensor:
    """Pictures of a style-based generator with styles mixed, cut short, and with or without noise."""
    truncation, n = ask.truncation / 100, len(ask.z)
    styles = model.styles(torch.tensor(ask.z), truncation)
    if ask.other:
        other = model.styles(torch.tensor([ask.other]), truncation)
        is_other = torch.tensor([bool(ask.levels >> i // CONVOLUTIONS & 1) for i in range(model.n_layers)])
        styles = torch.where(is_other[:, None], other, styles)
    noises = model.noise_rows(n, make_rng(ask.seed))
    heard = [noise if ask.noises >> i // CONVOLUTIONS & 1 else None for i, noise in enumerate(noises)]
    return model.paint(styles, heard)


def latent_moves(model: PictureGame) -> np.ndarray:
    """The mean absolute change of a pixel, of 255, when a latent goes from -1.5 to 1.5 at random places: (Z,)."""
    z = model.latent_rows(N_PORTRAIT, make_rng(0))
    moved = []
    for i in range(model.n_latents):
        ends = z.repeat(2, 1)
        ends[:N_PORTRAIT, i], ends[N_PORTRAIT:, i] = -STEP, STEP
        low, high = model.decode(ends).chunk(2)
        moved.append((high - low).abs().mean() * 255 / (model.levels - 1))
    return to_numpy(torch.stack(moved))


@lru_cache(maxsize=8)
def usual_distances(dataset: str, settings: Settings) -> np.ndarray:
    """Quartiles (3,) of the distance of held-out pictures to the nearest training picture, RMS of 255."""
    examples = DATASETS[dataset].examples(settings)
    held_out = examples.test[:N_USUAL].float()
    far = nearest(held_out, examples.train).distance * (255 / (examples.levels - 1)) / held_out[0].numel() ** 0.5
    return np.quantile(to_numpy(far), [0.25, 0.5, 0.75]).astype(np.float32)


def _distances(x: Tensor, examples: Tensor) -> Tensor:
    """Root mean square differences of one picture to many."""
    return (examples.float() - x).square().flatten(1).mean(1).sqrt()


@lru_cache(maxsize=4)
def company_of(model: PictureGame) -> Tensor:
    """Samples beside which every picture is judged, where a discriminator looks at several."""
    return model.sample(N_COMPANY, rng=make_rng(1))


def _judged(model: PictureGame, x: Tensor) -> Arrays:
    logits = model.opinions(x.round(), company_of(model))
    found = {"pictures": to_bytes(x, model.levels), "logits": to_numpy(logits)}
    if knows(model.event_shape, model.levels, model.classes):
        found["chances"] = to_numpy(digit_classifier(model.event_shape)(x.round()).softmax(1))
    return found


def _settings(run: Run) -> Settings:
    return DATASETS[run.experiment.dataset].settings.from_dict(run.experiment.dataset_settings)


def _examples(run: Run) -> Examples:
    return DATASETS[run.experiment.dataset].examples(_settings(run))
