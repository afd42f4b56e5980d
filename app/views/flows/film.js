// The states between a flow's layers, and inside those that are paths in time, base first, as a film: what is between
// two of them is drawn on straight lines.

import { drawTicks } from "../../canvas/density.js";
import { sharpen } from "../../canvas/live.js";
import { blend } from "../../canvas/stage_card.js";

const LINE_POINTS = 41; // of each line of the grid
const SECTORS = 16;
// Okabe and Ito's, and a violet between the ends
const WHEEL = ["#0072b2", "#56b4e9", "#009e73", "#f0e442", "#e69f00", "#d55e00", "#cc79a7", "#7a5bb5"];
export const RING_NAMES = ["inner", "middle", "outer"];

export class Film {
  /** What the server sent of one step: particles, grid, windows, ends, cost. */
  constructor({ particles, grid, windows, ends, cost }) {
    this.n = particles.shape[0];
    this.particles = particles.values;
    this.grid = grid.values;
    this.windows = windows.values;
    this.ends = ends.values;
    this.cost = cost.values;
  }

  get layers() {
    return this.ends.length - 1;
  }

  /** Which row, with its fraction, stands for t layers: inside a layer that is a path in time there are several. */
  rowAt(t) {
    const k = Math.min(this.layers - 1, Math.max(0, Math.floor(t)));
    return this.ends[k] + (t - k) * (this.ends[k + 1] - this.ends[k]);
  }

  /** The same grid with particles that began at another temperature; each window has room for both kinds. */
  heated({ particles, windows }) {
    const wide = this.windows.map((v, i) => (i % 2 ? Math.max(v, windows.values[i]) : Math.min(v, windows.values[i])));
    return Object.assign(this.share(), { particles: particles.values, windows: wide });
  }

  /** A copy that may move towards other films of the same shape. */
  clone() {
    return Object.assign(this.share(), {
      particles: this.particles.slice(),
      grid: this.grid.slice(),
      windows: this.windows.slice(),
    });
  }

  share() {
    return Object.assign(Object.create(Film.prototype), this);
  }

  fits(other) {
    return this.ends.join() === other.ends.join() && this.particles.length === other.particles.length;
  }

  /** Move towards another film; whether anything moved visibly. */
  approach(goal, share) {
    const moved = ["particles", "grid", "windows"].map((name) => blend(this[name], goal[name], share, 1e-3));
    this.cost = goal.cost;
    return moved.some(Boolean);
  }

  /** What is shown after t layers: x0, x1, y0, y1. */
  windowAt(t) {
    return between(this.windows, 4, this.n, this.rowAt(t));
  }

  /** Particles by where they began: angle to colour, radius to lightness, a third of them in each ring. */
  bins() {
    const found = Array.from({ length: SECTORS * 3 }, () => []),
      n = this.particles.length / this.n / 2;
    const radii = Float32Array.from({ length: n }, (_, i) =>
      Math.hypot(this.particles[2 * i], this.particles[2 * i + 1]),
    );
    const sorted = radii.slice().sort(),
      [near, far] = [1, 2].map((k) => sorted[Math.floor((k * n) / 3)]);
    for (let i = 0; i < n; i++) {
      const turn = Math.atan2(this.particles[2 * i + 1], this.particles[2 * i]) / (2 * Math.PI);
      const sector = Math.floor(((turn + 1) % 1) * SECTORS) % SECTORS;
      found[3 * sector + (radii[i] < near ? 0 : radii[i] < far ? 1 : 2)].push(i);
    }
    return found;
  }
}

/** Row t of `rows` rows of n values, on a straight line between its neighbours. */
export function between(values, n, rows, t, from = 0, width = n) {
  const k = Math.min(rows - 2, Math.max(0, Math.floor(t))),
    f = t - k,
    a = k * n + from,
    b = a + n;
  const out = new Float32Array(width);
  for (let i = 0; i < width; i++) out[i] = values[a + i] + f * (values[b + i] - values[a + i]);
  return out;
}

