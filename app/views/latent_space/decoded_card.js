// The decoded picture: large, with the original in its corner, its numbers, and what can be done with its code.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { memberOf, stamp, toBitmap } from "../../canvas/pictures.js";

const norm = (z) => Math.sqrt(z.reduce((sum, v) => sum + v * v, 0));

/** studio: the owner, which holds z, portrait, picture and colours. */
export class DecodedCard {
  constructor(studio) {
    this.studio = studio;
    this.canvas = element("canvas", { className: "square" });
    this.canvas.setAttribute("role", "img");
    this.tag = element("span", { className: "tag" });
    this.caption = element("div", { className: "cap" });
    this.classes = element("div", { className: "classes" });
    this.resample = element(
      "button",
      { type: "button", className: "quiet", onclick: () => studio.drawPosterior() },
      "draw from its posterior",
    );
    this.home = element(
      "button",
      { type: "button", className: "quiet", title: "z = 0, the middle of the prior", onclick: () => studio.goHome() },
      "to z = 0",
    );
    this.tools = element("div", { className: "tools" }, this.home, this.resample);
  }

  /** Buttons of the classes, for a model that is told the class. */
  buildClasses() {
    const { studio } = this,
      { is_conditional: isTold, classes } = studio.numbers;
    this.classes.hidden = !isTold;
    if (!isTold) return;
    this.classes.replaceChildren(
      element("span", { className: "soft" }, "class"),
      ...classes.map((name, k) => {
        const button = element("button", { type: "button", onclick: () => studio.setClass(k) }, name);
        button.setAttribute("aria-pressed", String(k === studio.label));
        return button;
      }),
    );
  }

  paint() {
    const { studio } = this,
      { context: c, width } = sharpen(this.canvas);
    if (!width) return;
    c.clearRect(0, 0, width, width);
    const live = studio.picture?.reconstructions && !studio.canDecode ? studio.picture.reconstructions : null;
    const bitmap = live ? toBitmap(memberOf(live, studio.member).values, live.shape) : studio.bigBitmap;
    const chosen = studio.chosen !== null && studio.canDecode ? studio.chosen : null;
    const original = live ? studio.originals?.[0] : chosen === null ? null : studio.portrait.originals[chosen];
    if (bitmap) stamp(c, bitmap, 0, 0, width);
    if (original) this.paintCorner(c, width, original);
    if (!bitmap) this.write(c, width, studio.digest ? "opening the run …" : "Not trained yet: press Train.");
    const what = live ? "reconstruction" : "expected picture";
    this.tag.textContent = original ? `${what}, original in the corner` : what;
    this.say(chosen);
    this.resample.disabled = !studio.posterior || !studio.canDecode;
    this.home.disabled = !studio.canDecode;
  }

  paintCorner(c, width, original) {
    const side = width * 0.24;
    stamp(c, original, width - side - 8, width - side - 8, side);
    c.strokeStyle = this.studio.colours.data;
    c.lineWidth = 2;
    c.strokeRect(width - side - 8, width - side - 8, side, side);
  }

  write(c, width, text) {
    c.fillStyle = this.studio.colours.soft;
    c.textAlign = "center";
    c.font = fontOf(this.canvas, "14px");
    c.fillText(text, width / 2, width / 2);
  }

  /** Under the picture: the bound of an original, or how far out the code lies. */
  say(chosen) {
    const { portrait, z, canDecode } = this.studio,
      length = z ? norm(z) : 0,
      usual = Math.sqrt(z?.length ?? 1);
    const [distortion, rate] = chosen === null ? [0, 0] : [portrait.distortions[chosen], portrait.rates[chosen]];
    const left =
      chosen === null
        ? `|z| = ${length.toFixed(2)}, usual ${usual.toFixed(1)}`
        : `distortion ${distortion.toFixed(1)} · KL ${rate.toFixed(1)} nats`;
    const right =
      chosen === null
        ? length > 1.6 * usual + 1
          ? "outside of what was trained"
          : ""
        : `bound −${(distortion + rate).toFixed(1)}`;
    this.caption.replaceChildren(
      element("span", {}, canDecode ? left : ""),
      element("span", { className: "num" }, canDecode ? right : ""),
    );
    this.canvas.setAttribute("aria-label", `Decoded picture. ${left}`);
  }
}
