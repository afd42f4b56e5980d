// The latent plane of one point: the true posterior as a map, the encoder's q over it; with one latent, both as curves.

import { fontOf } from "../../canvas/base_canvas.js";
import { toGrid } from "../../canvas/density.js";
import { sharpen } from "../../canvas/live.js";

export const REACH = 3.5; // shown from -REACH to REACH, as the engine's map is
const AROUND = 4; // the same for the map around q, in standard deviations of q

/** Pixels of a place in a window, y upwards. */
export function placer([x0, x1, y0, y1], width, height) {
  return (x, y) => [((x - x0) / (x1 - x0)) * width, height - ((y - y0) / (y1 - y0)) * height];
}

/** A line through points, given in pixels. */
export function trace(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
}

/** Draw what is known of a point on a panel. view: { map, around, mean, std } as the server sent them. */
export function drawPosterior(panel, view, zoomed, tables, colours) {
  const flat = zoomed
    ? { map: view.around, mean: view.mean.values.map(() => 0), std: view.std.values.map(() => 1), reach: AROUND }
    : { map: view.map, mean: view.mean.values, std: view.std.values, reach: REACH };
  flat.density = view[zoomed ? "nearDensity" : "density"] ??=
    view.mean.values.length === 1 ? flat.map.values.map(Math.exp) : toGrid(flat.map);
  (view.mean.values.length === 1 ? drawCurves : drawMap)(panel, flat, zoomed, tables, colours);
}

function drawMap(panel, { density, mean, std, reach }, zoomed, tables, colours) {
  const window = [-reach, reach, -reach, reach];
  panel.paintDensity(
    density,
    tables.model,
    density.reduce((a, b) => Math.max(a, b), 1e-12),
  );
  panel.show({ window, tickColour: colours.soft });
  const { context, width, height } = sharpen(panel.canvas);
  if (!zoomed) drawPrior(context, width, height, colours);
  drawEllipses(context, mean, std, reach, colours);
  const names = zoomed ? ["(z₁ − μ₁) / σ₁", "(z₂ − μ₂) / σ₂"] : ["z₁", "z₂"];
  axisNames(context, ...names, width, colours);
}

/** The prior's circles at one and two standard deviations. */
export function drawPrior(context, width, height, colours) {
  const at = placer([-REACH, REACH, -REACH, REACH], width, height),
    [cx, cy] = at(0, 0);
  context.setLineDash([3, 4]);
  context.strokeStyle = colours.base;
  context.lineWidth = 1.1;
  for (const r of [1, 2]) {
    context.beginPath();
    context.arc(cx, cy, (r * width) / (2 * REACH), 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
}

/** q at one and two standard deviations, and its mean; where it lies outside, an arrow to it. */
function drawEllipses(context, mean, std, reach, colours) {
  const { clientWidth: width, clientHeight: height } = context.canvas,
    scale = width / (2 * reach);
  const [cx, cy] = placer([-reach, reach, -reach, reach], width, height)(...mean);
  context.strokeStyle = context.fillStyle = colours.ink;
  if (Math.max(Math.abs(mean[0]), Math.abs(mean[1])) > reach) {
    pointOutside(context, mean, width, height, colours);
    return;
  }
  for (const [r, weight] of [
    [1, 2],
    [2, 1.2],
  ]) {
    context.lineWidth = weight;
    context.beginPath();
    context.ellipse(cx, cy, Math.max(1.5, r * std[0] * scale), Math.max(1.5, r * std[1] * scale), 0, 0, 2 * Math.PI);
    context.stroke();
  }
  context.lineWidth = 1.4;
  for (const [dx, dy] of [
    [4, 0],
    [0, 4],
  ]) {
    trace(context, [
      [cx - dx, cy - dy],
      [cx + dx, cy + dy],
    ]);
    context.stroke();
  }
}

function pointOutside(context, mean, width, height, colours) {
  const angle = Math.atan2(-mean[1], mean[0]),
    cx = width / 2,
    cy = height / 2;
  const far = Math.min(cx, cy) / Math.max(Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))) - 8;
  const tip = [cx + far * Math.cos(angle), cy + far * Math.sin(angle)];
  const back = (turn) => [tip[0] - 14 * Math.cos(angle + turn), tip[1] - 14 * Math.sin(angle + turn)];
  context.lineWidth = 2;
  trace(context, [back(0.5), tip, back(-0.5)]);
  context.stroke();
  context.font = fontOf(context.canvas, "12px");
  context.textAlign = "center";
  context.fillStyle = colours.ink;
  const text = `q lies outside: (${[...mean].map((v) => v.toFixed(1)).join(", ")})`.replaceAll("-", "\u2212");
  context.fillText(text, width / 2, height - 26);
}

