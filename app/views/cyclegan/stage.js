// What both stages of CycleGAN share: the time of the mapping, and the loss on the track.

import { WatchedStage } from "../../canvas/watching/watched_stage.js";
import { MappingTime } from "./time.js";

export class CycleStage extends WatchedStage {
  /** names: of the start, what it is mapped to, and the way back. */
  constructor(root, names) {
    super(root);
    this.root.classList.add("cyclestage");
    const moved = () => {
      this.isDirty = true;
    };
    this.time = new MappingTime({ moved, settled: () => this.report() }, names);
  }

  tick(now) {
    this.time.tick(now);
    super.tick(now);
  }

  lossOf({ generator_loss: loss }) {
    return loss;
  }

  /** Play once from the start, if it was opened for that. */
  playOnce() {
    if (!this.opens) return;
    this.opens = false;
    this.time.set(0);
    this.time.play(1);
  }

  where() {
    return { visit: this.numbers.visit, time: this.time.isPlaying ? 1 : Math.round(100 * this.time.time) / 100 };
  }
}
