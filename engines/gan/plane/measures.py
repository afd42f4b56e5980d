"""What is measured of a game in the plane: modes and quality as the papers define them, distances, and the alarm."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.gan.plane.alarm import ALARMS, AlarmInputs, Watch
from engines.gan.plane.optimal import told_apart
from engines.metrics.bands import Band, band_of, reference_points
from engines.metrics.distances import squared_distances
from engines.metrics.modes import count_modes, mode_shares, reverse_kl, true_mode_shares
from engines.metrics.two_samples import energy_distance, median_distance, sliced_wasserstein, squared_mmd
from engines.tensors import to_numpy

N_SAMPLES = 2500  # as in VEEGAN and PacGAN
N_COMPARED = 1000  # points of each set whose distance is computed
FAIR = 0.2  # of its true share: a mode with less is all but lost
MAP_SIDE = 64
TRACE_ROWS = 100
DOMINANT = 0.5  # share of the samples in one mode that is called holding it


class Trace:
    """Which mode the fakes of each step lay in: rows of shares, at most twice TRACE_ROWS, evenly over the training.

    Args:
        density: The target.
    """

    def __init__(self, density: GaussianMixture) -> None:
        self._modes = None if density.modes is None else density.modes.float()
        self._rows: list[Tensor] = []
        self._sum: Tensor | None = None
        self._waiting, self._stride = 0, 1

    @classmethod
    def from_bytes(cls, density: GaussianMixture, rows: np.ndarray | None) -> Trace:
        """The trace of a stored snapshot, as `arrays` made it."""
        trace = cls(density)
        trace._rows = [] if rows is None else list(torch.from_numpy(rows.astype(np.float32)) / 255)
        return trace

    def add(self, fakes: Tensor) -> None:
        """Take up the fakes (B, 2) of one step."""
        if self._modes is None:
            return
        self._modes = self._modes.to(fakes.device)
        nearest = squared_distances(fakes, self._modes).argmin(1)
        counts = torch.bincount(nearest, minlength=len(self._modes)).float() / len(fakes)
        self._sum = counts if self._sum is None else self._sum + counts
        self._waiting += 1
        if self._waiting == self._stride:
            self._rows.append(self._sum / self._stride)
            self._sum, self._waiting = None, 0
            if len(self._rows) == 2 * TRACE_ROWS:
                self._rows = [(a + b) / 2 for a, b in zip(self._rows[::2], self._rows[1::2], strict=True)]
                self._stride *= 2

    def arrays(self) -> dict[str, np.ndarray]:
        """Shares as bytes (T, M), 255 for all; nothing before the first row."""
        if not self._rows:
            return {}
        return {"trace": to_numpy((255 * torch.stack(self._rows)).round().byte())}

    @property
    def n_moves(self) -> int:
        """How often another mode has come to hold most samples, over the later half of the training so far."""
        late = self._rows[len(self._rows) // 2 :]
        holders = [int(row.argmax()) for row in late if float(row.max()) >= DOMINANT]
        return sum(a != b for a, b in zip(holders, holders[1:], strict=False))

    @property
    def n_gained(self) -> int:
        """How many more modes have at least FAIR of an even share than when two thirds of what is done was done."""
        if not self._rows:
            return 0
        held = [int((row >= FAIR / len(row)).sum()) for row in (self._rows[-1], self._rows[2 * len(self._rows) // 3])]
        return held[0] - held[1]


class GameMeasures:
    """Measures of samples against an exact density.

    Args:
        density: The target.
    """

    def __init__(self, density: GaussianMixture) -> None:
        self._density = density
        self._most_pull, self._watch = 0.0, Watch()

    @cached_property
    def reference(self) -> Tensor:
        """Fixed true points, shape (N_SAMPLES, 2)."""
        return reference_points(self._density, N_SAMPLES)

    @cached_property
    def kernel_width(self) -> float:
        """Width of the kernel of the discrepancy: the median distance of two true points."""
        return median_distance(self.reference[:N_COMPARED])

    @cached_property
    def _mode_shares(self) -> Tensor:
        """Of the data, shape (M,); empty where modes are no meaningful idea."""
        if self._density.modes is None:
            return torch.zeros(0)
        return true_mode_shares(self._density.means, self._density.weights, self._density.modes)

    @torch.no_grad()
    def of_game(self, model: Any, samples: Tensor, trace: Trace, *, is_last: bool) -> dict[str, Any]:
        """All measures of the first game, and the modes of all of them.

        modes: with at least one sample of high quality, as published; modes_fair: with more than FAIR of their share
        of these; high_quality; reverse_kl in nats over the modes; mode_shares; squared_mmd, sliced_wasserstein,
        energy: distances to true samples; squared_mmd and energy are 0 in the mean for true samples, and so may be
        negative; js and js_error: see `told_apart`; accuracy of the discriminator; pull: mean length of the arrows;
        alarm: place in ALARMS, -1 for none.

        Args:
            model: The game.
            samples: Of all games, shape (K, N, 2).
            trace: Of its training.
            is_last: Whether the training has ended.
        """
        first = samples[0]
        found = self.of_modes(first) | self.of_distances(first)
        found |= self._of_discriminator(model, first)
        found["alarm"] = self._alarm(found, trace, model.progress)
        if len(samples) > 1 and self._density.modes is not None:
            each = [self.of_modes(points) for points in samples]
            names = ("modes", "modes_fair", "high_quality", "reverse_kl")
            found |= {f"all_{name}": [one[name] for one in each] for name in names}
        return found

    def of_modes(self, samples: Tensor) -> dict[str, Any]:
        """Modes, quality and reverse KL; nothing where modes are no meaningful idea."""
        if self._density.modes is None or self._density.mode_std is None:
            return {}
        modes, truth = self._density.modes.to(samples.device), self._mode_shares
        counts, shares = count_modes(samples, modes, self._density.mode_std).cpu(), mode_shares(samples, modes).cpu()
        return {
            "modes": float((counts > 0).sum()),
            "modes_fair": float((counts > FAIR * truth * counts.sum()).sum()),
            "high_quality": float(counts.sum()) / len(samples),
            "reverse_kl": reverse_kl(counts, truth),
            "mode_shares": shares.tolist(),
        }

    def held(self, found: dict[str, Any]) -> int:
        """Modes with FAIR of their share, of the good samples or of all: where modes are tiny, most miss all of them.

        Args:
            found: Of `of_modes`.
        """
        shares = zip(found.get("mode_shares", ()), self._mode_shares.tolist(), strict=False)
        return max(int(found.get("modes_fair", 0)), sum(share >= FAIR * truth for share, truth in shares))

    def of_distances(self, samples: Tensor) -> dict[str, float]:
        """Distances between N_COMPARED of some samples (N, 2) and as many true ones, and the divergence of all."""
        apart = told_apart(self._density, samples.cpu(), self.reference[: len(samples)], MAP_SIDE)
        compared = samples[:N_COMPARED].cpu()
        distances = {name: distance(compared) for name, distance in self._distances.items()}
        return distances | {"js": apart.js, "js_error": apart.js_error}

    def bands(self) -> dict[str, Band]:
        """What true samples score in the two distances that are drawn, and in modes and quality where there are any."""
        found = {
            name: band_of(self._density, name, N_COMPARED, self._distances[name])
            for name in ("squared_mmd", "sliced_wasserstein")
        }
        if self._density.modes is None:
            return found
        scores: dict[str, Callable[[Tensor], float]] = {
            name: lambda samples, name=name: self.of_modes(samples)[name]
            for name in ("high_quality", "reverse_kl", "modes")
        }
        return found | {name: band_of(self._density, name, N_SAMPLES, score) for name, score in scores.items()}

    @staticmethod
    def band_key(name: str) -> str:
        """Under which a band of `bands` is stored."""
        return f"{name}/{N_COMPARED if name in ('squared_mmd', 'sliced_wasserstein') else N_SAMPLES}"

    @cached_property
    def _distances(self) -> dict[str, Callable[[Tensor], float]]:
        """Of samples (N, 2) from as many of the reference."""

        def truth(samples: Tensor) -> Tensor:
            return self.reference[: len(samples)]

        return {
            "squared_mmd": lambda samples: squared_mmd(samples, truth(samples), self.kernel_width),
            "sliced_wasserstein": lambda samples: sliced_wasserstein(samples, truth(samples)),
            "energy": lambda samples: energy_distance(samples, truth(samples)),
        }

    def _of_discriminator(self, model: Any, samples: Tensor) -> dict[str, float]:
        samples = samples[:N_COMPARED]
        real, fake = model.discriminate(self.reference[:N_COMPARED].to(samples)), model.discriminate(samples)
        found = {"real": float(real.mean()), "fake": float(fake.mean())}
        border = model.game.border
        if border is not None:
            found["accuracy"] = float((real > border).float().mean() + (fake <= border).float().mean()) / 2
        else:  # no border, but pairs to be told apart
            found["accuracy"] = float((real > fake).float().mean())
        pull = model.pulls(samples[:250]).norm(dim=1).mean()
        return found | {"pull": float(pull)}

    def _alarm(self, found: dict[str, Any], trace: Trace, share: float) -> float:
        self._most_pull = max(self._most_pull, found["pull"])
        alarm = self._watch.look(
            AlarmInputs(
                share=share,
                n_modes=0 if self._density.modes is None else len(self._density.modes),
                n_found=self.held(found),
                n_moves=trace.n_moves,
                n_gained=trace.n_gained,
                high_quality=found.get("high_quality", 1.0),
                accuracy=found["accuracy"],
                pull=found["pull"] / max(self._most_pull, 1e-12),
            )
        )
        return -1.0 if alarm is None else float(list(ALARMS).index(alarm.key))
