"""Keys on every slider and every cross of every page: each moves it by a step that is seen, and none throws."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.navigation import NAVIGATION, PageEntry

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]  # some pages have a dozen sliders
READY = "Object.keys(globalThis).some((name) => name.startsWith('genlab'))"
# All sliders and crosses in the canvases' shadow roots, pressed as a keyboard does: from the low end, each key has to
# change what a person sees or a screen reader hears; a text for each that does not. A slider of one place has nowhere
# to go.
STUCK = """async ([keys, patience]) => {
  const within = (e) => (e.shadowRoot ? walk(e.shadowRoot) : []);
  const walk = (root) => [...root.querySelectorAll('*')].flatMap((e) => [e, ...within(e)]);
  const isCross = (e) => e.tabIndex === 0 && e.matches("canvas.drags, canvas.plane, canvas[aria-label*='cross']");
  const isSlider = (e) => e.matches('[role=slider]') || (e.type === 'range' && !e.disabled && +e.min < +e.max);
  const isOurs = (e) => e.getRootNode() instanceof ShadowRoot && e.clientWidth > 0 && (isCross(e) || isSlider(e));
  const names = ['aria-valuenow', 'aria-valuetext', 'aria-description'];
  const said = (e) => (e.type === 'range' ? e.value : names.map((name) => e.getAttribute(name)).join());
  const press = (e, key) => e.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const rest = (ms) => new Promise((done) => setTimeout(done, ms));
  const moves = async (e, key, wait) => {
    const [before, start] = [said(e), performance.now()];
    press(e, key);
    while (said(e) === before && performance.now() - start < wait) await rest(20);
    return said(e) !== before;
  };
  const stuckKeys = async (e, pause, wait) => {
    const stuck = [], was = e.value;
    e.scrollIntoView({ block: 'center' }); // some ask for what they show when they are seen
    await rest(pause);
    press(e, 'Home');
    await rest(pause / 4);
    const name = e.getAttribute('aria-label') ?? e.className;
    for (const key of keys) if (e.clientWidth && !(await moves(e, key, wait))) stuck.push(`${name}: ${key}`);
    if (e.type === 'range' && e.value !== was) {
      e.value = was; // the next slider stands for what it stood for before
      for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, { bubbles: true }));
      await rest(pause / 3);
    }
    return stuck;
  };
  const stuck = [];
  for (const e of walk(document.body).filter(isOurs)) // again at leisure: what comes late may have moved it to an end
    if ((await stuckKeys(e, 100, patience / 4)).length) stuck.push(...(await stuckKeys(e, 800, patience)));
  return stuck;
}"""
CALM = """Object.keys(globalThis).filter((name) => name.startsWith("genlab")).every((name) => {
  const decoder = globalThis[name]?.decoder;
  return !decoder || (!decoder.pending.size && !decoder.next.size);
})"""
KEYS = ("ArrowRight", "ArrowRight", "ArrowLeft", "PageUp", "PageDown", "End", "ArrowLeft", "Home")
PATIENCE = 6000  # milliseconds: a step that has not come by then does not come


@pytest.mark.parametrize("entry", NAVIGATION, ids=lambda entry: entry.path)
def test_keys_move_every_slider_and_every_cross(visit: Callable, entry: PageEntry) -> None:
    path = "" if entry is NAVIGATION[0] else entry.path
    visitor = visit(at=(path, READY), reduced_motion="reduce")
    visitor.page.wait_for_timeout(3000)  # what is stored has come
    visitor.wait(CALM, 120)
    assert visitor.page.evaluate(STUCK, [KEYS, PATIENCE]) == []
