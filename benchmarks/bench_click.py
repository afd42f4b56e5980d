"""How long is the script of a page that a click runs anew, once it is warm? Milliseconds on the server, each page.

No training goes on and no browser takes part: it is what stands between a click and the answer's way back.

    python -m benchmarks.bench_click        writes benchmarks/results/click.json
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import ROOT, keep

WARM, TIMES = 5, 40


def timed(run: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    """The same function, which notes its milliseconds."""

    def noted(*args: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return run(*args, **named)
        finally:
            times.append(1000 * (time.perf_counter() - start))

    return noted


def milliseconds(file: str, times: list[float]) -> dict[str, float]:
    """Median and quartiles of a page's script, from its second run on."""
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(ROOT / "app" / "views" / file), default_timeout=60).run()
    for _ in range(WARM):
        page.run()
    times.clear()
    for _ in range(TIMES):
        page.run()
    assert not page.exception, page.exception  # noqa: S101
    low, middle, high = statistics.quantiles(times, n=4)
    return {"median": round(middle, 1), "quartile_low": round(low, 1), "quartile_high": round(high, 1)}


def main() -> None:
    """Measure every page and keep."""
    with tempfile.TemporaryDirectory() as runs:
        os.environ["GENLAB_RUNS"] = runs
        from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

        from app.navigation import NAVIGATION
        from engines.training.workers import Workers

        times: list[float] = []
        ScriptRunner._run_script = timed(ScriptRunner._run_script, times)
        Workers.start = lambda self: None
        keep("click", {entry.path: milliseconds(entry.file, times) for entry in NAVIGATION})


if __name__ == "__main__":
    main()
