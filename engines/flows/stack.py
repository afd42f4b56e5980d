"""A stack of the visitor's own: layers by name, as in "planar x8" or "activation norm + spline x3"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engines.errors import SettingError
from engines.flows.autoregressive import MaskedAffine, MaskedSpline
from engines.flows.continuous import Continuous
from engines.flows.couplings import AdditiveCoupling, AffineCoupling, Scaling, SplineCoupling
from engines.flows.family import (
    BOUND,
    SPLINE_STD,
    FlowSettings,
    bins_setting,
    flow_spec,
    hidden_setting,
    scale_cap_setting,
    width_setting,
)
from engines.flows.glow import ActivationNorm, InvertibleLinear
from engines.flows.layers import Bijection, Inverted
from engines.flows.residual import Residual
from engines.flows.simple import Planar, Radial
from engines.settings import setting

MOST_LAYERS = 48
EXAMPLE = "activation norm + spline x3"
_SOLVER_STEPS = 4
_CONTRACTION = 0.97

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
    found = re.fullmatch(r"(.*?\S)\s*[x×*]\s*(\d{1,4})", group, re.IGNORECASE)
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


# Name -> (settings, how many layers of its own kind came before) -> layer. The count lets couplings take turns.
LAYERS: Mapping[str, Callable[[StackSettings, int], Bijection]] = {
    "planar": lambda s, i: Planar(2),
    "radial": lambda s, i: Radial(2),
    "additive": lambda s, i: AdditiveCoupling(2, i % 2 == 0, s.width, s.n_hidden),
    "scaling": lambda s, i: Scaling(2, s.scale_cap),
    "affine": lambda s, i: AffineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.scale_cap),
    "spline": lambda s, i: SplineCoupling(2, i % 2 == 0, s.width, s.n_hidden, s.n_bins, BOUND),
    "activation norm": lambda s, i: ActivationNorm(2),
    "linear": lambda s, i: InvertibleLinear(2),
    "masked affine": lambda s, i: MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap),
    "masked spline": lambda s, i: MaskedSpline(2, i % 2 == 1, s.width, s.n_hidden, s.n_bins, BOUND),
    "inverse affine": lambda s, i: Inverted(MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap)),
    "residual": lambda s, i: Residual(s.width, s.n_hidden, _CONTRACTION),
    "continuous": lambda s, i: Continuous(2, s.width, _SOLVER_STEPS),
}


def _stack_layers(s: StackSettings) -> list[Bijection]:
    names = parse_stack(s.layers)
    return [LAYERS[name](s, names[:at].count(name)) for at, name in enumerate(names)]


STACK = flow_spec(
    "stack",
    "A stack of your own",
    "Any invertible layers in any order still make a flow: their log-determinants add up.",
    StackSettings,
    _stack_layers,
    "Rezende, Mohamed 2015, Variational inference with normalizing flows, arXiv:1505.05770",
    data_std=SPLINE_STD,
    presets={
        "planar x8": StackSettings(layers="planar x8"),
        "NICE and a scaling": StackSettings(layers="additive x4, scaling"),
    },
)
