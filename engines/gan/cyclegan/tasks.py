"""What picture domains there are: the faces split by one known factor, whose true counterpart can be rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.datasets.base import Examples
from engines.datasets.faces import render_faces
from engines.errors import DataError


@dataclass(frozen=True)
class Task:
    """Two domains: faces with one value of a factor, and faces with another.

    Attributes:
        title: Name on the page.
        factor: Name of the factor.
        values: Its value in domain A and in domain B.
        words: What the domains are called.
        idea: One sentence.
    """

    title: str
    factor: str
    values: tuple[int, int]
    words: tuple[str, str]
    idea: str


TASKS: Mapping[str, Task] = {
    "sky": Task(
        "Day and night", "background", (0, 1), ("day", "night"), "Colour over a large area: what it does best."
    ),
    "glasses": Task("Glasses", "glasses", (0, 1), ("without", "with"), "A small thing put on, or taken off."),
    "hair": Task("Short and long hair", "length", (0, 2), ("short", "long"), "A new outline at the side of the head."),
    "tilt": Task("Head to the left and right", "tilt", (0, 4), ("left", "right"), "Everything has to move: shape."),
}


def column_of(examples: Examples, task: Task) -> int:
    """Which of the factors of a set a task turns.

    Raises:
        DataError: If the set does not know this factor, or cannot be rendered.
    """
    names = [factor.name for factor in examples.factors]
    if task.factor not in names or len(names) != 10 or examples.train_factors is None:
        raise DataError(
            f"Expected pictures of which the factor {task.factor!r} is known, such as the faces, got a set with "
            f"{', '.join(names) or 'no factors'}. Choose the faces."
        )
    return names.index(task.factor)


def rows_of(factors: Tensor, column: int, value: int) -> Tensor:
    """Places of the examples that have a value of a factor."""
    return torch.where(factors[:, column] == value)[0]


def counterparts(factors: Tensor, column: int, value: int) -> Tensor:
    """The same faces with one factor changed: the truth that no training has seen.

    Args:
        factors: Shape (N, F).
        column: Which factor.
        value: Its new value.

    Returns:
        Pictures, shape (N, 3, 32, 32), float, 0 ... 255.
    """
    changed = factors.clone().cpu()
    changed[:, column] = value
    return render_faces(changed).float()
