"""Flows that are no couplings: planar, radial, residual and continuous."""

from __future__ import annotations

from dataclasses import dataclass

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.family import FlowSettings, build_flow, flow_spec, hidden_setting, width_setting
from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection
from engines.flows.layers.continuous import Continuous
from engines.flows.layers.residual import Residual
from engines.flows.layers.simple import Planar, Radial
from engines.plan import Plan
from engines.settings import setting


@dataclass(frozen=True)
class PlanarSettings(FlowSettings):
    """Depth of a planar flow."""

    n_layers: int = setting(32, "Layers", "Each pushes along one direction.", low=1, high=64, step=1)


@dataclass(frozen=True)
class RadialSettings(FlowSettings):
    """Depth of a radial flow."""

    n_layers: int = setting(32, "Layers", "Each pushes away from one centre.", low=1, high=64, step=1)


@dataclass(frozen=True)
class ResidualSettings(FlowSettings):
    """Size of a residual flow."""

    n_layers: int = setting(8, "Layers", "Each adds a net that contracts.", low=1, high=16, step=1)
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    contraction: float = setting(
        0.97,
        "Lipschitz bound",
        "Most by which the residual may change when its input changes by 1.",
        low=0.1,
        high=0.99,
    )


@dataclass(frozen=True)
class ContinuousSettings(FlowSettings):
    """Size of a continuous flow."""

    n_layers: int = setting(3, "ODE blocks", "Each has a velocity of its own.", low=1, high=6, step=1)
    width: int = width_setting(64)
    n_solver_steps: int = setting(
        4, "Solver's steps", "Runge-Kutta steps in each span: fewer are faster and less exact.", low=1, high=16, step=1
    )


def _planar_layers(s: PlanarSettings) -> list[Bijection]:
    return [Planar(2) for _ in range(s.n_layers)]


def build_planar(settings: PlanarSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _planar_layers(settings))


def _radial_layers(s: RadialSettings) -> list[Bijection]:
    return [Radial(2) for _ in range(s.n_layers)]


def build_radial(settings: RadialSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _radial_layers(settings))


def _residual_layers(s: ResidualSettings) -> list[Bijection]:
    return [Residual(s.width, s.n_hidden, s.contraction) for _ in range(s.n_layers)]


def build_residual(settings: ResidualSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _residual_layers(settings))


def _continuous_layers(s: ContinuousSettings) -> list[Bijection]:
    return [Continuous(2, s.width, s.n_solver_steps) for _ in range(s.n_layers)]


def build_continuous(settings: ContinuousSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    return build_flow(settings, density, _continuous_layers(settings))


_REZENDE = "Rezende, Mohamed 2015, Variational inference with normalizing flows, arXiv:1505.05770"

PLANAR = flow_spec(
    "planar",
    "Planar flow",
    "Each layer pushes along one direction, by an amount that depends on one projection of the point.",
    PlanarSettings,
    build_planar,
    _REZENDE,
    presets={"4 layers": PlanarSettings(n_layers=4), "8 layers": PlanarSettings(n_layers=8)},
    plan=Plan(steps=2000, batch_size=256, learning_rate=1e-2),
)
RADIAL = flow_spec(
    "radial",
    "Radial flow",
    "Each layer pushes points away from a centre, or draws them near.",
    RadialSettings,
    build_radial,
    _REZENDE,
    plan=Plan(steps=2000, batch_size=256, learning_rate=1e-2),
)
RESIDUAL = flow_spec(
    "residual",
    "Residual flow",
    "Each layer adds a net that changes by less than its input does, so it can be undone step by step.",
    ResidualSettings,
    build_residual,
    "Chen, Behrmann, Duvenaud, Jacobsen 2019, Residual flows for invertible generative modeling, arXiv:1906.02735",
)
CONTINUOUS = flow_spec(
    "continuous",
    "Continuous flow (neural ODE)",
    "Points drift along a learned velocity; the density changes by how much the velocity spreads them.",
    ContinuousSettings,
    build_continuous,
    "Grathwohl et al. 2019, FFJORD, arXiv:1810.01367; Chen et al. 2018, Neural ODEs, arXiv:1806.07366",
    plan=Plan(steps=1000, batch_size=256, learning_rate=1e-2),
)
