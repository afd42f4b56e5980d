// One chain as a film: every state, and below it what the denoiser believed there. Click a frame to go to it.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";

const SMALLEST = 30,
  LARGEST = 84;

export class Film {
  constructor(seek, settled) {
    this.canvas = element("canvas", { className: "film" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onclick = (event) => {
      const frame = this.frameAt(event);
      if (frame !== null) {
        seek(frame);
        settled();
      }
    };
    this.title = element("span", {});
    this.root = element(
      "section",
      { className: "card wide film-card" },
      element("h3", {}, this.title, element("span", { className: "tag" }, "click a frame")),
      this.canvas,
    );
    this.spots = [];
  }

  frameAt(event) {
    const x = event.clientX - this.canvas.getBoundingClientRect().left;
    return this.spots.find((s) => x >= s.x && x < s.x + s.width)?.frame ?? null;
  }

  paint({ way, frame, chain, shape, colours, empty }) {
    const [, height, width] = shape,
      wide = this.canvas.clientWidth,
      left = wide > 640 ? 74 : 0;
    this.title.textContent = way ? `Chain ${chain + 1}, from noise to picture` : "One chain, from noise to picture";
    this.spots = [];
    const length = way?.length ?? 0,
      shown = Math.max(2, Math.min(length, Math.floor((wide - left) / SMALLEST)));
    const step = (wide - left) / Math.max(1, shown),
      size = Math.min(LARGEST, step - 3),
      high = (size * height) / width;
    const tall = way ? Math.round(2 * high + 22) : 60;
    if (this.canvas.clientHeight !== tall) this.canvas.style.height = `${tall}px`;
    const { context: c } = sharpen(this.canvas);
    c.clearRect(0, 0, wide, tall);
    c.font = fontOf(this.canvas, "12px");
    c.fillStyle = colours.soft;
    if (!way) {
      c.fillText(empty, 4, 34);
      return;
    }
    if (left) {
      c.fillText("state", 0, high / 2 + 4);
      c.fillText("belief", 0, 1.5 * high + 8);
      c.fillText("noise σ", 0, tall - 4);
    }
    c.imageSmoothingEnabled = false;
    const chosen = Array.from({ length: shown }, (_, i) => Math.round((i * (length - 1)) / (shown - 1)));
    const nearest = chosen.reduce((best, f) => (Math.abs(f - frame) < Math.abs(best - frame) ? f : best), chosen[0]);
    chosen.forEach((f, i) => {
      const x = left + i * step;
      this.spots.push({ x, width: step, frame: f });
      ["states", "beliefs"].forEach((name, row) =>
        c.drawImage(way.atlas(name, f), chain * width, 0, width, height, x, row * (high + 3), size, high),
      );
      if (f === nearest) {
        c.lineWidth = 2.5;
        c.strokeStyle = colours.data;
        c.strokeRect(x - 1, 1, size + 1, 2 * high + 3);
      }
      c.textAlign = "center";
      c.fillStyle = f === nearest ? colours.ink : colours.soft;
      if (size > 26 || i % 2 === 0) c.fillText(label(way.sigmas[f]), x + size / 2, tall - 4);
    });
    c.textAlign = "left";
    this.canvas.setAttribute(
      "aria-label",
      `Film of chain ${chain + 1}: ${length} states from noise ` +
        `${label(way.sigmas[0])} to the picture, each with the belief of the denoiser.`,
    );
  }
}

const label = (v) => (v === 0 ? "0" : v >= 10 ? v.toFixed(0) : v >= 1 ? v.toFixed(1) : v.toFixed(2).replace(/^0/, ""));
