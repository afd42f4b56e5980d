// The decoded picture with the pixels of a cell marked, and a shelf of held-out pictures under it.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp, toBitmap, toBitmaps } from "../../canvas/pictures.js";

/** Whether two pairs of maps say the same. */
export const same = (a, b) => !!a && !!b && a.every((map, level) => map.every((code, i) => code === b[level][i]));

/** What a run's atlas holds, ready to be shown; maps as plain rows of codes. */
export function readAtlas(blob) {
  const rows = ({ values, shape: [count, size] }) =>
    Array.from({ length: count }, (_, i) => Array.from(values.subarray(i * size, (i + 1) * size)));
  return {
    originals: toBitmaps(blob.originals),
    reconstructions: toBitmaps(blob.reconstructions),
    tops: rows(blob.tops),
    bottoms: rows(blob.bottoms),
    rates: blob.rates.values,
    distortions: blob.distortions.values,
    usages: [Array.from(blob.top_usage.values), Array.from(blob.bottom_usage.values)],
    patches: [toBitmaps(blob.top_patches), toBitmaps(blob.bottom_patches)],
    angles: [blob.top_angles.values, blob.bottom_angles.values],
  };
}

/**
 * bench: the owner; it has maps, bitmap, original, cell, level, and takes `choose(cell)`, `hover(cell)`,
 * `openExample(i)`.
 */
