// The bars of the mode monitor, which go with what is seen, between snapshots too.

import { blend } from "../../canvas/stage_card.js";
import { countModes, fairModes } from "./monitor.js";

export class ModeBars {
  clear() {
    this.bars = this.counted = null;
  }

  /** Count a picture's points in the modes, once for each picture. */
  count(picture, { modes, mode_std: std, mode_shares: truth }) {
    if (this.counted && this.counted.picture === picture) return;
    let live = null;
    if (picture?.samples && modes.length) {
      const found = countModes(picture.samples, modes, std);
      live = { ...found, fair: fairModes(found, truth) };
    }
    this.counted = { picture, live, byHand: handMetrics(live, truth) };
  }

  /** Let the bars go a share of the way to what was counted; whether any moved visibly. */
  approach(share) {
    const { live } = this.counted;
    if (!live) return false;
    if (this.bars?.length === live.shares.length) return blend(this.bars, live.shares, share, 1e-3);
    this.bars = Float32Array.from(live.shares);
    return false;
  }

  /** What was counted, with the bars as they stand. */
  get live() {
    const { live } = this.counted;
    return live && { ...live, shares: this.bars };
  }

  get byHand() {
    return this.counted.byHand;
  }
}

/** What can be counted of points that moves by hand have led to. */
function handMetrics(live, truth) {
  if (!live) return undefined;
  const total = live.near.reduce((a, b) => a + b, 0);
  const kl = live.near.reduce((sum, v, k) => sum + (v ? (v / total) * Math.log(v / total / truth[k]) : 0), 0);
  return { high_quality: live.quality, reverse_kl: total ? kl : -Math.log(Math.min(...truth)) };
}
