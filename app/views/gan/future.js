// The other future: the run that a fork came from, at the same number of steps.

import { element } from "../../canvas/live.js";
import { BesideRun } from "../../canvas/watching/beside.js";
import { countModes, fairModes } from "./monitor.js";
import { Motion, readGame } from "./motion.js";
import { GanPlane } from "./plane.js";

export class Future extends BesideRun {
  constructor(stage) {
    super();
    this.stage = stage;
    this.motion = new Motion();
    this.canvas = element("canvas", { className: "plane" });
    this.canvas.setAttribute("role", "img");
    this.plane = new GanPlane(this.canvas);
    this.title = element("span", {});
    this.tag = element("span", { className: "tag num" });
    this.foot = element("div", { className: "cap num" });
    this.reset();
    this.root = element(
      "section",
      { className: "card main future", hidden: true },
      (this.head = element("div", { className: "head" }, this.title)),
      element("div", { className: "over" }, this.canvas, this.tag),
      this.foot,
    );
  }

  reset() {
    super.reset();
    this.note = "";
    this.motion.clear();
    this.counted = null;
  }

  /** origin: {run, step, was} or null; run: of the fork itself, or empty. */
  followOrigin(origin, run) {
    const wanted = origin && run ? origin.run : "";
    this.origin = origin;
    this.root.hidden = !wanted;
    this.follow(wanted);
  }

  missing() {
    this.note = "The run that this fork came from is not stored here any more.";
    this.refresh();
  }

  read(blob) {
    const { step, metrics } = blob.numbers;
    return { step, metrics, ...readGame(blob) };
  }

  changed() {
    this.seek(this.stage.aimed?.step ?? 0);
  }

  /** Show the picture nearest to as many steps after the fork. */
  seek(step) {
    if (!this.origin || !this.snapshots.length) return;
    const wanted = this.origin.step + step,
      all = this.live && !this.snapshots.includes(this.live) ? [...this.snapshots, this.live] : this.snapshots;
    const best = all.reduce((a, b) => (Math.abs(b.step - wanted) < Math.abs(a.step - wanted) ? b : a));
    if (best === this.picture) {
      this.isBeyond = wanted > best.step;
      return;
    }
    this.picture = best;
    this.isBeyond = wanted > best.step;
    this.motion.aim(best);
    this.refresh();
    this.stage.isDirty = true;
  }

  approach(share) {
    return !!this.digest && this.motion.approach(share);
  }

  /** Shares of its modes, once it is there. */
  get shares() {
    const { modes, mode_std: std, mode_shares: truth } = this.stage.numbers;
    if (!this.digest || !this.picture?.samples || !modes.length) return null;
    if (this.counted?.of !== this.picture) {
      const found = countModes(this.picture.samples, modes, std);
      this.counted = { of: this.picture, ...found, fair: fairModes(found, truth) };
    }
    return this.counted.shares;
  }

  paint() {
    if (!this.digest || this.root.hidden) return;
    this.stage.paintPlane(this.plane, this.motion);
    if (!this.picture) this.plane.panel.write(this.note || "opening the other future …", this.stage.colours.soft);
  }

  refresh() {
    const { origin, picture, stage } = this;
    if (!origin || !stage.numbers) return;
    const count = stage.numbers.modes.length,
      name = `as it was, ${origin.was}`,
      here = this.shares && this.counted;
    this.title.textContent = name;
    this.tag.textContent = picture
      ? `step ${origin.step.toLocaleString("en")} + ` +
        `${(picture.step - origin.step).toLocaleString("en").replace("-", "\u2212")}`
      : "";
    const beyond = this.isBeyond && picture === this.snapshots.at(-1) ? " · its last step" : "";
    this.foot.replaceChildren(
      element(
        "span",
        {},
        here
          ? `${this.counted.found} of ${count} modes, ${this.counted.fair} with a fifth of their share${beyond}`
          : this.note || `the run that this fork left${beyond}`,
      ),
    );
    this.canvas.setAttribute(
      "aria-label",
      `The run that this fork left at step ${origin.step}, ${name}, ` +
        `at step ${picture?.step ?? 0}${here ? `: ${this.counted.found} of ${count} modes` : ""}`,
    );
  }
}