export class CodePicture {
  constructor(bench) {
    this.bench = bench;
    this.page = 0;
    this.canvas = element("canvas", { className: "square picture" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onpointermove = (event) => bench.hover(this.cellUnder(event));
    this.canvas.onpointerleave = () => bench.hover(null);
    this.canvas.onclick = (event) => {
      const cell = this.cellUnder(event);
      if (cell !== null) bench.choose(cell);
    };
    this.tag = element("span", { className: "tag" });
    this.cap = element("div", { className: "cap" });
    this.shelf = element("canvas", { className: "originals" });
    this.shelf.setAttribute("role", "img");
    this.shelf.onclick = (event) => this.click(event);
    this.next = element(
      "button",
      {
        type: "button",
        className: "quiet",
        title: "Other held-out pictures",
        onclick: () => {
          this.page += 1;
          this.paintShelf();
        },
      },
      "more",
    );
    this.parts = [this.canvas, this.cap, element("div", { className: "shelf" }, this.shelf, this.next)];
  }

  paint() {
    this.paintPicture();
    this.paintShelf();
  }

  paintPicture() {
    const { context: c, width } = sharpen(this.canvas),
      { colours, canAsk, picture, numbers, originals, maps, origin, original, preview, hovered, rate, firstRate } =
        this.bench;
    if (!width) return;
    c.clearRect(0, 0, width, width);
    const live =
      !canAsk && picture?.reconstructions
        ? toBitmap(picture.reconstructions.values, picture.reconstructions.shape)
        : null;
    const bitmap = live ?? (canAsk ? (preview ?? this.bench.bitmap) : null),
      corner = live ? originals?.[0] : original;
    if (bitmap) {
      stamp(c, bitmap, 0, 0, width);
      this.outline(c, width, this.bench.cell, colours.data, 1.5);
      if (hovered !== null) this.outline(c, width, hovered, colours.ink, 2);
      if (corner) this.corner(c, corner, width, width * 0.22, colours);
    } else this.say(c, width, this.bench.digest ? "opening the run …" : "Not trained yet: press Train.");
    const isChanged = canAsk && !same(maps, origin),
      uniform = numbers.shapes.reduce((n, [h, w]) => n + h * w, 0) * Math.log(numbers.n_codes);
    this.tag.textContent = preview
      ? `trying code ${this.bench.tried}`
      : !bitmap
        ? ""
        : isChanged
          ? "from changed codes"
          : corner
            ? "from its codes"
            : "drawn from the prior";
    const shift =
      isChanged && firstRate !== null
        ? ` (${rate >= firstRate ? "+" : "−"}${Math.abs(rate - firstRate).toFixed(1)})`
        : "";
    this.cap.replaceChildren(
      element("span", {}, canAsk && rate !== null ? `prior: ${rate.toFixed(1)} nats${shift}` : ""),
      element("span", { className: "num" }, `all codes alike: ${uniform.toFixed(1)}`),
    );
    this.canvas.setAttribute("aria-label", `Picture decoded from its codes. ${this.tag.textContent}`);
  }

  corner(c, bitmap, width, side, colours) {
    stamp(c, bitmap, width - side - 8, width - side - 8, side);
    c.strokeStyle = colours.data;
    c.lineWidth = 2;
    c.strokeRect(width - side - 8, width - side - 8, side, side);
  }

  say(c, width, text) {
    c.fillStyle = this.bench.colours.soft;
    c.textAlign = "center";
    c.font = fontOf(this.canvas, "14px");
    c.fillText(text, width / 2, width / 2);
  }

  /** The pixels that a cell stands for. */
  outline(c, width, cell, colour, thick) {
    const [rows, columns] = this.bench.numbers.shapes[this.bench.level],
      {
        padded,
        event_shape: [, high, wide],
      } = this.bench.numbers;
    const h = (width * padded[0]) / rows / high,
      w = (width * padded[1]) / columns / wide,
      x = (cell % columns) * w,
      y = Math.floor(cell / columns) * h;
    c.lineWidth = thick + 2;
    c.strokeStyle = "#ffffffb0";
    c.strokeRect(x + 1, y + 1, w - 2, h - 2);
    c.lineWidth = thick;
    c.strokeStyle = colour;
    c.strokeRect(x + 1, y + 1, w - 2, h - 2);
  }

  cellUnder(event) {
    const box = this.canvas.getBoundingClientRect(),
      [rows, columns] = this.bench.numbers.shapes[this.bench.level],
      {
        padded,
        event_shape: [, high, wide],
      } = this.bench.numbers;
    const row = Math.floor((((event.clientY - box.top) / box.height) * high * rows) / padded[0]),
      column = Math.floor((((event.clientX - box.left) / box.width) * wide * columns) / padded[1]);
    return row >= 0 && column >= 0 && row < rows && column < columns ? row * columns + column : null;
  }

  onShelf(width) {
    const all = this.bench.atlas?.originals ?? this.bench.originals ?? [],
      count = Math.min(all.length, Math.max(4, Math.floor(width / 48))),
      pages = Math.max(1, Math.floor(all.length / Math.max(1, count)));
    const first = (this.page % pages) * count;
    return { all, count, first, step: width / Math.max(1, count) };
  }

  paintShelf() {
    const { context: c, width, height } = sharpen(this.shelf),
      { all, count, first, step } = this.onShelf(width);
    c.clearRect(0, 0, width, height);
    const side = Math.min(height - 2, step - 4);
    for (let k = 0; k < count && all[first + k]; k++) {
      stamp(c, all[first + k], k * step + 1, 1, side);
      if (this.bench.canAsk && this.bench.original && this.bench.example === first + k) {
        c.lineWidth = 2.5;
        c.strokeStyle = this.bench.colours.data;
        c.strokeRect(k * step + 1.5, 1.5, side - 1, side - 1);
      }
    }
    this.shelf.setAttribute("aria-label", "Held-out pictures: click one to open its codes");
  }

  click(event) {
    const box = this.shelf.getBoundingClientRect(),
      { first, step, count } = this.onShelf(box.width);
    const k = Math.floor((event.clientX - box.left) / step);
    if (this.bench.canAsk && k >= 0 && k < count && this.bench.atlas.originals[first + k])
      this.bench.openExample(first + k);
  }

  /** While a run trains, a cell shows what its code draws in this very picture. */
  patches(picture) {
    const held = picture?.reconstructions,
      { level, numbers } = this.bench;
    if (!held) return null;
    if (this.cut?.held === held && this.cut.level === level) return this.cut.bitmaps;
    const whole = toBitmap(held.values, held.shape),
      [rows, columns] = numbers.shapes[level],
      h = numbers.padded[0] / rows,
      w = numbers.padded[1] / columns;
    const bitmaps = Array.from({ length: rows * columns }, (_, i) => {
      const patch = new OffscreenCanvas(w, h);
      patch.getContext("2d").drawImage(whole, (i % columns) * w, Math.floor(i / columns) * h, w, h, 0, 0, w, h);
      return patch;
    });
    this.cut = { held, level, bitmaps };
    return bitmaps;
  }
}
