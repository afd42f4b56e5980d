"""Two moons and a few strays: what a handful of far points costs a model that is paid in log density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from engines.datasets.base import DatasetSpec
from engines.datasets.curves2d import MoonsSettings, build_moons
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.settings import setting

N_STRAYS = 12  # places where strays lie
STRAY_STD = 0.25


@dataclass(frozen=True)
class OutliersSettings(MoonsSettings):
    """Two moons, and strays on a circle around them."""

    share: float = setting(
        0.01, "Outliers", "Share of all points that are strays.", low=0.001, high=0.2, step=0.001, is_log=True
    )
    distance: float = setting(5.0, "Distance", "Of the strays from the middle.", low=3.0, high=8.0, step=0.5)


def build_outliers(settings: OutliersSettings) -> GaussianMixture:
    """(1 - share) moons + share of N_STRAYS equal round Gaussians on a circle."""
    moons = build_moons(settings)
    angle = 2 * np.pi * np.arange(N_STRAYS) / N_STRAYS
    strays = torch.as_tensor(settings.distance * np.stack([np.cos(angle), np.sin(angle)], 1))
    weights = torch.full((N_STRAYS,), settings.share / N_STRAYS, dtype=torch.float64)
    return GaussianMixture(
        torch.cat([moons.means, strays]),
        torch.cat([moons.covariances, STRAY_STD**2 * torch.eye(2).expand(N_STRAYS, 2, 2).to(moons.covariances)]),
        torch.cat([(1 - settings.share) * moons.weights, weights]),
    )


OUTLIERS = DatasetSpec(
    "outliers",
    "two moons with outliers",
    "Two moons and one stray point in a hundred: whoever gives a stray no density pays dearly for it.",
    OutliersSettings,
    build_outliers,
    "The article's point on rare modes; the moons as in FFJORD (arXiv:1810.01367)",
    phrase="two moons with outliers",
)
