// One object for each place on a page: it outlives Streamlit's reruns, which only bring new data.

import { unpack } from "./live.js";

const living = new WeakMap();

/**
 * What a canvas's `mount` does at each change of data or theme; the object itself lives as long as its place on the
 * page. Streamlit runs the clean-up of a change too when the next one has come before it: such a place is still there.
 */
export function mountStage(Kind, { parentElement, data, setStateValue, setTriggerValue }) {
  let stage = living.get(parentElement);
  if (!stage) {
    stage = new Kind(parentElement);
    living.set(parentElement, stage);
  }
  stage.tell = { state: setStateValue, trigger: setTriggerValue };
  stage.update(unpack(data));
  return () => {
    if (parentElement.isConnected || !living.delete(parentElement)) return;
    stage.close?.();
  };
}