/** With one latent: p(z | x) filled, q as a line, the prior dashed. */
function drawCurves(panel, { density, mean: [m], std: [s], reach }, zoomed, _tables, colours) {
  const { context, width, height } = sharpen(panel.canvas),
    n = density.length;
  const z = Array.from({ length: n }, (_, i) => reach * ((2 * i + 1) / n - 1));
  const bell = (v, mu, sd) => Math.exp(-0.5 * ((v - mu) / sd) ** 2) / (sd * Math.sqrt(2 * Math.PI));
  const top =
    1.12 *
    Math.max(
      density.reduce((a, b) => Math.max(a, b), 0),
      Math.abs(m) < reach ? bell(m, m, s) : 0,
      0.4,
    );
  const at = placer([-reach, reach, 0, top], width, height - 22);
  const truth = z.map((v, i) => at(v, density[i]));
  context.fillStyle = colours.panel;
  context.fillRect(0, 0, width, height);
  fillUnder(context, truth, at(0, 0)[1], colours.model);
  stroke(context, truth, colours.model, 2);
  context.setLineDash([3, 4]);
  if (!zoomed)
    stroke(
      context,
      z.map((v) => at(v, bell(v, 0, 1))),
      colours.base,
      1.2,
    );
  context.setLineDash([]);
  // q may be narrower than the map's cells: its own fine ticks around its mean.
  const own = Array.from({ length: 121 }, (_, i) => m + s * (i / 12 - 5));
  stroke(
    context,
    own.map((v) => at(v, bell(v, m, s))),
    colours.ink,
    2,
  );
  if (Math.abs(m) > reach) pointOutside(context, [m, 0], width, height, colours);
  axis(context, at, reach, zoomed ? "(z − μ) / σ" : "z", width, height, colours);
}

function stroke(context, points, colour, weight) {
  context.strokeStyle = colour;
  context.lineWidth = weight;
  trace(context, points);
  context.stroke();
}

function fillUnder(context, points, floor, colour) {
  trace(context, [[points[0][0], floor], ...points, [points.at(-1)[0], floor]]);
  context.globalAlpha = 0.25;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}

function axis(context, at, reach, name, width, height, colours) {
  context.font = fontOf(context.canvas);
  context.fillStyle = context.strokeStyle = colours.soft;
  context.textAlign = "center";
  context.lineWidth = 1;
  trace(context, [at(-reach, 0), at(reach, 0)]);
  context.stroke();
  for (let v = 1 - Math.floor(reach); v < Math.floor(reach); v++)
    context.fillText(String(v).replace("-", "\u2212"), at(v, 0)[0], height - 7);
  axisNames(context, name, "", width, colours);
}

function axisNames(context, across, up, width, colours) {
  const height = context.canvas.clientHeight;
  context.font = fontOf(context.canvas, "italic 13px");
  context.fillStyle = colours.soft;
  context.textAlign = "right";
  context.fillText(across, width - 6, height - 30);
  context.textAlign = "left";
  context.fillText(up, 5, 15);
}
