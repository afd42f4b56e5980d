"""Steppers over a score: SAMPLERS lists those that can be compared at the same number of calls."""

from engines.samplers.catalogue import SAMPLERS, Range, SamplerSpec, last_state
from engines.samplers.state import Score, State

__all__ = ["SAMPLERS", "Range", "SamplerSpec", "Score", "State", "last_state"]
