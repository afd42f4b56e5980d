// The latent plane: what the decoder draws everywhere, where the data's codes lie, and a cross to drag.

import { LatentSquare } from "../../canvas/latents/square.js";
import { ramp } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

export const SIDE = 9; // pictures along each axis
const N_SPREADS = 60;
const CLASS_HUES = [215, 28, 165, 340, 95, 275, 50, 190, 310, 130];

/** handlers: move(p, q) while the cross is dragged, settled() when let go, pick(index) for a code of the data. */
export class LatentPlane extends LatentSquare {
  constructor(handlers) {
    super("Latent plane: drag the cross, or move it with the arrow keys", handlers);
    this.canvas.ondblclick = (event) => this.pickNearest(event);
    this.bitmaps = null; // SIDE * SIDE pictures, lowest q first
    this.points = null; // {p, q, sp, sq} of each code: where it lies, and its spread where that is known
  }

  pickNearest(event) {
    if (!this.points) return;
    const [p, q] = this.under(event);
    const far = this.points.map((c) => (c.p - p) ** 2 + (c.q - q) ** 2);
    this.handlers.pick(far.indexOf(Math.min(...far)));
  }

  /** state: place {p, q}, ellipse {p, q, sp, sq} or null, labels, holes {shape, values} or null, colours */
  paint(state) {
    this.place = state.place;
    const { context: c, width } = this.clear(state.colours);
    if (!width) return;
    if (state.holes) this.paintHoles(c, width, state);
    else this.paintGrid(c, width);
    this.paintPrior(c, width, state.colours.soft);
    this.paintSpreads(c, width, state.colours);
    this.paintPoints(c, width, state);
    if (state.ellipse) this.paintEllipse(c, width, state);
    this.paintCross(c, width, state);
  }

  paintGrid(c, width) {
    if (!this.bitmaps) return;
    const cell = width / SIDE;
    this.bitmaps.forEach((bitmap, i) =>
      stamp(c, bitmap, (i % SIDE) * cell + 1, width - (Math.floor(i / SIDE) + 1) * cell + 1, cell - 2, cell - 2, 0.34),
    );
  }

  /** log q - log p: where the data's codes are denser than the prior, and where the prior has holes. */
  paintHoles(c, width, { holes, colours }) {
    const side = holes.shape[0];
    if (this.tablesFor !== colours.panel) {
      this.tables = { more: ramp(colours.panel, colours.data), less: ramp(colours.panel, colours.error) };
      this.tablesFor = colours.panel;
    }
    const bitmap = new OffscreenCanvas(side, side),
      context = bitmap.getContext("2d"),
      image = context.createImageData(side, side);
    const words = new Uint32Array(image.data.buffer);
    for (let i = 0; i < side * side; i++) {
      const v = holes.values[i],
        level = Math.round(255 * Math.min(1, Math.abs(v) / 4));
      words[(side - 1 - Math.floor(i / side)) * side + (i % side)] = (v > 0 ? this.tables.more : this.tables.less)[
        level
      ];
    }
    context.putImageData(image, 0, 0);
    c.imageSmoothingEnabled = true;
    c.globalAlpha = 0.8;
    c.drawImage(bitmap, 0, 0, width, width);
    c.globalAlpha = 1;
  }

  paintPoints(c, width, { labels, colours }) {
    if (!this.points) return;
    const dark = parseInt(colours.panel.slice(1, 3), 16) < 128;
    this.points.forEach((point, i) => {
      const [x, y] = this.at(width, point);
      c.fillStyle = labels ? `hsl(${CLASS_HUES[labels[i] % 10]} 65% ${dark ? 66 : 42}%)` : colours.data;
      c.globalAlpha = 0.75;
      if (labels) {
        c.font = "600 10px sans-serif";
        c.textAlign = "center";
        c.fillText(this.marks?.[labels[i]] ?? labels[i], x, y + 3.5);
      } // never colour alone
      else c.fillRect(x - 1.4, y - 1.4, 2.8, 2.8);
    });
    c.globalAlpha = 1;
  }

  /** One standard deviation of the first codes' posteriors, faintly: how much of the prior each code takes. */
  paintSpreads(c, width, colours) {
    c.strokeStyle = colours.data;
    c.globalAlpha = 0.22;
    for (const { p, q, sp, sq } of this.points?.slice(0, N_SPREADS) ?? []) {
      if (!sp) continue;
      const [x, y] = this.at(width, { p, q });
      c.beginPath();
      c.ellipse(x, y, sp * this.scale, sq * this.scale, 0, 0, 2 * Math.PI);
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  paintEllipse(c, width, { ellipse, colours }) {
    const [x, y] = this.at(width, ellipse);
    c.beginPath();
    c.ellipse(
      x,
      y,
      Math.max(2, 2 * ellipse.sp * this.scale),
      Math.max(2, 2 * ellipse.sq * this.scale),
      0,
      0,
      2 * Math.PI,
    );
    c.strokeStyle = colours.model;
    c.lineWidth = 2;
    c.stroke();
    c.lineWidth = 1;
  }
}
