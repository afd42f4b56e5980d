// Many pictures in a grid, one of them chosen.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

export class Chains {
  constructor(title, choose) {
    this.choose = choose;
    this.title = title;
    this.canvas = element("canvas", { className: "grid", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.onclick = (event) => this.click(event);
    this.canvas.onkeydown = (event) => this.key(event);
    this.tag = element("span", { className: "tag num" });
    this.words = element("span", {});
    this.root = element(
      "section",
      { className: "card" },
      element("h3", {}, element("span", {}, title), this.tag),
      this.canvas,
      element("div", { className: "cap" }, this.words),
    );
  }

  click(event) {
    const box = this.canvas.getBoundingClientRect(),
      { columns, count, chosen } = this.state ?? {};
    if (chosen === null || !columns) return;
    const rows = Math.ceil(count / columns),
      k =
        Math.floor(((event.clientY - box.top) / box.height) * rows) * columns +
        Math.floor(((event.clientX - box.left) / box.width) * columns);
    if (k >= 0 && k < count) this.choose(k);
  }

  key(event) {
    const { columns, count, chosen } = this.state ?? {},
      by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (by === undefined || chosen === null) return;
    event.preventDefault();
    if (chosen + by < 0 || chosen + by >= count) return;
    this.state.chosen = chosen + by; // at once, so that no quick press is lost
    this.choose(this.state.chosen);
  }

  /**
   * state: columns, count, shape, chosen (null: none may be chosen), colours, tag, words, and atlas, bitmaps, or empty
   * words
   */
  paint(state) {
    this.state = state;
    const { columns, count, shape, chosen, colours, atlas, bitmaps } = state,
      rows = Math.ceil(count / columns),
      [, height, width] = shape;
    this.canvas.style.aspectRatio = `${columns * width} / ${rows * height}`;
    this.tag.textContent = state.tag;
    this.words.textContent = state.words;
    const { context: c, width: wide, height: high } = sharpen(this.canvas),
      cell = wide / columns,
      tall = high / rows,
      gap = 2;
    if (!wide) return;
    c.clearRect(0, 0, wide, high);
    this.canvas.setAttribute(
      "aria-label",
      `${this.title}: ` +
        (atlas
          ? `${count} pictures, ${state.tag}. Arrow keys choose one; chosen: ${chosen + 1}`
          : state.empty || "pictures of this step"),
    );
    c.imageSmoothingEnabled = false;
    for (let k = 0; k < count; k++) {
      const x = (k % columns) * cell + gap / 2,
        y = Math.floor(k / columns) * tall + gap / 2;
      if (atlas && k < atlas.known) c.drawImage(atlas, k * width, 0, width, height, x, y, cell - gap, tall - gap);
      else if (bitmaps?.[k]) stamp(c, bitmaps[k], x, y, cell - gap, tall - gap);
      else {
        c.fillStyle = colours.line;
        c.globalAlpha = 0.45;
        c.fillRect(x, y, cell - gap, tall - gap);
        c.globalAlpha = 1;
      }
      if (atlas && k === chosen) {
        c.lineWidth = 3;
        c.strokeStyle = colours.data;
        c.strokeRect(x + 1, y + 1, cell - gap - 2, tall - gap - 2);
      }
    }
    if (!atlas && state.empty) this.say(c, wide, high, state.empty, colours);
  }

  say(c, width, height, text, colours) {
    c.font = fontOf(this.canvas, "14px");
    const lines = [""];
    for (const word of text.split(" ")) {
      if (c.measureText(`${lines.at(-1)} ${word}`).width > width - 40) lines.push("");
      lines[lines.length - 1] = `${lines.at(-1)} ${word}`.trim();
    }
    c.fillStyle = colours.panel;
    c.globalAlpha = 0.85;
    c.fillRect(8, height / 2 - 12 * lines.length - 8, width - 16, 24 * lines.length + 12);
    c.globalAlpha = 1;
    c.fillStyle = colours.ink;
    c.textAlign = "center";
    lines.forEach((line, i) => c.fillText(line, width / 2, height / 2 + 22 * (i - (lines.length - 1) / 2) + 3));
  }
}
