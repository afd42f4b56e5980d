"""Flows made of couplings: NICE, RealNVP, Glow, and the neural spline flow in its coupling form."""

from __future__ import annotations

from dataclasses import dataclass

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.family import (
    BOUND,
    SPLINE_STD,
    FlowSettings,
    bins_setting,
    build_flow,
    flow_spec,
    hidden_setting,
    scale_cap_setting,
    width_setting,
)
from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection
from engines.flows.layers.couplings import AdditiveCoupling, AffineCoupling, Scaling, SplineCoupling
from engines.flows.layers.glow import ActivationNorm, InvertibleLinear
from engines.model_spec import Recipe
from engines.plan import Plan
from engines.settings import setting


def _couplings_setting(default: int) -> int:
    help_text = "Number of layers. Each moves one coordinate by an amount that the other sets."
    return setting(default, "Couplings", help_text, low=2, high=24, step=1)


@dataclass(frozen=True)
class NiceSettings(FlowSettings):
    """Size of a NICE flow."""

    n_couplings: int = _couplings_setting(8)
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    scale_cap: float = scale_cap_setting()


@dataclass(frozen=True)
class RealNVPSettings(NiceSettings):
    """Size of a RealNVP: a NICE whose couplings scale too."""


@dataclass(frozen=True)
class GlowSettings(FlowSettings):
    """Size of a Glow."""

    n_steps_of_flow: int = setting(
        6, "Steps of flow", "Each is an activation norm, a linear map and a coupling.", low=1, high=12, step=1
    )
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    scale_cap: float = scale_cap_setting()


@dataclass(frozen=True)
class SplineSettings(FlowSettings):
    """Size of a neural spline flow."""

    n_couplings: int = _couplings_setting(4)
    width: int = width_setting(64)
    n_hidden: int = hidden_setting()
    n_bins: int = bins_setting()


def _nice_layers(s: NiceSettings) -> list[Bijection]:
    couplings = [AdditiveCoupling(2, i % 2 == 0, s.width, s.n_hidden) for i in range(s.n_couplings)]
    return [*couplings, Scaling(2, s.scale_cap)]


def build_nice(settings: NiceSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _nice_layers(settings))


def _realnvp_layers(s: RealNVPSettings) -> list[Bijection]:
    return [AffineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.scale_cap) for i in range(s.n_couplings)]


def build_realnvp(settings: RealNVPSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _realnvp_layers(settings))


def _glow_layers(s: GlowSettings) -> list[Bijection]:
    layers: list[Bijection] = []
    for _ in range(s.n_steps_of_flow):
        coupling = AffineCoupling(2, True, s.width, s.n_hidden, s.scale_cap)
        layers += [ActivationNorm(2), InvertibleLinear(2), coupling]
    return layers


def build_glow(settings: GlowSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _glow_layers(settings))


def _spline_layers(s: SplineSettings) -> list[Bijection]:
    return [SplineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.n_bins, BOUND) for i in range(s.n_couplings)]


def build_spline(settings: SplineSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _spline_layers(settings), data_std=SPLINE_STD)


# Modes that lie apart, and long arms, take a spline longer than the rest; there larger batches pay.
LONGER = Plan(steps=3000, batch_size=512, learning_rate=8e-3)

NICE = flow_spec(
    "nice",
    "NICE",
    "Additive coupling layers: half of the coordinates shift the other half. Points "
    "move, but no volume changes until one last scaling.",
    NiceSettings,
    build_nice,
    "Dinh, Krueger, Bengio 2015, NICE: non-linear independent components estimation, arXiv:1410.8516",
    presets={"small": NiceSettings(n_couplings=4)},
)
REALNVP = flow_spec(
    "realnvp",
    "RealNVP",
    "Affine coupling layers: half of the coordinates say how the other half is shifted and stretched; then they swap.",
    RealNVPSettings,
    build_realnvp,
    "Dinh, Sohl-Dickstein, Bengio 2017, Density estimation using Real NVP, arXiv:1605.08803",
    presets={
        "small": RealNVPSettings(n_couplings=4),
        "deep": RealNVPSettings(n_couplings=12),
        "large": RealNVPSettings(n_couplings=16, width=64),
    },
    on={"moons": Recipe(RealNVPSettings(n_couplings=12), Plan(steps=2000, batch_size=256, learning_rate=7e-3))},
)
GLOW = flow_spec(
    "glow",
    "Glow",
    "Instead of swapping halves, a learned linear map turns the plane before each coupling.",
    GlowSettings,
    build_glow,
    "Kingma, Dhariwal 2018, Glow: generative flow with invertible 1x1 convolutions, arXiv:1807.03039",
)
SPLINE = flow_spec(
    "spline",
    "Neural spline flow (coupling)",
    "A coupling that bends instead of stretching: a monotone curve of several pieces for each coordinate.",
    SplineSettings,
    build_spline,
    "Durkan, Bekasov, Murray, Papamakarios 2019, Neural spline flows, arXiv:1906.04032",
    presets={"few bins": SplineSettings(n_bins=3), "large": SplineSettings(n_couplings=8, n_bins=16)},
    on={"ring": Recipe(SplineSettings(n_bins=12), LONGER), "spirals": Recipe(SplineSettings(), LONGER)},
)
