"""GenLab's engines: models, data, training and measures. They never know that a browser exists.

`engines.MODELS` and `engines.DATASETS` are the two registries; they are loaded at first use, so that
importing a small module such as `engines.settings` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import Any

_REGISTRIES = {"MODELS": "engines.models", "DATASETS": "engines.datasets"}


def __getattr__(name: str) -> Any:
    if name in _REGISTRIES:
        return getattr(importlib.import_module(_REGISTRIES[name]), name)
    raise AttributeError(f"module 'engines' has no attribute {name!r}")
