"""A loss through torch.compile: faster where a C++ compiler is found, never needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import torch
from torch import Tensor

COMPILERS = ("c++", "g++", "clang++")


def has_compiler() -> bool:
    """Whether a C++ compiler is found, without which torch.compile has nothing to run on a CPU."""
    return any(shutil.which(name) for name in COMPILERS)


def compile_loss(loss: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same loss, compiled at its first call (some ten seconds; about one from the cache on disk)."""
    return torch.compile(loss, dynamic=False)
