"""Distillation of sound: 64 samples, so the teacher takes 64 passes of a net where the student takes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from engines.batches import Split
from engines.datasets.base import Examples
from engines.errors import DataError
from engines.flows.distillation.base import Distillation, speak_up
from engines.flows.distillation.measures import clocks, mean_and_error
from engines.flows.distillation.plane import pair_weight_setting, student_from_setting
from engines.flows.family import ABSENT, hidden_setting, width_setting
from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection, Inverted, Standardize
from engines.flows.layers.tone_layers import TimeAffine, log_prob_by_sample, own_log_prob_by_sample
from engines.model_spec import ModelSpec
from engines.plan import Plan
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy

N_LIKELY, N_LIKELY_AT_END = 64, 1_000  # held-out waves; each costs the student D passes
N_HEARD, N_HEARD_AT_END = 128, 2_000  # waves of both for spectra and pitches
_SEED = 32


@dataclass(frozen=True)
class ToneDistillationSettings(Settings):
    """Size of teacher and student, when the student takes over, and the weight of the power term."""

    student_from: float = student_from_setting(0.3)
    pair_weight: float = pair_weight_setting(2.0)
    power_weight: float = setting(
        0.0,
        "Power loss",
        "Nats for a spectrum that is off: holds the student to the mean power of the data at each frequency, so that "
        "it cannot whisper.",
        low=0.0,
        high=100.0,
        step=1.0,
        unit="nats",
    )
    teacher_layers: int = setting(
        2, "Teacher's layers", "Masked autoregressive layers; each takes 64 passes to sample.", low=1, high=4, step=1
    )
    student_layers: int = setting(
        4, "Student's layers", "Inverse autoregressive layers; each takes one pass to sample.", low=1, high=6, step=1
    )
    width: int = width_setting(192, high=256)
    n_hidden: int = hidden_setting()
    scale_cap: float = setting(
        4.0,
        "Scale cap",
        "Most that one layer may stretch or squeeze: a factor of e to this power.",
        low=1.0,
        high=5.0,
        step=0.1,
        unit="nats",
    )


class ToneDistillation(Distillation):
    """Teacher and student for waves; the student may be held to the power of the data at each frequency.

    loss = KL(student || teacher) + w sum_f (P_student(f) - P_data(f))² / sum_f P_data(f)² (+ pairs, see `Distillation`)

    P(f) is the mean power of a batch. It is the power loss of Parallel WaveNet for waves without a given text: there
    each sample is held against the recording of the same words, here the mean of all against the mean of the data.

    Args:
        layers, teacher, student_from, pair_weight: See `Distillation`.
        power_weight: w, nats.
        density: The exact density of the data, where it is known.

    Source:
        van den Oord et al. 2018, Parallel WaveNet, sections 4 and 5, arXiv:1711.10433
    """

    def __init__(
        self,
        layers: Sequence[Bijection],
        teacher: Flow,
        student_from: float,
        power_weight: float,
        density: Any,
        pair_weight: float = 0.0,
    ) -> None:
        super().__init__(layers, teacher, student_from, pair_weight)
        self.power_weight, self._density = power_weight, density

    def decode_both(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What student and teacher make of the same noise (B, D): two times (B, D), data units."""
        return self.decode_noise(noise), self.teacher.decode_noise(noise)

    def distilled_by_sample(self, n: int, *, rng: torch.Generator) -> Tensor:
        """log p_student - log p_teacher of each sample given those before it, on n own waves: (n, D) nats.

        Its mean over waves is never negative but by chance, and adds up to KL(student || teacher).
        """
        z = self.draw_latents(n, rng)
        x, own = own_log_prob_by_sample(cast(Any, reversed(self._chain())), z)
        return own - log_prob_by_sample(self.teacher, x)

    # ---- training ----

    def _student_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """KL(student || teacher) on own samples, the power term and the pairs; of the batch only its power is used."""
        kl, x = self._divergence(len(batch), rng)
        goal = power(batch)
        unlike = (power(x) - goal).square().sum() / goal.square().sum()
        losses = {"loss": kl + self.power_weight * unlike, "kl": kl, "power": unlike}
        if not self.pair_weight:
            return losses
        off = self.off_on_pairs(len(batch), rng)
        return losses | {"loss": losses["loss"] + self.pair_weight * off, "off": off}

    # ---- what it looks like ----

    def observe(self, probe: Any) -> dict[str, np.ndarray]:
        """samples, teacher_samples (M, D): the noise of an `ExampleProbe` through student and teacher."""
        with torch.inference_mode():
            own, taught = self.decode_both(probe.noise[:, : self.event_shape[0]])
        return {"samples": to_numpy(own), "teacher_samples": to_numpy(taught)}

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> dict[str, Any]:
        """Likelihood of held-out waves, KL(student || teacher) by sample, spectra, pitches, and at the end the clocks.

        nll, teacher_nll, true_nll: nats per sample, exact; kl, teacher_kl: KL(data || model), nats per wave.
        distilled_kl: KL(student || teacher), nats per wave; distilled_by_sample: its part for each sample.
        """
        rng = make_rng(_SEED)
        n = N_HEARD_AT_END if is_last else N_HEARD
        found = self._likelihoods(held_out.x[: N_LIKELY_AT_END if is_last else N_LIKELY])
        gaps = self.distilled_by_sample(10 * n, rng=rng)
        found["distilled_kl"], found["distilled_kl_error"] = mean_and_error(gaps.sum(1))
        found["distilled_by_sample"] = _short(gaps.mean(0))
        noise = self.draw_latents(n, rng)
        for who, waves in zip(("student", "teacher"), self.decode_both(noise), strict=True):
            found |= self._heard(who, waves)
        found |= self._heard("data", held_out.x[:n])
        return found | (clocks(self, self.teacher) if is_last else {})

    def _likelihoods(self, x: Tensor) -> dict[str, Any]:
        size = x.shape[1]
        true = None if self._density is None else self._density.log_prob(x)
        found: dict[str, Any] = {} if true is None else {"true_nll": -float(true.mean()) / size}
        for name, flow in (("", self), ("teacher_", self.teacher)):
            log_prob = flow.log_prob(x).double()
            found[f"{name}nll"] = -float(log_prob.mean()) / size
            if true is not None:
                found[f"{name}kl"], found[f"{name}kl_error"] = mean_and_error(true - log_prob)
        return found

    def _heard(self, who: str, waves: Tensor) -> dict[str, Any]:
        """Mean magnitude at each frequency, loudness (root mean square), and how often each pitch comes."""
        found: dict[str, Any] = {
            f"{who}_spectrum": _short(magnitudes(waves).mean(0)),
            f"{who}_loudness": float(waves.square().mean(1).sqrt().mean()),
        }
        if self._density is not None:
            found[f"{who}_pitches"] = _short(self._density.pitch_odds(waves).mean(0))
        return found


