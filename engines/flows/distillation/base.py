"""A slow teacher and its fast student: an autoregressive flow teaches an inverse autoregressive one.

The teacher has densities in one pass of each net, and samples in D; the student the other way round. The student
learns from its own samples, for which both densities cost one pass of each net; and, if wanted, from pairs of noise and
what the teacher has once made of it, which show it all that the teacher can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.flows.distillation.measures import clocks, mean_and_error
from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection, Standardize
from engines.metrics.divergences import kl_from_data
from engines.model_spec import Phase
from engines.nets.made import MaskedLinear, MaskedMlp
from engines.probes import Probe
from engines.tensors import make_rng

STUDENT_RATE = 0.2  # of the learning rate: its own samples move with it, so that a fast student runs away from a mode
N_PAIRS = 16_384  # of noise and what the teacher makes of it, once for all
PAIRS_SHARE = 0.6  # of the student's time, in which it looks at the pairs alone
CLIP = 20.0  # of a student's gradient: where its teacher's density is steep, one sample can outweigh all others
PAIRS_RATE = 0.6  # of the learning rate
FIRST_STEP = 0.01  # standard deviation of the weights with which a student's nets begin to speak
N_OWN, N_OWN_AT_END = 2_000, 20_000  # of the student's own samples on which KL(student || teacher) is measured
_OWN_SEED, _PAIR_SEED = 31, 33


class Distillation(Flow):
    """The student, a flow that samples in one pass of each net; its teacher stays inside.

    First the teacher learns by likelihood. Then it is frozen, and the student minimises, on its own samples,

    KL(student || teacher) = E_z [log p_student(x) - log p_teacher(x)],   x = to_data(z), z from the base

    and, with a weight w, how far off it is on pairs, sigma being the data's standard deviation:

    w E_z |(student's x - teacher's x) / sigma|²

    The divergence alone is content with part of what the teacher says; the pairs, which come first, show the whole.

    Args:
        layers: The student's bijections from the data side to the latent side; quick at `to_data`.
        teacher: A flow that is quick at `to_latent`.
        student_from: Share of the training after which the student learns.
        pair_weight: w, nats; 0: no pairs, as in Parallel WaveNet.

    Source:
        van den Oord et al. 2018, Parallel WaveNet: fast high-fidelity speech synthesis, section 4, eq. 5,
        arXiv:1711.10433; for the pairs: Luhman and Luhman 2021, Knowledge distillation in iterative generative models
        for improved sampling speed, section 3, arXiv:2101.02388
    """

    def __init__(
        self, layers: Sequence[Bijection], teacher: Flow, student_from: float, pair_weight: float = 0.0
    ) -> None:
        super().__init__(layers, teacher.event_shape[0])
        self.teacher, self.student_from, self.pair_weight = teacher, student_from, pair_weight
        self._kept_pairs: tuple[Tensor, Tensor] | None = None

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """First the teacher, by likelihood; then the student, from pairs if wanted, and by the divergence."""
        (fit,), own = self.teacher.phases(), tuple(self.layers.parameters())
        first = Phase("teacher", fit.parameters, fit.loss, span=(0.0, self.student_from))
        student = Phase("student", own, self._student_loss, span=(self.student_from, 1.0), rate=STUDENT_RATE, clip=CLIP)
        if not self.pair_weight:
            return first, student
        then = pairs_until(self.student_from)
        pairs = Phase("pairs", own, self._pairs_loss, span=(self.student_from, then), rate=PAIRS_RATE, clip=CLIP)
        return first, pairs, replace(student, span=(then, 1.0))

    def own_samples(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples of the student (n, D) with their own log densities (n,), in one pass of each net."""
        return self._carry(self.draw_latents(n, rng))

    def _carry(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Where the student carries latents, and its log density there."""
        x, log_det = self.to_data(z)
        return x, self.base_log_prob(z) - log_det

    def distilled_kl(self, n: int, *, rng: torch.Generator) -> tuple[float, float]:
        """KL(student || teacher) on n fresh samples of the student, with its standard error, nats."""
        with torch.no_grad():
            x, own = self.own_samples(n, rng)
            return mean_and_error(own - self.teacher.log_prob(x))

    def _student_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """KL(student || teacher) on as many own samples as the batch has, and the pairs; else the batch is not used."""
        kl, _ = self._divergence(len(batch), rng)
        if not self.pair_weight:
            return {"loss": kl}
        off = self.off_on_pairs(len(batch), rng)
        return {"loss": kl + self.pair_weight * off, "kl": kl, "off": off}

    def _pairs_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """The pairs alone; KL(student || teacher) is looked at, and not followed."""
        with torch.no_grad():
            kl, _ = self._divergence(len(batch), rng)
        off = self.off_on_pairs(len(batch), rng)
        return {"loss": self.pair_weight * off, "kl": kl, "off": off}

    def _divergence(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """KL(student || teacher) on n own samples, and these."""
        like = next(self.parameters())
        x, own = self._carry(torch.randn(n, *self.event_shape, generator=rng, device=like.device, dtype=like.dtype))
        with frozen(self.teacher):
            return (own - self.teacher.log_prob(x)).mean(), x

    def off_on_pairs(self, n: int, rng: torch.Generator) -> Tensor:
        """Mean of |(student's x - teacher's x) / sigma|² over n of the pairs."""
        noise, wanted = self.pairs()
        rows = torch.randint(len(noise), (n,), generator=rng, device=rng.device)
        return ((self.decode_noise(noise[rows]) - wanted[rows]) / self._spread()).square().sum(1).mean()

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Noise and what the frozen teacher makes of it, each (N_PAIRS, D); made when first asked for."""
        if self._kept_pairs is None:
            like = next(self.parameters())
            rng = make_rng(_PAIR_SEED, like.device)
            noise = torch.randn(N_PAIRS, *self.event_shape, generator=rng, device=like.device, dtype=like.dtype)
            with torch.no_grad():
                self._kept_pairs = noise, self.teacher.decode_noise(noise)
        return self._kept_pairs

    def _spread(self) -> Tensor:
        """Standard deviation of the data, (D,), by which both flows begin to standardise."""
        return next(layer.std for layer in self._chain() if isinstance(layer, Standardize))

    # ---- what it looks like ----

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """The student's log density and samples, and the teacher's under the same names after "teacher_"."""
        taught = self.teacher.observe(probe)
        return super().observe(probe) | {f"teacher_{name}": array for name, array in taught.items()}

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """KL from the data to both, KL(student || teacher), and at the end what a thousand samples cost.

        kl, teacher_kl: KL(data || model) by the paired estimator; distilled_kl: KL(student || teacher); each with its
        standard error. Clocks and passes: see `clocks`.
        """
        found: dict[str, Any] = {}
        for name, flow in (("", self), ("teacher_", self.teacher)):
            kl, error = kl_from_data(flow, held_out_log_prob, held_out)
            found |= {f"{name}kl": kl, f"{name}kl_error": error}
        rng = make_rng(_OWN_SEED)
        kl, error = self.distilled_kl(N_OWN_AT_END if is_last else N_OWN, rng=rng)
        return (
            found | {"distilled_kl": kl, "distilled_kl_error": error} | (clocks(self, self.teacher) if is_last else {})
        )


def pairs_until(student_from: float) -> float:
    """Share of the training until which a student that begins at a share sees pairs alone."""
    return student_from + PAIRS_SHARE * (1 - student_from)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Within, what is computed with a module passes gradients on to its inputs, but none to its weights."""
    held = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)


def speak_up(layers: nn.Module) -> None:
    """Let nets that begin silent begin with small random words: a student has nothing but its own samples to go by."""
    for net in layers.modules():
        if isinstance(net, MaskedMlp):
            last = net.net[-1]
            assert isinstance(last, MaskedLinear)  # noqa: S101  (a masked net ends so)
            nn.init.normal_(last.weight, std=FIRST_STEP)
