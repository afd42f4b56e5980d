"""Questions to a model with a latent space: pictures of latents, latents of a picture, and a portrait of the space."""

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

from app.live.ask import MANY, need, read_int, read_member, read_place, read_rows
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS, Examples
from engines.errors import SettingError
from engines.metrics.disentanglement import factor_entropies, followed_factors, mutual_information
from engines.metrics.latents import log_aggregate
from engines.tensors import to_numpy
from engines.training.run import Run
from engines.vae.vae import Vae

MAX_LATENTS = 64
MAX_ROWS = 300
FARTHEST = 50.0  # latents beyond are cut to it: no prior reaches there
MAX_PIXELS = 3 * 64 * 64
N_POINTS = 600  # examples on the latent plane
N_SHOWN = 48  # of them as pictures
N_AGGREGATE = 1000  # examples of the training that make the aggregate posterior
AGGREGATE_SIDE = 48
FOLLOWS_FROM = 0.1  # nats of a factor that a latent must carry to be named after it


@dataclass(frozen=True)
class DecodeAsk:
    """The expected pictures of some latents.

    Attributes:
        run, step: Whose weights.
        member: Which model of a stack.
        z: Rows of latents.
        label: Class for a conditional model; -1: none.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    member: int
    z: tuple[tuple[float, ...], ...]
    label: int = -1

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        rows = read_rows(message.get("z"), most_rows=MAX_ROWS, most_columns=MAX_LATENTS, limit=FARTHEST)
        label = read_int(message, "label", -1, 1000, default=-1)
        return cls(*read_place(message), read_member(message), rows, label)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        _need_vae(model)
        if len(self.z[0]) != model.n_latents:
            raise SettingError(f"Expected rows of {model.n_latents} latents, got {len(self.z[0])}.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[DecodeAsk]) -> dict[DecodeAsk, Arrays]:
        """All rows in one pass."""
        z = torch.tensor([row for ask in asks for row in ask.z])
        labels = _labels(model, [ask.label for ask in asks for _ in ask.z])
        pictures = _bytes(model, model.decode(z, labels=labels)).split([len(ask.z) for ask in asks])
        return {ask: {"pictures": to_numpy(part)} for ask, part in zip(asks, pictures, strict=True)}


@dataclass(frozen=True)
class EncodeAsk:
    """Where a visitor's picture lies in the latent space; `pixels`: bytes of C x H x W brightnesses, 0 ... 255."""

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    member: int
    pixels: bytes
    label: int = -1

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
        label = read_int(message, "label", -1, 1000, default=-1)
        return cls(*read_place(message), read_member(message), pixels, label)

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        _need_vae(model)
        check_size(model, self.pixels)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[EncodeAsk]) -> dict[EncodeAsk, Arrays]:
        """Posterior and reconstruction of each picture."""
        bright = torch.tensor(np.stack([np.frombuffer(ask.pixels, np.uint8) for ask in asks]).astype(np.float32))
        x = (bright / 255 * (model.likelihood.levels - 1)).round().view(-1, *model.event_shape)
        found = _read_examples(model, x, _labels(model, [ask.label for ask in asks]))
        return {ask: {name: array[i] for name, array in found.items()} for i, ask in enumerate(asks)}


@dataclass(frozen=True)
class PortraitAsk:
    """The latent space as held-out examples fill it."""

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), read_member(message))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        _need_vae(model)

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[PortraitAsk]) -> dict[PortraitAsk, Arrays]:
        """Codes, pictures, what each latent carries and follows."""
        return dict.fromkeys(asks, portrait(model, _examples(run)))


