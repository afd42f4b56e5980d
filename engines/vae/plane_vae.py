"""A VAE of points in the plane: so few latents that the integral behind its bound can be computed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import ShapeError
from engines.metrics.disentanglement import active_units
from engines.model_spec import ModelSpec, Phase
from engines.nets.mlp import build_mlp
from engines.noise import normal_rows
from engines.plan import Plan
from engines.probes import Probe
from engines.settings import Settings, setting
from engines.tensors import check_points, make_rng, to_numpy
from engines.vae.latent_quadrature import (
    CHECK,
    FINE,
    QUICK,
    LatentNodes,
    QuadratureSettings,
    gauss_hermite,
    latent_lattice,
    log_normal,
    place_nodes,
)
from engines.vae.objective import Objective, ObjectiveWeights
from engines.vae.vae import Posterior

REACH = 3.5  # the latent plane is shown from -REACH to REACH
HERMITE, HERMITE_AT_END, HERMITE_IN_TRAINING = 48, 24, 12  # nodes along each latent, for means over q
CHUNK = 200_000  # latents decoded at once
SHEET = {1: 441, 2: 21}  # latents along each axis of the lattice that is followed into the plane
SPREAD = 3.0  # standardised units over which the nets' first bends begin
CODED, CODED_SIDE = 2.2, 16
FARTHEST = 6.0  # latents beyond the prior's own reach that are looked at
PIXEL_ROWS = 1000  # after so many, the decoder noise of `decode_noise` repeats
_BOUND_SEED, _NOISE_SEED = 97, 60_317


@dataclass(frozen=True)
class PlaneVaeSettings(Settings):
    """A VAE of the plane."""

    beta: float = setting(
        1.0,
        "β",
        "Price of a nat of KL. 1 is the evidence bound; 0 an autoencoder; large values make the posterior collapse.",
        low=0.0,
        high=20.0,
        step=0.5,
    )
    n_latents: int = setting(
        2, "Latents", "Numbers in a code; with one, the decoder draws a curve.", low=1, high=2, step=1
    )
    free_bits: float = setting(
        0.0,
        "Free bits (nats)",
        "KL that each latent may spend without paying: a cure for collapse.",
        low=0.0,
        high=3.0,
        step=0.1,
    )
    warm_up: float = setting(
        0.0,
        "KL annealing (warm-up)",
        "Share of the training over which the price of KL rises from nothing: another cure for collapse.",
        low=0.0,
        high=1.0,
        step=0.05,
    )
    least_noise: float = setting(
        0.05,
        "Minimum decoder σ",
        "The decoder learns its own noise, but keeps at least this much, as a share of the data's spread.",
        low=0.03,
        high=1.0,
        step=0.01,
    )
    width: int = setting(48, "Width", "Units of each hidden layer.", low=8, high=128, step=8)
    n_hidden: int = setting(2, "Hidden layers", "Hidden layers of encoder and decoder.", low=1, high=3, step=1)


class PlaneVae(nn.Module):
    """Encoder q(z given x) = N(mean, diag std²), decoder p(x given z) = N(f(z), s² I), prior N(0, I).

    log p(x) = log ∫ N(z; 0, I) N(x; f(z), s² I) dz = bound(x) + KL(q(z given x) || p(z given x))

    Args:
        encoder: (B, 2) standardised points -> (B, 2 Z): means and log standard deviations.
        decoder: (B, Z) -> (B, 2) standardised points.
        mean, std: Of the data, shape (2,).
        n_latents: Z, 1 or 2.
        objective: What is minimised.
        least_noise: Least s, as a share of the data's spread.

    Source:
        Kingma and Welling 2014, Auto-encoding variational Bayes, eq. 1 to 3, arXiv:1312.6114
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        mean: Tensor,
        std: Tensor,
        n_latents: int,
        objective: Objective,
        least_noise: float,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.objective = encoder, decoder, objective
        self.event_shape, self.n_latents, self.least_noise = (2,), n_latents, least_noise
        self.log_noise = nn.Parameter(torch.tensor(math.log(0.5)))
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())
        self._spread = float(std.square().mean().sqrt())

    # ---- both directions ----

    @property
    def noise(self) -> Tensor:
        """s, the standard deviation of the decoder's noise in data units; a number."""
        return self._spread * (self.least_noise + self.log_noise.exp())

    def encode(self, x: Tensor) -> Posterior:
        """q(z given x) of points (B, 2): mean and std (B, Z).

        Raises:
            ShapeError: If x is not (B, 2).
        """
        check_points(x)
        mean, log_std = self.encoder((x - self.mean) / self.std).chunk(2, dim=-1)
        return Posterior(mean, log_std.clamp(-7, 3).exp())

    def decode(self, z: Tensor) -> Tensor:
        """f(z), the expected point of each latent: (B, Z) -> (B, 2) in data units.

        Raises:
            ShapeError: If z is not (B, Z).
        """
        if z.ndim != 2 or z.shape[1] != self.n_latents:
            raise ShapeError(f"Expected z of shape (B, {self.n_latents}), got {tuple(z.shape)}.")
        return self.mean + self.std * self.decoder(z)

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw latents from the prior, then points from the decoder.

        Args:
            n: How many.
            rng: Random source.
            temperature: Factor on the standard deviation of the prior; the decoder's own noise stays.

        Returns:
            Shape (n, 2), data units.
        """
        noise = normal_rows(n, self.n_latents + 2, rng=rng, like=self.mean)
        return self.decode(temperature * noise[:, :-2]) + self.noise * noise[:, -2:]

    def decode_noise(self, noise: Tensor, temperature: float = 1.0) -> Tensor:
        """Samples of given prior noise, shape (N, 2), of which Z columns are used: (N, 2), data units.

        The decoder's noise is the same in each call, and repeats every PIXEL_ROWS rows.
        """
        own = torch.randn(PIXEL_ROWS, 2, generator=make_rng(_NOISE_SEED)).to(noise)
        own = own.repeat(-(-len(noise) // PIXEL_ROWS), 1)[: len(noise)]
        return self.decode(temperature * noise[:, : self.n_latents]) + self.noise * own

    # ---- the bound ----

    def log_prob_bound(self, x: Tensor, n_importance: int = 1, *, rng: torch.Generator | None = None) -> Tensor:
        """A lower bound on log p(x) that holds in the mean over its noise.

        One sample gives the evidence lower bound with its KL in closed form; n of them the importance-weighted bound
        log (1/n) sum_i p(x, z_i) / q(z_i given x), which grows with n towards log p(x).

        Args:
            x: Points (B, 2).
            n_importance: Samples for each point.
            rng: Random source; None: one of a fixed seed.

        Returns:
            Nats, shape (B,).

        Source:
            Burda, Grosse, Salakhutdinov 2016, Importance weighted autoencoders, eq. 8, arXiv:1509.00519
        """
        rng = rng or make_rng(_BOUND_SEED)
        q = self.encode(x)
        noise = normal_rows(len(x), n_importance, self.n_latents, rng=rng, like=x).transpose(0, 1)
        if n_importance == 1:
            return self._log_likelihood(x, q.sample(noise))[0] - q.kl().sum(-1)
        return self.log_weights(x, noise).logsumexp(0) - math.log(n_importance)

    def log_weights(self, x: Tensor, noise: Tensor) -> Tensor:
        """log p(x, z) / q(z given x) at latents of noise (S, B, Z) or (S, 1, Z): (S, B) nats."""
        q = self.encode(x)
        z = q.sample(noise)
        log_ratio = 0.5 * (noise.square() - z.square()).sum(-1) + q.std.log().sum(-1)
        return log_ratio + self._log_likelihood(x, z)

    def rate_and_distortion(self, x: Tensor, order: int = HERMITE) -> tuple[Tensor, Tensor]:
        """KL(q || prior) of each latent (B, Z) in closed form, and the mean over q of -log p(x given z) (B,), nats.

        The mean is a Gauss-Hermite sum of order^Z terms, so the bound -(rate + distortion) carries no noise.
        """
        q = self.encode(x)
        nodes, weights = (each.to(q.mean)[:, None] for each in gauss_hermite(order, self.n_latents))
        at_once = max(1, CHUNK // len(nodes))
        parts = zip(*(each.split(at_once) for each in (x, q.mean, q.std)), strict=True)
        mean = [(weights * self._log_likelihood(x, Posterior(m, s).sample(nodes))).sum(0) for x, m, s in parts]
        return q.kl(), -torch.cat(mean)

    # ---- what the bound bounds, by quadrature ----

    def nodes(self, care: QuadratureSettings = FINE) -> LatentNodes:
        """The decoder as a finite mixture; good as long as the weights stay.

        It reaches as far as the codes of the data, but for QUICK: far codes weigh too little to be seen.
        """
        with torch.no_grad():
            wide = care if care == QUICK else replace(care, reach=care.reach + self._far_codes())
            return place_nodes(self.decode, self.n_latents, float(self.noise), wide, self.mean.device)

    def log_prob_estimate(
        self, x: Tensor, care: tuple[QuadratureSettings, QuadratureSettings] = (FINE, CHECK)
    ) -> tuple[Tensor, Tensor]:
        """log p(x) by quadrature over the latents, with its error.

        Args:
            x: Points (B, 2).
            care: How finely for the value, and how finely for what it is compared with.

        Returns:
            Nats (B,), and (B,) by how much a coarser and narrower sum differs: an upper estimate of the error.
        """
        check_points(x)
        value, rough = (self.nodes(each).log_prob(x) for each in care)
        return value, (value - rough).abs()

    def posterior_kl(self, x: Tensor) -> Tensor:
        """KL(q(z given x) || p(z given x)) = log p(x) - bound(x), by quadrature: (B, 2) -> (B,) nats."""
        rate, distortion = self.rate_and_distortion(x)
        return self.log_prob_estimate(x)[0] + rate.sum(-1) + distortion

    def posterior_grid(self, x: Tensor, resolution: int) -> Tensor:
        """log p(z given x) at the centres of resolution^Z cells over -REACH ... REACH.

        Args:
            x: Points (B, 2).
            resolution: Cells along each latent.

        Returns:
            Nats (B, R) for one latent, (B, R, R) for two, the lowest second latent first.
        """
        z = latent_lattice(resolution, self.n_latents, REACH, x.device)
        log_prior = -0.5 * z.square().sum(1) - 0.5 * self.n_latents * math.log(2 * math.pi)
        joint = log_prior + log_normal(x[:, None], self.decode(z), float(self.noise))
        return (joint - self.log_prob_estimate(x)[0][:, None]).view(-1, *[resolution] * self.n_latents)

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Hear how much of the training is done, 0 ... 1."""
        self.objective.share = share

    def phases(self) -> tuple[Phase, ...]:
        """One phase: the bound at the price β."""
        return (Phase("fit", tuple(self.parameters()), self._loss),)

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """What the probe asks for.

        log_prob (R, R): by quadrature, nats, at least log 1e-30; samples (N, 2) of the probe's noise, and with them
        sheet (441, 2): where the decoder puts a lattice of latents within 3 of the origin, the first latent fastest.
        """
        with torch.inference_mode():
            seen = {}
            if probe.grid is not None:
                xs, ys = (probe.grid.view(probe.resolution, probe.resolution, 2)[at] for at in (0, slice(None)))
                log_prob = self.nodes(QUICK).log_prob_on_grid(xs[:, 0], ys[:, 0, 1])
                seen["log_prob"] = to_numpy(log_prob)
            if probe.noise is not None:
                seen["samples"] = to_numpy(self.decode_noise(probe.noise))
                lattice = latent_lattice(SHEET[self.n_latents], self.n_latents, 3.0, self.mean.device)
                seen["sheet"] = to_numpy(self.decode(lattice))
            return seen

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, float]:
        """KL to the data and how far the bound is from the truth, on held-out points.

        kl, kl_error: KL(data || model) by quadrature, with its standard error over the points and the error of the
        quadrature; log_prob, bound: means of log p(x) and of its bound; bound_gap: their difference; rate,
        distortion: the two parts of the bound; active_units: latents in use; noise: s in data units. During
        training all is measured with less care.
        """
        care, order = ((FINE, CHECK), HERMITE_AT_END) if is_last else ((CHECK, QUICK), HERMITE_IN_TRAINING)
        with torch.inference_mode():
            log_prob, error = self.log_prob_estimate(held_out, care)
            kl, distortion = self.rate_and_distortion(held_out, order)
            rate, bound = kl.sum(-1), -(kl.sum(-1) + distortion)
            gap = held_out_log_prob.to(log_prob) - log_prob
            measures = {
                "kl": gap.mean(),
                "kl_error": gap.std() / math.sqrt(len(gap)) + error.mean(),
                "log_prob": log_prob.mean(),
                "bound": bound.mean(),
                "bound_gap": (log_prob - bound).mean(),
                "rate": rate.mean(),
                "distortion": distortion.mean(),
                "noise": self.noise,
            }
            numbers = {name: float(value) for name, value in measures.items()}
            numbers["active_units"] = float(active_units(to_numpy(self.encode(held_out).mean)).sum())
        return {name: value for name, value in numbers.items() if math.isfinite(value)}

    # ---- inside ----

    def _far_codes(self) -> float:
        """By how much the codes of points within CODED standard deviations of the data leave the prior's middle."""
        box = latent_lattice(CODED_SIDE, 2, CODED, self.mean.device)
        farthest = float(self.encode(self.mean + self.std * box).mean.norm(dim=1).max())
        return min(max(0.0, farthest - FINE.reach + 1), FARTHEST)

    def _loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        q = self.encode(batch)
        noise = torch.randn(q.mean.shape, generator=rng, device=batch.device)
        distortion, kl = -self._log_likelihood(batch, q.sample(noise)[None]), q.kl()
        loss = self.objective(distortion, kl[None]).sum()
        return {"loss": loss, "distortion": distortion.mean().detach(), "rate": kl.sum(-1).mean().detach()}

    def _log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x given z) for latents (S, B, Z): (S, B) nats."""
        means = self.decode(z.flatten(0, 1)).view(*z.shape[:2], 2)
        squares = (x - means).square().sum(-1) / self.noise.square()
        return -0.5 * squares - math.log(2 * math.pi) - 2 * self.noise.log()


def build_plane_vae(settings: PlaneVaeSettings, density: GaussianMixture) -> PlaneVae:
    """A VAE that standardises the data by its exact mean and standard deviation."""
    z, size = settings.n_latents, (settings.width, settings.n_hidden)
    prices = ObjectiveWeights((settings.beta,), (settings.free_bits,), (0.0,), settings.warm_up)
    return PlaneVae(
        build_mlp(2, *size, 2 * z, spread=SPREAD),
        build_mlp(z, *size, 2, spread=SPREAD),
        mean=density.mean(),
        std=density.covariance().diagonal().sqrt(),
        n_latents=z,
        objective=Objective(prices),
        least_noise=settings.least_noise,
    )


DEFAULT = PlaneVaeSettings()

PLANE_VAE = ModelSpec(
    key="plane_vae",
    family="vae",
    title="VAE in 2-D",
    idea="Two latents and a smooth decoder: so small that the integral behind the bound can be computed.",
    settings=PlaneVaeSettings,
    build=build_plane_vae,
    presets={
        "one latent": replace(DEFAULT, n_latents=1),
        "β = 0": replace(DEFAULT, beta=0.0),
        "β = 8": replace(DEFAULT, beta=8.0),
    },
    paper="Kingma, Welling 2014, Auto-encoding variational Bayes, arXiv:1312.6114; "
    "Cremer et al. 2018, arXiv:1801.03558",
    absent={
        "log_prob": "The integral over the latents has no closed form: log_prob_estimate computes it by quadrature.",
        "to_latent": "A point has a cloud of latents, not one: use encode.",
        "to_data": "A latent has a distribution over points, not one: use decode.",
        "layers_to_latent": "Its nets are not invertible, so their layers keep no count of volume.",
        "score": "It is not learned, and without an exact density autograd cannot give it.",
        "denoise": "It knows the clean data only, not the data at each noise level.",
        "discriminate": "There is no discriminator: the bound itself is the objective.",
        "next_token_logits": "It models points, not sequences of tokens.",
        "sample_path": "A sample is made in one pass through the decoder.",
    },
    plan=Plan(steps=3000, batch_size=256, learning_rate=1e-2),
)
