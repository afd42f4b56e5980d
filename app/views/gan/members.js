// All games of a run of several, in small: landscape, points, and how many modes each has found.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { hasBorder, rangeOf, toneOf } from "./optimal.js";

const GAP = 8,
  LEAST = 84,
  WORDS = 17;

export class Members {
  constructor() {
    this.canvas = element("canvas", { className: "members" });
    this.canvas.setAttribute("role", "img");
    this.image = document.createElement("canvas");
    this.tag = element("span", { className: "tag num" });
    this.root = element(
      "section",
      { className: "card", hidden: true },
      element(
        "h3",
        {},
        element("span", {}, "All games of this run: the same settings, each from its own start"),
        this.tag,
      ),
      this.canvas,
    );
  }

  show({ members, metrics }) {
    this.data = members;
    this.metrics = metrics;
    this.root.hidden = !members;
  }

  paint({ colours, numbers, tables }) {
    if (!this.data) return;
    const { dots, maps } = this.data,
      k = maps.shape[0],
      side = maps.shape[1],
      found = this.metrics?.all_modes,
      m = numbers.modes.length;
    const width = this.canvas.clientWidth,
      columns = Math.max(1, Math.min(k, Math.floor((width + GAP) / (LEAST + GAP)))),
      size = Math.min(150, (width + GAP) / columns - GAP),
      rows = Math.ceil(k / columns);
    const height = rows * (size + WORDS + 4);
    if (this.canvas.clientHeight !== Math.round(height)) this.canvas.style.height = `${Math.round(height)}px`;
    const { context: c } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    c.font = fontOf(this.canvas);
    c.textAlign = "center";
    for (let i = 0; i < k; i++) {
      const x = (i % columns) * (size + GAP),
        y = Math.floor(i / columns) * (size + WORDS + 4);
      this.paintMap(maps.values.subarray(i * side * side, (i + 1) * side * side), side, numbers.game.key, tables);
      c.imageSmoothingEnabled = true;
      c.drawImage(this.image, x, y, size, size);
      this.paintDots(c, dots, i, x, y, size, numbers.window, colours);
      c.fillStyle = found && m && found[i] < 0.75 * m ? colours.error : colours.soft;
      c.fillText(found && m ? `${found[i]} of ${m}` : `game ${i + 1}`, x + size / 2, y + size + 13);
    }
    const all = found && m ? found.filter((v) => v === m).length : null;
    this.tag.textContent = all === null ? `${k} games` : `${all} of ${k} have all ${m} modes`;
    this.canvas.setAttribute(
      "aria-label",
      `${k} games side by side; modes found: ${found?.join(", ") ?? "not counted"}`,
    );
  }

  paintMap(logits, side, key, { data, model }) {
    this.image.width = this.image.height = side;
    const pixels = this.image.getContext("2d").createImageData(side, side),
      words = new Uint32Array(pixels.data.buffer);
    const range = hasBorder(key) ? {} : rangeOf(logits),
      tone = toneOf(key, range.middle, range.spread);
    for (let r = 0; r < side; r++)
      for (let col = 0; col < side; col++) {
        const t = tone(logits[(side - 1 - r) * side + col]);
        words[r * side + col] = (t > 0 ? data : model)[Math.round(127 * Math.min(1, Math.abs(t)))];
      }
    this.image.getContext("2d").putImageData(pixels, 0, 0);
  }

  paintDots(c, { shape: [, n], values }, i, x, y, size, [x0, x1, y0, y1], colours) {
    c.fillStyle = colours.model;
    c.beginPath();
    for (let p = i * n; p < (i + 1) * n; p++) {
      const u = (values[2 * p] - x0) / (x1 - x0),
        v = (values[2 * p + 1] - y0) / (y1 - y0);
      if (u > 0.01 && u < 0.99 && v > 0.01 && v < 0.99) c.rect(x + u * size - 0.9, y + (1 - v) * size - 0.9, 1.8, 1.8);
    }
    c.fill();
  }
}
