// A square panel of the plane: a density as colour, samples as dots, ticks along the edges.

import { fontOf } from "./base_canvas.js";
import { sharpen } from "./live.js";

export const GRID = 128; // cells along each axis of what is drawn
const TONE = 0.6; // exponent that lifts faint parts of a density
const LOWEST = -60; // log density below which nothing can be seen

/** Log density on R x R cells to density on GRID x GRID cells: cubic in the logarithm, where densities are smooth. */
export function toGrid({ shape, values }) {
  const [rows, columns] = shape;
  const log = values.map((v) => Math.max(LOWEST, v));
  const wide = rows === GRID && columns === GRID ? log : resample(log, rows, columns);
  return wide.map(Math.exp);
}

/** The same for any values; span: where the picture lies in the grid, x0, x1, y0, y1 as shares of it. */
export function resample(values, rows, columns, [x0, x1, y0, y1] = [0, 1, 0, 1]) {
  const across = taps(columns, x0, x1),
    down = taps(rows, y0, y1);
  const middle = new Float32Array(rows * GRID),
    out = new Float32Array(GRID * GRID);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < GRID; c++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += across.weight[4 * c + k] * values[r * columns + across.index[4 * c + k]];
      middle[r * GRID + c] = sum;
    }
  for (let r = 0; r < GRID; r++)
    for (let k = 0; k < 4; k++) {
      const w = down.weight[4 * r + k],
        from = down.index[4 * r + k] * GRID;
      for (let c = 0; c < GRID; c++) out[r * GRID + c] += w * middle[from + c];
    }
  return out;
}

const tapCache = new Map();

/** Catmull-Rom weights that carry n cells, from one share of them to another, to GRID cells. */
function taps(n, from, to) {
  const key = `${n} ${from} ${to}`;
  if (!tapCache.has(key)) {
    const index = new Int32Array(4 * GRID),
      weight = new Float32Array(4 * GRID);
    for (let i = 0; i < GRID; i++) {
      const x = (from + ((to - from) * (i + 0.5)) / GRID) * n - 0.5,
        base = Math.floor(x),
        t = x - base;
      const w = [
        -0.5 * t + t * t - 0.5 * t ** 3,
        1 - 2.5 * t * t + 1.5 * t ** 3,
        0.5 * t + 2 * t * t - 1.5 * t ** 3,
        -0.5 * t * t + 0.5 * t ** 3,
      ];
      for (let k = 0; k < 4; k++) {
        index[4 * i + k] = Math.min(n - 1, Math.max(0, base + k - 1));
        weight[4 * i + k] = w[k];
      }
    }
    tapCache.set(key, { index, weight });
  }
  return tapCache.get(key);
}

/** A panel on a canvas. Colours and window may change at any time. */
export class Panel {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = document.createElement("canvas");
    this.image.width = this.image.height = GRID;
    this.pixels = this.image.getContext("2d").createImageData(GRID, GRID);
    this.words = new Uint32Array(this.pixels.data.buffer);
  }

  /** density: values on GRID x GRID; table: 256 colours; top: the density of the strongest colour. */
  paintDensity(density, table, top) {
    const scale = 1 / top;
    for (let r = 0; r < GRID; r++) {
      const from = (GRID - 1 - r) * GRID,
        to = r * GRID; // y upwards
      for (let c = 0; c < GRID; c++) {
        const t = density[from + c] * scale;
        this.words[to + c] = table[t >= 1 ? 255 : (255 * t ** TONE) | 0];
      }
    }
  }

  /** Signed difference: positive parts in one table, negative ones in another. */
  paintDifference(density, truth, more, less, top) {
    const scale = 1 / top;
    for (let r = 0; r < GRID; r++) {
      const from = (GRID - 1 - r) * GRID,
        to = r * GRID;
      for (let c = 0; c < GRID; c++) {
        const d = (density[from + c] - truth[from + c]) * scale,
          a = Math.abs(d);
        this.words[to + c] = (d > 0 ? more : less)[a >= 1 ? 255 : (255 * a ** TONE) | 0];
      }
    }
  }

  /** A line of text in the middle, over what is shown. */
  write(text, colour) {
    const { context, width, height } = sharpen(this.canvas);
    context.font = fontOf(this.canvas, "14px");
    context.fillStyle = colour;
    context.textAlign = "center";
    context.fillText(text, width / 2, height / 2);
  }

  /** Put the picture on the screen, with dots and ticks. */
  show({ window, dots, dotColour, tickColour }) {
    const { context, width, height } = sharpen(this.canvas);
    if (!width) return;
    this.image.getContext("2d").putImageData(this.pixels, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(this.image, 0, 0, width, height);
    if (dots) drawDots(context, dots, window, width, height, dotColour);
    drawTicks(context, window, width, height, tickColour);
  }
}

function drawDots(context, dots, [x0, x1, y0, y1], width, height, colour) {
  const kx = width / (x1 - x0),
    ky = height / (y1 - y0),
    r = Math.max(1.5, width / 230);
  context.beginPath();
  for (let i = 0; i < dots.length; i += 2) {
    const x = (dots[i] - x0) * kx,
      y = height - (dots[i + 1] - y0) * ky;
    if (x > -r && x < width + r && y > -r && y < height + r) context.rect(x - r / 2, y - r / 2, r, r);
  }
  context.fillStyle = colour;
  context.fill();
}

/** Small numbers along the lower and left edge: the picture's axes, in data units. */
export function drawTicks(context, [x0, x1, y0, y1], width, height, colour) {
  const step = niceStep((x1 - x0) / 6);
  context.font = fontOf(context.canvas);
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1;
  context.textAlign = "center";
  for (let v = Math.ceil(x0 / step) * step; v <= x1; v += step) {
    const x = ((v - x0) / (x1 - x0)) * width;
    if (x < 26 || x > width - 12) continue;
    line(context, x, height, x, height - 4);
    context.fillText(label(v), x, height - 7);
  }
  context.textAlign = "left";
  for (let v = Math.ceil(y0 / step) * step; v <= y1; v += step) {
    const y = height - ((v - y0) / (y1 - y0)) * height;
    if (y < 12 || y > height - 26) continue;
    context.fillText(label(v), 3, y + 3.5); // no mark beside it: it would read as a minus
  }
}

const label = (v) => (Math.abs(v) < 1e-9 ? "0" : String(+v.toFixed(2)).replace("-", "\u2212"));

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
}
