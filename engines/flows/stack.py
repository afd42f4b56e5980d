"""A stack of the visitor's own: layers by name, as in "planar x8" or "activation norm + spline x3"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import SettingError
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
from engines.flows.layers.continuous import Continuous
from engines.flows.layers.couplings import AdditiveCoupling, AffineCoupling, Scaling, SplineCoupling
from engines.flows.layers.glow import ActivationNorm, InvertibleLinear
from engines.flows.layers.residual import Residual
from engines.flows.layers.simple import Planar, Radial
from engines.settings import setting

MOST_LAYERS = 48
EXAMPLE = "activation norm + spline x3"
_SOLVER_STEPS = 4
_CONTRACTION = 0.97

LAYERS = (
    *("planar", "radial", "additive", "scaling", "affine", "spline", "activation norm", "linear"),
    *("masked affine", "masked spline", "inverse affine", "residual", "continuous"),
)

# What a visitor may know from other nets, and why it cannot stand here.
NOT_INVERTIBLE: Mapping[str, str] = {
    "relu": "it sends all negative numbers to 0, so the way back is lost",
    "pooling": "it keeps one number out of several, so the way back is lost",
    "dropout": "it throws values away at random, so the way back is lost",
    "softmax": "it forgets a common shift of its inputs, so the way back is lost",
    "perceptron": "nothing keeps it from sending two points to one place",
    "batch norm": "in training a point's image depends on the other points of the batch; activation norm does not",
}


def parse_stack(text: str) -> tuple[str, ...]:
    """The names of the layers that a text asks for, from data to latent.

    "planar x8" is eight planar layers; "a + b x3" is a, b three times in turn; groups are parted by commas.

    Raises:
        SettingError: If a name is unknown or cannot be inverted, or if there are none or too many layers.
    """
    names: list[str] = []
    for group in text.split(","):
        if not group.strip():
            continue
        times, body = _times(group.strip())
        names += [_known(part) for part in body.split("+")] * times
        if len(names) > MOST_LAYERS:
            raise SettingError(
                f"Layers: expected at most {MOST_LAYERS} in all; {group.strip()[:40]!r} makes them more."
            )
    if not names:
        raise SettingError(f"Layers: expected at least one, as in {EXAMPLE!r}; got an empty text.")
    return tuple(names)


def _times(group: str) -> tuple[int, str]:
    """How often a group comes, and what is repeated."""
    found = re.fullmatch(r"(.*?\S)\s*[x×*]\s*(\d{1,9})", group, re.IGNORECASE)
    if found is None:
        return 1, group
    times = int(found[2])
    if not 1 <= times <= MOST_LAYERS:
        raise SettingError(f"Layers: expected a group 1 to {MOST_LAYERS} times, got {group[:40]!r}.")
    return times, found[1]


def _known(part: str) -> str:
    """A layer's name in its usual form."""
    name = " ".join(part.lower().replace("_", " ").split())
    if name in LAYERS:
        return name
    for other, reason in NOT_INVERTIBLE.items():
        if name.replace(" ", "") == other.replace(" ", ""):
            raise SettingError(f"Layers: {name!r} cannot be inverted: {reason}. Take one of {', '.join(LAYERS)}.")
    near = difflib.get_close_matches(name, LAYERS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = name if len(name) <= 30 else name[:30] + "…"
    raise SettingError(f"Layers: expected names out of {', '.join(LAYERS)}; got {shown!r}.{hint}")


def check_stack(text: str) -> str:
    """The text itself, with single spaces, if it can be read."""
    parse_stack(text)
    return " ".join(text.split())


@dataclass(frozen=True)
class StackSettings(FlowSettings):
    """Layers of the visitor's own choice."""

    layers: str = setting(
        EXAMPLE,
        "Layers",
        "From data to latent: names with + between them, x3 for three times, commas between groups.",
        rule=check_stack,
    )
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    n_bins: int = bins_setting()
    scale_cap: float = scale_cap_setting()


def build_layer(name: str, s: StackSettings, i: int) -> Bijection:
    """The layer of a name; i of its own kind came before, so that couplings can take turns."""
    match name:
        case "planar":
            return Planar(2)
        case "radial":
            return Radial(2)
        case "additive":
            return AdditiveCoupling(2, i % 2 == 0, s.width, s.n_hidden)
        case "scaling":
            return Scaling(2, s.scale_cap)
        case "affine":
            return AffineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.scale_cap)
        case "spline":
            return SplineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.n_bins, BOUND)
        case "activation norm":
            return ActivationNorm(2)
        case "linear":
            return InvertibleLinear(2)
        case "masked affine":
            return MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap)
        case "masked spline":
            return MaskedSpline(2, i % 2 == 1, s.width, s.n_hidden, s.n_bins, BOUND)
        case "inverse affine":
            return Inverted(MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap))
        case "residual":
            return Residual(s.width, s.n_hidden, _CONTRACTION)
        case _:
            return Continuous(2, s.width, _SOLVER_STEPS)


def build_stack(settings: StackSettings, density: GaussianMixture) -> Flow:
    """See `build_flow`."""
    names = parse_stack(settings.layers)
    layers = [build_layer(name, settings, names[:at].count(name)) for at, name in enumerate(names)]
    return build_flow(settings, density, layers, data_std=SPLINE_STD)


STACK = flow_spec(
    "stack",
    "Your own stack",
    "Any invertible layers in any order still make a flow: their log-determinants add up.",
    StackSettings,
    build_stack,
    "Rezende, Mohamed 2015, Variational inference with normalizing flows, arXiv:1505.05770",
    presets={
        "planar x8": StackSettings(layers="planar x8"),
        "NICE and a scaling": StackSettings(layers="additive x4, scaling"),
    },
)
