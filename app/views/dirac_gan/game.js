// The smallest GAN in the browser: data at 0, a generator at theta, a discriminator psi x. The engine's own arithmetic
// (engines/gan/dirac/game.py) in closed form; a test holds the two together.

export const TIME_STEP = 0.05; // of the flow
const FAR = 1e3;
const CLOSE = 1e-6;
const TURNS = 1e-3;
const NUDGE = 1e-4; // of the differences that give the Jacobian

const sigmoid = (t) => 1 / (1 + Math.exp(-t));
const bend = (t) => sigmoid(t) * sigmoid(-t);
const one = () => 1,
  zero = () => 0,
  minus = () => -1;

/**
 * Slopes of what the players minimise by a logit: of the discriminator at real and at generated points, of the
 * generator; and how those at generated points bend. spread: noise of both points taken together, over that of one.
 */
const SLOPES = {
  non_saturating: {
    real: (r) => -sigmoid(-r),
    fake: sigmoid,
    made: (f) => -sigmoid(-f),
    fakeBend: bend,
    madeBend: bend,
    spread: 1,
  },
  minimax: {
    real: (r) => -sigmoid(-r),
    fake: sigmoid,
    made: (f) => -sigmoid(f),
    fakeBend: bend,
    madeBend: (f) => -bend(f),
    spread: 1,
  },
  least_squares: { real: (r) => r - 1, fake: (f) => f, made: (f) => f - 1, fakeBend: one, madeBend: one, spread: 1 },
  wasserstein: { real: minus, fake: one, made: minus, fakeBend: zero, madeBend: zero, spread: 1 },
  hinge: {
    real: (r) => (r < 1 ? -1 : 0),
    fake: (f) => (f > -1 ? 1 : 0),
    made: minus,
    fakeBend: zero,
    madeBend: zero,
    spread: 1,
  },
  relativistic: {
    real: zero,
    fake: sigmoid,
    made: (f) => -sigmoid(-f),
    fakeBend: bend,
    madeBend: bend,
    spread: Math.SQRT2,
  },
};

/** nodes: {places, weights} of a mean over standard-normal noise. */
export class Game {
  constructor(settings, nodes) {
    Object.assign(this, settings);
    this.slopes = SLOPES[this.loss];
    this.nodes = nodes;
  }

  with(changes) {
    const { loss, cure, strength, dynamics, h, ratio, momentum, n_critic, nodes } = this;
    return new Game({ loss, cure, strength, dynamics, h, ratio, momentum, n_critic, ...changes }, nodes);
  }

  /** Which way both players want to go: [along theta, along psi], written into out. */
  field(theta, psi, out) {
    if (this.cure === "noise") this.noisy(theta, psi, out);
    else this.bare(theta, psi, out);
    const { strength: s } = this;
    if (this.cure === "r1" || this.cure === "r2") out[1] -= s * psi;
    else if (this.cure === "gp" || this.cure === "dragan")
      out[1] -= (2 * s * (Math.sqrt(psi * psi + 1e-12) - 1) * psi) / Math.sqrt(psi * psi + 1e-12);
    out[1] *= this.ratio;
    if (this.cure === "clip" && Math.abs(psi) >= s && psi * out[1] > 0) out[1] = 0;
    return out;
  }

  bare(theta, psi, out) {
    const { fake, made, fakeBend, madeBend } = this.slopes,
      t = psi * theta,
      d = fake(t),
      g = made(t);
    out[0] = -g * psi;
    out[1] = -d * theta;
    if (this.cure !== "consensus") return;
    const bent = g * madeBend(t),
      turned = d * fakeBend(t);
    out[0] -= this.strength * (bent * psi ** 3 + turned * psi * theta ** 2 + d * d * theta);
    out[1] -= this.strength * (g * g * psi + bent * theta * psi ** 2 + turned * theta ** 3);
  }

  noisy(theta, psi, out) {
    const { real, fake, made, spread } = this.slopes,
      { places, weights } = this.nodes,
      s = this.strength;
    out[0] = out[1] = 0;
    for (let i = 0; i < places.length; i++) {
      const x = theta + spread * s * places[i],
        r = s * places[i],
        w = weights[i];
      out[0] -= w * made(psi * x) * psi;
      out[1] -= w * (fake(psi * x) * x + real(psi * r) * r);
    }
  }