def magnitudes(x: Tensor) -> Tensor:
    """Amplitude at each of D/2 + 1 frequencies: waves (B, D) -> (B, D/2 + 1), data units."""
    return torch.fft.rfft(x, dim=1).abs() * 2 / x.shape[1]


def power(x: Tensor) -> Tensor:
    """Mean over a batch of the squared magnitude at each frequency: (B, D) -> (D/2 + 1,)."""
    return magnitudes(x).square().mean(0)


def _short(values: Tensor) -> list[float]:
    """Numbers for a chart, without digits that nobody can see."""
    return [round(value, 4) for value in values.tolist()]


def build_tone_distillation(settings: ToneDistillationSettings, examples: Examples) -> ToneDistillation:
    """Teacher and student for waves; all samples share one mean and one standard deviation.

    Raises:
        DataError: If the examples are no waves.
    """
    if len(examples.event_shape) != 1 or not examples.train.is_floating_point():
        raise DataError("Expected waves, one row of real numbers each; choose a data set of sound.")
    (size,) = examples.event_shape
    s = settings

    def layers(count: int) -> list[TimeAffine]:
        return [TimeAffine(size, s.width, s.n_hidden, s.scale_cap) for _ in range(count)]

    first = Standardize(examples.train.mean().expand(size).clone(), examples.train.std().expand(size).clone())
    teacher = Flow([first, *layers(s.teacher_layers)], size)
    student = [Standardize(first.mean, first.std), *(Inverted(layer) for layer in layers(s.student_layers))]
    model = ToneDistillation(student, teacher, s.student_from, s.power_weight, examples.density, s.pair_weight)
    speak_up(model.layers)
    return model


WITHOUT_PAIRS = replace(ToneDistillationSettings(), pair_weight=0.0, student_layers=3, width=88)
WITH_POWER = replace(WITHOUT_PAIRS, power_weight=20.0)

TONE_DISTILLATION = ModelSpec(
    key="tone_distillation",
    family="flow",
    title="Distillation of tones (Parallel WaveNet)",
    idea="A masked autoregressive flow of 64 samples teaches an inverse one, which makes all 64 at once.",
    settings=ToneDistillationSettings,
    build=build_tone_distillation,
    paper="van den Oord et al. 2018, Parallel WaveNet, arXiv:1711.10433",
    presets={"without pairs": WITHOUT_PAIRS, "power term instead": WITH_POWER},
    absent=ABSENT,
    takes=("wave",),
    plan=Plan(steps=15_000, batch_size=256, learning_rate=5e-3),
)
