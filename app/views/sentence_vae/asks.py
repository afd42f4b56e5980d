"""Questions to the VAE of names: names of latents letter by letter, latents of names, draws, and where names lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from app.live.ask import MANY, need, read_int, read_member, read_place, read_rows
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS
from engines.datasets.names import encode_name, fold_name
from engines.errors import SettingError
from engines.noise import normal_rows
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run
from engines.vae.name_vae import NameVae

MAX_ROWS = 40
MAX_LATENTS = 32
FARTHEST = 50.0  # latents beyond are cut to it: no prior reaches there
MAX_NAMES = 4
MAX_TEXT = 200
MAX_DRAWS = 60
MAX_TEMPERATURE = 1.5
N_LETTERS = 4  # of each place, the likeliest first
PART = 1000  # names
N_NOISE = 64  # draws of a code, for the mean distortion
_NOISE_SEED = 29


@dataclass(frozen=True)
class SpellAsk:
    """The names of some latents, letter by letter.

    Attributes:
        run, step, member: Whose weights.
        z: Rows of latents.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    member: int
    z: tuple[tuple[float, ...], ...]

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        rows = read_rows(message.get("z"), most_rows=MAX_ROWS, most_columns=MAX_LATENTS, limit=FARTHEST)
        return cls(*read_place(message), read_member(message), rows)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, NameVae, "a VAE of names")
        _check_latents(model, self.z[0])

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[SpellAsk]) -> dict[SpellAsk, Arrays]:
        """All rows in one pass."""
        spelt = spell(model, torch.tensor([row for ask in asks for row in ask.z]))
        ends = np.cumsum([len(ask.z) for ask in asks])
        parts = zip(asks, [0, *ends], ends, strict=False)
        return {ask: {name: array[low:high] for name, array in spelt.items()} for ask, low, high in parts}


