"""The source of what made a picture, read once.

`inspect.getsource` parses a class's whole file with the interpreter held, and breaks when two scripts do so at once.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import lru_cache
from textwrap import dedent
from typing import Any

_lock = threading.Lock()


def source_of(thing: type | Callable[..., Any]) -> str:
    """The lines that define a class or a function, without the indentation that all of them share."""
    with _lock:
        return _read(thing)


@lru_cache(maxsize=256)
def _read(thing: type | Callable[..., Any]) -> str:
    return dedent(inspect.getsource(thing))
