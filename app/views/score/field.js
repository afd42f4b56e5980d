// A score on grids, one for each noise level: bilinear between cells, linear in log sigma, on the scaled score sigma s.

import { GRID, resample } from "../../canvas/density.js";

/** What all grids share: levels, boxes, and where a noise level lies between them. */
class Levels {
  /** sigmas: falling (L); boxes: (L, 4), x0, x1, y0, y1; side: cells along each axis */
  constructor({ sigmas, boxes, side }) {
    this.sigmas = Array.from(sigmas);
    this.boxes = boxes;
    this.side = side;
  }

  get range() {
    return [this.sigmas.at(-1), this.sigmas[0]];
  }

  cut(sigma) {
    return Math.min(this.sigmas[0], Math.max(this.sigmas.at(-1), sigma));
  }

  /** The levels around sigma with their weights: [[level, weight], ...]; beyond the range the nearest alone. */
  around(sigma) {
    const { sigmas } = this,
      last = sigmas.length - 1,
      at = this.cut(sigma);
    if (last === 0) return [[0, 1]];
    const place = (Math.log(sigmas[0] / at) / Math.log(sigmas[0] / sigmas[last])) * last;
    const i = Math.min(last - 1, Math.floor(place)),
      share = place - i;
    return share < 1e-6
      ? [[i, 1]]
      : share > 1 - 1e-6
        ? [[i + 1, 1]]
        : [
            [i, 1 - share],
            [i + 1, share],
          ];
  }

  /** Box of a level, and cells for each unit of length. */
  frame(level) {
    const [x0, x1, y0, y1] = this.boxes.subarray(4 * level, 4 * level + 4);
    return { x0, y0, x1, y1, across: this.side / (x1 - x0), up: this.side / (y1 - y0) };
  }
}

/**
 * A field s(x, sigma). Beyond a grid it goes on as the pull of a Gaussian of variance `pull`, or, without one, as at
 * the edge.
 */
export class Field extends Levels {
  /** values: sigma s on cells, (L, side, side, 2), lowest y first */
  constructor({ values, pull = null, ...places }) {
    super(places);
    this.values = values;
    this.pull = pull;
  }

  /**
   * s at the first n points of xs into out, in nats per unit of length; at a level beyond the range, that of the
   * nearest.
   */
  score(xs, n, sigma, out) {
    out.fill(0, 0, 2 * n);
    const at = this.cut(sigma);
    for (const [level, weight] of this.around(sigma)) this.add(level, weight / at, xs, n, out);
  }

  /** sigma s, without a unit. */
  scaled(xs, n, sigma, out) {
    this.score(xs, n, sigma, out);
    for (let i = 0; i < 2 * n; i++) out[i] *= sigma;
  }

  add(level, weight, xs, n, out) {
    const { values, side, pull } = this,
      { x0, y0, across, up } = this.frame(level);
    const base = 2 * level * side * side,
      most = side - 1.000001,
      sigma = this.sigmas[level];
    const tail = pull === null ? 0 : (weight * sigma) / (pull + sigma * sigma);
    for (let k = 0; k < n; k++) {
      const u = (xs[2 * k] - x0) * across - 0.5,
        v = (xs[2 * k + 1] - y0) * up - 0.5;
      const cu = u < 0 ? 0 : Math.min(u, most),
        cv = v < 0 ? 0 : Math.min(v, most);
      const i = cu | 0,
        j = cv | 0,
        a = cu - i,
        b = cv - j;
      const p = base + 2 * (j * side + i),
        q = p + 2 * side;
      const w00 = weight * (1 - a) * (1 - b),
        w10 = weight * a * (1 - b),
        w01 = weight * (1 - a) * b,
        w11 = weight * a * b;
      out[2 * k] +=
        w00 * values[p] + w10 * values[p + 2] + w01 * values[q] + w11 * values[q + 2] - (tail * (u - cu)) / across;
      out[2 * k + 1] +=
        w00 * values[p + 1] + w10 * values[p + 3] + w01 * values[q + 1] + w11 * values[q + 3] - (tail * (v - cv)) / up;
    }
  }
}

/** A log density on the same kind of grids. */
export class LogDensity extends Levels {
  /** values: nats, (L, side, side); field: its gradient on the same grids, which continues it beyond them */
  constructor({ values, field, ...places }) {
    super(places);
    Object.assign(this, { values, field });
    this.pictures = new Map();
  }

  /** log p at the first n points of xs into out. */
  logProb(xs, n, sigma, out) {
    out.fill(0, 0, n);
    for (const [level, weight] of this.around(sigma)) this.add(level, weight, xs, n, out);
  }

  add(level, weight, xs, n, out) {
    const { values, side, field } = this,
      { x0, y0, across, up } = this.frame(level),
      sigma = this.sigmas[level];
    const base = level * side * side,
      most = side - 1.000001,
      wide = 2 * (field.pull + sigma ** 2);
    const edge = new Float32Array(2),
      slope = new Float32Array(2);
    for (let k = 0; k < n; k++) {
      const x = xs[2 * k],
        y = xs[2 * k + 1],
        u = (x - x0) * across - 0.5,
        v = (y - y0) * up - 0.5;
      const cu = u < 0 ? 0 : Math.min(u, most),
        cv = v < 0 ? 0 : Math.min(v, most);
      const i = cu | 0,
        j = cv | 0,
        a = cu - i,
        b = cv - j,
        p = base + j * side + i,
        q = p + side;
      let value =
        (1 - a) * (1 - b) * values[p] + a * (1 - b) * values[p + 1] + (1 - a) * b * values[q] + a * b * values[q + 1];
      if (u !== cu || v !== cv) {
        edge[0] = x0 + (cu + 0.5) / across;
        edge[1] = y0 + (cv + 0.5) / up;
        slope.fill(0);
        field.add(level, 1 / sigma, edge, 1, slope);
        const dx = x - edge[0],
          dy = y - edge[1];
        value += slope[0] * dx + slope[1] * dy - (dx * dx + dy * dy) / wide;
      }
      out[k] += weight * value;
    }
  }

  /** The density on GRID x GRID cells of a window, divided by its highest value: into out. */
  picture(sigma, window, out) {
    out.fill(0);
    for (const [level, weight] of this.around(sigma)) {
      const fine = this.fine(level, window);
      for (let i = 0; i < out.length; i++) out[i] += weight * fine[i];
    }
    const top = out.reduce((a, b) => Math.max(a, b), -Infinity);
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(out[i] - top);
  }

  /** A level's log density on the window's cells, by cubics; made once. */
  fine(level, [w0, w1, v0, v1]) {
    if (!this.pictures.has(level)) {
      const { side } = this,
        { x0, x1, y0, y1 } = this.frame(level),
        size = side * side;
      const span = [(w0 - x0) / (x1 - x0), (w1 - x0) / (x1 - x0), (v0 - y0) / (y1 - y0), (v1 - y0) / (y1 - y0)];
      this.pictures.set(level, resample(this.values.subarray(level * size, (level + 1) * size), side, side, span));
    }
    return this.pictures.get(level);
  }
}

/** Centres of side x side cells of a window: x, y, x, y, ..., lowest y first. */
export function cellCentres([x0, x1, y0, y1], side = GRID) {
  const out = new Float32Array(2 * side * side);
  for (let j = 0, k = 0; j < side; j++)
    for (let i = 0; i < side; i++) {
      out[k++] = x0 + ((x1 - x0) * (i + 0.5)) / side;
      out[k++] = y0 + ((y1 - y0) * (j + 0.5)) / side;
    }
  return out;
}
