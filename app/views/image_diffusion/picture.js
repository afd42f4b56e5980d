// A real picture: put under noise by a dial, or painted over where it is to be drawn anew.

import { element, sharpen } from "../../canvas/live.js";
import { PaintPad } from "../../canvas/paint_pad.js";
import { stamp, toBase64, toBitmap, toBitmaps } from "../../canvas/pictures.js";
import { slider } from "./tools.js";

const STEPS = 240; // of the dial
const TITLES = { picture: "A picture under noise", fill: "Paint over a part" };

/** bench: the owner; it has `put`, `ask`, `canAsk`, `report`, `tools`. */
export class PictureCard {
  constructor(bench) {
    this.bench = bench;
    this.example = 0;
    this.sigma = 1;
    this.canvas = element("canvas", { className: "picture-large", role: "img" });
    this.canvas.onpointerdown = (event) => {
      if (this.task !== "fill") return;
      this.canvas.setPointerCapture(event.pointerId);
      this.isPainting = true;
      this.erases = event.shiftKey;
      this.brush(event);
    };
    this.canvas.onpointermove = (event) => {
      if (this.isPainting) this.brush(event);
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = () => {
      if (this.isPainting) {
        this.isPainting = false;
        this.bench.ask();
        this.bench.report();
      }
    };
    this.dial = slider(
      "noise σ",
      "How much noise is put over the picture",
      { min: 0, max: STEPS, step: 1, format: () => this.sigmaText() },
      (i) => this.setSigma(this.sigmaOf(i)),
      () => {
        this.bench.ask();
        this.bench.report();
      },
    );
    this.small = ["network", "empirical"].map(() => element("canvas", { className: "belief", role: "img" }));
    const figure = (node, title) => element("figure", {}, node, element("figcaption", {}, title));
    this.beliefs = element(
      "div",
      { className: "beliefs" },
      figure(this.small[0], "network believes"),
      figure(this.small[1], "closed form believes"),
    );
    const quick = (title, of) =>
      element("button", { type: "button", className: "quiet", onclick: () => this.setMask(of) }, title);
    this.masks = element(
      "div",
      { className: "masks" },
      quick("lower half", (r, _q, h) => r >= h / 2),
      quick("left half", (_r, q, _h, w) => q < w / 2),
      quick("middle", (r, q, h, w) => Math.abs(r - h / 2 + 0.5) < h / 4 && Math.abs(q - w / 2 + 0.5) < w / 4),
      quick("clear", () => false),
    );
    this.shelf = element("canvas", {
      className: "shelf",
      role: "img",
      "aria-label": "Held-out pictures: click one to take it",
    });
    this.shelf.onclick = (event) => this.click(event);
    this.pad = new PaintPad({ encode: (pixels) => this.open(pixels) });
    this.painting = element(
      "div",
      { className: "painting", hidden: true },
      this.pad.canvas,
      element("div", { className: "beside" }, this.pad.colours, this.pad.clear),
    );
    this.paintButton = element(
      "button",
      { type: "button", className: "quiet", onclick: () => this.togglePad() },
      "paint one",
    );
    this.title = element("span", {});
    this.tag = element("span", { className: "tag num" });
    this.words = element("div", { className: "cap" });
    this.root = element(
      "section",
      { className: "card" },
      element("h3", {}, this.title, this.tag),
      element("div", { className: "beside-picture" }, this.canvas, this.beliefs, this.masks),
      this.dial.root,
      this.words,
      element("div", { className: "on-shelf" }, this.shelf, this.paintButton),
      this.painting,
    );
  }

  describe(numbers, originals) {
    const isNew =
      JSON.stringify(numbers.event_shape) !== JSON.stringify(this.shape) || numbers.dataset !== this.dataset;
    [this.shape, this.numbers, this.dataset] = [numbers.event_shape, numbers, numbers.dataset];
    this.size = this.shape.reduce((a, b) => a * b, 1);
    if (!isNew) return;
    this.originals = originals;
    this.bitmaps = toBitmaps(originals);
    this.pad.setShape(this.shape);
    this.range = [numbers.sigmas[0] / 4, numbers.sigmas[1] * 4];
    this.mask = new Uint8Array(this.shape[1] * this.shape[2]);
    this.setSigma(numbers.sigmas[1] / 9, false);
    this.setMask((r, _q, h) => r >= h / 2, false);
    this.openExample(0, false);
  }

  set(place) {
    if (place.sigma) this.setSigma(place.sigma, false);
    if (place.mask) this.mask = fromHex(place.mask, this.mask.length);
    this.openExample(Math.min(place.example, this.bitmaps.length - 1), false);
  }

  // ---- which picture ----

  openExample(i, asks = true) {
    this.example = i;
    this.open(this.originals.values.slice(i * this.size, (i + 1) * this.size), asks, true);
  }

  open(pixels, asks = true, isExample = false) {
    this.pixels = Uint8Array.from(pixels);
    this.bitmap = toBitmap(this.pixels, this.shape);
    this.isOwn = !isExample;
    this.seen = null;
    this.coded = toBase64(this.pixels);
    if (asks) {
      this.bench.ask();
      this.bench.report();
    }
  }

  togglePad() {
    this.painting.hidden = !this.painting.hidden;
    this.paintButton.setAttribute("aria-pressed", String(!this.painting.hidden));
    if (!this.painting.hidden) this.pad.refresh();
  }

  click(event) {
    const box = this.shelf.getBoundingClientRect(),
      k = Math.floor(((event.clientX - box.left) / box.width) * this.onShelf(box.width));
    if (k >= 0 && k < this.bitmaps.length) this.openExample(k);
  }

  onShelf(width) {
    return Math.max(4, Math.min(this.bitmaps.length, Math.floor(width / 40)));
  }

  // ---- noise ----

  sigmaOf(i) {
    return this.range[0] * (this.range[1] / this.range[0]) ** (i / STEPS);
  }

  sigmaText() {
    return this.sigma >= 10 ? this.sigma.toFixed(1) : this.sigma >= 1 ? this.sigma.toFixed(2) : this.sigma.toFixed(3);
  }

  setSigma(sigma, asks = true) {
    this.sigma = Math.min(this.range[1], Math.max(this.range[0], sigma));
    this.dial.set(Math.round((STEPS * Math.log(this.sigma / this.range[0])) / Math.log(this.range[1] / this.range[0])));
    if (asks) this.ask();
  }

  /** What stands behind this picture under this noise: asked while the dial moves. */
  ask() {
    const { bench } = this;
    if (!bench.canAsk || !this.coded) return;
    const { label, guidance, seed } = bench.tools.request(),
      asked = performance.now();
    bench.put(
      "belief",
      { what: "denoise_belief", picture: this.coded, sigma: this.sigma, seed, label: Math.max(-1, label), guidance },
      (blob) => {
        this.seen = ["noisy", "network", "empirical"].map((name) => toBitmap(blob[name].values, this.shape));
        this.latency = performance.now() - asked;
        this.answers = (this.answers ?? 0) + 1;
        bench.isDirty = true;
      },
    );
  }

  // ---- mask ----

  setMask(of, asks = true) {
    const [, height, width] = this.shape;
    for (let i = 0; i < this.mask.length; i++)
      this.mask[i] = of(Math.floor(i / width), i % width, height, width) ? 1 : 0;
    if (asks) {
      this.bench.ask();
      this.bench.report();
    }
  }

  brush(event) {
    const box = this.canvas.getBoundingClientRect(),
      [, height, width] = this.shape,
      radius = Math.max(0.6, width / 14);
    const x = ((event.clientX - box.left) / box.width) * width,
      y = ((event.clientY - box.top) / box.height) * height;
    for (let r = 0; r < height; r++)
      for (let q = 0; q < width; q++)
        if (Math.hypot(q + 0.5 - x, r + 0.5 - y) <= radius) this.mask[r * width + q] = this.erases ? 0 : 1;
    this.bench.isDirty = true;
  }

  missing(task) {
    return task === "fill" && !this.mask.some(Boolean)
      ? "Nothing is painted over: paint on the picture what is to be drawn anew."
      : task === "fill" && this.mask.every(Boolean)
        ? "All is painted over: leave some pixels that are known, or go to From noise."
        : "";
  }

  /** The part of a question that this card says. */
  request(task) {
    if (task === "picture") return { picture: this.coded, sigma: this.sigma };
    return task === "fill" ? { picture: this.coded, mask: toBase64(packed(this.mask)) } : {};
  }

  where() {
    const usual =
      this.mask &&
      packed(Uint8Array.from(this.mask, (_, i) => (Math.floor(i / this.shape[2]) >= this.shape[1] / 2 ? 1 : 0)));
    const mask = this.mask ? toHex(packed(this.mask)) : "";
    return {
      sigma: this.bench.tools.task === "picture" ? Number(this.sigma.toPrecision(4)) : 0,
      example: Math.max(0, this.example),
      mask: this.bench.tools.task !== "fill" || mask === toHex(usual) ? "" : mask,
    };
  }

  // ---- what is shown ----

  show(task) {
    this.task = task;
    this.root.hidden = task === "noise";
    this.dial.root.hidden = this.beliefs.hidden = task !== "picture";
    this.masks.hidden = task !== "fill";
    this.title.textContent = TITLES[task] ?? "";
    this.canvas.classList.toggle("brush", task === "fill");
  }

  paint(colours) {
    if (this.root.hidden || !this.bitmap) return;
    const { context: c, width, height } = sharpen(this.canvas),
      isNoisy = this.task === "picture";
    if (!width) return;
    c.clearRect(0, 0, width, height);
    stamp(c, (isNoisy && this.seen?.[0]) || this.bitmap, 0, 0, width, height);
    if (!isNoisy) this.paintMask(c, width, height, colours);
    const [low, high] = this.numbers.sigmas,
      isOut = this.sigma < low || this.sigma > high;
    this.tag.textContent = isNoisy
      ? this.isOwn
        ? "yours"
        : "held out"
      : `${this.mask.reduce((a, b) => a + b, 0)} of ${this.mask.length} pixels`;
    this.words.textContent = isNoisy
      ? isOut
        ? `outside the noise that it was trained on, ${low} to ${high}: what it says there is a guess`
        : "turn the dial; the chains begin at this noise"
      : "paint with mouse or finger; with Shift, take back";
    this.words.classList.toggle("warn", isNoisy && isOut);
    this.canvas.setAttribute(
      "aria-label",
      isNoisy ? `The picture under noise ${this.sigmaText()}` : "The picture; painted places are drawn anew",
    );
    this.small.forEach((canvas, i) => {
      if (!this.seen || canvas.clientWidth === 0) return;
      const { context, width: w, height: h } = sharpen(canvas);
      stamp(context, this.seen[i + 1], 0, 0, w, h);
      canvas.setAttribute("aria-label", i ? "What the closed form believes" : "What the network believes");
    });
    this.paintShelf(colours);
  }

  paintMask(c, width, height, colours) {
    const [, rows, columns] = this.shape,
      w = width / columns,
      h = height / rows;
    c.fillStyle = colours.field;
    c.globalAlpha = 0.72;
    c.beginPath(); // one path, so that overlaps are not drawn twice
    this.mask.forEach((isOn, i) => {
      if (isOn) c.rect((i % columns) * w, Math.floor(i / columns) * h, w + 0.5, h + 0.5);
    });
    c.fill();
    c.globalAlpha = 1;
  }

  paintShelf(colours) {
    const { context: c, width, height } = sharpen(this.shelf),
      count = this.onShelf(width),
      step = width / count,
      side = Math.min(height - 2, step - 3);
    c.clearRect(0, 0, width, height);
    for (let k = 0; k < count; k++) {
      stamp(c, this.bitmaps[k], k * step + 1, 1, side);
      if (!this.isOwn && k === this.example) {
        c.lineWidth = 2.5;
        c.strokeStyle = colours.data;
        c.strokeRect(k * step + 1.5, 1.5, side - 1, side - 1);
      }
    }
  }
}

/** Eight places a byte, the first in the highest bit. */
function packed(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((isOn, i) => {
    if (isOn) bytes[i >> 3] |= 128 >> (i & 7);
  });
  return bytes;
}

const toHex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

function fromHex(text, length) {
  const bytes = (text.match(/../g) ?? []).map((two) => parseInt(two, 16));
  return Uint8Array.from({ length }, (_, i) => ((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1);
}
