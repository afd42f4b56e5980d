"""What a measurement was taken on, and where results go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> dict[str, str]:
    """Processor, cores, Python, torch and commit."""
    import torch

    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "commit": commit.stdout.strip(),
    }


def rate(work: Callable[[], object], times: int) -> float:
    """How often a second a work is done: over so many times, after a tenth of them to warm up."""
    for _ in range(max(1, times // 10)):
        work()
    start = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - start)


def keep(name: str, results: dict[str, Any]) -> None:
    """Print results and keep them with the machine in results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), "results": results}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)
