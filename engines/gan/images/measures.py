"""How good, how varied and how new the pictures of a game are, and what its discriminator thinks of whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engines.batches import Measures, Split
from engines.datasets.faces import FACTORS as FACE_FACTORS
from engines.metrics.classifier import N_CLASSES, digit_classifier, knows, measure_digits
from engines.metrics.neighbours import coverage_of_truth, density_and_coverage, neighbour_ratio
from engines.metrics.stacked_modes import N_STACKED, knows_stacked, measure_stacked
from engines.tensors import make_rng

DRAWN, DRAWN_AT_END = 300, 1500
JUDGED = 128  # pictures of each kind that the discriminator is asked about
HELD_AGAINST = 500  # held-out pictures for density and coverage
STACKED_BETWEEN = 4000  # stacked digits drawn for the modes while it trains
CHUNK = 500
FACE = (3, 32, 32)
SMALL_EVENT = 1000  # of larger pictures fewer are drawn at the end


@dataclass(frozen=True)
class Game:
    """What is asked of a game: draw pictures, judge pictures, and of which kind they are."""

    sample: Callable[..., Tensor]
    discriminate: Callable[[Tensor], Tensor]
    event_shape: tuple[int, ...]
    levels: int
    classes: tuple[str, ...]

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """n pictures, a part at a time."""
        return torch.cat([self.sample(min(CHUNK, n - start), rng=rng) for start in range(0, n, CHUNK)])


def measure_game(game: Game, held_out: Split, seen: Split, *, is_last: bool, seed: int) -> Measures:
    """Measures of a generator and of its discriminator.

    Returns:
        logit_seen, logit_held_out, logit_fake: means of the discriminator's logits; that of seen pictures well above
        that of held-out ones: it has learned them by heart. neighbour_ratio: see `engines.metrics.neighbours`. For
        digits `measure_digits`, classes (share of each by the classifier) and class_kl in nats to the shares that it
        sees in the held-out digits; for stacked digits `measure_stacked`; else density and coverage of pixels, and
        coverage_of_truth, which true pictures would reach; for faces `sky_shares`.
    """
    rng = make_rng(seed, held_out.x.device)
    is_small = len(held_out.x[0].flatten()) <= SMALL_EVENT
    drawn = game.draw(DRAWN_AT_END if is_last and is_small else DRAWN, rng)
    measures: dict[str, Any] = {
        "logit_seen": float(game.discriminate(seen.x[:JUDGED]).mean()),
        "logit_held_out": float(game.discriminate(held_out.x[:JUDGED]).mean()),
        "logit_fake": float(game.discriminate(drawn[:JUDGED]).mean()),
        "neighbour_ratio": neighbour_ratio(drawn[:DRAWN], seen.x, held_out.x[:HELD_AGAINST]),
    }
    if knows(game.event_shape, game.levels, game.classes):
        return measures | measure_digits(drawn, held_out.x) | class_shares(drawn, held_out.x)
    if knows_stacked(game.event_shape, game.levels):
        return measures | measure_stacked(game.draw(N_STACKED if is_last else STACKED_BETWEEN, rng))
    if knows_faces(held_out):
        measures |= sky_shares(drawn, held_out)
    real = held_out.x[:HELD_AGAINST].flatten(1)
    density, coverage = density_and_coverage(drawn.flatten(1), real)
    return measures | {
        "density": density,
        "coverage": coverage,
        "coverage_of_truth": coverage_of_truth(len(drawn), len(real)),
    }


def knows_faces(part: Split) -> bool:
    """Whether these are our cartoon faces, whose sky tells day from night."""
    return part.factors is not None and part.factors.shape[1] == len(FACE_FACTORS) and part.x.shape[1:] == FACE


def sky_shares(drawn: Tensor, held_out: Split) -> dict[str, Any]:
    """Share of days and of nights, told by the brightness of a corner of the sky, which parts all true faces exactly.

    Returns:
        classes: two shares; class_kl: as of `class_shares`.
    """
    assert held_out.factors is not None  # noqa: S101  (faces have factors)
    is_night = held_out.factors[:, -1] == 1
    bright = _sky(held_out.x)
    middle = (bright[is_night].max() + bright[~is_night].min()) / 2
    return _shares((_sky(drawn) < middle).long(), is_night.long(), 2)


def _sky(x: Tensor) -> Tensor:
    """Mean brightness below the stars, left of any head: (B,)."""
    return x[:, :, 8:12, :3].mean((1, 2, 3))


def _shares(drawn: Tensor, real: Tensor, n: int) -> dict[str, Any]:
    """Shares of n classes among samples, and their reverse KL in nats to those among real pictures."""
    mine, true = (torch.bincount(found, minlength=n).double() / len(found) for found in (drawn, real))
    kl = torch.xlogy(mine, mine / true.clamp_min(1e-6)).sum()
    return {"classes": [round(float(share), 4) for share in mine], "class_kl": float(kl)}


def class_shares(drawn: Tensor, real: Tensor) -> dict[str, Any]:
    """Share of each class by the classifier of digits, and its reverse KL.

    Args:
        drawn: Samples, shape (N, 1, H, W).
        real: Held-out digits, shape (M, 1, H, W).

    Returns:
        classes: ten shares; class_kl: sum q log(q / p) in nats with q of the samples and p of the real digits; log 10 =
        2.3 for one class alone.
    """
    classifier = digit_classifier(tuple(drawn.shape[1:])).to(drawn.device)
    return _shares(classifier(drawn).argmax(1), classifier(real).argmax(1), N_CLASSES)