@dataclass(frozen=True)
class AggregateAsk:
    """log q(z) - log p(z) on a plane through the origin: where the codes of the data leave holes in the prior.

    Attributes:
        first, second: Orthonormal directions of the plane, Z numbers each.
        reach: The plane is shown from -reach to reach.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    member: int
    first: tuple[float, ...]
    second: tuple[float, ...]
    reach: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        axes = read_rows(message.get("axes"), most_rows=2, most_columns=MAX_LATENTS, limit=1.0)
        if len(axes) != 2:
            raise SettingError("Expected two directions.")
        return cls(*read_place(message), read_member(message), *axes, read_int(message, "reach", 1, 12, default=3))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        _need_vae(model)
        if len(self.first) != model.n_latents:
            raise SettingError(f"Expected directions of {model.n_latents} latents, got {len(self.first)}.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[AggregateAsk]) -> dict[AggregateAsk, Arrays]:
        """One map after the other."""
        examples = _examples(run)
        labels = (
            examples.train_labels[:N_AGGREGATE] if model.uses_labels and examples.train_labels is not None else None
        )
        posterior = model.encode(examples.train[:N_AGGREGATE].float(), labels=labels)
        return {ask: aggregate_map(posterior.mean, posterior.std, ask) for ask in asks}


def check_size(model: Any, pixels: bytes) -> None:
    """Raise SettingError unless a picture has as many values as those of a model."""
    size = math.prod(model.event_shape)
    if len(pixels) != size:
        raise SettingError(f"Expected a picture of {size} values, got one of {len(pixels)}.")


def _need_vae(model: Any) -> None:
    need(model, Vae, "a VAE of pictures")


def portrait(model: Any, examples: Examples) -> Arrays:
    """What a page shows of a latent space.

    means, stds (N, Z); originals, reconstructions (M, C, H, W) uint8; distortions, rates (M,) nats; kl (Z,) nats;
    axes (2, Z): first two principal directions of the means; labels (N,) and factors (N, F) where known;
    information (Z, F): share of each factor's entropy that a latent carries; follows (Z,): factor or -1.
    """
    x, labels = _test(model, examples, N_POINTS)
    posterior = model.encode(x, labels=labels)
    shown = None if labels is None else labels[:N_SHOWN]
    found = _read_examples(model, x[:N_SHOWN], shown)
    arrays = {
        "means": to_numpy(posterior.mean),
        "stds": to_numpy(posterior.std),
        "kl": to_numpy(posterior.kl().mean(0)),
        "axes": _principal(posterior.mean),
        "originals": to_numpy(_bytes(model, x[:N_SHOWN])),
        "reconstructions": found["reconstruction"],
        "distortions": found["distortion"],
        "rates": found["rate"],
    }
    if examples.test_labels is not None:
        arrays["labels"] = to_numpy(examples.test_labels[:N_POINTS]).astype(np.uint8)
    if examples.test_factors is not None:
        arrays |= _factor_arrays(model, examples)
        arrays["factors"] = to_numpy(examples.test_factors[:N_POINTS]).astype(np.uint8)
    return as_picture(arrays)


def aggregate_map(means: Tensor, stds: Tensor, ask: AggregateAsk) -> Arrays:
    """log q - log p on the plane's grid, lowest second coordinate first: (S, S)."""
    axes = torch.tensor([ask.first, ask.second])
    ticks = torch.linspace(-ask.reach, ask.reach, AGGREGATE_SIDE)
    second, first = torch.meshgrid(ticks, ticks, indexing="ij")
    grid = torch.stack([first, second], -1).view(-1, 2)
    # Independent Gaussians seen along orthonormal directions: exact along latents, along others their spread there.
    spread = (stds.square() @ axes.square().T).sqrt()
    log_q = log_aggregate(grid, means @ axes.T, spread)
    log_p = -0.5 * grid.square().sum(1) - math.log(2 * math.pi)
    return as_picture({"holes": to_numpy((log_q - log_p).view(AGGREGATE_SIDE, AGGREGATE_SIDE))})


def _read_examples(model: Any, x: Tensor, labels: Tensor | None) -> Arrays:
    """Posterior, reconstruction from its mean, distortion and rate of examples (B, *event)."""
    posterior = model.encode(x, labels=labels)
    noise = torch.zeros(len(x), model.n_latents)
    kl, distortion = model.rate_and_distortion(x, noise, labels)
    return as_picture(
        {
            "mean": to_numpy(posterior.mean),
            "std": to_numpy(posterior.std),
            "kl": to_numpy(kl[0]),
            "reconstruction": to_numpy(_bytes(model, model.decode(posterior.mean, labels=labels))),
            "distortion": to_numpy(distortion[0]),
            "rate": to_numpy(kl[0].sum(-1)),
        }
    )


def _factor_arrays(model: Any, examples: Examples) -> Arrays:
    assert examples.train_factors is not None  # noqa: S101  (both parts have factors, or none)
    x, factors = examples.train[:2000].float(), to_numpy(examples.train_factors[:2000])
    information, entropies = mutual_information(to_numpy(model.encode(x).mean), factors), factor_entropies(factors)
    # By nats, not by shares: a latent that says most of the hair and all of day or night follows the hair.
    follows = followed_factors(information, np.ones_like(entropies), FOLLOWS_FROM)
    shares = information / np.maximum(entropies, 1e-9)
    return {"information": shares, "follows": np.array([-1 if f is None else f for f in follows], np.int16)}


def _principal(means: Tensor) -> np.ndarray:
    """The first two principal directions (2, Z); with one latent the second is nought."""
    centred = means - means.mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:2]
    return np.vstack([to_numpy(directions), np.zeros((2 - len(directions), means.shape[1]), np.float32)])


def _test(model: Any, examples: Examples, n: int) -> tuple[Tensor, Tensor | None]:
    labels = examples.test_labels[:n] if model.uses_labels and examples.test_labels is not None else None
    return examples.test[:n].float(), labels


def _labels(model: Any, labels: Sequence[int]) -> Tensor | None:
    return torch.tensor([max(0, label) % model.n_classes for label in labels]) if model.uses_labels else None


def _bytes(model: Any, x: Tensor) -> Tensor:
    """Pixels 0 ... levels - 1 as brightness 0 ... 255, uint8."""
    return (x * (255 / (model.likelihood.levels - 1))).round().clamp(0, 255).to(torch.uint8)


def _examples(run: Run) -> Examples:
    spec = DATASETS[run.experiment.dataset]
    return spec.examples(spec.settings.from_dict(run.experiment.dataset_settings))
