"""The data set "tones": 64 samples of a synthetic tone, for models of sound. Its density is known exactly.

Given the pitch, the sine and cosine of each harmonic have Gaussian weights, so a tone is a Gaussian vector, and the
whole set a mixture of one Gaussian for each pitch: phase uniform, loudness random, harmonics ever quieter, noise white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from engines.datasets.base import DatasetSpec, Examples
from engines.errors import ShapeError
from engines.noise import choice_rows, normal_rows
from engines.settings import Settings, setting
from engines.tensors import make_rng

LENGTH = 64  # samples
RATE = 8000  # samples a second: 64 of them last 8 ms
CYCLES = (2, 3, 4, 5)  # whole cycles in 64 samples, so that a repeated tone has no seam
PITCHES = tuple(f"{cycles * RATE / LENGTH:g} Hz" for cycles in CYCLES)
N_HARMONICS = 3
N_TRAIN, N_TEST = 20_000, 2_000
_LOUDNESS = 0.5  # standard deviation of the fundamental's two weights, data units
_SEED = 6


@dataclass(frozen=True)
class ToneSettings(Settings):
    """How bright the tones are, and how noisy."""

    decay: float = setting(
        0.4,
        "Harmonics",
        "Amplitude of each harmonic as a share of the one before it: more is brighter.",
        low=0.0,
        high=0.8,
        step=0.05,
    )
    noise: float = setting(
        0.05,
        "Noise",
        "Standard deviation of the white noise on each sample.",
        low=0.02,
        high=0.3,
        step=0.01,
        unit="data units",
    )


class ToneDensity:
    """Exact density of the tones: a mixture of one Gaussian with a circulant covariance for each pitch.

    log p(x) = log mean_k N(x; 0, C_k),   C_k = noise² I + sum_h a_h² (c_kh c_kh^T + s_kh s_kh^T)

    Args:
        settings: See `ToneSettings`.
    """

    def __init__(self, settings: ToneSettings) -> None:
        self.settings = settings
        self._waves = torch.stack([_waves(cycles, settings.decay) for cycles in CYCLES])  # (K, 2H, T), scaled
        covariances = self._waves.mT @ self._waves + settings.noise**2 * torch.eye(LENGTH, dtype=torch.float64)
        self._factors = torch.linalg.cholesky(covariances)  # (K, T, T)

    def sample(self, n: int, *, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Tones (n, 64), float32, and which pitch each has (n,), int64: row i depends on the source and i alone."""
        pitch = choice_rows(torch.ones(len(CYCLES)), n, rng=rng)
        weights, noise = (normal_rows(n, size, rng=rng, like=self._waves) for size in (self._waves.shape[1], LENGTH))
        return self._sound(pitch, weights[:, None], noise)

    def examples(self, n: int, *, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """As `sample`, but each tone depends on how many are drawn with it: so the data set has been drawn."""
        pitch = torch.randint(len(CYCLES), (n,), generator=rng)
        weights = torch.randn(n, 1, self._waves.shape[1], generator=rng, dtype=torch.float64)
        return self._sound(pitch, weights, torch.randn(n, LENGTH, generator=rng, dtype=torch.float64))

    def _sound(self, pitch: Tensor, weights: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Tones of pitches (n,), weights of their waves (n, 1, 2H) and noise (n, 64)."""
        tones = (weights @ self._waves[pitch])[:, 0]
        return (tones + self.settings.noise * noise).float(), pitch

    def log_prob(self, x: Tensor) -> Tensor:
        """Exact log density of waves (B, 64): (B,) nats, float64."""
        return self._log_prob_by_pitch(x).logsumexp(1) - math.log(len(CYCLES))

    def pitch_odds(self, x: Tensor) -> Tensor:
        """Exact probability of each pitch for waves (B, 64): (B, K)."""
        return self._log_prob_by_pitch(x).softmax(1)

    def mean_spectrum(self) -> Tensor:
        """Root of the expected power in each of 33 bins, in data units of amplitude: (33,)."""
        power = torch.fft.rfft(self._waves, dim=2).abs().square().sum(1).mean(0) + LENGTH * self.settings.noise**2
        return power.sqrt() * 2 / LENGTH

    def _log_prob_by_pitch(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != LENGTH:
            raise ShapeError(f"Expected x of shape (B, {LENGTH}), got {tuple(x.shape)}.")
        flat = x.detach().cpu().double().T
        white = torch.linalg.solve_triangular(self._factors, flat.expand(len(CYCLES), -1, -1), upper=False)
        volume = self._factors.diagonal(dim1=1, dim2=2).log().sum(1)
        found = -0.5 * white.square().sum(1) - volume[:, None] - 0.5 * LENGTH * math.log(2 * math.pi)
        return found.T.to(x.device)


def _waves(cycles: int, decay: float) -> Tensor:
    """Cosine and sine of each harmonic, as loud as its weights' standard deviation: (2H, 64)."""
    t = 2 * math.pi * torch.arange(LENGTH, dtype=torch.float64) / LENGTH
    harmonics = torch.arange(1, N_HARMONICS + 1, dtype=torch.float64)[:, None]
    loud = _LOUDNESS * decay ** (harmonics - 1)
    return torch.cat([loud * (harmonics * cycles * t).cos(), loud * (harmonics * cycles * t).sin()])


@lru_cache(maxsize=4)
def tone_density(settings: ToneSettings) -> ToneDensity:
    """The density of these tones; built once."""
    return ToneDensity(settings)


def load_tones(settings: ToneSettings) -> Examples:
    """20,000 tones to train on, 2,000 to test, with their pitches as classes."""
    tones, pitches = tone_density(settings).examples(N_TRAIN + N_TEST, rng=make_rng(_SEED))
    return Examples(
        train=tones[:N_TRAIN],
        test=tones[N_TRAIN:],
        levels=0,
        classes=PITCHES,
        train_labels=pitches[:N_TRAIN],
        test_labels=pitches[N_TRAIN:],
        density=tone_density(settings),
    )


TONES = DatasetSpec(
    "tones",
    "tones",
    "64 samples of a tone of one of four pitches: phase, loudness and harmonics are random, the density is known.",
    ToneSettings,
    group="sound",
    phrase="tones",
    kind="wave",
    load_examples=load_tones,
    event_shape=(LENGTH,),
)