  clipped(psi) {
    return this.cure === "clip" ? Math.min(this.strength, Math.max(-this.strength, psi)) : psi;
  }

  /** One move of a state [theta, psi, last move of each], in place. */
  step(s) {
    if (this.dynamics === "flow") return this.flow(s);
    const v = work,
      seen = s[1];
    for (let i = 0; i < this.n_critic; i++) {
      s[3] = this.momentum * s[3] + this.h * this.field(s[0], s[1], v)[1];
      s[1] = this.clipped(s[1] + s[3]);
    }
    s[2] = this.momentum * s[2] + this.h * this.field(s[0], this.dynamics === "alternating" ? s[1] : seen, v)[0];
    s[0] += s[2];
    return s;
  }

  /** Runge and Kutta's step of order 4. */
  flow(s) {
    const dt = TIME_STEP,
      v = work,
      [x, y] = s;
    let sumX = 0,
      sumY = 0,
      atX = x,
      atY = y;
    for (const [weight, on] of [
      [1, 0.5],
      [2, 0.5],
      [2, 1],
      [1, 0],
    ]) {
      this.field(atX, atY, v);
      sumX += weight * v[0];
      sumY += weight * v[1];
      atX = x + on * dt * v[0];
      atY = y + on * dt * v[1];
    }
    s[0] = x + (dt / 6) * sumX;
    s[1] = this.clipped(y + (dt / 6) * sumY);
    return s;
  }

  /** Places on the way, [theta, psi, theta, psi, ...] of n + 1; one that is lost stays where it was last. */
  trajectory([theta, psi], n) {
    const out = new Float64Array(2 * n + 2),
      s = [theta, psi, 0, 0];
    let isLost = false;
    for (let i = 0; i <= n; i++) {
      [out[2 * i], out[2 * i + 1]] = isLost ? [out[2 * i - 2], out[2 * i - 1]] : s;
      if (i === n || isLost) continue;
      this.step(s);
      isLost = !(Math.hypot(s[0], s[1]) <= FAR);
    }
    return out;
  }

  /** Eigenvalues [[re, im], ...] at the equilibrium: of the flow's field, or of one step. */
  eigenvalues() {
    const size = this.dynamics !== "flow" && this.momentum ? 4 : 2,
      isFlow = this.dynamics === "flow";
    const f = (x) => (isFlow ? this.field(x[0], x[1], [0, 0]) : this.step([...x, 0, 0].slice(0, 4)));
    const columns = Array.from({ length: size }, (_, j) => {
      const at = (by) => f(Array.from({ length: size }, (_, i) => (i === j ? by : 0))).slice(0, size);
      const ahead = at(NUDGE),
        behind = at(-NUDGE);
      return ahead.map((v, i) => (v - behind[i]) / (2 * NUDGE));
    });
    return eigenvalues(columns[0].map((_, i) => columns.map((column) => column[i])));
  }
}

const work = [0, 0];

/** Eigenvalues of a small square matrix, the largest first: roots of its characteristic polynomial. */
export function eigenvalues(a) {
  const found =
    a.length === 2 ? quadratic(-(a[0][0] + a[1][1]), a[0][0] * a[1][1] - a[0][1] * a[1][0]) : durand(characteristic(a));
  return found.sort((p, q) => Math.hypot(...q) - Math.hypot(...p) || q[1] - p[1]);
}

function quadratic(b, c) {
  const inside = (b * b) / 4 - c,
    root = Math.sqrt(Math.abs(inside));
  return inside < 0
    ? [
        [-b / 2, root],
        [-b / 2, -root],
      ]
    : [
        [-b / 2 + root, 0],
        [-b / 2 - root, 0],
      ];
}

