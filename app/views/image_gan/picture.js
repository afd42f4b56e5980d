// The picture in hand: large, what the discriminator says of it, and the training pictures that are nearest to it.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp, toBitmaps } from "../../canvas/pictures.js";

const TOP = 2; // right end of the gauge of newness, in distances of held-out pictures

export class PictureInHand {
  constructor() {
    this.canvas = element("canvas", { className: "square hand" });
    this.canvas.setAttribute("role", "img");
    this.tag = element("span", { className: "tag" });
    this.line = element("canvas", { className: "line" });
    this.line.setAttribute("role", "img");
    this.near = element("canvas", { className: "near" });
    this.near.setAttribute("role", "img");
    this.verdict = element("div", { className: "small" });
    this.root = element(
      "section",
      { className: "card in-hand" },
      element("h3", {}, element("span", {}, "Selected sample"), this.tag),
      this.canvas,
      this.line,
      element(
        "div",
        { className: "copying" },
        (this.heading = element("div", { className: "soft small" }, "nearest in the training set")),
        this.near,
        this.verdict,
      ),
    );
  }

  /** hand: {bitmap, logit, chances}; near: {pictures, distances, usual}. */
  paint({ hand, near, shape, scale, classes, colours, words }) {
    this.canvas.style.aspectRatio = `${shape[2]} / ${shape[1]}`;
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    c.clearRect(0, 0, width, height);
    if (hand?.bitmap) stamp(c, hand.bitmap, 0, 0, width, height);
    else this.say(c, width, height, words, colours);
    this.tag.textContent = hand?.chances && classes.length ? this.reads(hand.chances, classes) : (hand?.tag ?? "");
    this.canvas.setAttribute(
      "aria-label",
      hand ? `Selected sample. Logit of the discriminator: ${hand.logit.toFixed(2)}. ${this.tag.textContent}` : words,
    );
    this.paintLine(hand, scale, colours);
    this.paintNear(near);
  }

  reads(chances, classes) {
    const best = chances.indexOf(Math.max(...chances));
    return `read as ${classes[best]}, ${Math.round(100 * chances[best])} %`;
  }

  /** The discriminator's number line: this picture, and where training, held-out and made pictures lie in the mean. */
  paintLine(hand, scale, colours) {
    const { context: c, width } = sharpen(this.line),
      y = 26;
    c.clearRect(0, 0, width, 60);
    c.font = fontOf(this.line);
    if (!scale || !width) return;
    const x = (logit) => 6 + ((width - 12) * (1 + scale.opinion(logit))) / 2;
    c.fillStyle = colours.line;
    c.fillRect(6, y - 2, width - 12, 4);
    c.fillStyle = colours.soft;
    c.fillRect(x(scale.middle) - 0.5, y - 7, 1, 14);
    c.textAlign = "left";
    c.fillText("made", 6, 12);
    c.textAlign = "center";
    c.fillText("discriminator", width / 2, 12);
    c.textAlign = "right";
    c.fillText("real", width - 6, 12);
    let at = 10;
    c.textAlign = "left";
    for (const [name, colour, word] of [
      ["fake", colours.model, "made"],
      ["held_out", colours.field, "held out"],
      ["seen", colours.data, "trained on"],
    ]) {
      const value = scale[name];
      if (!Number.isFinite(value)) continue;
      c.fillStyle = colour;
      c.beginPath();
      c.arc(x(value), y, 5, 0, 7);
      c.fill();
      c.beginPath();
      c.arc(at, 48, 4, 0, 7);
      c.fill();
      c.fillStyle = colours.soft;
      const text = `${word} ${value.toFixed(1)}`;
      c.fillText(text, at + 8, 52);
      at += c.measureText(text).width + 24;
    }
    if (!hand) return;
    c.fillStyle = colours.ink;
    c.fillRect(x(hand.logit) - 1.5, y - 10, 3, 20);
    this.line.setAttribute("aria-label", `The discriminator's logit of this picture is ${hand.logit.toFixed(2)}`);
  }

  paintNear(near) {
    const { context: c, width, height } = sharpen(this.near);
    c.clearRect(0, 0, width, height);
    this.heading.style.visibility = near ? "visible" : "hidden";
    if (!near) {
      this.verdict.textContent = "";
      return;
    }
    if (near.cut !== near.pictures) [near.cut, near.bitmaps] = [near.pictures, toBitmaps(near.pictures)];
    const side = Math.min(height, width / 3 - 4);
    near.bitmaps.forEach((bitmap, i) => stamp(c, bitmap, i * (side + 4), 0, side, side));
    const ratio = near.distances.values[0] / near.usual.values[1],
      [low, , high] = near.usual.values;
    this.ratio = ratio;
    const how =
      ratio < 0.35
        ? "A copy."
        : near.distances.values[0] < low
          ? "Nearer than most held-out pictures."
          : near.distances.values[0] > high
            ? "Farther than most held-out pictures: new, or not yet good."
            : "As new as held-out pictures are.";
    this.verdict.replaceChildren(
      element("b", { className: "num" }, `${Math.min(TOP * 5, ratio).toFixed(2)} ×`),
      ` the usual distance. ${how}`,
    );
    this.near.setAttribute(
      "aria-label",
      `The nearest training pictures; the first is ${ratio.toFixed(2)} ` +
        "times as far as that of a usual held-out picture",
    );
  }

  say(c, width, height, text, colours) {
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    c.font = fontOf(this.canvas, "14px");
    const words = text.split(" "),
      lines = [""];
    for (const word of words) {
      if (c.measureText(`${lines.at(-1)} ${word}`).width > width - 40) lines.push("");
      lines[lines.length - 1] = `${lines.at(-1)} ${word}`.trim();
    }
    lines.forEach((line, i) => c.fillText(line, width / 2, height / 2 + 22 * (i - (lines.length - 1) / 2)));
  }
}
