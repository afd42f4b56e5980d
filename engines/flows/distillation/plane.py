"""Distillation in the plane: two coordinates, so the teacher takes two passes of a net where the student takes one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from engines.datasets.gaussian_mixture import GaussianMixture
from engines.flows.distillation.base import Distillation, speak_up
from engines.flows.family import ABSENT, hidden_setting, scale_cap_setting, width_setting
from engines.flows.flow import Flow
from engines.flows.layers.autoregressive import MaskedAffine
from engines.flows.layers.base import Bijection, Inverted, Standardize
from engines.model_spec import ModelSpec
from engines.plan import Plan
from engines.settings import Settings, setting


def student_from_setting(default: float) -> float:
    """When the student takes over."""
    return setting(
        default,
        "Distillation starts at",
        "Share of the training after which the student learns from the teacher; before, the teacher learns from data.",
        low=0.1,
        high=0.9,
        step=0.05,
    )


def pair_weight_setting(default: float) -> Any:
    """Weight of the pairs beside the divergence."""
    return setting(
        default,
        "Pairs",
        "Weight of pairs of noise and what the teacher makes of it, which the student sees first; 0 leaves them out. "
        "The divergence alone is content with a part of what the teacher can say.",
        low=0.0,
        high=20.0,
        step=0.5,
        unit="nats",
    )


@dataclass(frozen=True)
class DistillationSettings(Settings):
    """Size of teacher and student, and when the student takes over."""

    student_from: float = student_from_setting(0.4)
    pair_weight: float = pair_weight_setting(2.0)
    teacher_layers: int = setting(
        6, "Teacher's layers", "Masked autoregressive layers; each takes two passes to sample.", low=1, high=12, step=1
    )
    student_layers: int = setting(
        8,
        "Student's layers",
        "Inverse autoregressive layers; each takes one pass to sample. With few it has to choose what to leave out.",
        low=1,
        high=12,
        step=1,
    )
    width: int = width_setting()
    n_hidden: int = hidden_setting()
    scale_cap: float = scale_cap_setting()


def build_distillation(settings: DistillationSettings, density: GaussianMixture) -> Distillation:
    """Teacher and student for a target of the plane, both in data units."""
    mean, std = density.mean(), density.covariance().diagonal().sqrt()

    def layers(count: int) -> list[MaskedAffine]:
        s = settings
        return [MaskedAffine(2, i % 2 == 1, s.width, s.n_hidden, s.scale_cap) for i in range(count)]

    teacher = Flow([Standardize(mean, std), *layers(settings.teacher_layers)], 2)
    student: list[Bijection] = [Inverted(layer) for layer in layers(settings.student_layers)]
    model = Distillation([Standardize(mean, std), *student], teacher, settings.student_from, settings.pair_weight)
    speak_up(model.layers)
    return model


SMALL = replace(DistillationSettings(), student_layers=1, pair_weight=0.0)

DISTILLATION = ModelSpec(
    key="distillation",
    family="flow",
    title="Distillation (MAF to IAF)",
    idea="Probability density distillation: an autoregressive flow, slow to sample, teaches "
    "an inverse one that samples in one pass.",
    settings=DistillationSettings,
    build=build_distillation,
    paper="van den Oord et al. 2018, Parallel WaveNet, arXiv:1711.10433",
    presets={"small student": SMALL},
    absent=ABSENT,
    plan=Plan(steps=6000, batch_size=256, learning_rate=5e-3),
)