/** Colour of each bin in a theme: the inner ring nearer to the ink, the outer one nearer to the ground. */
export function binColours(colours) {
  return Array.from({ length: SECTORS * 3 }, (_, bin) => {
    const place = ((Math.floor(bin / 3) + 0.5) / SECTORS) * WHEEL.length,
      i = Math.floor(place);
    const hue = mix(WHEEL[i % WHEEL.length], WHEEL[(i + 1) % WHEEL.length], place - i);
    return [mix(hue, colours.ink, 0.4), hue, mix(hue, colours.panel, 0.35)][bin % 3];
  });
}

function mix(from, to, share) {
  const part = (hex, i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return `#${[0, 1, 2]
    .map((i) =>
      Math.round(part(from, i) + share * (part(to, i) - part(from, i)))
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}

/**
 * Draw the film after t layers on a canvas.
 * style: { colours, bins, binColours, show (names), ring, ledger (path, quads, scale), isSmall }
 */
export function drawFilm(canvas, film, t, style) {
  const { context, width, height } = sharpen(canvas),
    { colours, show } = style;
  context.clearRect(0, 0, width, height);
  if (!width) return;
  const window = film.windowAt(t),
    at = placing(window, width, height),
    row = film.rowAt(t);
  if (show.includes("grid"))
    drawGrid(context, between(film.grid, film.grid.length / film.n, film.n, row), at, colours, style.isSmall);
  if (show.includes("particles"))
    drawParticles(context, between(film.particles, film.particles.length / film.n, film.n, row), at, style);
  if (style.ledger && show.includes("square"))
    drawSquare(context, style.ledger, film.n, row, at, colours, style.isSmall);
  drawTicks(context, window, width, height, colours.soft);
}

/** Scales and offsets to pixels, y upwards. */
function placing([x0, x1, y0, y1], width, height) {
  return { kx: width / (x1 - x0), ky: -height / (y1 - y0), x0, y0, height };
}

const toX = (at, x) => (x - at.x0) * at.kx;
const toY = (at, y) => at.height + (y - at.y0) * at.ky;

function drawGrid(context, points, at, colours, isSmall) {
  context.beginPath();
  for (let line = 0; line < points.length / 2 / LINE_POINTS; line++)
    for (let i = 0; i < LINE_POINTS; i++) {
      const p = 2 * (line * LINE_POINTS + i),
        x = toX(at, points[p]),
        y = toY(at, points[p + 1]);
      if (i) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
  context.strokeStyle = colours.ink;
  context.globalAlpha = isSmall ? 0.22 : 0.3;
  context.lineWidth = isSmall ? 0.7 : 1;
  context.lineJoin = "round";
  context.stroke();
  context.globalAlpha = 1;
}

function drawParticles(context, points, at, { bins, binColours: tones, ring, isSmall }) {
  const wanted = RING_NAMES.indexOf(ring),
    size = isSmall ? 2 : 3,
    half = size / 2;
  bins.forEach((members, bin) => {
    if (wanted >= 0 && bin % 3 !== wanted) return;
    context.fillStyle = tones[bin];
    for (const i of members)
      context.fillRect(toX(at, points[2 * i]) - half, toY(at, points[2 * i + 1]) - half, size, size);
  });
}

/** The ledger's point with the way it goes, and the square around it, much enlarged. */
function drawSquare(context, { path, quads, scale }, rows, row, at, colours, isSmall) {
  if (path.length !== 2 * rows) return; // of another flow
  const [x, y] = between(path, 2, rows, row),
    corners = between(quads, 8, rows, row);
  context.lineJoin = "round";
  context.beginPath();
  for (let k = 0; k < 4; k++)
    context.lineTo(toX(at, x + scale * corners[2 * k]), toY(at, y + scale * corners[2 * k + 1]));
  context.closePath();
  context.fillStyle = colours.error;
  context.globalAlpha = 0.25;
  context.fill();
  context.globalAlpha = 1;
  for (const [colour, weight] of [
    [colours.panel, 3.5],
    [colours.error, 1.6],
  ]) {
    context.strokeStyle = colour;
    context.lineWidth = weight;
    context.stroke();
  }
  context.beginPath();
  context.arc(toX(at, x), toY(at, y), isSmall ? 2 : 2.6, 0, 2 * Math.PI);
  context.fillStyle = colours.error;
  context.fill();
}
