// Painting the plane of a score: the noised density, arrows of the field, particles with trails, a chosen path.

import { drawTicks } from "../../canvas/density.js";
import { sharpen } from "../../canvas/live.js";
import { cellCentres } from "./field.js";

const ARROWS = 23; // along each axis
const FULL = 1.2; // sigma |s| at which an arrow is almost as long as it gets
const TRAILS = 450; // particles with a trail
const TRAIL_FRAMES = 26;
const TRAIL_TONES = 5;

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
    this.ground = document.createElement("canvas"); // density and arrows, painted anew only when they change
    this.image = document.createElement("canvas");
  }

  /** From data units to pixels, and back. */
  place([x0, x1, y0, y1], width, height) {
    const kx = width / (x1 - x0),
      ky = height / (y1 - y0);
    return { x: (v) => (v - x0) * kx, y: (v) => height - (v - y0) * ky, kx, ky, x0, y0 };
  }

  /** density: its share of the top on GRID² cells; field and sigma: of the arrows; table: 256 colours. */
  paintGround({ window, density, side, table, field, sigma, colour, colours }) {
    const { width, height } = sharpen(this.canvas),
      ratio = this.canvas.width / Math.max(1, width);
    this.ground.width = this.canvas.width;
    this.ground.height = this.canvas.height;
    const c = this.ground.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = colours.panel;
    c.fillRect(0, 0, width, height);
    this.paintDensity(c, density, side, table, width, height);
    this.steepest = field ? this.paintArrows(c, window, field, sigma, colour, width, height) : 0;
    drawTicks(c, window, width, height, colours.soft);
  }

  paintDensity(c, density, side, table, width, height) {
    if (this.image.width !== side) {
      this.image.width = this.image.height = side;
      this.pixels = this.image.getContext("2d").createImageData(side, side);
      this.words = new Uint32Array(this.pixels.data.buffer);
    }
    for (let r = 0; r < side; r++) {
      const from = (side - 1 - r) * side;
      for (let i = 0; i < side; i++) this.words[r * side + i] = table[(150 * density[from + i] ** 0.6) | 0];
    }
    this.image.getContext("2d").putImageData(this.pixels, 0, 0);
    c.imageSmoothingEnabled = true;
    c.drawImage(this.image, 0, 0, width, height);
  }

  /** Arrows of sigma s, longer and darker where it is larger; returns the largest |s| among them. */
  paintArrows(c, window, field, sigma, colour, width, height) {
    if (this.windowOfArrows !== window) {
      this.points = cellCentres(window, ARROWS);
      this.windowOfArrows = window;
    }
    const n = ARROWS * ARROWS,
      { points } = this,
      found = (this.found ??= new Float32Array(2 * n)),
      at = this.place(window, width, height);
    field(points, n, sigma, found);
    const tones = [[], [], []],
      longest = (0.92 * width) / ARROWS;
    let steepest = 0;
    for (let k = 0; k < n; k++) {
      const size = Math.hypot(found[2 * k], found[2 * k + 1]),
        much = Math.tanh(size / FULL);
      steepest = Math.max(steepest, size / sigma);
      if (size < 0.004) continue;
      const length = longest * (0.06 + 0.94 * much),
        x = at.x(points[2 * k]),
        y = at.y(points[2 * k + 1]);
      tones[Math.min(2, Math.floor(much * 3))].push(
        x,
        y,
        x + (found[2 * k] / size) * length,
        y - (found[2 * k + 1] / size) * length,
      );
    }
    c.strokeStyle = c.fillStyle = colour;
    tones.forEach((lines, i) => strokeArrows(c, lines, 0.4 + 0.25 * i, width));
    c.globalAlpha = 1;
    return steepest;
  }

  /** Ground, trails, particles. walk: or null; shown: where its particles are. */
  paint({ window, walk, shown, samples, colours, path, chosen, point, marker }) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    c.drawImage(this.ground, 0, 0, width, height);
    const at = this.place(window, width, height);
    if (walk?.x) {
      paintTrails(c, walk, at, colours.model);
      paintDots(
        c,
        shown,
        walk.n,
        at,
        width,
        height,
        colours.model,
        Math.max(1.8, Math.min(3, 110 / Math.sqrt(walk.n))),
      );
    } else if (samples) paintDots(c, samples, samples.length / 2, at, width, height, colours.model, 2.4);
    if (path) paintPath(c, path, at, colours, marker);
    if (point) paintCross(c, at.x(point[0]), at.y(point[1]), colours.ink);
    if (chosen) ringAround(c, at.x(chosen[0]), at.y(chosen[1]), colours);
  }
}

