"""A slow teacher and its fast student: an autoregressive flow teaches an inverse autoregressive one.

The teacher has densities in one pass of each net, and samples in D; the student the other way round. The student
learns from its own samples alone, for which both densities cost one pass of each net.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.flows.distillation_measures import clocks, mean_and_error
from engines.flows.flow import Flow
from engines.flows.layers import Bijection
from engines.metrics.divergences import kl_from_data
from engines.model_spec import Phase
from engines.nets.made import MaskedLinear, MaskedMlp
from engines.probes import Probe
from engines.tensors import make_rng

STUDENT_RATE = 0.4  # of the learning rate: its own samples move with it, so that a fast student runs away from a mode
FIRST_STEP = 0.01  # standard deviation of the weights with which a student's nets begin to speak
N_OWN, N_OWN_AT_END = 2_000, 20_000  # of the student's own samples on which KL(student || teacher) is measured
_OWN_SEED = 31


class Distillation(Flow):
    """The student, a flow that samples in one pass of each net; its teacher stays inside.

    First the teacher learns by likelihood. Then it is frozen, and the student minimises, on its own samples,

    KL(student || teacher) = E_z [log p_student(x) - log p_teacher(x)],   x = to_data(z), z from the base

    Args:
        layers: The student's bijections from the data side to the latent side; quick at `to_data`.
        teacher: A flow that is quick at `to_latent`.
        student_from: Share of the training after which the student learns.

    Source:
        van den Oord et al. 2018, Parallel WaveNet: fast high-fidelity speech synthesis, section 4, eq. 5,
        arXiv:1711.10433
    """

    def __init__(self, layers: Sequence[Bijection], teacher: Flow, student_from: float) -> None:
        super().__init__(layers, teacher.event_shape[0])
        self.teacher, self.student_from = teacher, student_from

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """First the teacher, by likelihood; then the student, from the teacher."""
        (fit,), own = self.teacher.phases(), tuple(self.layers.parameters())
        return (
            Phase("teacher", fit.parameters, fit.loss, span=(0.0, self.student_from)),
            Phase("student", own, self._student_loss, span=(self.student_from, 1.0), rate=STUDENT_RATE),
        )

    def own_samples(self, n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples of the student (n, D) with their own log densities (n,), in one pass of each net."""
        z = torch.randn(n, *self.event_shape, generator=rng, device=rng.device, dtype=next(self.parameters()).dtype)
        x, log_det = self.to_data(z)
        return x, self.base_log_prob(z) - log_det

    def distilled_kl(self, n: int, *, rng: torch.Generator) -> tuple[float, float]:
        """KL(student || teacher) on n fresh samples of the student, with its standard error, nats."""
        with torch.no_grad():
            x, own = self.own_samples(n, rng)
            return mean_and_error(own - self.teacher.log_prob(x))

    def _student_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """KL(student || teacher) on as many own samples as the batch has; of the batch nothing else is used."""
        x, own = self.own_samples(len(batch), rng)
        with frozen(self.teacher):
            return {"loss": (own - self.teacher.log_prob(x)).mean()}

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
        rng = make_rng(_OWN_SEED, held_out.device)
        kl, error = self.distilled_kl(N_OWN_AT_END if is_last else N_OWN, rng=rng)
        return (
            found | {"distilled_kl": kl, "distilled_kl_error": error} | (clocks(self, self.teacher) if is_last else {})
        )


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
