"""The question of a human discriminator: points or pictures to judge, with the verdicts of the other judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from torch import Tensor

from app.live.ask import read_int, read_place
from engines.blobs import Arrays, as_picture
from engines.datasets import DATASETS
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import SettingError
from engines.gan.human_quiz import Quiz, ceiling, picture_quiz, plane_border, plane_quiz
from engines.probes import build_probe
from engines.tensors import to_numpy
from engines.training.run import Run

MOST_SEEDS = 10_000
JUDGED = ("plane_gan", "picture_gan", "style_gan")  # models whose generator a visitor can be asked about
MAP_SIDE = 64


@dataclass(frozen=True)
class QuizAsk:
    """A quiz about the generator of a run at a step.

    Attributes:
        run, step: Whose weights.
        seed: Of the questions.
    """

    together: ClassVar[int] = 1
    run: str
    step: int | None
    seed: int
    member: int = 0

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """See `read_ask`."""
        return cls(*read_place(message), read_int(message, "seed", 0, MOST_SEEDS - 1))

    def check(self, model: Any, run: Run) -> None:
        """See `Ask`."""
        if run.experiment.model not in JUDGED:
            raise SettingError(f"Only generators of {', '.join(JUDGED)} can be judged here.")

    @staticmethod
    def answer(model: Any, run: Run, asks: Sequence[QuizAsk]) -> dict[QuizAsk, Arrays]:
        """One quiz after the other."""
        spec = DATASETS[run.experiment.dataset]
        data = spec.data(spec.settings.from_dict(run.experiment.dataset_settings))
        return {ask: _answer(model, data, ask.seed) for ask in asks}


def _answer(model: Any, data: Any, seed: int) -> Arrays:
    return _in_the_plane(model, data, seed) if isinstance(data, GaussianMixture) else _of_pictures(model, data, seed)


def _in_the_plane(model: Any, density: GaussianMixture, seed: int) -> Arrays:
    quiz = plane_quiz(model, density, seed)
    logits = model.observe(build_probe(density.window, resolution=MAP_SIDE, n_samples=0))["logits"]
    border = plane_border(model, quiz.real, quiz.fake)
    points = {name: to_numpy(getattr(quiz, name)) for name in ("x", "real", "fake")}
    best = {"optimal": _signs(quiz.optimal), "ceiling": np.array(ceiling(model, density))}
    return as_picture(points | best | {"map": logits - border}) | _verdicts(quiz)


def _of_pictures(model: Any, examples: Any, seed: int) -> Arrays:
    quiz = picture_quiz(model, examples.test, seed)
    bright = 255 / (examples.levels - 1)
    pictures = {name: to_numpy((getattr(quiz, name) * bright).round().byte()) for name in ("x", "real", "fake")}
    return pictures | _verdicts(quiz)


def _verdicts(quiz: Quiz) -> Arrays:
    return {"is_real": to_numpy(quiz.is_real).astype(np.uint8), "logits": _signs(quiz.logits).astype(np.float32)}


def _signs(logits: Tensor | None) -> np.ndarray:
    return np.zeros(0) if logits is None else to_numpy(logits)
