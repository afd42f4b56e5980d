"""The question to a VAE of the plane: how does its encoder's posterior of a point differ from the true one?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from app.live.ask import MANY, need, read_place, read_rows
from engines.blobs import Arrays, as_picture
from engines.errors import SettingError
from engines.tensors import make_rng, to_numpy
from engines.training.run import Run
from engines.vae.latent_quadrature import CHECK, LatentNodes, latent_lattice, log_normal
from engines.vae.plane_vae import REACH, PlaneVae
from engines.vae.vae import Posterior

FARTHEST = 1000.0  # points beyond are cut to it
SIDE = {1: 480, 2: 96}  # cells of the latent map along each latent, for so many latents
FINER = {1: 1, 2: 2}  # points along each side of a cell, whose mean the map shows
AROUND = 4.0  # standard deviations of q that the map around it reaches
AROUND_SIDE = {1: 161, 2: 48}
N_DRAWS = 2000  # of q, for the importance-weighted bounds
FEWER, MORE = 10, 100
OUTLINE = 49  # points of the outline of q
_NOISE_SEED = 31


@dataclass(frozen=True)
class PosteriorAsk:
    """The true posterior of a point, q, and what the bound misses there.

    Attributes:
        run, step: Whose weights.
        x: The point, in data units, to three decimals.
    """

    together: ClassVar[int] = MANY
    run: str
    step: int | None
    x: tuple[float, float]
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        rows = read_rows([message.get("x")], most_rows=1, most_columns=2, limit=FARTHEST)
        if len(rows[0]) != 2:
            raise SettingError("Expected a point of two numbers.")
        return cls(*read_place(message), (round(rows[0][0], 3), round(rows[0][1], 3)))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        need(model, PlaneVae, "a VAE of the plane")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[PosteriorAsk]) -> dict[PosteriorAsk, Arrays]:
        """All points in one pass."""
        found = look_at(model, torch.tensor([ask.x for ask in asks]))
        return {ask: {name: array[i] for name, array in found.items()} for i, ask in enumerate(asks)}


@dataclass(frozen=True, eq=False)
class Covered:
    """What stays the same from point to point while the weights do.

    Attributes:
        fine, check: The latents, covered for the integral and for its error.
        log_prior: Of the lattice behind the latent map, shape (L,).
        images: Where the decoder puts the lattice, shape (L, 2).
    """

    fine: LatentNodes
    check: LatentNodes
    log_prior: Tensor
    images: Tensor


_covered: WeakKeyDictionary[PlaneVae, Covered] = WeakKeyDictionary()


def look_at(model: PlaneVae, x: Tensor) -> Arrays:
    """What a page shows of points (B, 2).

    log_posterior (B, S) or (B, S, S): log p(z given x) by quadrature on SIDE cells over -REACH ... REACH, half
    precision; around, likewise: the same density around q, in standard deviations of q, -AROUND ... AROUND; mean,
    std (B, Z) of q; reconstruction (B, 2): f of the mean; outline (B, OUTLINE, 2): f of the ellipse
    at one standard deviation of q; nats (B, 9): log p(x), its error, the bound, rate, distortion, and the
    bounds of FEWER and of MORE samples with the standard error of each.
    """
    if model not in _covered:
        _covered[model] = _cover(model)
    covered = _covered[model]
    q = model.encode(x)
    log_prob = covered.fine.log_prob(x)
    rate, distortion = (part.sum(-1) if part.ndim > 1 else part for part in model.rate_and_distortion(x))
    exact = [log_prob, (log_prob - covered.check.log_prob(x)).abs(), -(rate + distortion), rate, distortion]
    maps = {
        "log_posterior": to_numpy(_posterior_map(model, covered, x, log_prob)),
        "around": to_numpy(_map_around(model, x, q, log_prob)),
    }
    return as_picture(maps) | {
        "mean": to_numpy(q.mean),
        "std": to_numpy(q.std),
        "reconstruction": to_numpy(model.decode(q.mean)),
        "outline": to_numpy(_outline(model, q)),
        "nats": to_numpy(torch.stack([*exact, *_importance_bounds(model, x)], -1)),
    }


def _cover(model: PlaneVae) -> Covered:
    z = latent_lattice(SIDE[model.n_latents] * FINER[model.n_latents], model.n_latents, REACH)
    log_prior = -0.5 * z.square().sum(1) - 0.5 * model.n_latents * math.log(2 * math.pi)
    return Covered(model.nodes(), model.nodes(CHECK), log_prior, model.decode(z))


def _posterior_map(model: PlaneVae, covered: Covered, x: Tensor, log_prob: Tensor) -> Tensor:
    """log of the mean density of each cell: (B, S) or (B, S, S)."""
    joint = covered.log_prior + log_normal(x[:, None], covered.images, covered.fine.noise)
    log_posterior = joint - log_prob[:, None]
    if model.n_latents == 1:
        return log_posterior
    side, finer = SIDE[2], FINER[2]
    cells = log_posterior.view(-1, side, finer, side, finer)
    return cells.logsumexp((2, 4)) - 2 * math.log(finer)


def _map_around(model: PlaneVae, x: Tensor, q: Posterior, log_prob: Tensor) -> Tensor:
    """log p(z given x) where q is a standard normal, its density counted there: (B, S) or (B, S, S)."""
    side = AROUND_SIDE[model.n_latents]
    z = q.sample(latent_lattice(side, model.n_latents, AROUND)[:, None])  # (S^Z, B, Z)
    images = model.decode(z.flatten(0, 1)).view(*z.shape[:2], 2)
    log_prior = -0.5 * z.square().sum(-1) - 0.5 * model.n_latents * math.log(2 * math.pi)
    found = log_prior + log_normal(x, images, float(model.noise)) - log_prob + q.std.log().sum(-1)
    return found.T.reshape(len(x), *[side] * model.n_latents)


def _importance_bounds(model: PlaneVae, x: Tensor) -> list[Tensor]:
    """The bounds of FEWER and of MORE samples, each as a mean over groups of the same draws and its standard error."""
    noise = torch.randn(N_DRAWS, 1, model.n_latents, generator=make_rng(_NOISE_SEED))
    weights = model.log_weights(x, noise)  # (N_DRAWS, B)
    found = []
    for n in (FEWER, MORE):
        groups = weights.view(-1, n, len(x)).logsumexp(1) - math.log(n)
        found += [groups.mean(0), groups.std(0) / math.sqrt(len(groups))]
    return found


def _outline(model: PlaneVae, q: Posterior) -> Tensor:
    """Where the decoder puts the latents at one standard deviation of q: (B, OUTLINE, 2)."""
    angle = torch.linspace(0, 2 * math.pi, OUTLINE)
    circle = torch.stack([angle.cos(), angle.sin()], -1)[:, None, : model.n_latents]
    return model.decode(q.sample(circle).flatten(0, 1)).view(OUTLINE, -1, 2).transpose(0, 1)
