"""CycleGAN on two sets of faces that differ in one factor: translated without ever seeing a pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.batches import Measures, Split
from engines.datasets.base import Examples
from engines.errors import ShapeError
from engines.gan.cyclegan.base import CycleGame
from engines.gan.cyclegan.tasks import TASKS, column_of, counterparts, rows_of
from engines.gan.losses import LOSSES
from engines.model_spec import ModelSpec
from engines.nets.cycle_nets import PatchDiscriminator, ResidualTranslator
from engines.plan import Plan
from engines.settings import Settings, setting
from engines.tensors import to_numpy

N_MEASURED, N_MEASURED_AT_END = 60, 300  # pictures of each domain
TOUCHED = 8  # levels by which a pixel must differ to belong to the region of a change
N_SHOWN = 1  # pictures of each domain in a snapshot


@dataclass(frozen=True)
class PictureCycleSettings(Settings):
    """Which two domains, the game, what holds it together, and the size of the nets."""

    task: str = setting("sky", "Domains", "Which factor of the faces tells A from B.", choices=tuple(TASKS))
    loss: str = setting("least_squares", "Loss", "What translators and judges minimise.", choices=tuple(LOSSES))
    cycle: float = setting(
        1.0,
        "Cycle-consistency weight λ",
        "Weight of the way there and back. 0: nothing holds a picture to its original. With the paper's 10 these nets, "
        "which begin by changing nothing, never leave it.",
        low=0.0,
        high=50.0,
        step=0.5,
    )
    identity: float = setting(
        0.0,
        "Identity loss weight ι",
        "Weight of leaving alone what is already of the domain.",
        low=0.0,
        high=25.0,
        step=0.5,
    )
    history: int = setting(
        50, "Image buffer", "Earlier fakes that each judge remembers; 0: none.", low=0, high=500, step=10
    )
    n_pictures: int = setting(
        4,
        "Pictures a step",
        "Of each domain. The paper takes 1; the plan's batch size does not count here.",
        low=1,
        high=16,
        step=1,
    )
    width: int = setting(24, "Width", "Features of a place of 2 by 2 pixels.", low=8, high=64, step=8)
    n_blocks: int = setting(2, "Blocks", "Residual blocks of a translator.", low=1, high=6, step=1)


class PictureCycle(CycleGame):
    """Two translators of pictures and two judges of patches.

    Args:
        settings: See `PictureCycleSettings`.
        examples: Faces, whose factors split them into the domains.

    Raises:
        DataError: If the factor of the task is not known of these pictures.
    """

    def __init__(self, settings: PictureCycleSettings, examples: Examples) -> None:
        task = TASKS[settings.task]
        self.column = column_of(examples, task)
        channels = examples.event_shape[0]
        super().__init__(
            to_b=ResidualTranslator(channels, settings.width, settings.n_blocks),
            to_a=ResidualTranslator(channels, settings.width, settings.n_blocks),
            judge_a=PatchDiscriminator(channels, settings.width),
            judge_b=PatchDiscriminator(channels, settings.width),
            loss=settings.loss,
            cycle=settings.cycle,
            identity=settings.identity,
            history=settings.history,
        )
        self.event_shape, self.levels, self.task = examples.event_shape, examples.levels, task
        self._n = settings.n_pictures
        self._train, factors = examples.train, examples.train_factors
        self._test, self._test_factors = examples.test, examples.test_factors
        assert factors is not None  # noqa: S101
        self._rows = [rows_of(factors, self.column, value) for value in task.values]

    # ---- what it can do ----

    def translate(self, x: Tensor, *, backwards: bool = False) -> Tensor:
        """Pictures of A as pictures of B; backwards: of B as of A.

        Args:
            x: Shape (B, C, H, W), 0 ... levels - 1.
            backwards: Which way.

        Returns:
            The same shape, brightness 0 ... levels - 1, not rounded.

        Raises:
            ShapeError: If they have another shape.
        """
        if tuple(x.shape[1:]) != self.event_shape:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")
        return self._from_scale((self.to_a if backwards else self.to_b)(self._to_scale(x)))

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Pictures of A drawn from the training set and translated, (n, C, H, W); a translator makes none of noise.

        The temperature has nothing to scale.
        """
        with torch.no_grad():
            return self.translate(self._pictures(0, n, rng)).round()

    def discriminate(self, x: Tensor) -> Tensor:
        """Logits of "a real picture of B", the mean over patches, shape (B,)."""
        return self.judge_b(self._to_scale(x)).flatten(1).mean(1)

    def observe(self, probe: Any) -> dict[str, np.ndarray]:
        """Samples: the first held-out picture of A translated, then that of B, bytes (2, C, H, W)."""
        with torch.inference_mode():
            parts = [self.translate(self.held_out(which, N_SHOWN)[0], backwards=which == 1) for which in (0, 1)]
        return {"samples": to_numpy((torch.cat(parts) * (255 / (self.levels - 1))).round().to(torch.uint8))}

    def held_out(self, which: int, n: int) -> tuple[Tensor, Tensor]:
        """The first n held-out pictures of domain A (0) or B (1) and their true counterparts, floats, on the device."""
        assert self._test_factors is not None  # noqa: S101
        rows = rows_of(self._test_factors, self.column, self.task.values[which])[:n]
        truth = counterparts(self._test_factors[rows], self.column, self.task.values[1 - which])
        device = next(self.parameters()).device
        return self._test[rows].float().to(device), truth.to(device)

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """Both ways against the true counterparts: see `translation_measures`."""
        n, found = N_MEASURED_AT_END if is_last else N_MEASURED, {}
        for which, way in ((0, "to_b"), (1, "to_a")):
            x, truth = self.held_out(which, n)
            made = self.translate(x, backwards=which == 1)
            back = self.translate(made, backwards=which == 0)
            found |= {f"{name}_{way}": value for name, value in translation_measures(x, made, back, truth).items()}
        return found

    # ---- inside ----

    def _draw(self, batch: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some pictures of each domain, told apart by the known factor; the batch mixes both and is not used."""
        a, b = (self._pictures(which, self._n, rng) for which in (0, 1))
        return self._to_scale(a), self._to_scale(b)

    def _pictures(self, which: int, n: int, rng: torch.Generator) -> Tensor:
        rows = self._rows[which]
        places = torch.randint(len(rows), (n,), generator=rng, device=rng.device).cpu()
        return self._train[rows[places]].float().to(rng.device)

    def _to_scale(self, pixels: Tensor) -> Tensor:
        return pixels * (2 / (self.levels - 1)) - 1

    def _from_scale(self, x: Tensor) -> Tensor:
        return ((x + 1) * ((self.levels - 1) / 2)).clamp(0, self.levels - 1)


def translation_measures(x: Tensor, made: Tensor, back: Tensor, truth: Tensor) -> dict[str, float]:
    """How a translation stands against the true counterpart.

    Args:
        x: Originals, shape (N, C, H, W), 0 ... 255.
        made: The same translated.
        back: There and back.
        truth: True counterparts.

    Returns:
        gained: share of the needed change that was made, 1 - |made - truth| / |x - truth|; below 0: worse than leaving
        the picture as it was. arrived: share of pictures that are nearer to the counterpart than to the original.
        beside: mean change in levels of pixels that should have stayed as they were. cycle: mean |back - x| in levels.
    """
    region = ((truth - x).abs().amax(1, keepdim=True) > TOUCHED).float()
    outside = (1 - region).expand_as(x)
    to_truth, to_self, needed = (
        (one - two).abs().flatten(1).mean(1) for one, two in ((made, truth), (made, x), (x, truth))
    )
    return {
        "gained": float(1 - to_truth.sum() / needed.sum()),
        "arrived": float((to_truth < to_self).float().mean()),
        "beside": float(((made - x).abs() * outside).sum() / outside.sum().clamp_min(1)),
        "cycle": float((back - x).abs().mean()),
    }


# A small thing: all else has to be left alone, and a judge that sees more pictures at a time errs less beside it.
GLASSES = PictureCycleSettings(task="glasses", cycle=2.0, identity=2.0, n_pictures=12)

PICTURE_CYCLE = ModelSpec(
    key="picture_cycle",
    family="gan",
    title="CycleGAN (images)",
    idea="Two translators learn to turn one kind of picture into another from two heaps of pictures without any pair.",
    settings=PictureCycleSettings,
    build=PictureCycle,
    presets={
        "glasses": GLASSES,
        "hair": PictureCycleSettings(task="hair"),
        "tilt": PictureCycleSettings(task="tilt"),
        "no cycle": PictureCycleSettings(cycle=0.0),
    },
    paper="Zhu, Park, Isola, Efros 2017, arXiv:1703.10593",
    absent={
        "log_prob": "A translator makes pictures and has no density to be asked.",
        "log_prob_bound": "The game has no bound on a likelihood; its loss measures the players, not the data.",
        "log_prob_estimate": "Nothing that it learns would estimate a density of pictures.",
        "encode": "A picture becomes a picture of the other domain, not a latent.",
        "decode": "There is no latent: what is translated is a picture.",
        "to_latent": "There is no latent, and the way back is learned, not exact.",
        "to_data": "There is no latent: what is translated is a picture.",
        "layers_to_latent": "There is no latent to be reached layer by layer.",
        "score": "The judges' slopes are those of patches, not of a log density.",
        "denoise": "It was never shown noisy pictures to clean.",
        "next_token_logits": "It makes a picture at once, not part by part.",
        "sample_path": "A picture is translated in a single pass; what lies between is a blend, not a path.",
    },
    takes=("image",),
    plan=Plan(steps=1500, batch_size=16, learning_rate=1e-3),
)
