"""The integral over one or two latents as a finite sum: what a decoder with Gaussian noise says about a point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

CELLS = {1: 240, 2: 24}  # along each latent, for so many latents
MOST_NODES = 64  # of a cell, along each latent
BUDGET = 250_000  # nodes; a decoder that needs more is covered less finely, and the error tells
BLOCK = 100_000  # point-node pairs at once: what a processor's cache holds
DARKEST = 1e-30  # densities below are shown as this: single precision knows no less
FAINTEST = -80.0  # nats below which a term counts as this: exp takes ten times as long where it underflows
Decode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class QuadratureSettings:
    """How finely the latents are covered.

    Attributes:
        reach: Latents within this many standard deviations of the prior count.
        least: Nodes of a cell along each latent, however short its image.
        density: More of them for each standard deviation of the decoder's noise that its image is long.
    """

    reach: float
    least: int
    density: float


QUICK = QuadratureSettings(reach=5.0, least=2, density=0.7)
FINE = QuadratureSettings(reach=6.0, least=3, density=1.6)
CHECK = QuadratureSettings(reach=5.5, least=2, density=1.0)


@dataclass(frozen=True, eq=False)
class LatentNodes:
    """p(x) as a finite mixture: p(x) = sum over nodes m of w_m N(x; f(z_m), s² I).

    Attributes:
        z: Latents, shape (M, Z).
        log_weights: Prior density times cell size at each, nats, shape (M,).
        means: f(z) of each, data units, shape (M, 2).
        noise: s, data units.
    """

    z: Tensor
    log_weights: Tensor
    means: Tensor
    noise: float

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) of points (B, 2): (B,) nats."""
        x, means = (points.T / self.noise for points in (x.to(self.means), self.means))
        at_once = max(1, BLOCK // len(self.z))
        parts = [self._log_sum(part, means) for part in x.split(at_once, dim=1)]
        return torch.cat(parts) - math.log(2 * math.pi * self.noise**2)

    def _log_sum(self, x: Tensor, means: Tensor) -> Tensor:
        """log of the sum over nodes of weight times exp(-squared distance / 2): (2, b), (2, M) -> (b,).

        Differences, not products, so that single precision is enough.
        """
        across, down = (x[axis, :, None] - means[axis] for axis in (0, 1))
        terms = torch.add(self.log_weights, across.square_().addcmul_(down, down), alpha=-0.5)
        top = terms.amax(1, keepdim=True)
        return terms.sub_(top).clamp_(min=FAINTEST).exp_().sum(1).log_() + top[:, 0]

    def log_prob_on_grid(self, xs: Tensor, ys: Tensor) -> Tensor:
        """log p on all pairs of ticks: (Y, X) nats, float32, at least log DARKEST.

        The Gaussian noise factorises, so the sum is one product of two matrices.
        """
        across, down = (self._bells(ticks, axis) for axis, ticks in enumerate((xs, ys)))
        density = (down * self.log_weights.exp()[:, None]).T @ across
        return density.clamp(min=DARKEST).log()

    def _bells(self, ticks: Tensor, axis: int) -> Tensor:
        """One-dimensional normal densities of all nodes at ticks: (M, T)."""
        offset = (ticks - self.means[:, axis, None]) / self.noise
        return offset.square_().mul_(-0.5).clamp_(min=FAINTEST).exp_().div_(self.noise * math.sqrt(2 * math.pi))


def log_normal(x: Tensor, mean: Tensor, std: float) -> Tensor:
    """log N(x; mean, std² I) in the plane, both (..., 2), broadcast: (...) nats."""
    squares = ((x[..., 0] - mean[..., 0]) / std).square() + ((x[..., 1] - mean[..., 1]) / std).square()
    return -0.5 * squares - math.log(2 * math.pi * std**2)


def place_nodes(
    decode: Decode, n_latents: int, noise: float, care: QuadratureSettings, device: torch.device
) -> LatentNodes:
    """Cover the prior by Gauss-Legendre nodes, the more in a cell the more noise widths its image is long.

    Args:
        decode: f: latents (B, Z) -> points (B, 2).
        n_latents: 1 or 2.
        noise: s, data units.
        care: How finely.
        device: Where the decoder lies.

    Source:
        Davis and Rabinowitz 1984, Methods of numerical integration, 2.7 (composite Gauss rules)
    """
    cells, counts = _counts(decode, n_latents, noise, care, device)
    width = 2 * care.reach / CELLS[n_latents]
    owner, places = _spread(counts)  # cell of each node, and its place in it along each latent (M, Z)
    nodes, weights = (table.to(device) for table in _gauss_table())
    per_axis = counts[owner]
    z = (cells[owner] + nodes[per_axis, places]) * width - care.reach
    log_size = weights[per_axis, places].log().sum(1) + n_latents * math.log(width)
    log_prior = -0.5 * z.square().sum(1) - 0.5 * n_latents * math.log(2 * math.pi)
    return LatentNodes(z, log_prior + log_size, decode(z), noise)


def latent_lattice(side: int, n_latents: int, reach: float, device: torch.device | str = "cpu") -> Tensor:
    """Centres of side^Z cells over -reach ... reach, the first latent fastest: (side^Z, Z)."""
    ticks = reach * ((2 * torch.arange(side, device=device) + 1) / side - 1)
    if n_latents == 1:
        return ticks[:, None]
    second, first = torch.meshgrid(ticks, ticks, indexing="ij")
    return torch.stack([first, second], -1).view(-1, 2)


@lru_cache(maxsize=8)
def gauss_hermite(order: int, n_latents: int) -> tuple[Tensor, Tensor]:
    """Nodes (order^Z, Z) and weights (order^Z,), summing to 1, for means over a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    z = torch.from_numpy(nodes).float()[:, None]
    w = torch.from_numpy(weights / weights.sum())
    if n_latents == 2:
        z = torch.cartesian_prod(z[:, 0], z[:, 0])
        w = torch.outer(w, w).flatten()
    return z, w


def _counts(
    decode: Decode, n_latents: int, noise: float, care: QuadratureSettings, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Indices (C, Z) of the cells within reach, and how many nodes each needs along each latent (C, Z)."""
    side = CELLS[n_latents]
    ticks = torch.linspace(-care.reach, care.reach, 2 * side + 1, device=device)
    grids = torch.meshgrid(*[ticks] * n_latents, indexing="ij")
    image = decode(torch.stack(grids, -1).view(-1, n_latents)).view(*[len(ticks)] * n_latents, 2)
    lengths = torch.stack([_steepest(image, axis) for axis in range(n_latents)], -1) / noise
    cells = torch.stack(torch.meshgrid(*[torch.arange(side, device=device)] * n_latents, indexing="ij"), -1)
    nearest = ((cells - (side - 1) / 2).abs() - 0.5).clamp(min=0) * (2 * care.reach / side)
    is_within = nearest.square().sum(-1) < care.reach**2
    return cells[is_within], _within_budget(care, lengths[is_within])


def _within_budget(care: QuadratureSettings, lengths: Tensor) -> Tensor:
    """Nodes of each cell along each latent (C, Z), for cells whose images are so many noise widths long (C, Z)."""
    needed = float((care.least + care.density * lengths).prod(1).sum())
    density = care.density * min(1.0, (BUDGET / needed) ** (1 / lengths.shape[1]))
    return (care.least + density * lengths).ceil().clamp(max=MOST_NODES).long()


def _steepest(image: Tensor, axis: int) -> Tensor:
    """Length, in data units, that the image of each cell along an axis would have if it were steepest all along.

    image: of two steps a cell, (2 side + 1,) * Z + (2,) -> (side,) * Z.
    """
    steps = image.diff(dim=axis).norm(dim=-1).movedim(axis, 0)  # (2 side, 2 side + 1 or nothing)
    across = 2 * steps.view(len(steps) // 2, 2, *steps.shape[1:]).amax(1)
    if across.ndim == 1:
        return across
    three = torch.stack([across[:, 0:-1:2], across[:, 1::2], across[:, 2::2]])
    return three.amax(0).movedim(0, axis)


def _spread(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes per cell and axis (C, Z) -> the cell of each node (M,), and its index along each axis (M, Z)."""
    totals = counts.prod(1)
    owner = torch.arange(len(counts), device=counts.device).repeat_interleave(totals)
    within = torch.arange(len(owner), device=counts.device) - (totals.cumsum(0) - totals)[owner]
    if counts.shape[1] == 1:
        return owner, within[:, None]
    along = counts[owner, 1]
    return owner, torch.stack([within // along, within % along], 1)


@lru_cache(maxsize=1)
def _gauss_table() -> tuple[Tensor, Tensor]:
    """Gauss-Legendre nodes and weights on 0 ... 1: row n holds the rule of n nodes, zeros behind it."""
    nodes, weights = torch.zeros(MOST_NODES + 1, MOST_NODES), torch.zeros(MOST_NODES + 1, MOST_NODES)
    for n in range(1, MOST_NODES + 1):
        x, w = np.polynomial.legendre.leggauss(n)
        nodes[n, :n], weights[n, :n] = torch.from_numpy(0.5 * (x + 1)).float(), torch.from_numpy(0.5 * w).float()
    return nodes, weights
