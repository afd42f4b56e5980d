"""CycleGAN in the plane: two densities, points of one sent to the other and back, without ever seeing a pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.datasets.toy2d import TOY_2D
from engines.gan.cyclegan.base import CycleGame
from engines.gan.cyclegan.measures import folded_share, kept_modes, mode_table
from engines.gan.losses import LOSSES
from engines.metrics.bands import energy_band, energy_from_truth
from engines.model_spec import ModelSpec, Recipe
from engines.nets.mlp import build_mlp
from engines.plan import Plan
from engines.probes import Probe
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy

TARGETS = tuple(spec.key for spec in TOY_2D)
N_SHOWN = 400  # points of each domain that are followed there and back
N_COMPARED = 800  # points of each set whose distance is computed
_SHOWN_SEED, _MEASURED_SEED = 31_415, 27_182  # apart from every training seed


@dataclass(frozen=True)
class PlaneCycleSettings(Settings):
    """The second domain, the game, what holds it together, and the size of the nets."""

    other: str = setting("ring", "Domain B", "Where the points are sent. A is the target of the page.", choices=TARGETS)
    loss: str = setting("least_squares", "Loss", "What translators and judges minimise.", choices=tuple(LOSSES))
    cycle: float = setting(
        10.0,
        "Cycle-consistency weight λ",
        "Weight of the way there and back. 0: points may be sent anywhere, many to one.",
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
        1000, "Image buffer", "Earlier fakes that each judge remembers; 0: none.", low=0, high=5000, step=100
    )
    width: int = setting(64, "Width", "Units of each hidden layer, in all four nets.", low=8, high=256, step=8)
    n_hidden: int = setting(3, "Layers", "Hidden layers of each net.", low=1, high=5)


class PlaneCycle(CycleGame):
    """Two translators of points and two judges.

    Inside, points of each domain are in units of its width around its mean; all methods take and give data units.

    Args:
        settings: See `PlaneCycleSettings`.
        density: Domain A.
    """

    def __init__(self, settings: PlaneCycleSettings, density: GaussianMixture) -> None:
        body = lambda n_out: build_mlp(2, settings.width, settings.n_hidden, n_out, spread=2.0)  # noqa: E731
        super().__init__(
            to_b=body(2),
            to_a=body(2),
            judge_a=body(1),
            judge_b=body(1),
            loss=settings.loss,
            cycle=settings.cycle,
            identity=settings.identity,
            history=settings.history,
        )
        self.event_shape, self.settings = (2,), settings
        other = next(spec for spec in TOY_2D if spec.key == settings.other).density
        assert isinstance(other, GaussianMixture)  # noqa: S101
        self._densities = (density.to("cpu"), other)
        self._moved: dict[tuple[int, str], GaussianMixture] = {}
        frames = [(each.mean().float(), each.covariance().diagonal().mean().sqrt().float()) for each in self._densities]
        self.means: Tensor
        self.scales: Tensor
        self.register_buffer("means", torch.stack([mean for mean, _ in frames]), persistent=False)
        self.register_buffer("scales", torch.stack([scale for _, scale in frames]), persistent=False)

    # ---- what it can do ----

    def translate(self, x: Tensor, *, backwards: bool = False) -> Tensor:
        """Points of A as points of B; backwards: of B as of A.

        Args:
            x: Shape (N, 2), data units.
            backwards: Which way.
        """
        start, end = (1, 0) if backwards else (0, 1)
        inside = (x - self.means[start]) / self.scales[start]
        return self.means[end] + self.scales[end] * (self.to_a if backwards else self.to_b)(inside)

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Fresh points of A translated, (n, 2); the temperature has nothing to scale: a translator takes no noise."""
        with torch.no_grad():
            return self.translate(self._densities[0].sample(n, rng=rng).to(self.means))

    def discriminate(self, x: Tensor) -> Tensor:
        """Logits of "a real point of B", shape (N,)."""
        return self.judge_b((x - self.means[1]) / self.scales[1])[:, 0]

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """The same points in every picture: samples G(a); for the first N_SHOWN back F(G(a)), and F(b), G(F(b))."""
        if probe.noise is None:
            return {}
        n = len(probe.noise)
        with torch.inference_mode():
            there = self.translate(self.shown_points(0, max(n, N_SHOWN)))[:n]
            back = self.translate(there[:N_SHOWN], backwards=True)
            made = self.translate(self.shown_points(1, max(n, N_SHOWN))[:n][:N_SHOWN], backwards=True)
            again = self.translate(made)
        found = {"samples": there, "back": back, "to_a": made, "again": again}
        return {name: to_numpy(points) for name, points in found.items()}

    def shown_points(self, which: int, n: int) -> Tensor:
        """Always the same points of a domain: the first n of at least N_SHOWN, on the model's device."""
        return shown_points(self._densities[which], n).to(self.means)

    @torch.no_grad()
    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """Both ways: distance from the other domain with the band of true samples, error of the cycle, folds, modes."""
        found: dict[str, Any] = {}
        rng = make_rng(_MEASURED_SEED)
        points = [density.sample(N_COMPARED, rng=rng).to(self.means) for density in self._densities]
        for which, way in ((0, "to_b"), (1, "to_a")):
            made = self.translate(points[which], backwards=which == 1)
            back = self.translate(made, backwards=which == 0)
            found |= {f"{name}_{way}": value for name, value in self._facts(which, points, made, back).items()}
        return found

    def _facts(self, which: int, points: list[Tensor], made: Tensor, back: Tensor) -> dict[str, float]:
        """Of one way; the error of the cycle is the median, in widths of the domain that it starts from."""
        start, width = points[which], float(self.scales[which])
        facts = {
            "energy": energy_from_truth(made, self._densities[1 - which]),
            "band": self._bands[1 - which],
            "cycle": float((back - start).norm(dim=1).median()) / width,
            "folded": folded_share(start, made, width),
        }
        sources, targets = (self._densities[k].modes for k in (which, 1 - which))
        if sources is not None and targets is not None:
            table = mode_table(start.cpu(), made.cpu(), sources, targets)
            facts |= {"kept_modes": float(kept_modes(table)), "n_modes": float(min(len(sources), len(targets)))}
        return facts

    @cached_property
    def _bands(self) -> tuple[float, float]:
        """The energy distance from the reference of each domain that one true sample in twenty exceeds."""
        first, second = (energy_band(density, N_COMPARED).high for density in self._densities)
        return first, second

    # ---- inside ----

    def _draw(self, batch: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """The batch, and as many fresh points of B."""
        other = self._points(1, len(batch), rng)
        return (batch - self.means[0]) / self.scales[0], (other - self.means[1]) / self.scales[1]

    def _points(self, which: int, n: int, rng: torch.Generator) -> Tensor:
        key = which, str(rng.device)
        if key not in self._moved:  # once for each device: moving a mixture factorises its covariances anew
            density = self._densities[which]
            self._moved[key] = density if density.device == rng.device else density.to(rng.device)
        return self._moved[key].batch(n, rng=rng).to(self.means)


def shown_points(density: GaussianMixture, n: int) -> Tensor:
    """Always the same exact draws of a density, shape (n, 2); the first ones are the same for every n."""
    chunks = -(-n // N_SHOWN)
    rng = make_rng(_SHOWN_SEED)
    return torch.cat([density.sample(N_SHOWN, rng=rng) for _ in range(chunks)])[:n]


PLANE_CYCLE = ModelSpec(
    key="plane_cycle",
    family="gan",
    title="CycleGAN",
    idea="Two translators send points of one density to another and back; nobody ever saw which belongs to which.",
    settings=PlaneCycleSettings,
    build=PlaneCycle,
    presets={"no cycle": PlaneCycleSettings(cycle=0.0)},
    paper="Zhu, Park, Isola, Efros 2017, arXiv:1703.10593",
    absent={
        "log_prob": "A translator moves points and has no density to be asked.",
        "log_prob_bound": "The game has no bound on a likelihood; its loss measures the players, not the data.",
        "log_prob_estimate": "Nothing that it learns would estimate a density.",
        "encode": "A point becomes a point of the other domain, not a latent.",
        "decode": "There is no latent: what is translated is a point.",
        "to_latent": "There is no latent, and the way back is learned, not exact.",
        "to_data": "There is no latent: what is translated is a point.",
        "layers_to_latent": "There is no latent to be reached layer by layer.",
        "score": "The judges' slopes are not those of a log density.",
        "denoise": "It was never shown noisy points to clean.",
        "next_token_logits": "It moves a point at once, not part by part.",
        "sample_path": "A point is translated in a single pass; what lies between is a straight line, not a path.",
    },
    plan=Plan(steps=1500, batch_size=256, learning_rate=2e-3),
    on={
        key: Recipe(PlaneCycleSettings(other=other), Plan(steps=1500, batch_size=256, learning_rate=2e-3))
        for key, other in {"ring": "ring_narrow", "spirals": "moons", "rings": "moons", "two_modes": "moons"}.items()
    },
)
