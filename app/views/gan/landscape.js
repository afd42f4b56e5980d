// The landscape under the particles: what the discriminator says, what the best one would, or by how much they differ.

import { Choice, namedBy } from "../../canvas/controls.js";
import { element } from "../../canvas/live.js";
import { dot } from "../../canvas/stage_card.js";
import { CELLS } from "./motion.js";
import { hasBorder, Optimal, rangeOf, toneOf } from "./optimal.js";

const VIEWS = {
  learned: "What this discriminator says of each point: blue real, orange fake. The line: 50 %.",
  optimal:
    "What the best of all discriminators would say: exact density of the data, the generator's estimated from 4,096 " +
    "samples, both blurred alike; it looks a little better than it would be on other samples.",
  difference:
    "Learned minus optimal: blue where this discriminator takes " +
    "points for more real than it should, orange where for less.",
};

/** stage: the owner, with its numbers, the view of its place, tables, blurred data and measures. */
export class Landscape {
  constructor(stage, choose) {
    this.stage = stage;
    this.optimal = new Optimal();
    this.tones = new Float32Array(CELLS);
    this.choice = new Choice("Landscape", choose).fill(namedBy(VIEWS));
    this.legend = element("div", { className: "cap facts" });
  }

  paint(plane, { logits, fake }) {
    const { numbers, place, tables, blurred } = this.stage,
      { game } = numbers,
      { view } = place,
      border = hasBorder(game.key);
    if (!logits || (view !== "learned" && (!fake || game.optimum === "none"))) {
      plane.clearGround(tables.data);
      return;
    }
    if (view !== "learned") this.optimal.compute(blurred, fake, numbers.blur, game.optimum);
    if (view !== "optimal") this.findTones(logits, view === "difference", border);
    plane.paintGround({
      tones: view === "optimal" ? this.optimal.tone : this.tones,
      sure: view === "learned" ? null : this.optimal.sure,
      tables,
      hasBorder: view === "difference" ? false : view === "optimal" || border,
    });
  }

  /** Tones of what was learned, or of how far it is above the best. */
  findTones(logits, isDifference, border) {
    const { middle, spread } = border ? {} : rangeOf(logits),
      tone = toneOf(this.stage.numbers.game.key, this.middleOf(middle), spread);
    for (let i = 0; i < CELLS; i++)
      this.tones[i] = isDifference ? tone(logits[i]) - this.optimal.tone[i] : tone(logits[i]);
  }

  /** The middle between the mean answers on real and on fake, for a game whose answers have no absolute zero. */
  middleOf(fallback) {
    const metrics = this.stage.lastMetrics();
    return metrics?.real === undefined ? fallback : (metrics.real + metrics.fake) / 2;
  }

  /** What the colours say. */
  showLegend() {
    const { view } = this.stage.place,
      { key } = this.stage.numbers.game,
      shown = `${view} ${key}`;
    if (shown === this.legendOf) return;
    this.legendOf = shown;
    const who = view === "optimal" ? "the best D" : "D",
      [high, low] = hasBorder(key) ? [`${who} says real`, `${who} says fake`] : [`${who} answers high`, "low"];
    const [blue, orange] = view === "difference" ? ["D above the best", "D below it"] : [high, low];
    const line =
      view !== "difference" && (view === "optimal" || hasBorder(key)) ? [element("span", {}, "line: 50 %")] : [];
    this.legend.replaceChildren(
      element("span", {}, "landscape"),
      element("span", {}, dot("data"), blue),
      element("span", {}, dot("model"), orange),
      ...line,
    );
  }

  /** Why the best discriminator is not shown; "" if it is, or was not asked for. */
  get silence() {
    const { game, settings } = this.stage.numbers;
    if (this.stage.place.view === "learned") return "";
    if (game.optimum === "none")
      return "A Wasserstein critic has no closed form: the best one is the steepest that stays within its bounds.";
    if (settings.pack > 1 || settings.minibatch_std)
      return (
        "The closed form is of a discriminator that judges points one by one; " +
        "this one also sees their company, and plays another game."
      );
    return "";
  }

  /** What is shown, for who cannot see it. */
  get title() {
    return {
      learned: "The discriminator's landscape",
      optimal: "The optimal discriminator",
      difference: "Learned minus optimal discriminator",
    }[this.stage.place.view];
  }

  get certainty() {
    return {
      learned: "learned",
      optimal: "exact p, estimated q",
      difference: "learned − (exact p, estimated q)",
    }[this.stage.place.view];
  }
}
