"""A GAN in the plane: K games side by side, each cure a switch, and the parts of a step to be looked at one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.losses import LOSSES
from engines.gan.penalties import around, between, one_centred, zero_centred
from engines.gan.plane.measures import N_SAMPLES, GameMeasures, Trace
from engines.gan.plane.optimal import estimate_log_density
from engines.gan.plane.settings import PlaneGanSettings
from engines.model_spec import Phase
from engines.nets.adversaries import Discriminator, Generator
from engines.nets.averaged import Averaged
from engines.noise import choice_rows, normal_rows, uniform_rows
from engines.probes import Probe, cell_centres
from engines.tensors import make_rng, to_numpy

LATENT_SIDE = 17  # lines of the latent grid each way
LATENT_REACH = 2.0
SHOWN_PIECES, PIECE_SIDE = 24, 5  # of noise in pieces: how many show a grid, and its lines each way
N_ESTIMATED = 4096  # samples from which the generator's density is estimated, at each picture
N_ARROWS = 300
N_PARTNERS = 128  # packs of generated points whose spread a discriminator is told
MEMBER_SAMPLES, MEMBER_SIDE = 250, 24  # what is shown of the other games of a run of several
MARK = 16.0  # how far noise is moved towards its piece: far enough that the pieces start apart
_NOISE_SEED = 20_240_229


class PlaneGan(nn.Module):
    """K generators and K discriminators over one density of the plane.

    Inside, points are in units of the data's width around its mean; all methods take and give data units.

    Args:
        settings: See `PlaneGanSettings`.
        density: The target; its exact mean and width set the scale, and it draws the batches of the further games.
    """

    def __init__(self, settings: PlaneGanSettings, density: GaussianMixture) -> None:
        super().__init__()
        self.event_shape = (2,)
        self.settings = settings
        self.game = LOSSES[settings.loss]
        k, width = settings.n_models, settings.width
        generator = Generator(
            k, settings.n_latents + self._n_marks, width, settings.n_hidden, is_normed=settings.batch_norm
        )
        self.generator = Averaged(generator, settings.averaging)
        self.discriminator = Discriminator(
            k,
            settings.pack,
            width,
            settings.discriminator_hidden,
            is_spectral=settings.spectral_norm,
            sees_spread=settings.minibatch_std,
            n_waves=settings.waves,
        )
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", density.mean().float(), persistent=False)
        self.register_buffer("scale", density.covariance().diagonal().mean().sqrt().float(), persistent=False)
        self._density = density
        self._measures = GameMeasures(density)
        self._trace = Trace(density)
        self.progress = 0.0
        self.batch: tuple[Tensor, Tensor, Tensor] | None = None  # real points, noise and fakes of the last update

    # ---- capabilities ----

    @torch.no_grad()
    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Points of the first game, (n, 2); the temperature is a factor on the noise's standard deviation."""
        return self.decode(self._noise_rows(n, rng, temperature))

    def decode(self, z: Tensor, member: int | None = 0) -> Tensor:
        """Points that the averaged generator makes of noise.

        Args:
            z: Shape (N, Z).
            member: Which game; None: all, (K, N, 2).
        """
        points = self.mean + self.scale * self.generator(z)
        return points if member is None else points[member]

    def discriminate(self, x: Tensor, member: int | None = 0) -> Tensor:
        """Logits of "real" for points, each as one among generated ones: these fill its pack and its group.

        Args:
            x: Shape (N, 2), data units; or (K, N, 2).
            member: Which game; None: all.

        Returns:
            Shape (N,), or (K, N).
        """
        logits = self._judge_each((x - self.mean) / self.scale)
        return logits if member is None else logits[member]

    # ---- training ----

    def phases(self) -> tuple[Phase, ...]:
        """The discriminator's steps, then the generator's one."""
        settings = self.settings
        common: Mapping[str, Any] = {"betas": (settings.momentum, 0.999), "decays": settings.decays}
        return (
            Phase(
                "discriminator",
                tuple(self.discriminator.parameters()),
                self.discriminator_loss,
                repeats=settings.n_discriminator,
                rate=settings.discriminator_rate,
                after=self._clip if settings.clip else None,
                **common,
            ),
            Phase(
                "generator",
                tuple(self.generator.net.parameters()),
                self.generator_loss,
                after=self.generator.follow,
                **common,
            ),
        )

    def begin_step(self, share: float) -> None:
        """Instance noise falls with the share of the training that is done."""
        self.progress = share

    def discriminator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """The discriminator's part of the game, with its penalties.

        Returns:
            loss: summed over games; game, penalty: means over games; real, fake: mean logits.
        """
        real = self._packs(self._blur(self._real(batch, rng), rng))
        with torch.no_grad():
            fake = self._packs(self._blur(self._fakes(real, rng), rng))
        real_logits, fake_logits = self.discriminator(real), self.discriminator(fake)
        game, penalty = self.game.discriminator(real_logits, fake_logits), self._penalty(real, fake, rng)
        numbers = {"game": game.mean(), "real": real_logits.mean(), "fake": fake_logits.mean()}
        return {"loss": (game + penalty).sum()} | numbers | ({"penalty": penalty.mean()} if penalty.any() else {})

    def generator_loss(self, batch: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """The generator's part of the game.

        Returns:
            loss: summed over games; game: mean over games.
        """
        real = self._packs(self._blur(self._real(batch, rng), rng))
        fakes = self._fakes(real, rng)
        self._trace.add(self.mean + self.scale * fakes[0].detach())
        fake = self._packs(self._blur(fakes, rng))
        if self.settings.unroll:
            judge = self._foreseen(real, fake)
            game = self.game.generator(judge(real), judge(fake))
        else:
            with _frozen(self.discriminator):
                game = self.game.generator(self.discriminator(real), self.discriminator(fake))
        return {"loss": game.sum(), "game": game.mean()}

    # ---- what is looked at ----

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """Samples with the pull that each feels, the warped latent grid, and maps where the probe has a grid."""
        seen = {}
        if probe.noise is not None:
            samples = self.decode(self._fixed_noise(len(probe.noise))).detach()
            seen |= {"samples": to_numpy(samples), "arrows": to_numpy(self.pulls(samples[:N_ARROWS]))}
            seen |= {"warp": to_numpy(self.decode(self._latent_grid()).detach())} | self._trace.arrays()
        if probe.grid is not None:
            seen |= self._maps(probe) | (self._members(probe) if self.settings.n_models > 1 else {})
        return seen

    def pulls(self, x: Tensor) -> Tensor:
        """Where the game pulls generated points: minus the slope of the generator's loss of each, times their number.

        Args:
            x: Shape (N, 2).

        Returns:
            Shape (N, 2), in logits (or their loss) per unit of length.
        """
        points = ((x - self.mean) / self.scale).detach().requires_grad_()
        with torch.enable_grad():
            real = self._measures.reference[: len(x)].to(x) if self.settings.loss == "relativistic" else x
            reals = self._judge_each((real - self.mean) / self.scale)[0]
            fakes = self._judge_each(points)[0]
            n = min(len(reals), len(fakes))
            loss = self.game.generator(reals[:n], fakes[:n]) * n
            (slope,) = torch.autograd.grad(loss, points)
        return -slope / self.scale

    def measure_in_plane(self, held_out: Tensor, held_out_log_prob: Tensor, *, is_last: bool) -> dict[str, Any]:
        """Modes, quality, distances and the alarm; see `GameMeasures`."""
        z = self._fixed_noise(N_SAMPLES)
        return self._measures.of_game(self, self.decode(z, None), self._trace, is_last=is_last)

    def adopt(self, weights: Mapping[str, Tensor]) -> tuple[str, ...]:
        """Take over all weights that fit, for a fork with other cures; returns the names of those that begin anew.

        A generator whose noise lies in other pieces than before keeps what it made of the latents.
        """
        own = self.state_dict()
        fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
        first = "generator.mean.body.0.weight"  # (K, latents and marks, width)
        if first in weights and first not in fitting and own[first].shape[::2] == weights[first].shape[::2]:
            own[first] = own[first].clone()
            n_kept = min(self.settings.n_latents, weights[first].shape[1])
            own[first][:, :n_kept] = weights[first][:, :n_kept]
        self.load_state_dict(own | fitting)
        return tuple(name for name in own if name not in fitting)

    # ---- inside ----

    @property
    def _n_marks(self) -> int:
        """Numbers of the noise that say in which piece it lies; a single piece needs none."""
        return self.settings.pieces if self.settings.pieces > 1 else 0

    def _draw_noise(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        """Noise (*shape, Z): the latents, and a mark at the place of its piece.

        Source:
            Gurumurthy et al. 2017, DeLiGAN, section 3, arXiv:1706.02071: noise from a mixture with centres; here they
            are weights of the first layer. Why one piece is not enough: Tanielian et al. 2020, arXiv:2006.04596
        """
        size = (*shape, self.settings.n_latents)
        if self.settings.noise == "uniform":
            latents = 2 * torch.rand(size, generator=rng, device=rng.device) - 1
        else:
            latents = torch.randn(size, generator=rng, device=rng.device)
        if not self._n_marks:
            return latents
        pieces = torch.randint(self._n_marks, shape, generator=rng, device=rng.device)
        return torch.cat([latents, self._marks(pieces)], dim=-1)

    def _noise_rows(self, n: int, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """The same noise (n, Z) row by row, its latents times a temperature."""
        n_latents = self.settings.n_latents
        if self.settings.noise == "uniform":
            latents = 2 * uniform_rows(n, n_latents, rng=rng, like=self.mean) - 1
        else:
            latents = normal_rows(n, n_latents, rng=rng, like=self.mean)
        if not self._n_marks:
            return temperature * latents
        pieces = choice_rows(torch.ones(self._n_marks, device=self.mean.device), n, rng=rng)
        return torch.cat([temperature * latents, self._marks(pieces)], dim=-1)

    def _fixed_noise(self, n: int) -> Tensor:
        """The first n, at most N_ESTIMATED, of always the same noise."""
        return self._noise[:n].to(self.mean)

    @cached_property
    def _noise(self) -> Tensor:
        return self._draw_noise((N_ESTIMATED,), make_rng(_NOISE_SEED))

    def _latent_grid(self) -> Tensor:
        """Noise on a grid over the first two latents, the others at 0: shape (side², Z), or (side, 1) of one latent.

        Of noise in pieces, a small grid or line on each of the first: (pieces * side², Z).
        """
        settings, n_shown = self.settings, min(self._n_marks, SHOWN_PIECES)
        reach = 1.0 if settings.noise == "uniform" else LATENT_REACH
        ticks = torch.linspace(-reach, reach, PIECE_SIDE if n_shown else LATENT_SIDE, device=self.mean.device)
        lines = ticks[:, None] if settings.n_latents == 1 else torch.cartesian_prod(ticks, ticks)
        grid = nn.functional.pad(lines, (0, settings.n_latents - lines.shape[1]))
        if not n_shown:
            return grid
        marks = self._marks(torch.arange(n_shown, device=self.mean.device).repeat_interleave(len(grid)))
        return torch.cat([grid.repeat(n_shown, 1), marks], dim=1)

    def _marks(self, pieces: Tensor) -> Tensor:
        """The part of the noise that says in which piece it lies."""
        return MARK * nn.functional.one_hot(pieces, self._n_marks).float()

    def _real(self, batch: Tensor, rng: torch.Generator) -> Tensor:
        """Real points (K, B, 2) inside, B cut to whole packs; further games draw their own."""
        batch = batch[: len(batch) - len(batch) % self.settings.pack]
        n_more = self.settings.n_models - 1
        if n_more:
            more = self._density.batch(n_more * len(batch), rng=rng).to(batch)
            batch = torch.cat([batch[None], more.view(n_more, -1, 2)])
        return (batch.expand(self.settings.n_models, -1, 2) - self.mean) / self.scale

    def _fakes(self, packs: Tensor, rng: torch.Generator) -> Tensor:
        """Generated points (K, B, 2), as many as there are in the packs."""
        n_models, n_packs = packs.shape[:2]
        noise = self._draw_noise((n_models, n_packs * self.settings.pack), rng)
        fakes = self.generator.net(noise)
        self.batch = packs.detach().reshape(n_models, -1, 2), noise, fakes.detach()
        return fakes

    def _packs(self, x: Tensor) -> Tensor:
        """(K, B, 2) -> (K, B / m, 2 m)."""
        return x.reshape(len(x), -1, 2 * self.settings.pack)

    def _blur(self, x: Tensor, rng: torch.Generator) -> Tensor:
        sigma = self.settings.instance_noise * (1 - self.progress)
        return x + sigma * torch.randn(x.shape, generator=rng, device=x.device) if sigma > 0 else x

    def _penalty(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        """All penalties that are switched on, with their weights, shape (K,)."""
        settings, total = self.settings, real.new_zeros(len(real))
        if settings.r1:
            total = total + settings.r1 * zero_centred(self.discriminator, real)
        if settings.r2:
            total = total + settings.r2 * zero_centred(self.discriminator, fake)
        if settings.gradient_penalty:
            total = total + settings.gradient_penalty * one_centred(self.discriminator, between(real, fake, rng))
        if settings.dragan:
            total = total + settings.dragan * one_centred(self.discriminator, around(real, rng))
        return total

    def _foreseen(self, real: Tensor, fake: Tensor) -> Any:
        """The discriminator as it will be some steps on, as a function that the generator can differentiate.

        Source:
            Metz et al. 2017, Unrolled GANs, eq. 6 to 8, arXiv:1611.02163
        """
        weights: dict[str, Tensor] = dict(self.discriminator.named_parameters())
        for _ in range(self.settings.unroll):
            logits = (functional_call(self.discriminator, weights, (packs,)) for packs in (real, fake))
            loss = self.game.discriminator(*logits).sum()
            slopes = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            moved = zip(weights.items(), slopes, strict=True)
            weights = {name: weight - self.settings.unroll_rate * slope for (name, weight), slope in moved}
        return lambda packs: functional_call(self.discriminator, weights, (packs,))

    @torch.no_grad()
    def _clip(self) -> None:
        for parameter in self.discriminator.parameters():
            parameter.clamp_(-self.settings.clip, self.settings.clip)

    def _judge_each(self, x: Tensor) -> Tensor:
        """Logits of points inside, (N, 2) or (K, N, 2) -> (K, N): the rest of the pack and the batch is generated."""
        pack, n_models = self.settings.pack, self.settings.n_models
        x = x.expand(n_models, -1, 2)
        with torch.no_grad():
            generated = self.generator(self._fixed_noise(N_PARTNERS * pack))  # (K, partners, 2)
        partners = generated[:, None, : pack - 1].expand(-1, x.shape[1], -1, -1)
        packs = torch.cat([x[:, :, None], partners], dim=2).flatten(2)  # (K, N, 2 m)
        return self.discriminator(packs, self._packs(generated))

    @torch.no_grad()
    def _maps(self, probe: Probe) -> dict[str, np.ndarray]:
        assert probe.grid is not None  # noqa: S101
        side = (probe.resolution, probe.resolution)
        samples = self.decode(self._fixed_noise(N_ESTIMATED))
        density = estimate_log_density(samples, probe.window, probe.resolution)
        return {"logits": to_numpy(self.discriminate(probe.grid).view(side)), "fake_log_density": to_numpy(density)}

    @torch.no_grad()
    def _members(self, probe: Probe) -> dict[str, np.ndarray]:
        """Samples and maps of all games, in small."""
        grid = cell_centres(probe.window, MEMBER_SIDE, self.mean.device)
        logits = self.discriminate(grid, None).view(-1, MEMBER_SIDE, MEMBER_SIDE)
        samples = self.decode(self._fixed_noise(MEMBER_SAMPLES), None)
        return {"member_samples": to_numpy(samples), "member_logits": to_numpy(logits)}


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Spare the work of slopes that nobody uses."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in module.parameters():
            parameter.requires_grad_(True)
