"""What every test shares: one torch thread, and no cluster of someone else's."""

from __future__ import annotations

import os

from engines.tensors import use_threads

os.environ.pop("DASK_SCHEDULER_ADDRESS", None)
use_threads(1)
