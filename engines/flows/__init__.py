"""Normalizing flows: invertible layers whose volume change is known, so that the density is exact."""

from engines.flows.realnvp import REALNVP

MODELS = (REALNVP,)
