// The run on the right of two flows side by side: it follows the player of the one on the left, step for step.

import { toGrid } from "../../canvas/density.js";
import { watchRun } from "../../canvas/live.js";
import { blend } from "../../canvas/stage.js";

export class Rival {
  /** tell: {changed, say}: something new is there to be shown; a sentence for the visitor. */
  constructor(tell) {
    this.tell = tell;
    this.reset();
  }

  reset() {
    this.snapshots = [];
    this.live = this.picture = this.shown = this.standing = null;
  }

  /** Watch a run, if it is another one or another try than before. */
  follow(digest, attempt) {
    if (digest === this.digest && attempt === this.attempt) return;
    this.socket?.close();
    [this.digest, this.attempt] = [digest, attempt];
    this.reset();
    if (!digest) return;
    this.socket = watchRun(digest, {
      opened: () => this.reset(),
      blob: (blob) => this.take(blob),
      text: (message) => {
        this.standing = message;
        this.tell.changed();
      },
      lost: (code) => {
        if (code === 4404) this.tell.say("The run on the right is not stored here. Press Train both to compute it.");
      },
    });
  }

  take({ numbers, log_prob: log, samples }) {
    const picture = {
      step: numbers.step,
      metrics: numbers.metrics,
      density: log ? toGrid(log) : null,
      samples: samples?.values ?? null,
    };
    if (!numbers.is_frame) {
      if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop();
      this.snapshots.push(picture);
    }
    this.live = picture;
    this.tell.changed();
  }

  /** Whether its training goes on. */
  get isRunning() {
    return !!this.standing && !this.standing.ended;
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

  close() {
    this.socket?.close();
  }
}
