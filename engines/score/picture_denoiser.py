"""A denoiser of pictures: told how much noise there is, it expects the clean picture; following it makes new ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from engines.batches import Labelled, Measures, Split
from engines.errors import SettingError, ShapeError
from engines.metrics.classifier import knows, measure_digits
from engines.metrics.neighbours import neighbour_ratio
from engines.model_spec import Phase
from engines.nets.averaged import Averaged
from engines.nets.unet import NoiseUnet
from engines.noise import choice_rows
from engines.probes import ExampleProbe
from engines.samplers.catalogue import Range
from engines.samplers.levels import geometric_levels
from engines.score.picture_paths import Frame, last_frame, noisy_start, watch_path
from engines.settings import Settings, setting
from engines.tensors import make_rng, to_numpy

SIGMA_MIN = 0.02  # on the scale -1 ... 1: a sixth of a grey level of the digits, two and a half of 256
SAMPLER, N_CALLS = "heun", 19
N_LEVELS = 8  # at which the loss is measured
MEASURED, MEASURED_AT_END = 48, 512  # pictures of each part
DRAWN_AT_END = 1500  # samples for the Fréchet distance: as many as there are training digits
CHUNK = 250
_SHOWN_SEED = 1234


@dataclass(frozen=True)
class ImageDenoiserSettings(Settings):
    """Size of the net, and which noise it practises on."""

    width: int = setting(
        32,
        "Width",
        "Features of each place on the finest map; twice as many on coarser ones.",
        low=16,
        high=64,
        step=8,
    )
    dropout: float = setting(
        0.0,
        "Dropout",
        "Share of features left out while training: keeps a long training from learning few pictures by heart.",
        low=0.0,
        high=0.5,
        step=0.05,
    )
    noise_median: float = setting(
        0.6,
        "Noise median exp(P_mean)",
        "Median noise level of the training, where black is -1 and white 1. Low: it learns details; high: the layout.",
        low=0.05,
        high=10.0,
        step=0.05,
        is_log=True,
    )
    noise_spread: float = setting(
        1.4,
        "Log-noise std. P_std",
        "How far the levels of the training lie apart: standard deviation of their logarithm.",
        low=0.5,
        high=3.0,
        step=0.1,
    )
    hidden_labels: float = setting(
        0.1,
        "Class dropout (for guidance)",
        "Share of the examples whose class is not told, so that it also learns to do without: needed for guidance.",
        low=0.0,
        high=0.5,
        step=0.05,
    )


class ImageDenoiser(nn.Module):
    """A net that knows the noisy pictures of every level, preconditioned so that it always has the same task.

        D(x; s) = c_skip x + c_out F(c_in x; s),   score(x, s) = (D(x; s) - x) / s²

    with c_skip = v² / (s² + v²), c_out = s v / sqrt(s² + v²), c_in = 1 / sqrt(s² + v²), v the spread of the pixels. At
    little noise F says what to change, at much noise what the picture is; its target has always unit variance.

    Noise is measured on the scale -1 ... 1 of the pixels (`to_scale`, `to_pixels`). What is used is the running mean of
    the weights of the training.

    Args:
        event_shape: C, H, W.
        levels: Values of a pixel.
        settings: See `ImageDenoiserSettings`.
        spread: v.
        sigma_max: Largest noise level, at which nothing of a picture is left.
        class_shares: Share of each class in the training set; empty without classes.
        classes: Their names.

    Source:
        Karras, Aittala, Aila, Laine 2022, Elucidating the design space, table 1, arXiv:2206.00364
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        levels: int,
        settings: ImageDenoiserSettings,
        *,
        spread: float,
        sigma_max: float,
        class_shares: tuple[float, ...],
        classes: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.event_shape, self.levels, self.settings = event_shape, levels, settings
        self.spread, self.sigmas = spread, Range(SIGMA_MIN, sigma_max)
        self.class_shares, self.n_classes, self.classes = class_shares, len(class_shares), classes
        self.uses_labels = bool(class_shares)
        net = NoiseUnet(event_shape, width=settings.width, dropout=settings.dropout, n_classes=self.n_classes)
        self.averaged = Averaged(net.to(memory_format=torch.channels_last))  # a fifth faster on the CPU

    # ---- what it can do ----

    def denoise(self, x: Tensor, sigma: float | Tensor, labels: Tensor | None = None, guidance: float = 1.0) -> Tensor:
        """The expected clean picture behind noisy ones.

        With guidance g other than 1:  D = D(x) + g (D(x | label) - D(x)): beyond what the label says.

        Args:
            x: Noisy pictures on the scale -1 ... 1, shape (B, C, H, W).
            sigma: Their noise level on that scale, above 0, one for all or shape (B,). Outside `sigmas` the net was
                never trained, and answers all the same.
            labels: Their classes, shape (B,); None: not told.
            guidance: How strongly the class counts; 0 is as if it were not told.

        Raises:
            ShapeError: If x has another shape.
            SettingError: If the noise is not above 0, or classes are told that it does not know.

        Source:
            Ho and Salimans 2022, Classifier-free diffusion guidance, eq. 6 (g = 1 + w), arXiv:2207.12598
        """
        sigma = self._check(x, sigma, labels)
        if labels is None or guidance == 1:
            return self._precondition(self.averaged, x, sigma, labels)
        if guidance == 0:
            return self._precondition(self.averaged, x, sigma, None)
        none = torch.full_like(labels, self.n_classes)
        both = self._precondition(self.averaged, x.repeat(2, 1, 1, 1), sigma.repeat(2), torch.cat([labels, none]))
        told, untold = both.chunk(2)
        return untold + guidance * (told - untold)

    def score(self, x: Tensor, sigma: float | Tensor, labels: Tensor | None = None) -> Tensor:
        """Gradient of the log density of noisy pictures, on the scale -1 ... 1: shape of x. Arguments of `denoise`."""
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1))
        return (self.denoise(x, sigma, labels) - x) / level.square()

    def sample(self, n: int, *, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Draw pictures, of classes as frequent as in the training set.

        Args:
            n: How many.
            rng: Random source on the model's device.
            temperature: T of p^(1/T), a factor on the variance of all noise, also of that at which it begins.

        Returns:
            Shape (n, C, H, W), whole numbers 0 ... levels - 1.
        """
        with torch.no_grad():
            labels = self.draw_labels(n, rng)
            path = self.sample_path(n, rng=rng, labels=labels, temperature=temperature)
            return self.to_pixels(last_frame(path).x)

    def sample_path(
        self,
        n: int,
        *,
        rng: torch.Generator,
        labels: Tensor | None = None,
        guidance: float = 1.0,
        sampler: str = SAMPLER,
        n_calls: int = N_CALLS,
        temperature: float = 1.0,
    ) -> Iterator[Frame]:
        """The states of n pictures on their way from noise, on the scale -1 ... 1.

        Args:
            n: How many.
            rng: Random source on the model's device.
            labels: Their classes, shape (n,); None: not told.
            guidance: See `denoise`.
            sampler: Key of SAMPLERS.
            n_calls: Most calls of the denoiser.
            temperature: T of p^(1/T), a factor on the variance of all noise.
        """
        start = noisy_start(n, self.event_shape, self.sigmas.sigma_max * math.sqrt(temperature), rng)
        return watch_path(
            partial(self.denoise, labels=labels, guidance=guidance),
            start,
            self.sigmas,
            sampler=sampler,
            n_calls=n_calls,
            rng=rng,
            temperature=temperature,
        )

    def draw_labels(self, n: int, rng: torch.Generator) -> Tensor | None:
        """Classes as frequent as in the training set, shape (n,); None without classes."""
        if not self.uses_labels:
            return None
        shares = torch.tensor(self.class_shares, device=rng.device)
        return choice_rows(shares, n, rng=rng)

    def to_scale(self, pixels: Tensor) -> Tensor:
        """Pixels 0 ... levels - 1, in the middle of their bins, on the scale -1 ... 1."""
        return (pixels + 0.5) * (2 / self.levels) - 1

    def to_pixels(self, x: Tensor) -> Tensor:
        """Whole numbers 0 ... levels - 1: the bins in which x lies."""
        return ((x + 1) * (self.levels / 2)).floor().clamp(0, self.levels - 1)

    # ---- training ----

    def begin_step(self, share: float) -> None:
        """Let the running mean follow the step before."""
        self.averaged.follow()

    def phases(self) -> tuple[Phase, ...]:
        """One phase: guess what is behind the noise."""
        return (Phase("fit", tuple(self.parameters()), self._loss),)

    def observe(self, probe: ExampleProbe) -> dict[str, np.ndarray]:
        """What M fixed noises become: samples (M, C, H, W) uint8; of every class in turn where there are classes."""
        n, rng = probe.n_pictures, make_rng(_SHOWN_SEED)
        start = noisy_start(n, self.event_shape, self.sigmas.sigma_max, rng).to(probe.examples.device)
        labels = torch.arange(n, device=start.device) % self.n_classes if self.uses_labels else None
        told = partial(self.denoise, labels=labels)
        with torch.inference_mode():
            path = watch_path(told, start, self.sigmas, sampler=SAMPLER, n_calls=N_CALLS, rng=rng)
            return {"samples": to_bytes(last_frame(path).x)}

    def measure(self, held_out: Split, seen: Split, *, is_last: bool) -> Measures:
        """The denoising loss at levels of noise, held out and seen; at the end, how good and how new samples are.

        level_sigmas, level_losses, level_losses_seen: lists, the loss that the training weighs (1: no better than the
        mean picture at much noise, or no change at little); held_out_loss, seen_loss: their means. At the end
        neighbour_ratio (see `engines.metrics.neighbours`), and for digits frechet, density, coverage, sure, rarest (see
        `measure_digits`), all of `DRAWN_AT_END` samples.
        """
        n = MEASURED_AT_END if is_last else MEASURED
        sigmas = geometric_levels(N_LEVELS, *self.sigmas)
        losses = {name: self._level_losses(part, sigmas, n) for name, part in (("", held_out), ("_seen", seen))}
        measures: dict[str, Any] = {
            "level_sigmas": sigmas,
            "level_losses": losses[""],
            "level_losses_seen": losses["_seen"],
            "held_out_loss": float(np.mean(losses[""])),
            "seen_loss": float(np.mean(losses["_seen"])),
        }
        return measures | (self.measure_samples(held_out.x, seen.x) if is_last else {})

    def measure_samples(
        self, held_out: Tensor, seen: Tensor, *, seed: int = _SHOWN_SEED, **path: Any
    ) -> dict[str, float]:
        """How good and how new samples are: see `measure`. `path` says how they are drawn, as for `sample_path`."""
        is_known = knows(self.event_shape, self.levels, self.classes)
        n, rng = DRAWN_AT_END if is_known else CHUNK, make_rng(seed, held_out.device)
        drawn = torch.cat([self._draw(min(CHUNK, n - start), rng, path) for start in range(0, n, CHUNK)])
        measures = {"neighbour_ratio": neighbour_ratio(drawn, seen, held_out)}
        return measures | (measure_digits(drawn, held_out) if is_known else {})

    # ---- inside ----

    def _draw(self, n: int, rng: torch.Generator, path: dict[str, Any]) -> Tensor:
        path = {"labels": self.draw_labels(n, rng)} | path
        return self.to_pixels(last_frame(self.sample_path(n, rng=rng, **path)).x)

    def _precondition(self, net: nn.Module, x: Tensor, sigma: Tensor, labels: Tensor | None) -> Tensor:
        """D by a net F; sigma (B,)."""
        level = (sigma / self.sigmas.sigma_min).log() / math.log(self.sigmas.sigma_max / self.sigmas.sigma_min)
        s, v = sigma.view(-1, 1, 1, 1), self.spread
        root = (s.square() + v * v).sqrt()
        inside = (x / root).contiguous(memory_format=torch.channels_last)
        return x * (v / root).square() + s * v / root * net(inside, level, labels)

    def _weight(self, sigma: Tensor) -> Tensor:
        """What makes every level's task of unit size: (s² + v²) / (s v)²."""
        return (sigma.square() + self.spread**2) / (sigma * self.spread).square()

    def _loss(self, batch: Tensor | Labelled, rng: torch.Generator) -> dict[str, Tensor]:
        x, labels = (batch, None) if isinstance(batch, Tensor) else (batch.x, batch.labels)
        jitter = torch.rand(x.shape, generator=rng, device=x.device) - 0.5
        clean = self.to_scale(x + jitter)
        sigma = self._draw_levels(len(x), rng)
        if labels is not None:
            is_hidden = torch.rand(len(x), generator=rng, device=x.device) < self.settings.hidden_labels
            labels = labels.masked_fill(is_hidden, self.n_classes)
        noise = torch.randn(x.shape, generator=rng, device=x.device)
        guess = self._precondition(self.averaged.net, clean + sigma.view(-1, 1, 1, 1) * noise, sigma, labels)
        error = (guess - clean).square().flatten(1).mean(1)
        return {"loss": (self._weight(sigma) * error).mean()}

    def _draw_levels(self, n: int, rng: torch.Generator) -> Tensor:
        """Log-normal noise levels within the range, shape (n,)."""
        log = math.log(self.settings.noise_median) + self.settings.noise_spread * torch.randn(
            n, generator=rng, device=rng.device
        )
        return log.exp().clamp(*self.sigmas)

    def _level_losses(self, part: Split, sigmas: list[float], n: int) -> list[float]:
        """The weighted loss at each level, on the first n examples of a part with fixed noise."""
        clean = self.to_scale(part.x[:n])
        labels = part.labels[:n] if self.uses_labels and part.labels is not None else None
        noise = torch.randn(clean.shape, generator=make_rng(_SHOWN_SEED)).to(clean.device)
        losses = []
        for sigma in sigmas:
            guess = self.denoise(clean + sigma * noise, sigma, labels)
            weight = self._weight(torch.tensor(sigma))
            losses.append(float(weight * F.mse_loss(guess, clean)))
        return losses

    def _check(self, x: Tensor, sigma: float | Tensor, labels: Tensor | None) -> Tensor:
        """The noise level of each picture, (B,)."""
        if tuple(x.shape[1:]) != self.event_shape or x.ndim != 4:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        if not bool((level > 0).all()):
            raise SettingError("Expected a noise level above 0: without noise there is nothing to denoise.")
        if labels is not None and not self.uses_labels:
            raise SettingError("Expected no classes: the pictures that it learned from have none.")
        return level


def to_bytes(x: Tensor) -> np.ndarray:
    """Pictures on the scale -1 ... 1 as brightnesses 0 ... 255."""
    return to_numpy(((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))
