// A pad of a few large pixels to paint on; whatever is painted is encoded while the hand moves.

import { element } from "./live.js";
import { stamp, toBitmap } from "./pictures.js";

const SHOWN = 140; // CSS pixels
const SWATCHES = [
  "#ffffff",
  "#f2c9a0",
  "#a86b3c",
  "#3b2a20",
  "#c0392b",
  "#e7b83c",
  "#3f8f4f",
  "#2f6fde",
  "#cfe3f2",
  "#101418",
];

/** handlers: encode(bytes). */
export class PaintPad {
  constructor(handlers) {
    this.handlers = handlers;
    this.canvas = element("canvas", { className: "pad" });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Pad: paint with mouse, pen or finger");
    this.canvas.onpointerdown = (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.isPainting = true;
      this.last = null;
      this.paint(event);
    };
    this.canvas.onpointermove = (event) => {
      if (this.isPainting) this.paint(event);
    };
    this.canvas.onpointerup = this.canvas.onpointercancel = () => {
      this.isPainting = false;
      this.send();
    };
    this.back = element("canvas", { className: "pad" });
    this.error = element("canvas", { className: "pad" });
    this.words = element("div", { className: "cap" });
    this.colours = element("div", { className: "swatches" });
    this.clear = element(
      "button",
      {
        type: "button",
        className: "quiet",
        onclick: () => {
          this.bytes.fill(0);
          this.refresh();
          this.send();
        },
      },
      "clear",
    );
    const figure = (node, title) => element("figure", {}, node, element("figcaption", {}, title));
    this.root = element(
      "div",
      { className: "painting" },
      figure(this.canvas, "yours"),
      figure(this.back, "what comes back"),
      figure(this.error, "twice the error"),
      element("div", { className: "beside" }, this.colours, this.clear, this.words),
    );
    this.colour = [255, 255, 255];
  }

  setShape(shape) {
    if (JSON.stringify(shape) === JSON.stringify(this.shape)) return;
    this.shape = shape;
    this.bytes = new Uint8Array(shape.reduce((a, b) => a * b, 1));
    const names = shape[0] === 3 ? SWATCHES : ["#ffffff", "#808080", "#000000"];
    this.colours.replaceChildren(
      ...names.map((name) => {
        const button = element("button", {
          type: "button",
          title: name,
          onclick: () => {
            this.colour = [1, 3, 5].map((i) => parseInt(name.slice(i, i + 2), 16));
          },
        });
        button.style.background = name;
        button.setAttribute("aria-label", `Paint with ${name}`);
        return button;
      }),
    );
    this.words.textContent = "";
  }

  load(bytes) {
    this.bytes = Uint8Array.from(bytes);
    this.refresh();
  }

  /** Set the pixels under the pointer, and those between it and its last place. */
  paint(event) {
    const box = this.canvas.getBoundingClientRect(),
      [channels, height, width] = this.shape;
    const now = [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    const from = this.last ?? now,
      steps = Math.max(1, Math.ceil(2 * Math.hypot(now[0] - from[0], now[1] - from[1])));
    const radius = Math.max(0.5, width / 24);
    for (let s = 0; s <= steps; s++) {
      const [x, y] = [0, 1].map((i) => from[i] + ((now[i] - from[i]) * s) / steps);
      for (let r = Math.max(0, Math.floor(y - radius)); r <= Math.min(height - 1, y + radius); r++)
        for (let q = Math.max(0, Math.floor(x - radius)); q <= Math.min(width - 1, x + radius); q++) {
          if (Math.hypot(q + 0.5 - x, r + 0.5 - y) > radius + 0.3) continue;
          for (let c = 0; c < channels; c++)
            this.bytes[c * width * height + r * width + q] = this.colour[channels === 3 ? c : 0];
        }
    }
    this.last = now;
    this.refresh();
    this.send();
  }

  send() {
    this.handlers.encode(Uint8Array.from(this.bytes));
  }

  refresh() {
    if (this.shape) this.draw(this.canvas, toBitmap(this.bytes, this.shape));
  }

  answer(bitmap, error, distortion, rate) {
    this.draw(this.back, bitmap);
    this.draw(this.error, error);
    this.words.textContent = `distortion ${distortion.toFixed(1)} · KL ${rate.toFixed(1)} nats`;
  }

  draw(canvas, bitmap) {
    canvas.width = canvas.height = SHOWN * (window.devicePixelRatio || 1);
    stamp(canvas.getContext("2d"), bitmap, 0, 0, canvas.width);
  }
}
