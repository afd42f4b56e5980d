"""A normalizing flow: a chain of invertible layers between the data and a standard Gaussian base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from engines.datasets.base import Density
from engines.errors import ShapeError
from engines.flows.bases import Gaussian, Mixture
from engines.flows.layers.base import Bijection
from engines.flows.layers.couplings import Coupling, run_of_couplings
from engines.model_spec import Phase
from engines.nets.by_hand import is_glance
from engines.probes import Probe
from engines.tensors import to_numpy

# Rows that are carried at a time where no gradient is wanted: what a layer makes of them stays in the cache.
PIECE = 4000


def in_pieces(carry: Callable[[Tensor], tuple[Tensor, Tensor]], x: Tensor) -> tuple[Tensor, Tensor]:
    """What carry makes of rows (B, D), each of which is on its own: some thousands at a time, if they only pass by."""
    if len(x) <= PIECE or not is_glance() or x.device.type != "cpu":
        return carry(x)
    points, log_dets = zip(*(carry(piece) for piece in x.split(PIECE)), strict=True)
    return torch.cat(points), torch.cat(log_dets)


class Flow(nn.Module):
    """Bends a standard Gaussian into the data, and keeps exact count of the probability.

    log p(x) = log p_base(z) + sum over layers of log |det dz_i / dz_(i-1)|,   z = to_latent(x)

    Args:
        layers: Bijections from the data side to the latent side.
        n_features: D.
        base: What the layers bend; None: a standard Gaussian.
        target: The density that it comes close to by the reverse KL; None: the forward one, from samples.

    Source:
        Rezende and Mohamed 2015, Variational inference with normalizing flows, eq. 5 and 7, arXiv:1505.05770
    """

    def __init__(
        self,
        layers: Sequence[Bijection],
        n_features: int,
        base: Gaussian | Mixture | None = None,
        target: Density | None = None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.base = base or Gaussian()
        self.event_shape = (n_features,)
        self.fast_log_prob: Callable[[Tensor], Tensor] | None = None  # the same, compiled, once that is done
        self._target = target
        self._has_begun = False

    @property
    def tolerance(self) -> float:
        """To how much a round trip is exact in float64, in standard deviations of the data; 0: closed forms only."""
        return max(layer.tolerance for layer in self._chain())

    def to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Exact latent of each point.

        Args:
            x: Points in data units, shape (B, D).

        Returns:
            Latents, shape (B, D), and log |det dz/dx| in nats, shape (B,).

        Raises:
            ShapeError: If x is not (B, D).
        """
        self._check(x, "x")
        return in_pieces(self._to_latent, x)

    def to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Exact point of each latent: (x (B, D) in data units, log |det dx/dz| (B,) in nats)."""
        self._check(z, "z")
        return in_pieces(self._to_data, z)

    def layers_to_latent(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The way of each point to its latent: for each layer, the point after it and the layer's log-determinant."""
        return [way[-1] for way in self.ways_to_latent(x, 1)]

    def layers_to_data(self, z: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The way of each latent to its point: for each layer, last one first, the point after it and its log-det."""
        return [way[-1] for way in self.ways_to_data(z, 1)]

    def ways_to_latent(self, x: Tensor, n: int) -> list[list[tuple[Tensor, Tensor]]]:
        """The same inside the layers: for each layer, its `ways_to_latent`, which are n states in a path in time."""
        self._check(x, "x")
        ways = []
        for layer in self._chain():
            ways.append(layer.ways_to_latent(x, n))
            x = ways[-1][-1][0]
        return ways

    def ways_to_data(self, z: Tensor, n: int) -> list[list[tuple[Tensor, Tensor]]]:
        """The same inside the layers: for each layer, last one first, its `ways_to_data`."""
        self._check(z, "z")
        ways = []
        for layer in reversed(self._chain()):
            ways.append(layer.ways_to_data(z, n))
            z = ways[-1][-1][0]
        return ways

    @property
    def rows_are_alike(self) -> bool:
        """Whether a row of noise becomes the same point wherever it stands: a mixture gives each row a centre."""
        return isinstance(self.base, Gaussian)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """What each layer is called, from the data side to the latent side."""
        return tuple(layer.name for layer in self._chain())

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log density of each point in nats, in data units: x (B, D) -> (B,)."""
        z, log_det = self.to_latent(x)
        return self.base_log_prob(z) + log_det

    def base_log_prob(self, z: Tensor) -> Tensor:
        """Log density of the base: z (B, D) -> (B,) nats."""
        return self.base.log_prob(z)

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw points by sending base noise to the data side.

        Args:
            n: How many.
            rng: Random source; row i of the samples depends on it and on i alone.
            temperature: Factor on the standard deviation of the noise; 1 samples the model itself, less keeps to the
                middle of the base.

        Returns:
            Shape (n, D), data units.
        """
        return self.to_data(self.draw_latents(n, rng, temperature))[0]

    def draw_latents(self, n: int, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Latents drawn from the base by rows: (n, D)."""
        like = next(self.parameters())
        return self.base.draw(n, *self.event_shape, rng=rng, like=like, temperature=temperature)

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Points of given standard-normal noise (B, D) at a temperature: (B, D), data units."""
        return self.to_data(self.base.place(noise, temperature))[0]

    def phases(self) -> tuple[Phase, ...]:
        """One phase: maximise the likelihood, which minimises KL(data || model); or minimise KL(model || data)."""
        return (Phase("fit", tuple(self.parameters()), self._reverse_loss if self._target else self._loss),)

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """The exact log density on the probe's grid and the samples that its fixed noise becomes."""
        with torch.inference_mode():
            seen = {}
            if probe.grid is not None:
                seen["log_prob"] = to_numpy(self.log_prob(probe.grid)).reshape(probe.resolution, probe.resolution)
            if probe.noise is not None:
                seen["samples"] = to_numpy(self.decode_noise(probe.noise))
            return seen

    def _to_latent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        log_dets = []
        for step in self._steps():
            x, log_det = step(x)
            log_dets.append(log_det)
        return x, sum(log_dets[1:], start=log_dets[0])

    def _to_data(self, z: Tensor) -> tuple[Tensor, Tensor]:
        total = z.new_zeros(len(z))
        for layer in reversed(self._chain()):
            z, log_det = layer.to_data(z)
            total = total + log_det
        return z, total

    def _steps(self) -> list[Callable[[Tensor], tuple[Tensor, Tensor]]]:
        """The way to the latent side: layer by layer, but couplings in a row as one."""
        steps: list[Callable[[Tensor], tuple[Tensor, Tensor]]] = []
        run: list[Coupling] = []
        for layer in self._chain():
            if isinstance(layer, Coupling):
                if not run:
                    steps.append(partial(run_of_couplings, run))
                run.append(layer)
            else:
                run = []
                steps.append(layer.to_latent)
        return steps

    def _chain(self) -> list[Bijection]:
        return cast(list[Bijection], list(self.layers))

    def _loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        if not self._has_begun:
            self._begin_with(batch)
        return {"loss": -(self.fast_log_prob or self.log_prob)(batch).mean()}

    def _reverse_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """KL(model || target) on the model's own samples; the batch only says how many, but one for each centre."""
        assert self._target is not None  # noqa: S101  (else this is not the loss)
        base, n_centres = self.base, len(self.base.logits) if isinstance(self.base, Mixture) else 1
        shape = (max(len(batch), n_centres), *self.event_shape)
        noise = torch.randn(shape, generator=rng, device=batch.device, dtype=batch.dtype)
        z, weights = base.stratify(noise) if isinstance(base, Mixture) else (noise, None)
        x, log_det = self.to_data(z)
        gaps = base.log_prob(z) - log_det - self._target.log_prob(x)
        return {"loss": gaps.mean() if weights is None else (weights * gaps).sum()}

    def _begin_with(self, batch: Tensor) -> None:
        """Let layers that begin from data do so: each sees the batch as the layers before it leave it."""
        self._has_begun = True
        with torch.no_grad():
            for layer in self._chain():
                layer.begin_with(batch)
                batch = layer.to_latent(batch)[0]

    def _check(self, x: Tensor, name: str) -> None:
        if x.ndim != 2 or x.shape[1:] != self.event_shape:
            raise ShapeError(f"Expected {name} of shape (B, {self.event_shape[0]}), got {tuple(x.shape)}.")