function strokeArrows(c, lines, alpha, width) {
  c.globalAlpha = alpha;
  c.lineWidth = Math.max(1, width / 520);
  c.beginPath();
  for (let i = 0; i < lines.length; i += 4) {
    c.moveTo(lines[i], lines[i + 1]);
    c.lineTo(lines[i + 2], lines[i + 3]);
  }
  c.stroke();
  const r = Math.max(1.1, width / 420);
  c.beginPath();
  for (let i = 0; i < lines.length; i += 4) {
    c.moveTo(lines[i + 2] + r, lines[i + 3]);
    c.arc(lines[i + 2], lines[i + 3], r, 0, 7);
  }
  c.fill();
}

function paintDots(c, xs, n, at, width, height, colour, size) {
  c.beginPath();
  for (let k = 0; k < n; k++) {
    const x = at.x(xs[2 * k]),
      y = at.y(xs[2 * k + 1]);
    if (x > -3 && x < width + 3 && y > -3 && y < height + 3) c.rect(x - size / 2, y - size / 2, size, size);
  }
  c.globalAlpha = 0.85;
  c.fillStyle = colour;
  c.fill();
  c.globalAlpha = 1;
}

/** The last states of the first particles, older ones fainter. */
function paintTrails(c, walk, at, colour) {
  const last = walk.cursor,
    first = Math.max(1, last - TRAIL_FRAMES + 1),
    n = Math.min(walk.isLost ? 40 : TRAILS, walk.n);
  if (last < first) return;
  c.strokeStyle = colour;
  c.lineWidth = 1;
  const end = walk.phase < 1 && walk.rate <= 45 ? last - 1 : last; // the newest piece is still being walked
  for (let tone = 0; tone < TRAIL_TONES; tone++) {
    c.beginPath();
    for (let f = first; f <= end; f++) {
      if (Math.floor(((f - first) / (last - first + 1)) * TRAIL_TONES) !== tone) continue;
      const from = walk.frames[f - 1].x,
        to = walk.frames[f].x;
      for (let k = 0; k < n; k++) {
        c.moveTo(at.x(from[2 * k]), at.y(from[2 * k + 1]));
        c.lineTo(at.x(to[2 * k]), at.y(to[2 * k + 1]));
      }
    }
    c.globalAlpha = 0.05 + (0.3 * (tone + 1)) / TRAIL_TONES;
    c.stroke();
  }
  c.globalAlpha = 1;
}

function paintPath(c, path, at, colours, marker) {
  const count = Math.max(2, Math.round(marker * (path.length / 2)));
  for (const [colour, width] of [
    [colours.panel, 3.5],
    [colours.ink, 1.3],
  ]) {
    c.beginPath();
    for (let i = 0; i < count && 2 * i < path.length; i++)
      (i ? c.lineTo : c.moveTo).call(c, at.x(path[2 * i]), at.y(path[2 * i + 1]));
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.lineJoin = "round";
    c.stroke();
  }
}

function paintCross(c, x, y, colour) {
  c.strokeStyle = colour;
  c.lineWidth = 1.6;
  c.beginPath();
  c.moveTo(x - 6, y - 6);
  c.lineTo(x + 6, y + 6);
  c.moveTo(x + 6, y - 6);
  c.lineTo(x - 6, y + 6);
  c.stroke();
}

function ringAround(c, x, y, colours) {
  c.beginPath();
  c.arc(x, y, 6, 0, 7);
  c.fillStyle = colours.model;
  c.fill();
  c.lineWidth = 2;
  c.strokeStyle = colours.ink;
  c.stroke();
}
