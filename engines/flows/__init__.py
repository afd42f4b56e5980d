"""Normalizing flows: invertible layers whose volume change is known, so that the density is exact."""

from engines.flows.autoregressive_models import AUTOREGRESSIVE_SPLINE, IAF, MAF
from engines.flows.coupling_models import GLOW, NICE, REALNVP, SPLINE
from engines.flows.distillation.plane import DISTILLATION
from engines.flows.distillation.tones import TONE_DISTILLATION
from engines.flows.other_models import CONTINUOUS, PLANAR, RADIAL, RESIDUAL
from engines.flows.stack import STACK

MODELS = (
    PLANAR,
    RADIAL,
    NICE,
    REALNVP,
    GLOW,
    SPLINE,
    MAF,
    IAF,
    AUTOREGRESSIVE_SPLINE,
    RESIDUAL,
    CONTINUOUS,
    STACK,
    DISTILLATION,
    TONE_DISTILLATION,
)
