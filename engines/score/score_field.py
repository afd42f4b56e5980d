"""A score network for points: the slope of the noised density at every noise level, learned without the density."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.model_spec import ModelSpec, Phase, Recipe
from engines.nets.noise_mlp import NoiseMlp
from engines.noise import normal_rows
from engines.plan import Plan
from engines.probes import Probe, cell_centres
from engines.samplers import SAMPLERS, Range, State, last_state
from engines.samplers.levels import geometric_levels
from engines.score import objectives
from engines.score.likelihood import N_STEPS, Estimate, checked_log_prob, normal_log_prob
from engines.score.measures import FieldMeasures
from engines.settings import Settings, setting
from engines.tensors import check_points, to_numpy

N_GROUPS = 8  # noise levels in one batch, where the exact score is needed or derivatives are taken
FIELD_LEVELS, FIELD_SIDE = 5, 20  # of what a snapshot shows
SHOWN_CALLS = 19  # of Heun's method, for samples of fixed noise
OWN_CALLS = 301  # of annealed Langevin dynamics, the family's own sampler

OBJECTIVES = ("denoising", "sliced", "implicit", "explicit")
FORMS = ("noise", "preconditioned", "score")


@dataclass(frozen=True)
class ScoreFieldSettings(Settings):
    """What a score network learns from, at which noise levels, and its size."""

    sigma_min: float = setting(
        0.02,
        "σ min",
        "Standard deviation of the least noise; the smallest that the model knows.",
        low=0.005,
        high=5.0,
        step=0.005,
        is_log=True,
        unit="data units",
    )
    sigma_max: float = setting(
        5.0,
        "σ max",
        "Standard deviation of the largest noise. It should drown the data: about the largest distance in it.",
        low=0.05,
        high=40.0,
        step=0.05,
        is_log=True,
        unit="data units",
    )
    n_levels: int = setting(
        0,
        "Noise levels",
        "How many levels it is trained at, each the same share of the one before. 0: any level between least and "
        "largest; 1: the least alone.",
        low=0,
        high=50,
        step=1,
    )
    objective: str = setting(
        "denoising",
        "Score-matching objective",
        "Denoising score matching: undo noise. Sliced and implicit: derivatives of the net instead. "
        "Explicit: the exact score itself, which only a known density has.",
        choices=OBJECTIVES,
    )
    form: str = setting(
        "noise",
        "Parameterization",
        "The noise (score = net / σ), a denoiser with Karras's preconditioning, or the score itself.",
        choices=FORMS,
    )
    is_told: bool = setting(
        True, "Noise-conditional", "Else the net must guess it from the point: NCSNv2's third technique."
    )
    width: int = setting(128, "Width", "Units of each hidden layer.", low=8, high=256, step=8)
    n_hidden: int = setting(3, "Hidden layers", "Hidden layers of the net.", low=1, high=4, step=1)


class ScoreField(nn.Module):
    """s(x, sigma), the gradient of the log density of data plus noise of standard deviation sigma.

    Args:
        net: ((B, 2), (B,)) -> (B, 2).
        density: The target: its mean and width set the scale, its samples the scale of noise; with `objective`
            "explicit", its score is the goal.
        settings: See `ScoreFieldSettings`.

    Source:
        Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution, arXiv:1907.05600
    """

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, density: GaussianMixture, settings: ScoreFieldSettings) -> None:
        super().__init__()
        self.net, self.event_shape = net, (2,)
        self.objective, self.form = settings.objective, settings.form
        self.levels = trained_range(settings)
        self.trained_levels = (
            geometric_levels(settings.n_levels, *self.levels) if settings.n_levels else None
        )  # None: any between
        self.register_buffer("mean", density.mean().float())
        self.register_buffer("std", density.covariance().diagonal().sqrt().float())
        self.measures = FieldMeasures(density, self.levels)

    # ---- the field ----

    def score(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The slope of the log density of the noised data.

        Args:
            x: Points in data units, shape (B, 2).
            sigma: Noise level, one for all or shape (B,). Beyond `levels` the field is that of the nearer end; between
                levels that were trained one by one the network interpolates.

        Returns:
            Shape (B, 2), nats per data unit.

        Raises:
            ShapeError: If x is not (B, 2).
        """
        check_points(x)
        level = self._known(sigma, x)
        return self._scaled_score(x, level) / level[:, None]

    def denoise(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The expected clean point behind each noisy one: x + sigma² s(x, sigma), shape (B, 2) (Tweedie's formula)."""
        return x + self._known(sigma, x).square()[:, None] * self.score(x, sigma)

    # ---- samples and density ----

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw points by annealed Langevin dynamics, ten levels of 30 steps.

        Args:
            n: How many.
            rng: Random source; one on the CPU gives the same rows on every device.
            temperature: T of p^(1/T), a factor on the variance of the noise in each step.

        Returns:
            Shape (n, 2), data units.
        """
        with torch.no_grad():
            return last_state(self.sample_path(n, rng=rng, temperature=temperature)).x

    def sample_path(
        self,
        n: int,
        *,
        rng: torch.Generator,
        sampler: str = "annealed",
        n_calls: int = OWN_CALLS,
        temperature: float = 1.0,
    ) -> Iterator[State]:
        """The states that n samples pass through on their way from noise; see `SAMPLERS`.

        Raises:
            SettingError: If there are too few calls for this sampler.
        """
        noise = normal_rows(n, 2, rng=rng, like=self.mean)
        return SAMPLERS[sampler].run(
            self.score, self.start(noise), self.levels, n_calls=n_calls, rng=rng, temperature=temperature
        )

    def start(self, noise: Tensor) -> Tensor:
        """Points at the largest level, for standard-normal noise (N, 2): as wide as data and noise together."""
        return self.mean + self._wide() * noise

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """The points to which the probability-flow ODE carries given noise (N, 2), times the root of a temperature."""
        start = self.start(math.sqrt(temperature) * noise)
        return last_state(SAMPLERS["heun"].run(self.score, start, self.levels, n_calls=SHOWN_CALLS)).x

    def log_prob_estimate(self, x: Tensor, n_steps: int = N_STEPS) -> tuple[Tensor, Tensor]:
        """Log density of the data with the least noise, by the probability-flow ODE, with its error: see `Estimate`.

        Args:
            x: Points (B, 2).
            n_steps: Of Heun's method.

        Returns:
            Nats (B,), and (B,) what finite steps and the Gaussian at the largest level may add to it: where that is
            large, the value means nothing.
        """
        found = self.checked_log_prob(x, n_steps)
        return found.value, found.error

    def checked_log_prob(self, x: Tensor, n_steps: int = N_STEPS) -> Estimate:
        """The same with both errors apart."""
        check_points(x)
        exact = self.measures.noised_log_prob(self.levels.sigma_max)
        return checked_log_prob(self.score, x, self.levels, self.base_log_prob, n_steps=n_steps, exact_base=exact)

    def base_log_prob(self, x: Tensor) -> Tensor:
        """Log density of where `start` puts standard-normal noise: (B, 2) -> (B,) nats."""
        return normal_log_prob(x, self.mean, self._wide())

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """One phase: the objective of the settings."""
        return (Phase("fit", tuple(self.parameters()), self._loss),)

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """What the probe asks for.

        field (L, S, S, 2): sigma s at FIELD_LEVELS levels from the largest to the least, on S x S cells of the probe's
        window, lowest y first; samples (N, 2): where the probability-flow ODE carries the probe's noise.
        """
        with torch.inference_mode():
            seen = {}
            if probe.grid is not None:
                seen["field"] = to_numpy(self.field(cell_centres(probe.window, FIELD_SIDE, self.mean.device)))
            if probe.noise is not None:
                seen["samples"] = to_numpy(self.decode_noise(probe.noise))
            return seen

    def field(self, points: Tensor, n_levels: int = FIELD_LEVELS) -> Tensor:
        """sigma s at S² points and levels from the largest to the least: (L, S, S, 2), without a unit."""
        side = math.isqrt(len(points))
        sigmas = (
            geometric_levels(n_levels, *self.levels)
            if self.levels.sigma_max > self.levels.sigma_min
            else [self.levels.sigma_max]
        )
        return torch.stack([sigma * self.score(points, sigma) for sigma in sigmas]).view(-1, side, side, 2)

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """See `FieldMeasures`."""
        return self.measures(self, held_out, held_out_log_prob, is_last=is_last)

    # ---- inside ----

    def _known(self, sigma: float | Tensor, x: Tensor) -> Tensor:
        """Levels cut to the range that was trained: (1,) for all points or (B,)."""
        return torch.as_tensor(sigma, dtype=x.dtype, device=x.device).view(-1).clamp(*self.levels)

    def _wide(self) -> Tensor:
        return (self.levels.sigma_max**2 + self.std.square()).sqrt()

    def _scaled_score(self, x: Tensor, sigma: Tensor) -> Tensor:
        """sigma s at levels (B,), or (1,) for all: (B, 2)."""
        low, high = self.levels
        place = (sigma / low).log() / math.log(high / low) if high > low else torch.zeros_like(sigma)
        wide = (sigma[:, None].square() + self.std.square()).sqrt()
        raw = self.net((x - self.mean) / wide, place)
        if self.form == "noise":
            return raw
        if self.form == "score":
            return sigma[:, None] * raw
        return -sigma[:, None] * (x - self.mean) / wide.square() + self.std / wide * raw

    def _loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if self.objective == "denoising":
            sigma = self._draw_levels(len(batch), rng)
            noise = torch.randn(batch.shape, generator=rng, device=batch.device)
            found = objectives.denoising(self._scaled_score(batch + sigma[:, None] * noise, sigma), noise)
            return {"loss": found.mean()}
        return {"loss": self._other_loss(batch, rng).mean()}

    def _other_loss(self, batch: Tensor, rng: torch.Generator) -> Tensor:
        """The objectives that need more than noise: a batch has N_GROUPS noise levels."""
        groups = self._draw_levels(N_GROUPS, rng)
        sigma = groups.repeat_interleave(-(-len(batch) // N_GROUPS))[: len(batch)]
        x = batch + sigma[:, None] * torch.randn(batch.shape, generator=rng, device=batch.device)
        if self.objective == "explicit":
            parts = zip(groups.tolist(), x.split(-(-len(batch) // N_GROUPS)), strict=False)
            goal = torch.cat([s * self.measures.exact_score(part, s) for s, part in parts])
            return objectives.explicit(self._scaled_score(x, sigma), goal)

        def score(at: Tensor) -> Tensor:
            return self._scaled_score(at, sigma) / sigma[:, None]

        if self.objective == "sliced":
            return objectives.sliced(score, x, sigma, rng)
        return objectives.implicit(score, x, sigma)

    def _draw_levels(self, n: int, rng: torch.Generator) -> Tensor:
        """n trained levels, evenly in their logarithm: (n,)."""
        device = rng.device
        if self.trained_levels is not None:
            at = torch.randint(len(self.trained_levels), (n,), generator=rng, device=device)
            return torch.tensor(self.trained_levels, device=device)[at]
        low, high = (math.log(level) for level in self.levels)
        return (low + (high - low) * torch.rand(n, generator=rng, device=device)).exp()


def trained_range(settings: ScoreFieldSettings) -> Range:
    """From the least to the largest level that is trained: a single one, or in order whatever the settings say."""
    if settings.n_levels == 1:
        return Range(settings.sigma_min, settings.sigma_min)
    return Range(settings.sigma_min, max(settings.sigma_max, 1.01 * settings.sigma_min))


def build_score_field(settings: ScoreFieldSettings, density: GaussianMixture) -> ScoreField:
    """A net that starts by saying nothing in particular."""
    net = NoiseMlp(2, settings.width, settings.n_hidden, settings.is_told)
    return ScoreField(net, density, settings)


ABSENT_IN_THE_PLANE = {
    "log_prob": "Its density is the end of an ODE that can only be followed in steps: log_prob_estimate does.",
    "log_prob_bound": "The ODE gives an estimate with an error that can be checked, which says more than a bound.",
    "encode": "Noise hides a point at random; there is no encoder that was learned.",
    "decode": "There is no latent of its own: sample_path carries noise to data step by step.",
    "to_latent": "The ODE leads from a point to noise, but only in steps: no exact map exists.",
    "to_data": "The ODE leads from noise to a point, but only in steps: no exact map exists.",
    "layers_to_latent": "It has no layers that are maps of the plane.",
    "discriminate": "There is no discriminator: the noise itself is the teacher.",
    "next_token_logits": "It models points, not sequences of tokens.",
}
DEFAULT = ScoreFieldSettings()
PLAN = Plan(steps=6000, batch_size=512, learning_rate=2e-3)

SCORE_FIELD = ModelSpec(
    key="score_field",
    family="score",
    title="Score network",
    idea="It never learns how likely a point is, only which way the density rises, at every noise level.",
    settings=ScoreFieldSettings,
    build=build_score_field,
    presets={
        "one noise level": replace(DEFAULT, n_levels=1, sigma_min=0.1),
        "ten noise levels": replace(DEFAULT, n_levels=10),
        "not told the level": replace(DEFAULT, is_told=False),
        "small": replace(DEFAULT, width=64),
    },
    paper="Song, Ermon 2019, Generative modeling by estimating gradients of the data distribution, arXiv:1907.05600",
    absent=ABSENT_IN_THE_PLANE,
    plan=PLAN,
    on={
        "two_modes": Recipe(replace(DEFAULT, sigma_min=0.05, sigma_max=20.0), PLAN),
        "banana": Recipe(replace(DEFAULT, sigma_max=10.0), PLAN),
        "grid": Recipe(replace(DEFAULT, sigma_max=10.0), PLAN),
    },
)
