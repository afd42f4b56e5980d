"""What is measured of a score field in the plane, where the exact noised score is known at every level."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.metrics.bands import energy_band, energy_from_truth
from engines.noise import normal_rows
from engines.samplers import SAMPLERS, Range, SamplerSpec, last_state
from engines.samplers.levels import geometric_levels
from engines.tensors import make_rng

N_LEVELS, N_LEVELS_AT_END = 6, 12
N_POINTS, N_POINTS_AT_END = 500, 4000
N_LIKELIHOOD = 1500  # held-out points whose density is found by the ODE
LIKELIHOOD_STEPS = 50
MOST_LIKELIHOOD_ERROR = 0.05  # nats: a likelihood that half the steps change by more is not shown
N_SAMPLES = 2000  # energy distances of fewer points see too little
CALLS = {
    "annealed": (21, 51, 101, 301),
    "predictor_corrector": (9, 19, 39, 79),
    "ancestral": (5, 10, 20, 50),
    "ddim": (1, 2, 5, 10, 20, 50),
    "heun": (1, 3, 5, 9, 19, 35),
}
_SEED = 3_141_592  # apart from every training seed

Way = Callable[[Tensor, int, torch.Generator], Tensor]  # noise and a number of calls to samples


class FieldMeasures:
    """Score errors at each noise level; at the end also the likelihood and the quality of each sampler.

    Args:
        density: The target.
        levels: Between which noise levels the model is measured.
    """

    def __init__(self, density: GaussianMixture, levels: Range) -> None:
        self._density, self._levels = density, levels
        self._noised = lru_cache(maxsize=64)(density.noised)

    def exact_score(self, x: Tensor, sigma: float) -> Tensor:
        """Score of the target noised by sigma, (B, 2) -> (B, 2)."""
        self._follow(x.device)
        return self._noised(sigma).score(x)

    @torch.no_grad()
    def __call__(self, model: Any, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """The measures of a model with `score`, `levels`, `start` and `checked_log_prob`.

        score_error: mean over levels of sigma² E|s - s*|² over the noised data, 0 for the exact field and about 2 for
        none; sigmas, score_errors, losses, least_losses: by level, the last two of denoising score matching, of which
        no field gets below the least. At the end: kl and kl_error in nats, where the ODE can be trusted, else
        likelihood_error; calls and energies of each sampler, and the band of true samples.
        """
        self._follow(model.mean.device)
        n_levels, n = (N_LEVELS_AT_END, N_POINTS_AT_END) if is_last else (N_LEVELS, N_POINTS)
        found = self.score_errors(model, geometric_levels(n_levels, *self._levels), n)
        if is_last and self._levels.sigma_max > self._levels.sigma_min:  # one level leads nowhere
            found |= self.likelihood(model, held_out[:N_LIKELIHOOD], held_out_log_prob[:N_LIKELIHOOD])
        if is_last:
            found |= self.sample_qualities(sampler_ways(model), CALLS)
        return found

    @torch.no_grad()
    def score_errors(self, model: Any, sigmas: list[float], n: int) -> dict[str, Any]:
        """How far the field is from the exact one at each of these levels, at n points of the noised data."""
        self._follow(model.mean.device)
        rng = make_rng(_SEED)
        errors, losses, least = [], [], []
        for sigma in sigmas:
            clean = self._density.sample(n, rng=rng)
            noise = normal_rows(n, 2, rng=rng, like=clean)
            x = clean + sigma * noise
            exact, learned = sigma * self.exact_score(x, sigma), sigma * model.score(x, sigma)
            errors.append(_mean_square(learned - exact))
            losses.append(_mean_square(learned + noise))
            least.append(_mean_square(exact + noise))
        by_level = {"sigmas": sigmas, "score_errors": errors, "losses": losses, "least_losses": least}
        return {"score_error": sum(errors) / len(errors)} | by_level

    def likelihood(
        self, model: Any, held_out: Tensor, held_out_log_prob: Tensor, n_steps: int | None = None
    ) -> dict[str, float]:
        """KL from the data, if halving the steps changes the log density by little; else by how much it does.

        Returns:
            kl; kl_error: its standard error over the points, and what steps and base add to the mean; likelihood_error:
            what half the steps change at a point, in the mean by size.
        """
        found = model.checked_log_prob(held_out, n_steps or LIKELIHOOD_STEPS)
        off = float(found.by_steps.abs().mean())
        if not off <= MOST_LIKELIHOOD_ERROR:
            return {"likelihood_error": off}
        gap = held_out_log_prob - found.value.to(held_out_log_prob.dtype)
        by_both = abs(float(found.by_steps.mean())) + abs(float(found.by_base.mean()))
        return {
            "kl": float(gap.mean()),
            "kl_error": float(gap.std()) / math.sqrt(len(gap)) + by_both,
            "likelihood_error": off,
        }

    def noised_log_prob(self, sigma: float) -> Callable[[Tensor], Tensor]:
        """The exact log density of the target noised by sigma, (B, 2) -> (B,)."""

        def exact(x: Tensor) -> Tensor:
            self._follow(x.device)
            return self._noised(sigma).log_prob(x)

        return exact

    @torch.no_grad()
    def sample_qualities(self, ways: Mapping[str, Way], calls: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Energy distance from the data by way of sampling and number of network calls, and the band of true samples.

        An energy distance is a U-statistic: of true samples it scatters around 0, so that it may be negative.

        Args:
            ways: Name -> (standard-normal noise (N, 2), calls, random source) -> samples (N, 2).
            calls: Name -> numbers of calls.
        """
        rng, band = make_rng(_SEED), energy_band(self._density, N_SAMPLES)
        found: dict[str, Any] = {"band_middle": band.middle, "band_high": band.high}
        for name, way in ways.items():
            noises = [normal_rows(N_SAMPLES, 2, rng=rng, like=self._density.means).float() for _ in calls[name]]
            ends = [way(noise, n_calls, rng) for noise, n_calls in zip(noises, calls[name], strict=True)]
            found[f"calls_{name}"] = list(calls[name])
            found[f"energies_{name}"] = [energy_from_truth(end, self._density) for end in ends]
        return found

    def _follow(self, device: torch.device) -> None:
        """Bring the density to the model's device."""
        if self._density.device.type != device.type:
            self._density = self._density.to(device)
            self._noised = lru_cache(maxsize=64)(self._density.noised)


def sampler_ways(model: Any) -> dict[str, Way]:
    """Every sampler of `SAMPLERS`, following the score of a model."""

    def way(sampler: SamplerSpec) -> Way:
        return lambda noise, n_calls, rng: (
            last_state(sampler.run(model.score, model.start(noise), model.levels, n_calls=n_calls, rng=rng)).x
        )

    return {key: way(sampler) for key, sampler in SAMPLERS.items()}


def _mean_square(x: Tensor) -> float:
    return float(x.square().sum(1).mean())
