"""What every game about pictures shares: the scale of pixels, a step of each player, and what is shown and measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from engines.batches import Measures, Split
from engines.errors import ShapeError
from engines.gan.images.measures import Game, measure_game
from engines.gan.losses import LOSSES, AdversarialLoss
from engines.gan.penalties import around, between, one_centred, zero_centred
from engines.model_spec import Phase
from engines.nets.averaged import Averaged
from engines.nets.picture_nets import MinibatchStd
from engines.noise import normal_rows
from engines.tensors import make_rng, to_numpy

PENALISED = 8  # pictures of a batch on which a penalty is estimated: it costs as much as two steps
MOST_SHOWN, FEWEST_SHOWN = 48, 6
SHOWN_SEED = 1234
PENALTIES = ("none", "r1", "r1_r2", "gradient_penalty", "dragan")


class PictureGame(nn.Module):
    """A generator of pictures against a discriminator of them.

    A family member builds its nets and says how the trained generator makes pictures (`_make`), how the averaged one
    does (`decode`), and what the discriminator says of pictures on the scale -1 ... 1 (`_judge`).

    Args:
        event_shape: C, H, W.
        levels: Values of a pixel.
        n_latents: Z.
        classes: Names of the classes of the set; empty without.
        loss: Key of LOSSES.
        penalty: One of PENALTIES, on the slopes of the discriminator.
        penalty_weight: Its weight.
        pack: Pictures that the discriminator sees at once.
    """

    averaged: Averaged
    discriminator: nn.Module
    shown_values = 20_000  # of all pictures that a snapshot holds together

    def __init__(
        self,
        event_shape: tuple[int, ...],
        levels: int,
        *,
        n_latents: int,
        classes: tuple[str, ...],
        loss: str,
        penalty: str,
        penalty_weight: float,
        pack: int = 1,
    ) -> None:
        super().__init__()
        self.event_shape, self.levels, self.n_latents, self.classes = event_shape, levels, n_latents, classes
        self.rules: AdversarialLoss = LOSSES[loss]
        self.penalty, self.penalty_weight, self.pack = penalty, penalty_weight, pack

    # ---- what it can do ----

    def decode(self, z: Tensor) -> Tensor:
        """Pictures of latents by the running mean of the generator.

        Args:
            z: Latents, shape (B, Z).

        Returns:
            Shape (B, C, H, W), brightness 0 ... levels - 1, not rounded.
        """
        return self.from_scale(self.averaged(self._checked(z)))

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw pictures.

        Args:
            n: How many.
            rng: Random source.
            temperature: Factor on the standard deviation of the latents.

        Returns:
            Shape (n, C, H, W), whole numbers 0 ... levels - 1.
        """
        with torch.no_grad():
            return self.to_pixels(self.decode(self.latent_rows(n, rng) * temperature))

    def discriminate(self, x: Tensor) -> Tensor:
        """The discriminator's logits of "real", shape (B,).

        With packing, pictures are judged in packs in their order, and each gets the logit of its pack.

        Args:
            x: Pictures, shape (B, C, H, W), 0 ... levels - 1.

        Raises:
            ShapeError: If they have another shape.
        """
        if tuple(x.shape[1:]) != self.event_shape:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")
        if not len(x):
            return torch.zeros(0, device=x.device)
        filled = torch.cat([x, x[: -len(x) % self.pack]]) if len(x) % self.pack else x
        filled = filled.repeat(-(-self.pack // len(filled)), 1, 1, 1)[: max(len(filled), self.pack)]
        return self._judge(self._packed(self._shrunk(self.to_scale(filled)))).repeat_interleave(self.pack)[: len(x)]

    def opinions(self, x: Tensor, company: Tensor) -> Tensor:
        """The discriminator's logit of each picture for itself, shape (B,), not of those that happen to be beside it.

        A discriminator that judges packs, or sees how much a batch differs, needs others: it gets the same each time.

        Args:
            x: Pictures, shape (B, C, H, W), 0 ... levels - 1.
            company: Other pictures, at least pack - 1 of them.
        """
        if self.pack > 1:
            others = company[: self.pack - 1].expand(len(x), self.pack - 1, *self.event_shape)
            x = torch.cat([x[:, None], others], 1).flatten(0, 1)
            return self.discriminate(x)[:: self.pack]
        return self.discriminate(torch.cat([x, company]) if self.sees_batch else x)[: len(x)]

    @property
    def n_shown(self) -> int:
        """How many pictures a snapshot shows."""
        return max(FEWEST_SHOWN, min(MOST_SHOWN, self.shown_values // math.prod(self.event_shape)))

    @property
    def sees_batch(self) -> bool:
        """Whether the discriminator is told how much the pictures of a batch differ."""
        return any(isinstance(part, MinibatchStd) for part in self.discriminator.modules())

    def draw_latents(self, n: int, rng: torch.Generator) -> Tensor:
        """Standard-normal latents of a batch in training, and of the pictures that a snapshot shows: shape (n, Z)."""
        return torch.randn(n, self.n_latents, generator=rng, device=rng.device)

    def latent_rows(self, n: int, rng: torch.Generator) -> Tensor:
        """Standard-normal latents by rows, for samples: shape (n, Z), on the model's device."""
        return normal_rows(n, self.n_latents, rng=rng, like=next(self.parameters()))

    def to_scale(self, pixels: Tensor) -> Tensor:
        """Pixels 0 ... levels - 1, in the middle of their bins, on the scale -1 ... 1."""
        return (pixels + 0.5) * (2 / self.levels) - 1

    def from_scale(self, x: Tensor) -> Tensor:
        """Brightness 0 ... levels - 1 of the scale -1 ... 1, not rounded: the other way round."""
        return ((x + 1) * (self.levels / 2) - 0.5).clamp(0, self.levels - 1)

    def to_pixels(self, brightness: Tensor) -> Tensor:
        """Whole numbers 0 ... levels - 1."""
        return brightness.round()

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """Discriminator first, then generator, whose running mean follows."""
        generator = tuple(self.averaged.net.parameters())
        return (
            Phase("discriminator", tuple(self.discriminator.parameters()), self._discriminator_loss, **self._pace()),
            Phase("generator", generator, self._generator_loss, **self._generator_pace(), after=self.averaged.follow),
        )

    def observe(self, probe: object) -> dict[str, np.ndarray]:
        """What fixed latents become: samples (M, C, H, W) uint8; the discriminator's opinion of each: logits (M,)."""
        n = self.n_shown
        with torch.inference_mode():
            device = next(self.parameters()).device
            x = self.decode(self.draw_latents(n, make_rng(SHOWN_SEED)).to(device))
            return {"samples": to_bytes(x, self.levels), "logits": to_numpy(self.discriminate(x.round()))}

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """How good, how varied and how new samples are, and what the discriminator thinks: see `measure_game`."""
        game = Game(self.sample, self.discriminate, self.event_shape, self.levels, self.classes)
        return measure_game(game, held_out, seen, is_last=is_last, seed=SHOWN_SEED)

    # ---- what a member of the family says ----

    def _pace(self) -> dict:
        """Fields of the discriminator's phase."""
        return {}

    def _generator_pace(self) -> dict:
        """Fields of the generator's phase."""
        return {}

    def _make(self, n: int, rng: torch.Generator) -> Tensor:
        """Pictures by the generator that is trained, on the scale -1 ... 1."""
        return self.averaged.net(self.draw_latents(n, rng))

    def _shrunk(self, x: Tensor) -> Tensor:
        """Pictures as the discriminator sees them: smaller ones while a game grows."""
        return x

    def _judge(self, x: Tensor) -> Tensor:
        """Logits of packs (B / pack, pack C, H, W) on the scale -1 ... 1."""
        return self.discriminator(x)

    # ---- inside ----

    def _discriminator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        real = self._packed(self._dequantized(batch, rng))
        with torch.no_grad():
            fake = self._packed(self._make(len(real) * self.pack, rng))
        real_logits, fake_logits = self._judge(real), self._judge(fake)
        loss = self.rules.discriminator(real_logits, fake_logits)
        named = {"real": real_logits.mean(), "fake": fake_logits.mean()}
        if self.penalty != "none" and self.penalty_weight:
            named["penalty"] = self._penalty(real[:PENALISED], fake[:PENALISED], rng)
            loss = loss + self.penalty_weight * named["penalty"]
        return {"loss": loss} | named

    def _generator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        n = len(batch) // self.pack * self.pack
        with constant(self.discriminator):
            fake = self._judge(self._packed(self._make(n, rng)))
            compares = self.rules.key == "relativistic"  # the only game whose generator looks at real pictures
            real = self._judge(self._packed(self._dequantized(batch, rng))) if compares else fake.detach()
        return {"loss": self.rules.generator(real, fake)}

    def _penalty(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """The penalty on at most PENALISED packs: an estimate of that on all, without bias."""
        penalties: dict[str, Callable[[], Tensor]] = {
            "r1": lambda: zero_centred(self._judge, real),
            "r1_r2": lambda: zero_centred(self._judge, real) + zero_centred(self._judge, fake),
            "gradient_penalty": lambda: one_centred(self._judge, between(real, fake, rng)),
            "dragan": lambda: one_centred(self._judge, around(real, rng)),
        }
        return penalties[self.penalty]()

    def _dequantized(self, pixels: Tensor, rng: torch.Generator) -> Tensor:
        """Pixels spread evenly over their bins, so that no discriminator can tell whole numbers from others."""
        spread = pixels + torch.rand(pixels.shape, generator=rng, device=pixels.device) - 0.5
        return self._shrunk(self.to_scale(spread))

    def _packed(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) in packs (B / pack, pack C, H, W); what fills no pack is left out.

        Source:
            Lin et al. 2018, PacGAN, arXiv:1712.04086
        """
        if self.pack == 1:
            return x
        n = len(x) // self.pack
        return x[: n * self.pack].reshape(n, self.pack * x.shape[1], *x.shape[2:])

    def _checked(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.n_latents:
            raise ShapeError(f"Expected z of shape (B, {self.n_latents}), got {tuple(z.shape)}.")
        return z


@contextmanager
def constant(net: nn.Module) -> Iterator[None]:
    """Within, a net's weights are constants: nobody pays for gradients that no one uses."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def to_bytes(brightness: Tensor, levels: int) -> np.ndarray:
    """Brightness 0 ... levels - 1 as bytes 0 ... 255."""
    return to_numpy((brightness * (255 / (levels - 1))).round().clamp(0, 255).to(torch.uint8))
