"""A progress bar on stderr: one line that redraws itself on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

WIDTH = 24
TERMINAL_SECONDS = 0.1
LOG_SECONDS = 10.0


class Progress:
    """Shows how far a training is.

    Args:
        steps: How many there are.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._is_terminal = sys.stderr.isatty()
        self._started = self._shown = time.monotonic()
        self._has_open_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._has_open_line:
            print(file=sys.stderr)

    def show(self, step: int, numbers: Mapping[str, float]) -> None:
        """Show a step and its numbers, unless the last picture is too fresh."""
        now = time.monotonic()
        interval = TERMINAL_SECONDS if self._is_terminal else LOG_SECONDS
        if now - self._shown < interval and step < self._steps:
            return
        self._shown = now
        text = f"{self._bar(step)} {step}/{self._steps}  {_numbers(numbers)}  {now - self._started:.1f} s"
        if self._is_terminal:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
            self._has_open_line = True
        else:
            print(text, file=sys.stderr, flush=True)

    def _bar(self, step: int) -> str:
        done = WIDTH * step // self._steps
        return f"[{'#' * done}{'.' * (WIDTH - done)}]"


def _numbers(numbers: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in numbers.items())
