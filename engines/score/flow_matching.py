"""Flow matching: a velocity that carries noise to data along nearly straight ways; reflow straightens them further."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.model_spec import ModelSpec, Phase
from engines.nets.noise_mlp import NoiseMlp
from engines.noise import normal_rows
from engines.plan import Plan
from engines.probes import Probe, fixed_noise
from engines.samplers import Range, State, last_state
from engines.samplers.levels import geometric_levels
from engines.score.likelihood import Estimate, checked_log_prob, normal_log_prob
from engines.score.measures import N_LIKELIHOOD, FieldMeasures, Way
from engines.score.score_field import ABSENT_IN_THE_PLANE
from engines.settings import Settings, setting
from engines.tensors import check_points, to_numpy

N_PAIRS = 20_000  # of noise and where the flow carries it, from which the straighter flow learns
PAIR_STEPS = 50
N_WAYS = 500  # on which straightness is measured
SHOWN_STEPS = 10
LIKELIHOOD_STEPS = 200  # of the ODE: with 50 the density of the ring integrates to 1.016
CALLS = {"flow": (1, 2, 4, 8, 20, 50), "reflow": (1, 2, 4, 8)}


@dataclass(frozen=True)
class FlowMatchingSettings(Settings):
    """How noise and data are paired, how long each flow learns, and the size of its net."""

    pairing: str = setting(
        "independent",
        "Noise–data coupling",
        "Independent: any noise with any point. Nearest: within each batch, so that all ways together are shortest "
        "(an assignment: minibatch optimal transport).",
        choices=("independent", "nearest"),
    )
    reflow_from: float = setting(
        0.5,
        "Reflow from",
        "Share of the training after which a second net learns from pairs of noise and where the first one carries it.",
        low=0.1,
        high=0.9,
        step=0.05,
    )
    width: int = setting(128, "Width", "Units of each hidden layer.", low=8, high=256, step=8)
    n_hidden: int = setting(3, "Hidden layers", "Hidden layers of each net.", low=1, high=4, step=1)


class FlowMatching(nn.Module):
    """dx/dt = v(x, t) from noise at t = 0 to data at t = 1, along x_t = (1 - t) z + t y in units of the data's width.

    v is learned by |v(x_t, t) - (y - z)|². With noise and data paired at random it holds the score too: x_t / t is
    data plus noise of sigma = (1 - t) / t, and x_t + (1 - t) v is the expected clean point.

    Args:
        flow, reflow: Nets ((B, 2), (B,)) -> (B, 2).
        density: The target.
        settings: See `FlowMatchingSettings`.

    Source:
        Lipman et al. 2023, Flow matching for generative modeling, arXiv:2210.02747; Liu, Gong, Liu 2023, Flow straight
        and fast: rectified flow, arXiv:2209.03003; pairing: Tong et al. 2024, arXiv:2302.00482
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, flow: nn.Module, reflow: nn.Module, density: GaussianMixture, settings: FlowMatchingSettings
    ) -> None:
        super().__init__()
        self.flow, self.reflow, self.event_shape = flow, reflow, (2,)
        self.pairing, self.reflow_from = settings.pairing, settings.reflow_from
        std = density.covariance().diagonal().sqrt().float()
        self.scale = float(std.square().mean().sqrt())
        self.levels = Range(0.02 * self.scale, 20 * self.scale)
        self.register_buffer("mean", density.mean().float())
        self.register_buffer("std", std)
        self._measures = FieldMeasures(density, Range(0.02, 5.0))
        self._pairs: tuple[Tensor, Tensor] | None = None

    # ---- the field ----

    def velocity(self, x: Tensor, t: Tensor | float, *, is_straight: bool = False) -> Tensor:
        """v at points (B, 2) in units of the data's width and times t, of the second net if `is_straight`: (B, 2)."""
        time = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(len(x))
        wide = ((1 - time).square()[:, None] + time.square()[:, None] * (self.std / self.scale).square()).sqrt()
        return (self.reflow if is_straight else self.flow)(x / wide, time)

    def denoise(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The expected clean point behind points (B, 2) with noise sigma, in data units: (B, 2)."""
        check_points(x)
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x)) / self.scale
        t = 1 / (1 + level)
        at = t[:, None] * (x - self.mean) / self.scale
        return self.mean + self.scale * (at + (1 - t)[:, None] * self.velocity(at, t))

    def score(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """The score of the noised data, (denoise(x, sigma) - x) / sigma²: (B, 2), nats per data unit.

        Exact only for pairs at random; with nearest pairs x_t is not data plus independent noise.
        """
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        return (self.denoise(x, level) - x) / level.square()[:, None]

    # ---- samples and density ----

    def carry(self, noise: Tensor, n_steps: int, *, is_straight: bool) -> Iterator[State]:
        """Euler's method from noise (N, 2) to data, in data units; the level is (1 - t) / t in data units."""
        x = noise
        for i in range(n_steps):
            x = x + self.velocity(x, i / n_steps, is_straight=is_straight) / n_steps
            t = (i + 1) / n_steps
            yield State(self.mean + self.scale * x, self.scale * (1 - t) / t, i + 1)

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw points by the straightened flow: noise times the root of the temperature, then SHOWN_STEPS steps.

        Returns:
            Shape (n, 2), data units.
        """
        with torch.no_grad():
            return last_state(self.sample_path(n, rng=rng, temperature=temperature)).x

    def sample_path(
        self, n: int, *, rng: torch.Generator, n_calls: int = SHOWN_STEPS, temperature: float = 1.0
    ) -> Iterator[State]:
        """The states of n samples on their way through the straightened flow."""
        noise = normal_rows(n, 2, rng=rng, like=self.mean)
        return self.carry(math.sqrt(temperature) * noise, n_calls, is_straight=True)

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Where the straightened flow carries given noise (N, 2): (N, 2), data units."""
        return last_state(self.carry(math.sqrt(temperature) * noise, SHOWN_STEPS, is_straight=True)).x

    def start(self, noise: Tensor) -> Tensor:
        """Points at the largest level, for standard-normal noise (N, 2), in data units."""
        return self.mean + self._wide() * noise

    def log_prob_estimate(self, x: Tensor, n_steps: int = LIKELIHOOD_STEPS) -> tuple[Tensor, Tensor]:
        """Log density by the probability-flow ODE of its score, with its error: nats (B,) and (B,); see `Estimate`."""
        found = self.checked_log_prob(x, n_steps)
        return found.value, found.error

    def checked_log_prob(self, x: Tensor, n_steps: int = LIKELIHOOD_STEPS) -> Estimate:
        """The same with both errors apart."""
        check_points(x)
        exact = self._measures.noised_log_prob(self.levels.sigma_max)
        return checked_log_prob(self.score, x, self.levels, self._base_log_prob, n_steps=n_steps, exact_base=exact)

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """First the flow, from data; then the straighter one, from pairs that the first one makes."""
        return (
            Phase("flow", tuple(self.flow.parameters()), self._flow_loss, span=(0.0, self.reflow_from)),
            Phase("reflow", tuple(self.reflow.parameters()), self._reflow_loss, span=(self.reflow_from, 1.0)),
        )

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """samples, flow_samples (N, 2): the probe's noise through the straightened flow and through the first one."""
        if probe.noise is None:
            return {}
        with torch.inference_mode():
            first = last_state(self.carry(probe.noise, SHOWN_STEPS, is_straight=False)).x
            return {"samples": to_numpy(self.decode_noise(probe.noise)), "flow_samples": to_numpy(first)}

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """Score errors, straightness of both flows, and at the end likelihood and energy distance by network calls.

        straightness, flow_straightness: E|x_1 - x_0 - v|² along the ways, 0 where one step is as good as many.
        """
        few = held_out[:N_LIKELIHOOD], held_out_log_prob[:N_LIKELIHOOD]
        found = self._measures.likelihood(self, *few, LIKELIHOOD_STEPS) if is_last else {}
        levels = geometric_levels(12 if is_last else 6, 0.02, 5.0)
        found |= self._measures.score_errors(self, levels, 4000 if is_last else 500)
        found |= {
            name: self._straightness(held_out, name == "straightness") for name in ("straightness", "flow_straightness")
        }
        if is_last:
            found |= self._measures.sample_qualities({name: self._way(name == "reflow") for name in CALLS}, CALLS)
        return found

    # ---- inside ----

    def _flow_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        data = (batch - self.mean) / self.scale
        noise = torch.randn(data.shape, generator=rng, device=rng.device)
        return {"loss": self._gap(noise, self._pair(noise, data), rng, is_straight=False)}

    def _reflow_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if self._pairs is None:
            self._pairs = self._make_pairs(rng)
        at = torch.randint(N_PAIRS, (len(batch),), generator=rng, device=rng.device)
        noise, data = (each[at] for each in self._pairs)
        return {"loss": self._gap(noise, data, rng, is_straight=True)}

    def _gap(self, noise: Tensor, data: Tensor, rng: torch.Generator, *, is_straight: bool) -> Tensor:
        """E|v(x_t, t) - (x_1 - x_0)|² at random times."""
        t = torch.rand(len(noise), 1, generator=rng, device=rng.device)
        velocity = self.velocity((1 - t) * noise + t * data, t[:, 0], is_straight=is_straight)
        return (velocity - (data - noise)).square().sum(1).mean()

    def _pair(self, noise: Tensor, data: Tensor) -> Tensor:
        """The data, in the order in which it belongs to the noise."""
        if self.pairing == "independent":
            return data
        from scipy.optimize import linear_sum_assignment

        costs = torch.cdist(noise, data).square().cpu().numpy()
        return data[torch.as_tensor(linear_sum_assignment(costs)[1], device=data.device)]

    @torch.no_grad()
    def _make_pairs(self, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Noise and where the first flow carries it, in units of the data's width."""
        noise = torch.randn(N_PAIRS, 2, generator=rng, device=rng.device)
        ends = last_state(self.carry(noise, PAIR_STEPS, is_straight=False)).x
        return noise, (ends - self.mean) / self.scale

    @torch.no_grad()
    def _straightness(self, held_out: Tensor, is_straight: bool) -> float:
        """E|x_1 - x_0 - v(x_t)|² along the flow's own ways, over eight times."""
        noise = fixed_noise(len(held_out[:N_WAYS]), held_out.device)
        end = (last_state(self.carry(noise, PAIR_STEPS, is_straight=is_straight)).x - self.mean) / self.scale
        off = [
            (end - noise - self.velocity((1 - t) * noise + t * end, t, is_straight=is_straight)).square().sum(1).mean()
            for t in np.linspace(0, 0.95, 8).tolist()
        ]
        return float(torch.stack(off).mean())

    def _way(self, is_straight: bool) -> Way:
        return lambda noise, n_calls, rng: last_state(self.carry(noise, n_calls, is_straight=is_straight)).x

    def _wide(self) -> Tensor:
        return (self.levels.sigma_max**2 + self.std.square()).sqrt()

    def _base_log_prob(self, x: Tensor) -> Tensor:
        return normal_log_prob(x, self.mean, self._wide())


def build_flow_matching(settings: FlowMatchingSettings, density: GaussianMixture) -> FlowMatching:
    """Two nets of the same size; the second one waits."""
    flow, reflow = (NoiseMlp(2, settings.width, settings.n_hidden) for _ in range(2))
    return FlowMatching(flow, reflow, density, settings)


FLOW_MATCHING = ModelSpec(
    key="flow_matching",
    family="score",
    title="Flow matching and rectified flow",
    idea="Carry noise to data along straight lines; then learn the lines that were found, until one step is enough.",
    settings=FlowMatchingSettings,
    build=build_flow_matching,
    presets={"nearest pairs": replace(FlowMatchingSettings(), pairing="nearest")},
    paper="Lipman et al. 2023, arXiv:2210.02747; Liu, Gong, Liu 2023, Flow straight and fast, arXiv:2209.03003",
    absent=ABSENT_IN_THE_PLANE,
    plan=Plan(steps=10_000, batch_size=512, learning_rate=2e-3),
)
