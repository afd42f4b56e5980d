// Numbers about particles: shares of modes, distance from the data, energy along a way, error of a field.

import { makeNormal, makeUniform } from "./walkers.js";

/** Share of the points that is nearest to each mode. */
export function modeShares(xs, n, modes) {
  const counts = new Float64Array(modes.length);
  for (let k = 0; k < n; k++) {
    let best = 0,
      least = Infinity;
    for (let m = 0; m < modes.length; m++) {
      const d = (xs[2 * k] - modes[m][0]) ** 2 + (xs[2 * k + 1] - modes[m][1]) ** 2;
      if (d < least) {
        least = d;
        best = m;
      }
    }
    counts[best]++;
  }
  return [...counts].map((v) => v / n);
}

function meanDistance(xs, n, ys, m) {
  let sum = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) sum += Math.sqrt((xs[2 * i] - ys[2 * j]) ** 2 + (xs[2 * i + 1] - ys[2 * j + 1]) ** 2);
  return sum / (n * m);
}

const inner = (xs, n) => (meanDistance(xs, n, xs, n) * n) / (n - 1);

/** Energy distance between the first n points of each set, as engines/metrics/two_samples.py has it. */
export function energyDistance(xs, ys, n) {
  return 2 * meanDistance(xs, n, ys, n) - inner(xs, n) - inner(ys, n);
}

/** Points of the data with noise, and sigma²|s - s*|² over them. */
export class FieldError {
  constructor(data) {
    this.n = data.length / 2;
    this.data = data;
    this.noise = new Float32Array(data.length);
    makeNormal(makeUniform(3))(this.noise, data.length);
    [this.x, this.a, this.b] = [0, 1, 2].map(() => new Float32Array(data.length));
  }

  at(sigma, learned, exact) {
    const { n, x, a, b } = this;
    for (let i = 0; i < 2 * n; i++) x[i] = this.data[i] + sigma * this.noise[i];
    learned.scaled(x, n, sigma, a);
    exact.scaled(x, n, sigma, b);
    let sum = 0;
    for (let i = 0; i < 2 * n; i++) sum += (a[i] - b[i]) ** 2;
    return sum / n;
  }
}

const MOST_PLACES = 320; // of a path that are looked at

/** -log p along a path at one noise level: exact, and by adding up a learned score from its end (null: none). */
export function pathEnergy(path, sigma, logp, learned) {
  const stride = Math.max(1, Math.ceil(path.length / 2 / MOST_PLACES));
  const at = [];
  for (let i = 0; i < path.length / 2; i += stride) at.push(path[2 * i], path[2 * i + 1]);
  if ((path.length / 2 - 1) % stride) at.push(path.at(-2), path.at(-1));
  const xs = Float32Array.from(at),
    n = xs.length / 2,
    exact = new Float32Array(n);
  logp.logProb(xs, n, sigma, exact);
  for (let i = 0; i < n; i++) exact[i] = -exact[i];
  return { exact, learned: learned ? sumOfSlopes(xs, n, sigma, learned, exact[n - 1]) : null, places: n };
}

/** E(i) = E(i + 1) + ∫ s dx, by Simpson's rule on each piece. */
function sumOfSlopes(xs, n, sigma, field, end) {
  const middles = new Float32Array(2 * n),
    s = new Float32Array(2 * n),
    t = new Float32Array(2 * n),
    out = new Float32Array(n);
  for (let i = 0; i < 2 * n - 2; i++) middles[i] = (xs[i] + xs[i + 2]) / 2;
  field.score(xs, n, sigma, s);
  field.score(middles, n, sigma, t);
  out[n - 1] = end;
  for (let i = n - 2; i >= 0; i--) {
    let along = 0;
    for (let c = 0; c < 2; c++)
      along += ((xs[2 * i + 2 + c] - xs[2 * i + c]) * (s[2 * i + c] + 4 * t[2 * i + c] + s[2 * i + 2 + c])) / 6;
    out[i] = out[i + 1] + along;
  }
  return out;
}