@dataclass(frozen=True)
class NameCodeAsk:
    """Where names lie in the latent space, and what is left of them after they went through it."""

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int
    names: tuple[str, ...]

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`; a name that cannot be read is told by a DataError."""
        texts = message.get("names")
        is_list = isinstance(texts, list) and 0 < len(texts) <= MAX_NAMES
        if not is_list or not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts or ()):
            raise SettingError(f"Expected 1 to {MAX_NAMES} names.")
        for text in texts or ():
            encode_name(text)
        return cls(*read_place(message), read_member(message), tuple(fold_name(text) for text in texts or ()))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, NameVae, "a VAE of names")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[NameCodeAsk]) -> dict[NameCodeAsk, Arrays]:
        """One question after the other."""
        return {ask: code_of(model, ask.names) for ask in asks}


@dataclass(frozen=True)
class NameDrawAsk:
    """Names that are drawn letter by letter: from one latent, or each from a latent of the prior.

    Attributes:
        run, step, member: Whose weights.
        z: One latent; empty: latents of the prior.
        temperature: Of the letters; 0 takes the likeliest, 1 draws from the model.
        n: How many.
        seed: Of the noise.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int
    z: tuple[float, ...]
    temperature: float
    n: int
    seed: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        temperature = message.get("temperature", 1.0)
        if not isinstance(temperature, int | float) or not 0 <= temperature <= MAX_TEMPERATURE:
            raise SettingError(f"Expected a temperature from 0 to {MAX_TEMPERATURE}, got {str(temperature)[:20]!r}.")
        wanted = message.get("z") or []
        z = read_rows([wanted], most_rows=1, most_columns=MAX_LATENTS, limit=FARTHEST)[0] if wanted else ()
        n, seed = read_int(message, "n", 1, MAX_DRAWS), read_int(message, "seed", 0, 9999, default=0)
        return cls(*read_place(message), read_member(message), z, round(float(temperature), 2), n, seed)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, NameVae, "a VAE of names")
        if self.z:
            _check_latents(model, self.z)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[NameDrawAsk]) -> dict[NameDrawAsk, Arrays]:
        """One question after the other: each has noise of its own."""
        return {ask: {"tokens": draw(model, ask)} for ask in asks}


@dataclass(frozen=True)
class NameMapAsk:
    """Where the names of the data lie: part 0 the held-out ones, parts 1, 2, ... those of the training, PART at a time.

    In parts, for reading all of them at once would hold up other visitors.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int
    part: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), read_member(message), read_int(message, "part", 0, 100))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, NameVae, "a VAE of names")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[NameMapAsk]) -> dict[NameMapAsk, Arrays]:
        """One part after the other."""
        return {ask: name_map(model, run, ask.part) for ask in asks}


def spell(model: NameVae, z: Tensor) -> Arrays:
    """What a decoder writes at latents (B, Z), and what else it thought of.

    tokens (B, T) uint8; letters (B, T, N_LETTERS) uint8 and shares (B, T, N_LETTERS): the likeliest letters of each
    place, given the letters before it, and their probabilities; log_prob (B,): log p of the written name, nats.
    """
    written = model.spell(z)
    found = written.logits.log_softmax(-1)
    best = found.topk(min(N_LETTERS, model.n_symbols), dim=-1)
    arrays = {
        "tokens": to_numpy(written.tokens.to(torch.uint8)),
        "letters": to_numpy(best.indices.to(torch.uint8)),
        "shares": to_numpy(best.values.exp()),
        "log_prob": to_numpy(written.log_prob()),
    }
    return as_picture(arrays)


def code_of(model: NameVae, names: Sequence[str]) -> Arrays:
    """Posterior, rate and mean distortion of names, and the names rebuilt from the means.

    mean, std (n, Z); rate, distortion (n,) nats; rebuilt (n, T) uint8.
    """
    x = torch.stack([encode_name(name) for name in names])
    posterior = model.encode(x)
    noise = torch.randn(N_NOISE, 1, model.n_latents, generator=make_rng(_NOISE_SEED))
    z = posterior.sample(noise).flatten(0, 1)  # (N_NOISE * n, Z)
    distortion = -model.log_prob_given(x.repeat(N_NOISE, 1), z).view(N_NOISE, -1).mean(0)
    arrays = {
        "mean": to_numpy(posterior.mean),
        "std": to_numpy(posterior.std),
        "rate": to_numpy(posterior.kl().sum(1)),
        "distortion": to_numpy(distortion),
        "rebuilt": to_numpy(model.decode(posterior.mean).to(torch.uint8)),
    }
    return as_picture(arrays)


def draw(model: NameVae, ask: NameDrawAsk) -> np.ndarray:
    """Tokens (n, T), uint8."""
    rng = make_rng(ask.seed)
    z = torch.tensor([ask.z]).expand(ask.n, -1) if ask.z else normal_rows(ask.n, model.n_latents, rng=rng)
    return to_numpy(model.decode(z, temperature=ask.temperature, rng=rng).to(torch.uint8))


def name_map(model: NameVae, run: Run, part: int) -> Arrays:
    """Codes of a part of the names.

    means (N, Z); tokens (N, T) uint8; n_parts (1,): how many parts there are; for part 0 also kl (Z,) nats, and axes
    (2, Z): the first two principal directions.
    """
    spec = DATASETS[run.experiment.dataset]
    examples = spec.examples(spec.settings.from_dict(run.experiment.dataset_settings))
    parts = [examples.test, *examples.train.split(PART)]
    x = parts[min(part, len(parts) - 1)]
    posterior = model.encode(x)
    arrays = {"means": to_numpy(posterior.mean), "tokens": to_numpy(x.to(torch.uint8))}
    if part == 0:
        arrays |= {"kl": to_numpy(posterior.kl().mean(0)), "axes": _principal(posterior.mean)}
    return as_picture(arrays | {"n_parts": np.array([len(parts)], np.int32)})


def _principal(means: Tensor) -> np.ndarray:
    """The first two principal directions (2, Z); with one latent the second is nought."""
    directions = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:2]
    return np.vstack([to_numpy(directions), np.zeros((2 - len(directions), means.shape[1]), np.float32)])


def _check_latents(model: NameVae, z: Sequence[float]) -> None:
    if len(z) != model.n_latents:
        raise SettingError(f"Expected rows of {model.n_latents} latents, got {len(z)}.")
