"""A style-based GAN in small: latents become styles that paint a learned constant at every resolution; it grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.batches import Measures, Split
from engines.gan.images.base import SHOWN_SEED, PictureGame, to_bytes
from engines.nets.averaged import Averaged
from engines.nets.picture_nets import to_ladder
from engines.nets.style_nets import CONVOLUTIONS, StyleDiscriminator, StyleGenerator, doubled, halved
from engines.noise import normal_rows
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy

GROWN_BY = 0.5  # share of the training after which all resolutions are in
BETAS = (0.0, 0.99)
N_STYLES = 64
N_FOR_MIDDLE = 2000  # latents whose styles make the middle


@dataclass(frozen=True)
class StyleGanSettings(Settings):
    """Size of the two nets, and what is special in their training."""

    n_latents: int = setting(32, "Latents", "Numbers from which the styles are made.", low=2, high=64, step=1)
    depth: int = setting(3, "Mapping layers", "Layers between latents and styles.", low=1, high=8, step=1)
    width: int = setting(
        12,
        "Width",
        "Features of each place at the finest resolution; four times as many at the coarsest.",
        low=4,
        high=32,
        step=4,
    )
    mixing: float = setting(
        0.5,
        "Style mixing",
        "Share of the training pictures whose fine styles come from other latents than the coarse ones: each "
        "resolution learns not to rely on its neighbours.",
        low=0.0,
        high=1.0,
        step=0.1,
    )
    r1: float = setting(
        0.8,
        "R1 penalty γ",
        "Weight γ of the penalty on the discriminator's slope at real pictures.",
        low=0.0,
        high=10.0,
        step=0.05,
    )
    averaging: float = setting(
        0.998,
        "Generator EMA",
        "Share that the running mean of the generator's weights keeps at each step; 0: the last weights are used.",
        low=0.0,
        high=0.9999,
        step=0.001,
    )
    grows: bool = setting(
        False,
        "Progressive growing",
        "Begin at 4 by 4 pixels and let each finer resolution fade in during the first half.",
    )


class StyleGan(PictureGame):
    """Noise is bent into styles w; each convolution of the generator takes its style from w, and noise for the details.

    Args:
        event_shape: C, H, W.
        levels: Values of a pixel.
        settings: See `StyleGanSettings`.
        classes: Names of the classes of the set; empty without.

    Source:
        Karras, Laine, Aila 2019, A style-based generator architecture for GANs, arXiv:1812.04948; modulation and skips
        of Karras et al. 2020, arXiv:1912.04958; growth of Karras et al. 2018, arXiv:1710.10196
    """

    shown_values = 32_000  # more than of others: early pictures are small

    def __init__(
        self, event_shape: tuple[int, ...], levels: int, settings: StyleGanSettings, *, classes: tuple[str, ...]
    ) -> None:
        super().__init__(
            event_shape,
            levels,
            n_latents=settings.n_latents,
            classes=classes,
            loss="non_saturating",
            penalty="r1",
            penalty_weight=settings.r1,
        )
        self.settings = settings
        net = StyleGenerator(
            event_shape,
            n_latents=settings.n_latents,
            n_styles=N_STYLES,
            depth=settings.depth,
            width=settings.width,
        )
        self.ladder, self.n_levels, self.n_layers = net.ladder, net.n_levels, net.n_layers
        self.averaged = Averaged(net, settings.averaging)
        self.discriminator = StyleDiscriminator(event_shape, width=settings.width)
        start = 0.0 if settings.grows else float(self.ladder.n_doublings)
        self.growth: Tensor
        self.register_buffer("growth", torch.tensor(start))

    # ---- what it can do ----

    @property
    def grown(self) -> float:
        """Doublings that are in; the fraction is how far the next has faded in."""
        return float(self.growth)

    def styles(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """The style of every convolution: w' = m + t (w - m), m the mean of w.

        Args:
            z: Latents, shape (B, Z).
            truncation: t: 1 leaves w, 0 gives the mean for all.

        Returns:
            Shape (B, n_layers, W).

        Source:
            Karras et al. 2019, appendix B, arXiv:1812.04948
        """
        w = self.averaged.mean.get_submodule("mapping")(self._checked(z))
        middle = self.middle_style()
        return (middle + truncation * (w - middle))[:, None].expand(-1, self.n_layers, -1)

    def middle_style(self) -> Tensor:
        """The mean of w over 2,000 fixed latents, shape (W,): of the weights as they are, so that no buffer lags."""
        z = torch.randn(N_FOR_MIDDLE, self.n_latents, generator=make_rng(SHOWN_SEED)).to(self.growth.device)
        return self.averaged.mean.get_submodule("mapping")(z).mean(0)

    def paint(self, styles: Tensor, noises: Sequence[Tensor | None] | None = None) -> Tensor:
        """Pictures of styles.

        Args:
            styles: Shape (B, n_layers, W).
            noises: For each convolution, (B, 1, h, w) or None for silence; None: all silent.

        Returns:
            Shape (B, C, H, W), brightness 0 ... levels - 1; what has not grown yet is doubled up to its size.
        """
        return self.from_scale(self._full(self.averaged(styles, self.grown, noises)))

    def decode(self, z: Tensor) -> Tensor:
        """Pictures of latents without noise in the details; see `PictureGame.decode`."""
        return self.paint(self.styles(z))

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw pictures with fresh noise in the details.

        Args:
            n: How many.
            rng: Random source on the model's device.
            temperature: Factor on the distance of the styles from their mean: the truncation ψ.

        Returns:
            Shape (n, C, H, W), whole numbers 0 ... levels - 1.
        """
        with torch.no_grad():
            styles = self.styles(self.latent_rows(n, rng), temperature)
            return self.to_pixels(self.paint(styles, self.noise_rows(n, rng)))

    def draw_noises(self, n: int, rng: torch.Generator) -> list[Tensor]:
        """Fresh noise for each convolution that is in, (n, 1, h, w)."""
        return self._trained.draw_noises(n, self.grown, rng)

    def noise_rows(self, n: int, rng: torch.Generator) -> list[Tensor]:
        """The same by rows, for samples, on the model's device."""
        levels = [level for level in range(math.ceil(self.grown) + 1) for _ in range(CONVOLUTIONS)]
        sides = (self._trained.sides(level) for level in levels)
        return [normal_rows(n, 1, *side, rng=rng, like=self.growth.float()) for side in sides]

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Grow, where it is told to."""
        if self.settings.grows:
            self.growth.fill_(grown_at(share, self.ladder.n_doublings))

    def observe(self, probe: object) -> dict[str, np.ndarray]:
        """What fixed latents become, as large as it has grown: samples (M, C, h, w) uint8, and logits (M,)."""
        n, device = self.n_shown, self.growth.device
        with torch.inference_mode():
            rng = make_rng(SHOWN_SEED)
            z = self.draw_latents(n, rng).to(device)
            noises = [noise.to(device) for noise in self.draw_noises(n, rng)]
            x = self.averaged(self.styles(z), self.grown, noises)
            logits = self._judge(x)
            is_full = math.ceil(self.grown) == self.ladder.n_doublings
            x = self._full(x) if is_full else x
            return {"samples": to_bytes(self.from_scale(x), self.levels), "logits": to_numpy(logits)}

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """See `PictureGame.measure`; and grown: how many doublings are in."""
        return {**super().measure(held_out, seen, is_last=is_last), "grown": round(self.grown, 4)}

    # ---- inside ----

    @property
    def _trained(self) -> StyleGenerator:
        net = self.averaged.net
        assert isinstance(net, StyleGenerator)  # noqa: S101  (for the type checker)
        return net

    def _pace(self) -> dict[str, Any]:
        return {"betas": BETAS}

    def _generator_pace(self) -> dict[str, Any]:
        return {"betas": BETAS}

    def _make(self, n: int, rng: torch.Generator) -> Tensor:
        """Pictures by the trained weights, of two latents each where styles are mixed."""
        first, second = (self._trained.mapping(self.draw_latents(n, rng)) for _ in range(2))
        n_in = CONVOLUTIONS * (math.ceil(self.grown) + 1)
        crossover = torch.randint(1, n_in, (n,), generator=rng, device=rng.device)
        is_mixed = torch.rand(n, generator=rng, device=rng.device) < self.settings.mixing
        styles = mix_styles(first, second, crossover.where(is_mixed, self.n_layers), self.n_layers)
        return self._trained(styles, self.grown, self.draw_noises(n, rng))

    def _judge(self, x: Tensor) -> Tensor:
        return self.discriminator(x, self.grown)

    def _shrunk(self, x: Tensor) -> Tensor:
        """Pictures as small as the game has grown; a resolution that fades in is blurred as it is in the generator."""
        x, top = to_ladder(x, self.ladder), math.ceil(self.grown)
        for _ in range(self.ladder.n_doublings - top):
            x = halved(x)
        alpha = self.grown - top + 1
        return x if alpha >= 1 or top == 0 else torch.lerp(doubled(halved(x)), x, alpha)

    def _full(self, x: Tensor) -> Tensor:
        """Pictures doubled to full size and cut to their event."""
        x = F.interpolate(x, scale_factor=2 ** (self.ladder.n_doublings - math.ceil(self.grown)), mode="nearest")
        return x[:, :, : self.event_shape[1], : self.event_shape[2]]


def mix_styles(first: Tensor, second: Tensor, crossover: Tensor, n_layers: int) -> Tensor:
    """The first style for layers before the crossover, the second from there on.

    Args:
        first: w of the coarse layers, shape (B, W).
        second: w of the fine layers, shape (B, W).
        crossover: For each picture, 0 (all second) to n_layers (all first), shape (B,).
        n_layers: How many layers.

    Returns:
        Shape (B, n_layers, W).
    """
    is_first = torch.arange(n_layers, device=first.device) < crossover[:, None]
    return torch.where(is_first[..., None], first[:, None], second[:, None])


def grown_at(share: float, n_doublings: int) -> float:
    """Doublings that are in when this share of the training is done: each rests, then the next fades in.

    Source:
        Karras et al. 2018, Progressive growing of GANs, section 2 and figure 2, arXiv:1710.10196
    """
    at = share / GROWN_BY * n_doublings
    if at >= n_doublings:
        return float(n_doublings)
    return math.floor(at) + max(0.0, 2 * (at - math.floor(at)) - 1)
