// The plane of a game: landscape, border, latent grid, real and generated points, and the arrow that each fake feels.

import { fontOf } from "../../canvas/base_canvas.js";
import { GRID, Panel } from "../../canvas/density.js";
import { sharpen } from "../../canvas/live.js";
import { paintTones } from "./optimal.js";

const COARSE = 64; // cells along each axis on which the border is traced
const ARROW = 0.052; // of the width: the longest arrow
const SIDE = 17,
  PIECE_SIDE = 5; // lines of the latent grid, and of that on each piece of a noise in pieces

export class GanPlane {
  constructor(canvas) {
    this.canvas = canvas;
    this.panel = new Panel(canvas);
    this.border = null;
  }

  /** tones: -1 fake ... 1 real on GRID x GRID; sure: likewise or null; hasBorder: whether a line at 0 means 50 %. */
  paintGround({ tones, sure, tables, hasBorder }) {
    paintTones(this.panel, tones, sure, tables, GRID);
    this.border = hasBorder ? traceBorder(tones) : null;
  }

  clearGround(table) {
    this.panel.words.fill(table[0]);
    this.border = null;
  }

  /**
   * parts: real, fakes (values x, y, x, y ...), arrows and the points they start from, warp and the number of latents,
   * modes; any may be missing. Draws over the landscape.
   */
  paint({ window, colours, real, fakes, from, arrows, reference, warp, latents, modes, faint = 1 }) {
    this.panel.show({ window, tickColour: colours.soft });
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return null;
    const [x0, x1, y0, y1] = window,
      view = { c, width, height, kx: width / (x1 - x0), ky: height / (y1 - y0), x0, y0 };
    if (this.border) drawBorder(view, this.border, colours);
    if (warp) drawGrid(view, warp, colours, latents);
    if (real) drawDots(view, real, colours.data, 0.55 * faint, Math.max(1.6, width / 250));
    if (fakes) drawDots(view, fakes, colours.model, 0.95 * faint, Math.max(2, width / 190), colours.panel);
    if (from && arrows) drawArrows(view, from, arrows, reference, colours.field);
    if (modes?.length) numberModes(view, modes, colours);
    return view;
  }
}

export const place = ({ x0, y0, kx, ky, height }, x, y) => [(x - x0) * kx, height - (y - y0) * ky];

export function drawDots(view, xs, colour, alpha, size, rim) {
  const { c, width, height, x0, y0, kx, ky } = view,
    half = size / 2;
  for (const layer of rim ? [rim, colour] : [colour]) {
    const h = layer === rim ? half + 0.8 : half;
    c.beginPath();
    for (let i = 0; i < xs.length; i += 2) {
      const x = (xs[i] - x0) * kx,
        y = height - (xs[i + 1] - y0) * ky;
      if (x > -h && x < width + h && y > -h && y < height + h) c.rect(x - h, y - h, 2 * h, 2 * h);
    }
    c.fillStyle = layer;
    c.globalAlpha = layer === rim ? 0.5 * alpha : alpha;
    c.fill();
  }
  c.globalAlpha = 1;
}

/** Length by the slope, up to ARROW; reference: the slope of two thirds of that. */
export function drawArrows(view, xs, arrows, reference, colour, grow = 1) {
  const { c, width, kx, ky } = view,
    most = ARROW * width * grow,
    n = Math.min(xs.length, arrows.length);
  c.beginPath();
  for (let i = 0; i < n; i += 4) {
    // every second one: they hide each other
    const length = Math.hypot(arrows[i], arrows[i + 1]);
    if (!(length > 1e-9)) continue;
    const [x, y] = place(view, xs[i], xs[i + 1]),
      l = most * Math.tanh((0.8 * length) / reference);
    if (l < 1) continue;
    const ux = arrows[i] * kx,
      uy = -arrows[i + 1] * ky,
      u = Math.hypot(ux, uy),
      dx = (l * ux) / u,
      dy = (l * uy) / u;
    const head = Math.min(4, 0.4 * l) / l;
    c.moveTo(x, y);
    c.lineTo(x + dx, y + dy);
    c.moveTo(x + dx - head * (dx + 0.6 * dy), y + dy - head * (dy - 0.6 * dx));
    c.lineTo(x + dx, y + dy);
    c.lineTo(x + dx - head * (dx - 0.6 * dy), y + dy - head * (dy + 0.6 * dx));
  }
  c.strokeStyle = colour;
  c.lineWidth = 1.1;
  c.globalAlpha = 0.85;
  c.stroke();
  c.globalAlpha = 1;
}

