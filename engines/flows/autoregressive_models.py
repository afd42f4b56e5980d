"""Autoregressive flows of the plane: masked, inverse, and with splines."""

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
from engines.flows.layers.autoregressive import MaskedAffine, MaskedSpline
from engines.flows.layers.base import Bijection, Inverted
from engines.plan import Plan
from engines.settings import setting


def _layers_setting(default: int) -> int:
    help_text = "Number of layers. From one to the next the order of the two coordinates is turned round."
    return setting(default, "Layers", help_text, low=1, high=16, step=1)


@dataclass(frozen=True)
class MafSettings(FlowSettings):
    """Size of a masked autoregressive flow."""

    n_layers: int = _layers_setting(6)
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    scale_cap: float = scale_cap_setting()


@dataclass(frozen=True)
class IafSettings(MafSettings):
    """Size of an inverse autoregressive flow: a masked one turned round."""


@dataclass(frozen=True)
class AutoregressiveSplineSettings(FlowSettings):
    """Size of an autoregressive neural spline flow."""

    n_layers: int = _layers_setting(3)
    width: int = width_setting(64)
    n_hidden: int = hidden_setting()
    n_bins: int = bins_setting()


def maf_layers(s: MafSettings) -> list[Bijection]:
    """Masked affine layers whose order turns from one to the next."""
    return [MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap) for i in range(s.n_layers)]


def build_maf(settings: MafSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, maf_layers(settings))


def iaf_layers(s: IafSettings) -> list[Bijection]:
    """The same turned round."""
    return [Inverted(layer) for layer in maf_layers(s)]


def build_iaf(settings: IafSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, iaf_layers(settings))


def _spline_layers(s: AutoregressiveSplineSettings) -> list[Bijection]:
    return [MaskedSpline(2, i % 2 == 1, s.width, s.n_hidden, s.n_bins, BOUND) for i in range(s.n_layers)]


def build_autoregressive_spline(settings: AutoregressiveSplineSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _spline_layers(settings), data_std=SPLINE_STD)


LARGE = AutoregressiveSplineSettings(n_layers=5, n_bins=16)
LARGE_PLAN = Plan(steps=3000, batch_size=512, learning_rate=5e-3)

MAF = flow_spec(
    "maf",
    "MAF",
    "Each coordinate is shifted and scaled by the ones before it: densities in one pass, samples one by one.",
    MafSettings,
    build_maf,
    "Papamakarios, Pavlakou, Murray 2017, Masked autoregressive flow for density estimation, arXiv:1705.07057",
)
IAF = flow_spec(
    "iaf",
    "IAF",
    "The same turned round: samples in one pass, densities one coordinate after the other.",
    IafSettings,
    build_iaf,
    "Kingma et al. 2016, Improving variational inference with inverse autoregressive flow, arXiv:1606.04934",
)
AUTOREGRESSIVE_SPLINE = flow_spec(
    "autoregressive_spline",
    "Neural spline flow (autoregressive)",
    "Each coordinate is bent by a monotone curve that the ones before it choose.",
    AutoregressiveSplineSettings,
    build_autoregressive_spline,
    "Durkan, Bekasov, Murray, Papamakarios 2019, Neural spline flows, arXiv:1906.04032",
    presets={"large": LARGE},
)
