"""What every flow of the plane shares: two settings, the first layer, and what no flow can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.bases import build_base
from engines.flows.flow import Flow
from engines.flows.layers.base import Bijection, Standardize
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan
from engines.settings import Settings, setting

PLAN = Plan(steps=2000, batch_size=256, learning_rate=5e-3)
# Splines act within this bound. The data enters them with a standard deviation of 1.5, so that it fills most of the
# range on its side while the latents, which reach farther, stay inside on theirs.
BOUND, SPLINE_STD = 4.0, 1.5


@dataclass(frozen=True)
class FlowSettings(Settings):
    """What is bent, and which way the model comes close to the data."""

    base: str = setting(
        "gaussian",
        "Base",
        "What the layers bend. A mixture comes in pieces, so that nothing has to tear where the data does.",
        choices=("gaussian", "mixture"),
        is_last=True,
    )
    n_centres: int = setting(
        8, "Centres", "Pieces of a mixture as base; a Gaussian has one.", low=2, high=32, step=1, is_last=True
    )
    objective: str = setting(
        "forward",
        "Objective",
        "forward: KL(data || model), from samples of the data; it covers every mode. reverse: KL(model || data), from "
        "the model's own samples and the target's density; it seeks a mode and may stay there.",
        choices=("forward", "reverse"),
        is_last=True,
    )


def width_setting(default: int = 32, high: int = 128) -> Any:
    """Units of the nets inside the layers."""
    return setting(default, "Width", "Units of each hidden layer inside a layer.", low=8, high=high, step=8)


def hidden_setting(default: int = 2) -> Any:
    """Depth of the nets inside the layers."""
    return setting(default, "Hidden layers", "Hidden layers inside a layer.", low=1, high=3, step=1)


def scale_cap_setting(default: float = 2.0) -> Any:
    """Bound on what one affine layer may stretch."""
    return setting(
        default,
        "Scale cap",
        "Most that one layer may stretch or squeeze: a factor of e to this power.",
        low=0.1,
        high=5.0,
        step=0.1,
        unit="nats",
    )


def bins_setting(default: int = 8) -> Any:
    """Pieces of a spline."""
    return setting(default, "Bins", "Pieces of each spline: more of them bend more finely.", low=2, high=32, step=1)


def build_flow(
    settings: FlowSettings, density: GaussianMixture, layers: Sequence[Bijection], *, data_std: float = 1.0
) -> Flow:
    """A flow of the plane whose first layer centres the data and scales it, by its exact mean and deviation.

    Args:
        settings: Base and objective.
        density: The target.
        layers: What comes after the standardization, from data to latent.
        data_std: Standard deviation of the data after it.
    """
    std = density.covariance().diagonal().sqrt() / data_std
    base = build_base(settings.base, 2, settings.n_centres)
    target = density if settings.objective == "reverse" else None
    return Flow([Standardize(density.mean(), std), *layers], 2, base, target)


_EXACT = "A flow gives the exact density, so it needs no {}."

ABSENT: Mapping[str, str] = {
    "log_prob_bound": _EXACT.format("bound"),
    "log_prob_estimate": _EXACT.format("estimate"),
    "encode": "The latent of a point is one point, not a distribution: use to_latent.",
    "decode": "Latent and point determine each other: use to_data.",
    "score": "It is not learned; autograd of log_prob gives it, for the clean density only.",
    "denoise": "It knows the clean data only, not the data at each noise level.",
    "discriminate": "There is no discriminator: the likelihood itself is the objective.",
    "next_token_logits": "It models points, not sequences of tokens.",
    "sample_path": "A sample is made in one pass; layers_to_latent shows the layers.",
}


def flow_spec(
    key: str,
    title: str,
    idea: str,
    settings: type[FlowSettings],
    build: Callable[[Any, GaussianMixture], Flow],
    paper: str,
    *,
    presets: Mapping[str, Settings] | None = None,
    plan: Plan = PLAN,
    on: Mapping[str, Recipe] | None = None,
) -> ModelSpec:
    """An entry for a flow of the plane; all arguments are as in `ModelSpec`."""
    return ModelSpec(
        key=key,
        family="flow",
        title=title,
        idea=idea,
        settings=settings,
        build=build,
        paper=paper,
        presets=presets or {},
        absent=ABSENT,
        plan=plan,
        on=on or {},
    )
