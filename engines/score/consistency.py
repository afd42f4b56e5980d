"""A student that jumps from any point of the way to its end in one call, taught by the ODE of a teacher."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.model_spec import ModelSpec, Phase, Recipe
from engines.nets.averaged import Averaged
from engines.nets.noise_mlp import NoiseMlp
from engines.noise import normal_rows
from engines.plan import Plan
from engines.probes import Probe
from engines.samplers import State, last_state
from engines.samplers.levels import geometric_levels, karras_levels
from engines.samplers.state import check_step, gaussian_like
from engines.score.likelihood import N_STEPS
from engines.score.measures import Way
from engines.score.score_field import ABSENT_IN_THE_PLANE, ScoreField, ScoreFieldSettings
from engines.settings import Settings, setting
from engines.tensors import to_numpy

CALLS = {"consistency": (1, 2, 3, 4)}
SLOWNESS = 0.95  # share of itself that the running mean of the student, which sets its goals, keeps in a step


@dataclass(frozen=True)
class ConsistencySettings(Settings):
    """How long the teacher learns, along how many levels the student is taught, and the size of both nets."""

    student_from: float = setting(
        0.5,
        "Distillation starts at",
        "Share of the training after which the student learns from the teacher; before, the teacher learns from data.",
        low=0.1,
        high=0.9,
        step=0.05,
    )
    n_levels: int = setting(
        24,
        "Levels",
        "Levels on the teacher's way: the student agrees with itself from each to the next.",
        low=4,
        high=80,
        step=1,
    )
    sigma_max: float = setting(
        5.0,
        "σ max",
        "Standard deviation of the noise from which it jumps.",
        low=1.0,
        high=40.0,
        step=0.05,
        is_log=True,
        unit="data units",
    )
    width: int = setting(128, "Width", "Units of each hidden layer.", low=8, high=256, step=8)
    n_hidden: int = setting(3, "Hidden layers", "Hidden layers of each net.", low=1, high=4, step=1)


class ConsistencyStudent(nn.Module):
    """f(x, sigma), the clean end of the way that leads through x at level sigma.

    f(x, sigma) = c_skip x + c_out F(x, sigma), the identity at the least level. It is taught that two neighbouring
    points of one way, the second found by a Heun step of the teacher's ODE, have the same end.

    Args:
        teacher: A score field.
        net: ((B, 2), (B,)) -> (B, 2), the student's F.
        settings: See `ConsistencySettings`.

    Source:
        Song, Dhariwal, Chen, Sutskever 2023, Consistency models, algorithms 1 and 2, eq. 5, arXiv:2303.01469
    """

    def __init__(self, teacher: ScoreField, net: nn.Module, settings: ConsistencySettings) -> None:
        super().__init__()
        self.teacher, self.student, self.event_shape = teacher, Averaged(net, SLOWNESS), (2,)
        self.student_from, self.levels = settings.student_from, teacher.levels
        self.sigmas = karras_levels(settings.n_levels, *teacher.levels)
        self._width = float(teacher.std.square().mean().sqrt())

    @property
    def mean(self) -> Tensor:
        """Of the data, shape (2,)."""
        return self.teacher.mean

    # ---- the jump ----

    def jump(self, x: Tensor, sigma: float | Tensor, net: nn.Module | None = None) -> Tensor:
        """The end of the way through points (B, 2) at level sigma, one for all or (B,): (B, 2), data units."""
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x)).clamp(*self.levels)
        low, high = self.levels
        offset, wide = x - self.mean, (level.square() + self._width**2).sqrt()[:, None]
        above, width = (level - low)[:, None], self._width
        raw = (net or self.student)(offset / wide, (level / low).log() / math.log(high / low))
        skip = width**2 / (above.square() + width**2)
        return self.mean + skip * offset + width * above / wide * raw

    def jumps(self, x: Tensor, n_calls: int, rng: torch.Generator, temperature: float = 1.0) -> Iterator[State]:
        """From noise at the largest level to data: jump, add noise again, jump from there, ...

        Args:
            x: Points at the largest level, shape (N, 2).
            n_calls: Jumps.
            rng: Draws the noise between jumps.
            temperature: A factor on the variance of that noise.

        Yields:
            The state after each jump, and after the noise before each further one.
        """
        check_step(1.0, n_calls)
        between = geometric_levels(n_calls + 1, *self.levels)[:-1]
        for i, sigma in enumerate(between):
            if i:
                spread = math.sqrt(temperature * (sigma**2 - self.levels.sigma_min**2))
                x = x + spread * gaussian_like(x, rng)
                yield State(x, sigma, i)
            x = self.jump(x, sigma)
            yield State(x, self.levels.sigma_min, i + 1)

    # ---- the teacher's ----

    def score(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The teacher's score; see `ScoreField.score`."""
        return self.teacher.score(x, sigma)

    def denoise(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The teacher's expected clean point; the student's end of the way is one sample instead."""
        return self.teacher.denoise(x, sigma)

    def start(self, noise: Tensor) -> Tensor:
        """Points at the largest level, for standard-normal noise (N, 2), in data units."""
        return self.teacher.start(noise)

    def log_prob_estimate(self, x: Tensor, n_steps: int = N_STEPS) -> tuple[Tensor, Tensor]:
        """The teacher's log density by its ODE, with its error; the student has none."""
        return self.teacher.log_prob_estimate(x, n_steps)

    # ---- samples ----

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw points by one jump from noise times the root of the temperature: (n, 2), data units."""
        with torch.no_grad():
            return last_state(self.sample_path(n, rng=rng, temperature=temperature)).x

    def sample_path(
        self, n: int, *, rng: torch.Generator, n_calls: int = 1, temperature: float = 1.0
    ) -> Iterator[State]:
        """The states of n samples after each jump, and after the noise that is added in between."""
        noise = normal_rows(n, 2, rng=rng, like=self.mean)
        return self.jumps(self.start(math.sqrt(temperature) * noise), n_calls, rng, temperature)

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Where one jump carries given noise (N, 2): (N, 2), data units."""
        return self.jump(self.start(math.sqrt(temperature) * noise), self.levels.sigma_max)

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """First the teacher, by denoising; then the student, from the teacher."""
        teacher = self.teacher.phases()[0]
        return (
            Phase("teacher", teacher.parameters, teacher.loss, span=(0.0, self.student_from)),
            Phase("student", tuple(self.student.net.parameters()), self._student_loss, span=(self.student_from, 1.0)),
        )

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """samples, teacher_samples (N, 2): the probe's noise by one jump, and by the teacher's ODE."""
        if probe.noise is None:
            return {}
        with torch.inference_mode():
            seen = {
                "samples": self.decode_noise(probe.noise),
                "teacher_samples": self.teacher.decode_noise(probe.noise),
            }
            return {name: to_numpy(points) for name, points in seen.items()}

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """The teacher's measures, and at the end the student's energy distance by number of calls."""
        found = self.teacher.measure_in_plane(held_out, held_out_log_prob, is_last=is_last)
        if is_last:
            found |= self.teacher.measures.sample_qualities({"consistency": self._way()}, CALLS)
        return found

    # ---- inside ----

    def _way(self) -> Way:
        return lambda noise, n_calls, rng: last_state(self.jumps(self.start(noise), n_calls, rng)).x

    def _student_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Squared distance between the ends from a level and from the next one below, in units of the data's width."""
        self.student.follow()
        x, sigma, lower = self._on_the_way(batch, rng)
        with torch.no_grad():
            goal = self.jump(self._teacher_step(x, sigma, lower), lower)
        off = (self.jump(x, sigma, self.student.net) - goal).square().sum(1) / self._width**2
        return {"loss": off.mean()}

    def _on_the_way(self, batch: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Noised points (B, 2), their levels (B,) and the next levels below (B,)."""
        sigmas = torch.tensor(self.sigmas, device=batch.device)
        at = torch.randint(len(sigmas) - 1, (len(batch),), generator=rng, device=rng.device)
        noise = torch.randn(batch.shape, generator=rng, device=batch.device)
        return batch + sigmas[at][:, None] * noise, sigmas[at], sigmas[at + 1]

    def _teacher_step(self, x: Tensor, sigma: Tensor, lower: Tensor) -> Tensor:
        """A Heun step of the teacher's ODE dx/dsigma = -sigma score from levels (B,) to the next ones."""
        gap = (lower - sigma)[:, None]
        slope = -sigma[:, None] * self.teacher.score(x, sigma)
        ahead = -lower[:, None] * self.teacher.score(x + gap * slope, lower)
        return x + gap * (slope + ahead) / 2


def build_consistency(settings: ConsistencySettings, density: GaussianMixture) -> ConsistencyStudent:
    """A teacher and a student of the same size."""
    size = (settings.width, settings.n_hidden)
    known = ScoreFieldSettings(sigma_max=settings.sigma_max, width=settings.width, n_hidden=settings.n_hidden)
    return ConsistencyStudent(ScoreField(NoiseMlp(2, *size), density, known), NoiseMlp(2, *size), settings)


CONSISTENCY = ModelSpec(
    key="consistency",
    family="score",
    title="Consistency model",
    idea="Consistency distillation: a teacher learns the slope; a student learns to jump "
    "to where following it would end.",
    settings=ConsistencySettings,
    build=build_consistency,
    paper="Song, Dhariwal, Chen, Sutskever 2023, Consistency models, arXiv:2303.01469",
    absent=ABSENT_IN_THE_PLANE,
    plan=Plan(steps=12_000, batch_size=512, learning_rate=2e-3),
    on={
        "two_modes": Recipe(ConsistencySettings(sigma_max=20.0), Plan(steps=12_000, batch_size=512, learning_rate=2e-3))
    },
)
