"""Variational autoencoders: K of them in one stack, which is one of them for K = 1."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.batches import Labelled, Measures, Split
from engines.errors import ShapeError
from engines.model_spec import Phase
from engines.noise import normal_rows
from engines.probes import ExampleProbe
from engines.tensors import make_rng, to_numpy
from engines.vae.measures import measure_vae
from engines.vae.nets import StackedDecoder, StackedEncoder
from engines.vae.objective import Objective

LARGEST_CHUNK = 2_000_000  # values of a picture batch that are decoded at once
_BOUND_SEED = 97


@dataclass(frozen=True)
class Posterior:
    """q(z given x): independent Gaussians.

    Attributes:
        mean: Shape (..., B, Z).
        std: Shape (..., B, Z).
    """

    mean: Tensor
    std: Tensor

    def kl(self) -> Tensor:
        """KL to the standard-normal prior of each latent, nats, shape (..., B, Z)."""
        return 0.5 * (self.mean.square() + self.std.square() - 1) - self.std.log()

    def sample(self, noise: Tensor) -> Tensor:
        """Latents of given standard-normal noise, broadcast against (..., B, Z)."""
        return self.mean + self.std * noise


class Vae(nn.Module):
    """K variational autoencoders of the same data, trained on the same batches with the same noise.

    log p(x) >= E over q(z given x) of log p(x given z) - KL(q(z given x) || p(z)) = -(distortion + rate)

    A stack answers `encode`, `decode`, `sample` and the bounds for its first model; `member(k)` is another one alone.

    Args:
        encoder, decoder: The nets.
        likelihood: What the decoder's outputs say about x.
        objective: What is minimised.
        event_shape: Of one example.
        n_latents: Z.
        n_classes: Classes that condition both nets; 0 for none.

    Source:
        Kingma and Welling 2014, Auto-encoding variational Bayes, eq. 3 and 10, arXiv:1312.6114
    """

    def __init__(
        self,
        encoder: StackedEncoder,
        decoder: StackedDecoder,
        likelihood: Any,
        objective: Objective,
        *,
        event_shape: tuple[int, ...],
        n_latents: int,
        n_classes: int = 0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood, self.objective = encoder, decoder, likelihood, objective
        self.event_shape, self.n_latents, self.n_classes = event_shape, n_latents, n_classes
        self.n_models = objective.prices.n_models
        self.uses_labels = n_classes > 0

    # ---- both directions ----

    def encode(self, x: Tensor, *, labels: Tensor | None = None) -> Posterior:
        """q(z given x).

        Args:
            x: Examples, shape (B, *event), in 0 ... levels - 1.
            labels: Classes (B,) for a conditional model; None: the first class.

        Returns:
            Posterior with mean and std (B, Z).

        Raises:
            ShapeError: If x has another shape.
        """
        posterior = self.encode_all(x, labels)
        return Posterior(posterior.mean[0], posterior.std[0])

    def decode(self, z: Tensor, *, labels: Tensor | None = None) -> Tensor:
        """The expected example of each latent: z (B, Z) -> (B, *event) in 0 ... levels - 1.

        Raises:
            ShapeError: If z is not (B, Z).
        """
        if z.ndim != 2 or z.shape[1] != self.n_latents:
            raise ShapeError(f"Expected z of shape (B, {self.n_latents}), got {tuple(z.shape)}.")
        outputs = self.decoder(z, self._condition(labels, z))
        return self.likelihood.mean(outputs)[0].view(-1, *self.event_shape)

    def member(self, k: int) -> Vae:
        """One model of the stack alone: a copy with its weights and its price."""
        alone = copy.deepcopy(self)
        for parameter in alone.parameters():
            parameter.data = parameter.data[k : k + 1].clone()
        alone.objective = self.objective.member(k)
        alone.n_models = 1
        return alone

    def encode_all(self, x: Tensor, labels: Tensor | None = None) -> Posterior:
        """q(z given x) of every model: mean and std (K, B, Z)."""
        if tuple(x.shape[1:]) != self.event_shape or x.ndim != len(self.event_shape) + 1:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")
        mean, log_std = self.encoder(self._scaled(x), self._condition(labels, x))
        return Posterior(mean, log_std.exp())

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw latents from the prior, then examples from the likelihood.

        Args:
            n: How many.
            rng: Random source.
            temperature: Factor on the standard deviation of the prior; 1 samples the model itself.

        Returns:
            Shape (n, *event), 0 ... levels - 1.
        """
        z = temperature * normal_rows(n, self.n_latents, rng=rng, like=next(self.parameters()))
        outputs = self.decoder(z, self._condition(self.spread_labels(n, z.device), z))
        return self.likelihood.sample(outputs, rng)[0].view(n, *self.event_shape)

    def spread_labels(self, n: int, device: torch.device | str = "cpu") -> Tensor | None:
        """All classes in turn (n,), for a conditional model."""
        return torch.arange(n, device=device) % self.n_classes if self.uses_labels else None

    # ---- bounds ----

    def log_prob_bound(
        self,
        x: Tensor,
        n_importance: int = 1,
        *,
        rng: torch.Generator | None = None,
        labels: Tensor | None = None,
    ) -> Tensor:
        """A lower bound on log p(x) that holds in the mean over its noise.

        One sample gives the evidence lower bound with its KL in closed form; n of them the importance-weighted bound
        log (1/n) sum_i p(x, z_i) / q(z_i given x), which grows with n towards log p(x).

        Args:
            x: Examples (B, *event).
            n_importance: Samples for each example.
            rng: Random source; None: one of a fixed seed.
            labels: Classes (B,) for a conditional model.

        Returns:
            Nats, shape (B,).

        Source:
            Burda, Grosse, Salakhutdinov 2016, Importance weighted autoencoders, eq. 8, arXiv:1509.00519
        """
        rng = rng or make_rng(_BOUND_SEED)
        posterior = self.encode(x, labels=labels)
        if n_importance == 1:
            noise = normal_rows(*posterior.mean.shape, rng=rng, like=x)
            distortion = self._distortion(x, posterior.sample(noise)[None], labels)[0]
            return -distortion - posterior.kl().sum(-1)
        noise = normal_rows(len(x), n_importance, self.n_latents, rng=rng, like=x).transpose(0, 1)
        at_once = max(1, LARGEST_CHUNK // (len(x) * math.prod(self.event_shape)))
        weights = [self._log_weights(x, posterior, some, labels) for some in noise.split(at_once)]
        return torch.cat(weights).logsumexp(0) - math.log(n_importance)

    def rate_and_distortion(self, x: Tensor, noise: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """KL of each latent (K, B, Z) and -log p(x given z) (K, B) of every model, nats; noise (B, Z) for all alike."""
        posterior = self.encode_all(x, labels)
        outputs = self.decoder(posterior.sample(noise), self._condition(labels, x))
        return posterior.kl(), -self.likelihood.log_prob(outputs, x.flatten(1))

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Hear how much of the training is done, 0 ... 1."""
        self.objective.share = share

    def phases(self) -> tuple[Phase, ...]:
        """One phase: all models minimise their own objective; the sum has the gradient of each."""
        return (Phase("fit", tuple(self.parameters()), self._loss),)

    def observe(self, probe: ExampleProbe) -> dict[str, np.ndarray]:
        """Every model's reconstructions and prior samples as pictures, its KL by latent and its codes of the examples.

        reconstructions, samples (K, M, *event) uint8; kl (K, Z) nats; means (K, N, Z).
        """
        with torch.inference_mode():
            posterior = self.encode_all(probe.examples, probe.labels)
            n = probe.n_pictures
            shown = None if probe.labels is None else probe.labels[:n]
            noise = probe.noise[:, : self.n_latents]
            return {
                "reconstructions": self._pictures(posterior.mean[:, :n], shown),
                "samples": self._pictures(noise, self.spread_labels(len(noise), noise.device)),
                "kl": to_numpy(posterior.kl().mean(1)),
                "means": to_numpy(posterior.mean),
            }

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """Bounds, rate, distortion, active units and, where factors are known, MIG: a list over the models each."""
        return measure_vae(self, held_out, seen, is_last=is_last)

    # ---- inside ----

    def _loss(self, batch: Tensor | Labelled, rng: torch.Generator) -> dict[str, Tensor]:
        x, labels = (batch.x, batch.labels) if isinstance(batch, Labelled) else (batch, None)
        noise = torch.randn(len(x), self.n_latents, generator=rng, device=x.device)
        kl, distortion = self.rate_and_distortion(x, noise, labels)
        losses = self.objective(distortion, kl)
        means = {"distortion": distortion.mean(), "rate": kl.sum(-1).mean()}
        return {"loss": losses.sum()} | {name: value.detach() for name, value in means.items()}

    def _distortion(self, x: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """-log p(x given z) of the first model for latents (S, B, Z): (S, B)."""
        n, b = z.shape[:2]
        condition = self._condition(None if labels is None else labels.repeat(n), z.flatten(0, 1))
        outputs = self.decoder(z.flatten(0, 1), condition)  # (K, S * B, D)
        return -self.likelihood.log_prob(outputs, x.flatten(1).repeat(n, 1))[0].view(n, b)

    def _log_weights(self, x: Tensor, q: Posterior, noise: Tensor, labels: Tensor | None) -> Tensor:
        """log p(x, z) / q(z given x) at n latents of each example, of noise (n, B, Z): (n, B)."""
        z = q.sample(noise)
        log_prior, log_q = -0.5 * z.square().sum(-1), -0.5 * noise.square().sum(-1) - q.std.log().sum(-1)
        return log_prior - log_q - self._distortion(x, z, labels)

    def _scaled(self, x: Tensor) -> Tensor:
        """Pixels as the encoder reads them: (B, D), -1 ... 1."""
        return x.flatten(1) * (2 / (self.likelihood.levels - 1)) - 1

    def _condition(self, labels: Tensor | None, like: Tensor) -> Tensor | None:
        if not self.uses_labels:
            return None
        labels = labels if labels is not None else torch.zeros(len(like), dtype=torch.long, device=like.device)
        return F.one_hot(labels, self.n_classes).to(like.dtype)

    def _pictures(self, z: Tensor, labels: Tensor | None) -> np.ndarray:
        """Expected pictures of latents (M, Z) or (K, M, Z): (K, M, *event), uint8 of 0 ... 255."""
        outputs = self.decoder(z, self._condition(labels, z.view(-1, *z.shape[-2:])[0]))
        bright = self.likelihood.mean(outputs) * (255 / (self.likelihood.levels - 1))
        return to_numpy(bright.round().to(torch.uint8)).reshape(self.n_models, -1, *self.event_shape)
