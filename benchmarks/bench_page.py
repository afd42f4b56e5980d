"""What a visitor feels on the flows page, in a real Chromium: seconds to pictures, frames and updates a second.

Prints medians. The browser draws in software here and shares the cores with server and training: a visitor's own
machine is faster.
"""

from __future__ import annotations

import statistics
import time

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.machine import keep
from benchmarks.server import running_server
from tests.browser.chromium import launch

FRAMES = """() => new Promise(done => { let n = 0; const start = performance.now();
  const tick = () => { n++; performance.now() - start < 2000 ? requestAnimationFrame(tick) : done(n / 2); };
  requestAnimationFrame(tick); })"""
PAINTED = "() => globalThis.genlabStage && genlabStage.shown !== null"
# From an input event of the slider until the canvas is painted with the samples that answer it.
SLIDER = """async () => {
  const stage = globalThis.genlabStage, times = [];
  for (let i = 0; i < 60; i++) {
    const before = stage.answers ?? 0, start = performance.now();
    stage.slider.value = 0.2 + 0.01 * i;
    stage.slider.dispatchEvent(new Event("input"));
    while (stage.painted.answers === before) await new Promise(requestAnimationFrame);
    times.push(stage.painted.at - start);
  }
  return times;
}"""


def open_page(browser: Browser, url: str) -> tuple[Page, float, float]:
    """A fresh visitor; the page and the seconds from the request to the first picture, and to that of the model."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_function("() => globalThis.genlabStage?.painted", timeout=30_000)
    first = time.perf_counter() - start
    page.wait_for_function(PAINTED, timeout=30_000)
    return page, first, time.perf_counter() - start


def train(page: Page) -> dict[str, float]:
    """Press Train; seconds to the first new picture, to a KL below 0.05 nats, and updates a second on the way."""
    start = time.perf_counter()
    page.get_by_test_id("stBaseButton-primary").first.click()
    page.wait_for_function("() => genlabStage.standing?.state === 'running' && genlabStage.updates > 0")
    first = time.perf_counter() - start
    page.wait_for_timeout(1000)
    before, then = page.evaluate("genlabStage.updates"), time.perf_counter()
    frames = page.evaluate(FRAMES)
    updates = (page.evaluate("genlabStage.updates") - before) / (time.perf_counter() - then)
    page.wait_for_function("() => (genlabStage.lastMetrics()?.kl ?? 9) < 0.05", timeout=60_000)
    good = time.perf_counter() - start
    page.wait_for_function("() => genlabStage.standing?.ended", timeout=60_000)
    rate = page.evaluate("genlabStage.snapshots.at(-1).step / genlabStage.snapshots.at(-1).seconds")
    return {
        "first_frame_s": first,
        "kl_below_0.05_s": good,
        "updates_per_s": updates,
        "frames_per_s": frames,
        "steps_per_s": rate,
    }


def main() -> None:
    """Open the page a few times, train twice, drag the slider."""
    with running_server() as url, sync_playwright() as playwright:
        browser = launch(playwright)
        open_page(browser, url)[0].context.close()  # warm
        opened = []
        for _ in range(5):
            page, *seconds = open_page(browser, url)
            opened.append(seconds)
            page.context.close()
        page = open_page(browser, url)[0]
        runs = [train(page) for _ in range(2)]
        page.wait_for_timeout(1500)
        slider = sorted(page.evaluate(SLIDER))
        browser.close()
    results = {key: round(statistics.median(run[key] for run in runs), 2) for key in runs[0]}
    keep("page", {
        "first_picture_s": round(statistics.median(data for data, _ in opened), 2),
            "first_model_picture_s": round(statistics.median(model for _, model in opened), 2),
        **results,
        "slider_to_pixels_p50_ms": round(slider[len(slider) // 2], 1),
        "slider_to_pixels_p95_ms": round(slider[int(0.95 * len(slider))], 1),
    })  # fmt: skip


if __name__ == "__main__":
    main()
