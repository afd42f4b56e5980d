"""The two nets of a GAN in the plane, K of each side by side: a generator, and a discriminator that may see packs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.nets.noise_mlp import FourierFeatures
from engines.nets.stacked import StackedBatchNorm, StackedLinear

WAVE_PACE = 3.0  # standard deviation of the waves' frequencies, radians for each unit of the data's width
SLOPE = 0.2  # of the leaky rectifier, left of 0


class SpectralLinear(StackedLinear):
    """K linear layers whose largest singular value is 1: one step of power iteration at each training pass.

    Source:
        Miyato et al. 2018, Spectral normalization for GANs, algorithm 1, arXiv:1802.05957
    """

    def __init__(self, n_models: int, n_in: int, n_out: int, *, is_alike: bool = True) -> None:
        super().__init__(n_models, n_in, n_out, is_alike=is_alike)
        self.left: Tensor
        self.register_buffer("left", nn.functional.normalize(torch.randn(n_models, n_out, 1), dim=1))
        for _ in range(20):
            self._iterate()

    @torch.no_grad()
    def _iterate(self) -> None:
        right = nn.functional.normalize(self.weight @ self.left, dim=1)
        self.left.copy_(nn.functional.normalize(self.weight.mT @ right, dim=1))

    @property
    def norms(self) -> Tensor:
        """The largest singular values as power iteration knows them, shape (K, 1, 1)."""
        right = nn.functional.normalize((self.weight @ self.left).detach(), dim=1)
        return right.mT @ self.weight @ self.left.clone()

    def forward(self, x: Tensor) -> Tensor:
        """x of shape (K, B, n_in) -> (K, B, n_out)."""
        if self.training:
            self._iterate()
        return torch.baddbmm(self.bias, x.expand(len(self.weight), -1, -1), self.weight / self.norms)


class Generator(nn.Module):
    """K maps from noise to points: (K, B, Z) or (B, Z) -> (K, B, 2).

    Args:
        n_models: K.
        n_latents: Z.
        width: Units of a hidden layer.
        n_hidden: Hidden layers.
        is_normed: Whether every hidden layer's features are normalised over the batch.
    """

    def __init__(self, n_models: int, n_latents: int, width: int, n_hidden: int, *, is_normed: bool = False) -> None:
        super().__init__()
        self.body = _body(StackedLinear, n_models, [n_latents] + [width] * n_hidden, is_normed=is_normed)
        self.head = StackedLinear(n_models, width, 2, is_alike=False)

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.body(z))


class Discriminator(nn.Module):
    """K judges of packs of points: (K, P, 2 m) -> logits (K, P).

    Args:
        n_models: K.
        pack: m, points that are judged together (PacGAN).
        width: Units of a hidden layer.
        n_hidden: Hidden layers.
        is_spectral: Whether every layer has a largest singular value of 1.
        sees_spread: Whether each pack comes with how far the packs of its batch spread (minibatch standard deviation,
            Karras et al. 2018, section 3, arXiv:1710.10196). It is told at the input: at the last layer, as there, a
            slow discriminator of points does not find it.
        n_waves: Sines, and as many cosines, of the pack along random directions that it sees beside it; see
            `FourierFeatures`.
    """

    def __init__(
        self,
        n_models: int,
        pack: int,
        width: int,
        n_hidden: int,
        *,
        is_spectral: bool,
        sees_spread: bool,
        n_waves: int = 0,
    ) -> None:
        super().__init__()
        linear = SpectralLinear if is_spectral else StackedLinear
        self.sees_spread = sees_spread
        self.waves = FourierFeatures(2 * pack, n_waves, pace=WAVE_PACE) if n_waves else None
        n_in = (self.waves.n_features if self.waves else 2 * pack) + sees_spread
        self.body = _body(linear, n_models, [n_in] + [width] * n_hidden)
        self.head = linear(n_models, width, 1, is_alike=False)

    def forward(self, packs: Tensor, others: Tensor | None = None) -> Tensor:
        """See the class.

        Args:
            packs: Shape (K, P, 2 m).
            others: The batch whose spread is told, shape (K, Q, 2 m); None: the packs themselves.
        """
        seen = self.waves(packs) if self.waves else packs
        if self.sees_spread:
            spread = spread_of(packs if others is None else others)
            seen = torch.cat([seen, spread.expand(-1, seen.shape[1], -1)], dim=-1)
        return self.head(self.body(seen))[..., 0]


def spread_of(packs: Tensor) -> Tensor:
    """Mean over the numbers of a pack of their standard deviation in the batch: (K, P, F) -> (K, 1, 1)."""
    return (packs.var(1, correction=0) + 1e-8).sqrt().mean(-1)[:, None, None]


def _body(linear: type[StackedLinear], n_models: int, sizes: list[int], *, is_normed: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        norms = [StackedBatchNorm(n_models, n_out)] if is_normed else []
        layers += [linear(n_models, n_in, n_out, is_alike=False), *norms, nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers)