/** Coefficients of det(z - A) from z^n down (Faddeev and Le Verrier). */
function characteristic(a) {
  const n = a.length,
    coefficients = [1];
  let m = a.map((row) => row.map(() => 0));
  for (let k = 1; k <= n; k++) {
    m = a.map((row, i) =>
      row.map((_, j) => row.reduce((sum, v, l) => sum + v * m[l][j], 0) + (i === j ? coefficients[k - 1] : 0)),
    );
    const trace = a.reduce((sum, row, i) => sum + row.reduce((part, v, l) => part + v * m[l][i], 0), 0);
    coefficients.push(-trace / k);
  }
  return coefficients;
}

/** All roots at once (Durand and Kerner). */
function durand(coefficients) {
  const n = coefficients.length - 1,
    times = ([a, b], [c, d]) => [a * c - b * d, a * d + b * c];
  let roots = Array.from({ length: n }, (_, i) => [
    0.9 ** i * Math.cos(2.4 * i + 0.4),
    0.9 ** i * Math.sin(2.4 * i + 0.4),
  ]);
  for (let round = 0; round < 120; round++)
    roots = roots.map((z, i) => {
      const value = coefficients.reduce(
        (sum, c) => {
          const [x, y] = times(sum, z);
          return [x + c, y];
        },
        [0, 0],
      );
      const below = roots.reduce(
        (product, w, j) => (j === i ? product : times(product, [z[0] - w[0], z[1] - w[1]])),
        [1, 0],
      );
      const size = below[0] ** 2 + below[1] ** 2 || 1e-30;
      const [x, y] = times(value, [below[0], -below[1]]);
      return [z[0] - x / size, z[1] - y / size];
    });
  return roots;
}

// ---- what the eigenvalues say; the words are those of engines/gan/dirac/steps.py ----

/** {values, factor, kind, sentence}; isKink: there is no slope at the equilibrium. */
export function outlook(game, isKink) {
  if (isKink)
    return {
      values: [],
      factor: null,
      kind: "kink",
      sentence: "No slope at the equilibrium, so no eigenvalues: the penalty has a kink at ψ = 0.",
    };
  const isFlow = game.dynamics === "flow",
    values = game.eigenvalues();
  const worst = isFlow
    ? Math.max(...values.map(([re]) => re))
    : Math.log(Math.max(...values.map((z) => Math.hypot(...z))));
  const limit = isFlow ? CLOSE : CLOSE * game.h,
    rest = isFlow ? 0 : 1;
  if (worst < limit && values.some(([re, im]) => Math.hypot(re - rest, im) < CLOSE))
    return {
      values,
      factor: 1,
      kind: "halts",
      sentence:
        `An eigenvalue is ${rest}: along one direction nothing pulls. ` +
        "The game may halt with a flat discriminator at any θ.",
    };
  const kind = Math.abs(worst) < limit ? "circles" : worst < 0 ? "in" : "out";
  return { values, factor: Math.exp(worst), kind, sentence: sentence(kind, worst, values, isFlow) };
}

function sentence(kind, rate, values, isFlow) {
  const size = ([re, im]) => (isFlow ? re : Math.hypot(re, im));
  const leading = values.reduce((a, b) => (size(b) > size(a) ? b : a));
  const shown = isFlow
    ? `Re λ = ${(rate < 0 ? "−" : "+") + Math.abs(rate).toFixed(3)}`
    : `|z| = ${Math.exp(rate).toFixed(4)}`;
  if (kind === "circles")
    return (
      `${isFlow ? `λ = ±${Math.abs(leading[1]).toFixed(3)} i` : shown}: ` +
      "to first order it circles, neither nearer nor farther."
    );
  const verb = Math.abs(leading[1]) > TURNS ? "spirals" : "goes",
    often = Math.abs(Math.LN2 / rate);
  if (often < 1) {
    const factor = Math.exp(rate),
      times = factor >= 10 ? Math.round(factor).toLocaleString("en") : factor.toFixed(2);
    return (
      `${shown}: it ${verb} ${kind}, and every ` +
      `${isFlow ? "unit of time" : "step"} multiplies the distance by ${times}.`
    );
  }
  const digits = often < 10 ? often.toFixed(1) : Math.round(often).toLocaleString("en"),
    unit = isFlow ? "units of time" : "steps";
  return (
    `${shown}: it ${verb} ${kind}, and the distance ` +
    `${kind === "in" ? "halves" : "doubles"} every ${digits} ${unit}.`
  );
}