/**
 * The generator's noise on a square grid, as it is bent into the plane; of one latent, a curve; of noise in pieces, one
 * on each.
 */
function drawGrid(view, warp, colours, latents) {
  const { c } = view,
    n = warp.length / 2,
    isCurve = latents === 1,
    whole = isCurve ? SIDE : SIDE * SIDE;
  const side = n === whole ? SIDE : PIECE_SIDE,
    size = isCurve ? side : side * side;
  c.beginPath();
  const run = (at, step) => {
    for (let k = 0; k < side; k++) {
      const i = 2 * (at + k * step),
        p = place(view, warp[i], warp[i + 1]);
      k ? c.lineTo(...p) : c.moveTo(...p);
    }
  };
  for (let piece = 0; piece < n; piece += size) {
    if (isCurve) run(piece, 1);
    else
      for (let k = 0; k < side; k++) {
        run(piece + k * side, 1);
        run(piece + k, side);
      }
  }
  c.strokeStyle = colours.ink;
  c.globalAlpha = isCurve ? 0.8 : 0.34;
  c.lineWidth = isCurve ? 1.6 : 0.9;
  c.stroke();
  c.globalAlpha = 1;
}

function drawBorder(view, border, colours) {
  const { c, width, height } = view;
  c.beginPath();
  for (let i = 0; i < border.length; i += 4) {
    c.moveTo(border[i] * width, height - border[i + 1] * height);
    c.lineTo(border[i + 2] * width, height - border[i + 3] * height);
  }
  c.strokeStyle = colours.ink;
  c.globalAlpha = 0.6;
  c.lineWidth = 1.3;
  c.stroke();
  c.globalAlpha = 1;
}

function numberModes(view, modes, colours) {
  const { c, width } = view,
    mx = modes.reduce((s, m) => s + m[0], 0) / modes.length,
    my = modes.reduce((s, m) => s + m[1], 0) / modes.length;
  c.font = fontOf(c.canvas, "600 11px");
  c.textAlign = "center";
  c.fillStyle = colours.soft;
  modes.forEach(([x, y], k) => {
    const away = Math.hypot(x - mx, y - my) || 1,
      off = 0.045 * width,
      [px, py] = place(view, x, y);
    c.fillText(k + 1, px + (off * (x - mx)) / away, py - (off * (y - my)) / away + 4);
  });
}

/** Marching squares at 0 on every second cell: line pieces in shares of the width, x, y, x, y ... */
export function traceBorder(tones) {
  const step = GRID / COARSE,
    out = [],
    at = (r, c) => tones[r * step * GRID + c * step],
    mid = (k) => (k * step + 0.5) / GRID;
  for (let r = 0; r < COARSE - 1; r++)
    for (let c = 0; c < COARSE - 1; c++) {
      const a = at(r, c),
        b = at(r, c + 1),
        d = at(r + 1, c),
        e = at(r + 1, c + 1);
      const code = (a > 0) + 2 * (b > 0) + 4 * (e > 0) + 8 * (d > 0);
      if (code === 0 || code === 15) continue;
      const x = mid(c),
        y = mid(r),
        w = step / GRID;
      const low = [x + w * cut(a, b), y],
        right = [x + w, y + w * cut(b, e)],
        high = [x + w * cut(d, e), y + w],
        left = [x, y + w * cut(a, d)];
      const pairs = {
        1: [left, low],
        2: [low, right],
        3: [left, right],
        4: [right, high],
        5: [left, low, right, high],
        6: [low, high],
        7: [left, high],
        8: [left, high],
        9: [low, high],
        10: [low, right, left, high],
        11: [right, high],
        12: [left, right],
        13: [low, right],
        14: [left, low],
      }[code];
      for (let k = 0; k < pairs.length; k += 2) out.push(...pairs[k], ...pairs[k + 1]);
    }
  return Float32Array.from(out);
}

const cut = (a, b) => (a === b ? 0.5 : a / (a - b));
