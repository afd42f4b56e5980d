"""The game of CycleGAN, whatever is translated: two translators, two judges, and the way there and back.

Source:
    Zhu, Park, Isola, Efros 2017, Unpaired image-to-image translation using cycle-consistent adversarial networks,
    arXiv:1703.10593
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from engines.gan.losses import LOSSES
from engines.model_spec import Phase

BETAS = (0.5, 0.999)


class ImagePool:
    """Fakes of earlier steps: half of what a discriminator sees is drawn from them, so that it forgets no old trick.

    Args:
        size: How many are remembered; 0: none, and fakes pass unchanged.

    Source:
        Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; Zhu et al. 2017, section 4
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: Tensor | None = None

    def exchange(self, fakes: Tensor, rng: torch.Generator) -> Tensor:
        """The fakes, each with even odds changed for an older one, whose place it then takes.

        Args:
            fakes: Shape (B, *event).
            rng: Random source on their device.
        """
        if not self.size:
            return fakes
        if self.kept is None or len(self.kept) < self.size:
            self.kept = fakes if self.kept is None else torch.cat([self.kept, fakes])[: self.size]
            return fakes
        n = min(len(fakes), self.size)
        places = torch.randperm(self.size, generator=rng, device=rng.device)[:n]
        is_old = torch.rand(n, generator=rng, device=rng.device) < 0.5
        shown, kept = fakes.clone(), self.kept.clone()
        shown[:n][is_old] = self.kept[places[is_old]]
        kept[places[is_old]] = fakes[:n][is_old]
        self.kept = kept
        return shown


class CycleGame(nn.Module):
    """G: A -> B and F: B -> A against a judge of each domain, held together by the way there and back.

        loss of G and F = game(D_B, G) + game(D_A, F) + λ (|F(G(a)) - a| + |G(F(b)) - b|) + ι (|G(b) - b| + |F(a) - a|)

    A member of the family builds the nets, which work on the scale inside, and says where batches come from (`_draw`).

    Args:
        to_b, to_a: The translators G and F.
        judge_a, judge_b: Discriminators; any number of logits for each example.
        loss: Key of LOSSES.
        cycle: λ.
        identity: ι.
        history: Fakes that each judge remembers.

    Source:
        Zhu et al. 2017, eq. 1 to 4, arXiv:1703.10593
    """

    def __init__(
        self,
        *,
        to_b: nn.Module,
        to_a: nn.Module,
        judge_a: nn.Module,
        judge_b: nn.Module,
        loss: str,
        cycle: float,
        identity: float,
        history: int,
    ) -> None:
        super().__init__()
        self.to_b, self.to_a, self.judge_a, self.judge_b = to_b, to_a, judge_a, judge_b
        self.rules, self.cycle, self.identity = LOSSES[loss], cycle, identity
        self._old_a, self._old_b = ImagePool(history), ImagePool(history)

    def phases(self) -> tuple[Phase, ...]:
        """Both translators together, then both judges."""
        translators = (*self.to_b.parameters(), *self.to_a.parameters())
        judges = (*self.judge_a.parameters(), *self.judge_b.parameters())
        return (
            Phase("generator", translators, self.generator_loss, betas=BETAS),
            Phase("discriminator", judges, self.discriminator_loss, betas=BETAS),
        )

    def generator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """What both translators minimise.

        Returns:
            loss; game: both adversarial parts; cycle: mean |there and back|, both ways, on the scale inside.
        """
        a, b = self._draw(batch, rng)
        with _constant(self.judge_a), _constant(self.judge_b):
            fake_b, fake_a = self.to_b(a), self.to_a(b)
            game = self._fool(self.judge_b, b, fake_b) + self._fool(self.judge_a, a, fake_a)
        cycle = (self.to_a(fake_b) - a).abs().mean() + (self.to_b(fake_a) - b).abs().mean()
        loss = game + self.cycle * cycle
        if self.identity:
            loss = loss + self.identity * ((self.to_b(b) - b).abs().mean() + (self.to_a(a) - a).abs().mean())
        return {"loss": loss, "game": game, "cycle": cycle}

    def discriminator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """What both judges minimise, each on its real examples and on fakes with a history."""
        a, b = self._draw(batch, rng)
        with torch.no_grad():
            fake_b, fake_a = self.to_b(a), self.to_a(b)
        parts = (
            self.rules.discriminator(
                self.judge_b(b).flatten(), self.judge_b(self._old_b.exchange(fake_b, rng)).flatten()
            ),
            self.rules.discriminator(
                self.judge_a(a).flatten(), self.judge_a(self._old_a.exchange(fake_a, rng)).flatten()
            ),
        )
        return {"loss": parts[0] + parts[1], "of_b": parts[0], "of_a": parts[1]}

    def _fool(self, judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        """The adversarial part of a translator; only one game looks at real examples here."""
        made = judge(fake).flatten()
        seen = judge(real).flatten() if self.rules.key == "relativistic" else made.detach()
        return self.rules.generator(seen, made)

    def _draw(self, batch: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Examples of A and of B on the scale inside: drawn apart from each other, never in pairs."""
        raise NotImplementedError


@contextmanager
def _constant(net: nn.Module) -> Iterator[None]:
    """Within, a net's weights are constants: nobody pays for slopes that no one uses."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)
