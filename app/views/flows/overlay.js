// What lies over a density map of the plane: contour lines, marginals along the edges, and the chosen point.

import { CHOSEN, drawRingedCross, strokeRimmed } from "../../canvas/crosses.js";
import { GRID } from "../../canvas/density.js";
import { sharpen } from "../../canvas/live.js";

export const MASSES = [0.95, 0.8, 0.5]; // of the data, within each contour line
const EDGE = 0.14; // of the panel that the marginals may take

/** The densities of the lines inside which these shares of the data lie, most mass first. */
export function levelsOf(density) {
  const sorted = Float32Array.from(density).sort().reverse(),
    total = sorted.reduce((a, b) => a + b, 0);
  const levels = [];
  let sum = 0,
    i = 0;
  for (const mass of [...MASSES].reverse()) {
    while (i < sorted.length - 1 && sum < mass * total) sum += sorted[i++];
    levels.unshift(sorted[Math.max(0, i - 1)]);
  }
  return levels;
}

/** Line pieces of one level by marching squares: x, y, x, y, ... in shares of the panel, y downwards. */
export function contour(density, level) {
  const pieces = [];
  for (let r = 0; r < GRID - 1; r++)
    for (let c = 0; c < GRID - 1; c++) {
      const i = r * GRID + c,
        a = density[i] - level,
        b = density[i + 1] - level,
        d = density[i + GRID] - level,
        e = density[i + GRID + 1] - level;
      const kind = (a > 0) | ((b > 0) << 1) | ((e > 0) << 2) | ((d > 0) << 3);
      if (kind === 0 || kind === 15) continue;
      const low = () => [c + a / (a - b), r],
        right = () => [c + 1, r + b / (b - e)],
        high = () => [c + d / (d - e), r + 1],
        left = () => [c, r + a / (a - d)];
      const middle = a + b + d + e > 0;
      for (const [from, to] of edgesOf(kind, middle)) {
        const ends = [from, to].map((edge) => [low, right, high, left][edge]());
        for (const [x, y] of ends) pieces.push((x + 0.5) / GRID, 1 - (y + 0.5) / GRID);
      }
    }
  return pieces;
}

/**
 * Which edges (0 low, 1 right, 2 high, 3 left) a line joins; corners are bits: low left, low right, high right, high
 * left.
 */
function edgesOf(kind, middle) {
  const flat = { 1: [[3, 0]], 2: [[0, 1]], 3: [[3, 1]], 4: [[1, 2]], 6: [[0, 2]], 7: [[3, 2]] };
  if (kind === 5)
    return middle
      ? [
          [0, 1],
          [2, 3],
        ]
      : [
          [3, 0],
          [1, 2],
        ];
  if (kind === 10)
    return middle
      ? [
          [3, 0],
          [1, 2],
        ]
      : [
          [0, 1],
          [2, 3],
        ];
  return flat[kind] ?? flat[15 - kind];
}

/** Draw contour lines; sets: [{ pieces: a list for each level, colour }]. */
export function drawContours(canvas, sets) {
  const { context, width, height } = sharpen(canvas);
  for (const { pieces, colour } of sets)
    pieces.forEach((ends, i) => {
      context.beginPath();
      for (let k = 0; k < ends.length; k += 4) {
        context.moveTo(ends[k] * width, ends[k + 1] * height);
        context.lineTo(ends[k + 2] * width, ends[k + 3] * height);
      }
      context.strokeStyle = colour;
      context.lineWidth = 0.9 + 0.2 * i;
      context.globalAlpha = 0.9;
      context.stroke();
    });
  context.globalAlpha = 1;
}

/** Sums of a density over the shown window: { across: by x, upright: by y }, lowest first. */
export function marginals(density) {
  const across = new Float32Array(GRID),
    upright = new Float32Array(GRID);
  for (let r = 0; r < GRID; r++)
    for (let c = 0; c < GRID; c++) {
      across[c] += density[r * GRID + c];
      upright[r] += density[r * GRID + c];
    }
  return { across, upright };
}

/** Thin curves along the upper and the right edge; curves: [{ across, upright, colour }], all on one scale. */
export function drawMarginals(canvas, curves, colours) {
  const { context, width, height } = sharpen(canvas),
    deep = EDGE * width;
  const most = (name) => Math.max(1e-9, ...curves.map((curve) => curve[name].reduce((a, b) => Math.max(a, b), 0)));
  const tops = { across: most("across"), upright: most("upright") };
  context.fillStyle = colours.panel;
  context.globalAlpha = 0.45;
  context.fillRect(0, 0, width, deep);
  context.fillRect(width - deep, deep, deep, height - deep);
  context.globalAlpha = 1;
  context.lineJoin = "round";
  for (const curve of curves) {
    context.strokeStyle = curve.colour;
    context.lineWidth = 1.6;
    context.beginPath();
    curve.across.forEach((v, c) =>
      context.lineTo(((c + 0.5) / GRID) * width, deep - 2 - (v / tops.across) * (deep - 5)),
    );
    context.stroke();
    context.beginPath();
    curve.upright.forEach((v, r) =>
      context.lineTo(width - deep + 2 + (v / tops.upright) * (deep - 5), height - ((r + 0.5) / GRID) * height),
    );
    context.stroke();
  }
}

/** The chosen point: a cross in a circle with a rim; at the edge, as an arrow, if it lies outside of the window. */
export function drawPoint(canvas, [px, py], [x0, x1, y0, y1], colours) {
  const { context, width, height } = sharpen(canvas),
    inside = (v, most) => Math.min(most - 9, Math.max(9, v));
  const u = ((px - x0) / (x1 - x0)) * width,
    v = height - ((py - y0) / (y1 - y0)) * height,
    x = inside(u, width),
    y = inside(v, height);
  const isOut = u < 0 || v < 0 || u > width || v > height,
    angle = Math.atan2(v - y, u - x);
  if (!isOut) {
    drawRingedCross(context, [x, y], colours);
    return;
  }
  const arrow = () => {
    for (const turn of [2.5, 0, -2.5]) context.lineTo(x + 8 * Math.cos(angle + turn), y + 8 * Math.sin(angle + turn));
  };
  strokeRimmed(context, colours, arrow, CHOSEN);
}
