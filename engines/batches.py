"""What training hands to a model: batches, and the parts of a set on which the model is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

Measures = Mapping[str, float | list[float]]


class Labelled(NamedTuple):
    """A batch with the class of each example: x (B, *event), labels (B,)."""

    x: Tensor
    labels: Tensor


class Split(NamedTuple):
    """Some examples with what is known about them: x (N, *event), labels (N,) or None, factors (N, F) or None."""

    x: Tensor
    labels: Tensor | None
    factors: Tensor | None
