"""What every test shares: one torch thread, no cluster of someone else's, the same examples on each run."""

from __future__ import annotations

import importlib.util
import os

from engines.tensors import use_threads

os.environ.pop("DASK_SCHEDULER_ADDRESS", None)
use_threads(1)

if importlib.util.find_spec("hypothesis"):  # a bare GPU machine has none
    import hypothesis

    hypothesis.settings.register_profile("genlab", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("genlab")
