"""Which flow is on the page: from a link, from the row of controls, and what is known of it before it is trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import streamlit as st
import torch

from app.canvas.stage import Moment
from app.house import house
from app.page.keys import PageKeys, current_settings, store_settings
from app.page.runs import use_usual
from engines.datasets import DATASETS
from engines.errors import GenLabError
from engines.flows.bases import Mixture
from engines.flows.flow import Flow
from engines.flows.layers.autoregressive import Autoregressive
from engines.flows.layers.base import Bijection, Inverted, Standardize
from engines.flows.layers.continuous import Continuous
from engines.models import MODELS
from engines.settings import Settings, setting_fields

DEFAULT = "realnvp"
ELSEWHERE = ("distillation",)  # flows of the plane that are no choice here
FLOWS = tuple(
    k for k, spec in MODELS.items() if spec.family == "flow" and spec.takes == ("plane",) and k not in ELSEWHERE
)


@dataclass(frozen=True)
class FlowFacts:
    """What is known of a flow by its settings alone.

    Attributes:
        names: Of the layers, base first; the last one brings the data's own units.
        n_parameters: That are learned.
        base: What the layers bend, in words.
        ways: How its latent side and how its data side is found, in words.
        kinds: Classes of its layers but the last, the most frequent first.
    """

    names: tuple[str, ...]
    n_parameters: int
    base: str
    ways: tuple[str, str]
    kinds: tuple[type[Bijection], ...]


def flow_of_link(query: dict[str, str], problems: list[str]) -> str:
    """The flow that a link names, directly or by its run, which is left out if it is of no flow."""
    if run := query.get("run"):
        key = _model_of_run(run)
        if key in FLOWS:
            return key
        if key is not None:
            problems.append(f"The run {run[:16]!r} of this link is of another page; its model is no flow.")
            del query["run"]
    wanted = query.get("flow", DEFAULT)
    if wanted in FLOWS:
        return wanted
    known = ", ".join(FLOWS)
    problems.append(f"There is no flow {wanted[:30]!r}; there are: {known}. The default, {DEFAULT}, is shown.")
    return DEFAULT


def _model_of_run(digest: str) -> str | None:
    try:
        run = house().shelves.get(digest)
        return run.experiment.model if run else None
    except GenLabError:
        return None


def draw_flow_choice(keys: PageKeys, target: str) -> None:
    """The box with all flows; another one keeps target and temperature and begins with its usual settings."""
    pick = keys.own("flow_pick")
    st.session_state[pick] = st.session_state[keys.own("flow")]

    def choose() -> None:
        st.session_state[keys.own("flow")] = st.session_state[pick]
        use_usual(keys, st.session_state[pick], target)
        moment: Moment | None = st.session_state.get(keys.own("moment"))
        st.session_state[keys.own("moment")] = replace(moment, step=None) if moment else None

    st.selectbox(
        "Flow",
        FLOWS,
        key=pick,
        format_func=lambda key: MODELS[key].title,
        on_change=choose,
        label_visibility="collapsed",
    )


def follow_target(keys: PageKeys, flow: str, before: str, target: str) -> None:
    """What was usual on the target before becomes what is usual on this one; what was set by hand stays."""
    was, now = MODELS[flow].usual(before), MODELS[flow].usual(target)
    for group, old, new in (("model", was.settings, now.settings), ("plan", was.plan, now.plan)):
        held, usual = current_settings(keys, group, type(old)).to_dict(), old.to_dict()
        moved = {name: value for name, value in new.to_dict().items() if held[name] == usual[name]}
        store_settings(keys, group, type(new).from_dict(held | moved))


def presets_of(keys: PageKeys, flow: str, target: str) -> dict[str, Settings]:
    """Named sizes of a flow: the default, its presets, what it does best with here if that is another, a stack."""
    spec = MODELS[flow]
    found = {_size(spec.settings()): spec.settings()}
    for name, settings in spec.presets.items():
        is_plain = flow == "stack" or any(c.isdigit() for c in name)
        found[name if is_plain else f"{name}: {_size(settings)}"] = settings
    usual = spec.usual(target).settings
    if usual not in found.values():
        found[f"for {DATASETS[target].title.lower()}: {_size(usual)}"] = usual
    current = current_settings(keys, "model", spec.settings)
    if flow == "stack" and current not in found.values():
        found["as built below"] = current
    return found


def _size(settings: Settings) -> str:
    """The first setting in words: "8 couplings"."""
    field = setting_fields(type(settings))[0]
    value = getattr(settings, field.name)
    return str(value) if field.kind == "text" else f"{value} {field.in_text}"


@lru_cache(maxsize=64)
def facts_of(flow: str, settings: Settings) -> FlowFacts:
    """Look at a flow that is built for this and thrown away; the data decides only what standardizes it."""
    density = DATASETS["moons"].build(DATASETS["moons"].settings())
    with torch.random.fork_rng(devices=[]):
        model: Flow = MODELS[flow].build(settings, density)
    kinds = Counter(type(_inner(layer)) for layer in model.layers if not isinstance(layer, Standardize))
    return FlowFacts(
        names=model.layer_names[::-1],
        n_parameters=sum(p.numel() for p in model.parameters()),
        base=f"{len(model.base.centres)} Gaussians" if isinstance(model.base, Mixture) else "standard Gaussian",
        ways=(_way(model, _to_latent), _way(model, _to_data)),
        kinds=tuple(kind for kind, _ in kinds.most_common()),
    )


def _inner(layer: object) -> Bijection:
    """The layer itself, or what it turns round."""
    inner = layer.layer if isinstance(layer, Inverted) else layer
    assert isinstance(inner, Bijection)  # noqa: S101  (a flow has nothing else)
    return inner


def _way(model: Flow, words: Callable[[Bijection], str]) -> str:
    """The hardest of what its layers need in one direction."""
    found = {words(layer) for layer in model.layers if isinstance(layer, Bijection)}
    return max(found, key=lambda text: (not text.startswith("closed"), len(text)))


def _to_latent(layer: Bijection) -> str:
    return _backwards(layer.layer) if isinstance(layer, Inverted) else _forwards(layer)


def _to_data(layer: Bijection) -> str:
    return _forwards(layer.layer) if isinstance(layer, Inverted) else _backwards(layer)


def _forwards(layer: Bijection) -> str:
    return f"Runge-Kutta steps, to {_power(layer.tolerance)}" if isinstance(layer, Continuous) else "closed form"


def _backwards(layer: Bijection) -> str:
    if isinstance(layer, Continuous):
        return _forwards(layer)
    if isinstance(layer, Autoregressive):
        return "closed form, one coordinate after the other"
    return f"found numerically, to {_power(layer.tolerance)}" if layer.tolerance else "closed form"


def _power(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e\u2212")
