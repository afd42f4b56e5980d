// The run on the right of two flows side by side: it follows the player of the one on the left, step for step.

import { toGrid } from "../../canvas/density.js";
import { blend } from "../../canvas/stage_card.js";
import { BesideRun } from "../../canvas/watching/beside.js";

export class Rival extends BesideRun {
  /** tell: {changed, say}: something new is there to be shown; a sentence for the visitor. */
  constructor(tell) {
    super();
    this.tell = tell;
    this.reset();
  }

  reset() {
    super.reset();
    this.shown = null;
  }

  missing() {
    this.tell.say("The run on the right is not stored here. Press Train both to compute it.");
  }

  changed() {
    this.tell.changed();
  }

  read({ numbers, log_prob: log, samples }) {
    return {
      step: numbers.step,
      metrics: numbers.metrics,
      density: log ? toGrid(log) : null,
      samples: samples?.values ?? null,
    };
  }

  /** Show the newest picture, or the last one up to a step. */
  seek(step, newest) {
    const known = this.snapshots;
    this.picture =
      newest && this.isRunning
        ? this.live
        : (known[
            Math.max(
              0,
              known.findLastIndex((s) => s.step <= step),
            )
          ] ?? null);
  }

  /** The measures at the shown step, or the last ones before it. */
  get metrics() {
    const step = this.picture?.step ?? -1;
    return this.snapshots.filter((s) => s.step <= step && "kl" in s.metrics).at(-1)?.metrics;
  }

  /** Let what is shown move towards the picture; whether it moved. */
  approach(share, small) {
    const { density, samples } = this.picture ?? {};
    if (!density && !samples) return false;
    this.shown ??= { density: null, samples: null };
    let moved = false;
    for (const [name, goal, least] of [
      ["density", density, small],
      ["samples", samples, 1e-3],
    ]) {
      if (!goal) continue;
      if (this.shown[name]?.length !== goal.length) {
        this.shown[name] = Float32Array.from(goal);
        moved = true;
      } else moved = blend(this.shown[name], goal, share, least) || moved;
    }
    return moved;
  }
}
