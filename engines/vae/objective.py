"""What a VAE minimises: distortion plus the price of rate, in its variants, for K models at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CAPACITY_PRICE = 30.0  # nats of loss for each nat of KL off its target


@dataclass(frozen=True)
class ObjectiveWeights:
    """How each of K models is asked to trade.

    Attributes:
        betas: Price of a nat of KL; 1 is the bound itself.
        free_bits: Nats of KL that each latent may spend for nothing.
        capacities: Target of the whole KL in nats, approached over the first half of training; 0: no target.
        warm_up: Share of the training over which the price rises from 0.
    """

    betas: tuple[float, ...]
    free_bits: tuple[float, ...]
    capacities: tuple[float, ...]
    warm_up: float

    @property
    def n_models(self) -> int:
        """K: the longest of the lists; the others are repeated."""
        return max(len(self.betas), len(self.free_bits), len(self.capacities))


class Objective(nn.Module):
    """loss[k] = distortion + price, price = beta KL, with free bits, annealing or a capacity where they are asked for.

        beta-VAE:   D + beta * sum over latents of KL_d
        free bits:  D + beta * sum over latents of max(free, mean KL_d)
        capacity:   D + 30 * |sum over latents of KL_d - C(t)|

    Args:
        prices: See `ObjectiveWeights`.

    Source:
        Higgins et al. 2017 (beta-VAE); Kingma et al. 2016, arXiv:1606.04934, appendix C.8 (free bits);
        Burgess et al. 2018, arXiv:1804.03599, eq. 8 (capacity); Bowman et al. 2016, arXiv:1511.06349 (annealing)
    """

    betas: Tensor
    free_bits: Tensor
    capacities: Tensor

    def __init__(self, prices: ObjectiveWeights) -> None:
        super().__init__()
        self.prices = prices
        self.share = 1.0  # of the training that is done
        for name in ("betas", "free_bits", "capacities"):
            values = getattr(prices, name)
            full = values if len(values) == prices.n_models else values * prices.n_models
            self.register_buffer(name, torch.tensor(full[: prices.n_models]), persistent=False)

    def forward(self, distortion: Tensor, kl: Tensor) -> Tensor:
        """Distortion (K, B) and KL of each latent (K, B, Z), nats -> loss of each model (K,)."""
        per_latent = kl.mean(1)  # (K, Z)
        rate = per_latent.sum(-1)
        paid = torch.where(self.free_bits[:, None] > 0, per_latent.clamp(min=self.free_bits[:, None]), per_latent)
        price = self._warmth() * self.betas * paid.sum(-1)
        target = self.capacities * min(1.0, 2 * self.share)
        return distortion.mean(1) + torch.where(self.capacities > 0, CAPACITY_PRICE * (rate - target).abs(), price)

    def member(self, k: int) -> Objective:
        """The objective of one model alone."""
        betas, free, capacities = (float(v[k]) for v in (self.betas, self.free_bits, self.capacities))
        return Objective(ObjectiveWeights((betas,), (free,), (capacities,), self.prices.warm_up)).to(self.betas.device)

    def _warmth(self) -> float:
        return 1.0 if self.prices.warm_up == 0 else min(1.0, self.share / self.prices.warm_up)
