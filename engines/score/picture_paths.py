"""From noise to pictures: any sampler on any denoiser, with what the denoiser believed at each step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from engines.errors import SettingError
from engines.noise import normal_rows
from engines.samplers import SAMPLERS
from engines.samplers.catalogue import Range
from engines.samplers.state import gaussian_like

# Expected clean picture: (x (B, *event), sigma) -> (B, *event).
Denoise = Callable[[Tensor, float], Tensor]


class Frame(NamedTuple):
    """One state of many pictures on their way.

    Attributes:
        x: Noisy pictures, shape (N, *event).
        belief: What the denoiser expects behind them, the same shape; at the end, they themselves.
        sigma: Their noise level.
        n_calls: Calls of the denoiser before this state was reached.
    """

    x: Tensor
    belief: Tensor
    sigma: float
    n_calls: int


def watch_path(
    denoise: Denoise,
    x: Tensor,
    levels: Range,
    *,
    sampler: str,
    n_calls: int,
    rng: torch.Generator,
    temperature: float = 1.0,
) -> Iterator[Frame]:
    """Carry noisy pictures from `levels.sigma_max` to the data, and tell every state with the belief at it.

    Args:
        denoise: D; its score is (D(x; sigma) - x) / sigma².
        x: Pictures at `levels.sigma_max`, shape (N, *event).
        levels: From where to where the noise falls.
        sampler: Key of SAMPLERS.
        n_calls: Most calls of the denoiser.
        rng: Random source on the device of x.
        temperature: T of p^(1/T), a factor on the variance of noise drawn on the way.

    Raises:
        SettingError: If the sampler is unknown, or needs more calls.
    """
    seen: list[tuple[Tensor, Tensor, float]] = []  # calls since the last state: the first was made at that state

    def score(at: Tensor, sigma: float) -> Tensor:
        belief = denoise(at, sigma)
        seen.append((at, belief, sigma))
        return (belief - at) / sigma**2

    before = 0
    path = SAMPLERS[sampler].run(score, x, levels, n_calls=n_calls, rng=rng, temperature=temperature)
    for state in path:
        at, belief, sigma = seen[0]
        yield Frame(at, belief, sigma, before)
        seen.clear()
        x, before = state.x, state.n_calls
    yield Frame(x, x, 0.0, before)


def last_frame(path: Iterator[Frame]) -> Frame:
    """Where a path ends."""
    return deque(path, maxlen=1)[0]


def noisy_start(n: int, event_shape: tuple[int, ...], sigma: float, rng: torch.Generator) -> Tensor:
    """Pure noise at a level, from which a path begins: shape (n, *event)."""
    return sigma * normal_rows(n, *event_shape, rng=rng).to(rng.device)


def add_noise(pictures: Tensor, sigma: float, rng: torch.Generator) -> Tensor:
    """Clean pictures as the forward process has them at a noise level."""
    return pictures + sigma * gaussian_like(pictures, rng)


def keep_known(denoise: Denoise, known: Tensor, mask: Tensor) -> Denoise:
    """A denoiser that is told some of the pixels: there it believes what is known, so that they stay.

    Under the probability-flow ODE known pixels then run along known + sigma z, with the noise z that they began with;
    under Langevin dynamics they are draws from the forward process. The unknown ones see them noisy, as in training.

    Args:
        denoise: D.
        known: The picture, shape (*event) or (N, *event).
        mask: True where it is known, of a shape that fits.

    Raises:
        SettingError: If nothing is left to fill in.

    Source:
        Song and Ermon 2019, algorithm 2, arXiv:1907.05600; Song et al. 2021, appendix I.2 ("replacement"),
        arXiv:2011.13456
    """
    if bool(mask.all()):
        raise SettingError("Every pixel is known: nothing is left to fill in. Paint over what is to be drawn anew.")
    return lambda x, sigma: torch.where(mask, known, denoise(x, sigma))
