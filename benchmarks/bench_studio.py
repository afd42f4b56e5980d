"""What a visitor feels on the page of latent spaces, in a real Chromium: drag to pixels, frames, a sweep trained live.

The browser draws in software here and shares the cores with server and training: a visitor's own machine is faster.
"""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.bench_page import FRAMES
from benchmarks.machine import keep
from benchmarks.server import running_server
from tests.browser.chromium import launch

READY = "() => globalThis.genlabStudio?.canDecode && genlabStudio.bigBitmap && genlabStudio.plane.bitmaps"
# From a move of the cross until the canvas is painted with the picture that answers it.
DRAG = """async () => {
  const studio = globalThis.genlabStudio, times = [];
  for (let i = 0; i < 80; i++) {
    const before = studio.answers ?? 0, start = performance.now();
    studio.moveTo(-1.5 + 0.03 * i, 0.8 - 0.02 * i);
    while ((studio.painted?.answers ?? 0) === before) await new Promise(requestAnimationFrame);
    times.push(studio.painted.at - start);
  }
  return times;
}"""
SETS = ("faces", "digits", "small_shapes")


def drag(page: Page, url: str, dataset: str) -> dict[str, float]:
    """Milliseconds from the move of the cross to the decoded picture on the screen, and frames a second meanwhile."""
    page.goto(f"{url}/autoencoders?target={dataset}")
    page.wait_for_function(READY, timeout=60_000)
    page.wait_for_timeout(1500)
    page.evaluate(DRAG)  # warm
    times = sorted(page.evaluate(DRAG))
    frames = page.evaluate(FRAMES)
    p50, p95 = times[len(times) // 2], times[int(0.95 * len(times))]
    return {"drag_p50_ms": round(p50, 1), "drag_p95_ms": round(p95, 1), "frames_per_s": frames}


def train(page: Page, url: str) -> dict[str, Any]:
    """Press Train on the squares: seconds to the end of the sweep as a visitor waits for it, and its MIG."""
    page.goto(f"{url}/autoencoders?target=small_shapes&plan.seed=1")
    page.wait_for_function("() => globalThis.genlabStudio?.numbers")
    page.wait_for_timeout(1500)
    start = time.perf_counter()
    page.get_by_test_id("stBaseButton-primary").first.click()
    page.wait_for_function(
        "() => genlabStudio.standing?.state === 'running' && genlabStudio.updates > 0", timeout=30_000
    )
    first, before = time.perf_counter() - start, page.evaluate("genlabStudio.updates")
    page.wait_for_timeout(5000)
    updates = (page.evaluate("genlabStudio.updates") - before) / 5
    page.wait_for_function("() => genlabStudio.standing?.ended", timeout=180_000)
    last = page.evaluate("genlabStudio.snapshots.at(-1)")
    return {
        "first_frame_s": round(first, 2),
        "updates_per_s": updates,
        "waited_s": round(time.perf_counter() - start, 1),
        "training_s": round(last["seconds"], 1),
        "mig": [round(v, 2) for v in last["metrics"]["mig"]],
    }


def main() -> None:
    """Drag on three sets, train one sweep."""
    with running_server() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        results = {dataset: drag(page, url, dataset) for dataset in SETS}
        keep("studio", results | {"live_sweep": train(page, url)})
        browser.close()


if __name__ == "__main__":
    main()
