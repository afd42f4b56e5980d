// The wall: what fixed latents become at the step that is shown, and under each what the discriminator says of it.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp, toBitmaps } from "../../canvas/pictures.js";

const BAR = 5; // pixels of the discriminator's bar

/** handlers: choose(index, isSecond). */
export class Wall {
  constructor(choose) {
    this.choose = choose;
    this.canvas = element("canvas", { className: "wall", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.onclick = (event) => this.click(event);
    this.canvas.onkeydown = (event) => this.key(event);
    this.tag = element("span", { className: "tag num" });
    this.caption = element("div", { className: "cap" });
    this.root = element(
      "section",
      { className: "card" },
      element("h3", {}, element("span", {}, "Samples (fixed noise)"), this.tag),
      this.canvas,
      this.caption,
    );
  }

  /** How many columns suit so many pictures of a shape. */
  static columns(count) {
    return count > 24 ? 8 : count > 10 ? 6 : count > 6 ? 4 : 3;
  }

  click(event) {
    const box = this.canvas.getBoundingClientRect(),
      { columns, rows, count } = this.grid ?? {};
    if (!columns) return;
    const k =
      Math.floor(((event.clientY - box.top) / box.height) * rows) * columns +
      Math.floor(((event.clientX - box.left) / box.width) * columns);
    if (k >= 0 && k < count) this.choose(k, event.shiftKey);
  }

  key(event) {
    const { columns, count } = this.grid ?? {};
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (by === undefined || !count) return;
    event.preventDefault();
    const next = this.picked + by;
    if (next < 0 || next >= count) return;
    this.picked = next; // at once, so that no quick press is lost
    this.choose(next, false);
  }

  bitmapsOf(samples) {
    if (this.cut?.samples !== samples) this.cut = { samples, bitmaps: toBitmaps(samples) };
    return this.cut.bitmaps;
  }

  /** picture: the snapshot or null; pick, second; opinion: a function from logits to -1 ... 1. */
  paint({ picture, pick, second, showsSecond, shape, opinion, colours, empty }) {
    const samples = picture?.samples,
      bitmaps = samples ? this.bitmapsOf(samples) : [],
      count = bitmaps.length;
    const columns = Wall.columns(count || 48),
      rows = Math.max(1, Math.ceil((count || 24) / columns));
    this.grid = { columns, rows, count };
    this.picked = pick;
    this.canvas.style.aspectRatio = `${columns * shape[2]} / ${rows * (shape[1] * 1.04)}`;
    const { context: c, width, height } = sharpen(this.canvas),
      cell = width / columns,
      tall = height / rows,
      gap = 3;
    if (!width) return;
    c.clearRect(0, 0, width, height);
    bitmaps.forEach((bitmap, k) => {
      const x = (k % columns) * cell + gap / 2,
        y = Math.floor(k / columns) * tall + gap / 2,
        w = cell - gap,
        h = tall - gap - BAR - 1;
      stamp(c, bitmap, x, y, w, h);
      this.paintBar(c, x, y + h + 1, w, opinion(picture.logits?.values[k] ?? 0), colours);
      if (k === pick || (showsSecond && k === second))
        this.frame(c, x, y, w, h, k === pick ? colours.model : colours.field);
    });
    if (!count) this.say(c, width, height, empty, colours);
    const side = samples ? samples.shape.at(-1) : 0;
    const grown = side && side < shape[2] ? ` · grown to ${samples.shape.at(-2)}×${side}` : "";
    this.tag.textContent = picture ? `step ${picture.step.toLocaleString("en")}${grown}` : "";
    this.caption.replaceChildren(
      element(
        "span",
        {},
        count
          ? "Bars: the discriminator's opinion, blue to the right for real, " +
              "red to the left for made. Click a picture to take it in hand."
          : "",
      ),
    );
    this.canvas.setAttribute(
      "aria-label",
      count ? `${count} samples at step ${picture.step}. Arrow keys choose one; chosen: ${pick + 1}` : empty,
    );
  }

  /** From the middle: to the right taken for real, to the left for made. */
  paintBar(c, x, y, width, opinion, colours) {
    const middle = x + width / 2,
      reach = (width / 2) * opinion;
    c.fillStyle = colours.line;
    c.fillRect(x, y, width, BAR - 1);
    c.fillStyle = opinion > 0 ? colours.data : colours.error;
    c.fillRect(Math.min(middle, middle + reach), y, Math.abs(reach), BAR - 1);
    c.fillStyle = colours.soft;
    c.fillRect(middle - 0.5, y, 1, BAR - 1);
  }

  frame(c, x, y, width, height, colour) {
    c.lineWidth = 3;
    c.strokeStyle = colour;
    c.strokeRect(x + 1.5, y + 1.5, width - 3, height - 3);
  }

  say(c, width, height, text, colours) {
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    c.font = fontOf(this.canvas, "14px");
    c.fillText(text, width / 2, height / 2);
  }
}
