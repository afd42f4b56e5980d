// From logits to colour, and the best of all discriminators: exact data density, the generator's estimated.

import { CELLS } from "./motion.js";

const N_ESTIMATED = 4096; // samples behind the generator's density
const STRONG = 0.5; // of the role's colour at most: particles must stay visible over it

/** Where a game's answer says 50 %: in its own units; null where it has no such place and the middle is taken. */
const BORDER = { non_saturating: 0, minimax: 0, hinge: 0, least_squares: 0.5, wasserstein: null, relativistic: null };

/** D's loss if it can tell nothing. */
export const NOTHING = {
  non_saturating: Math.log(4),
  minimax: Math.log(4),
  least_squares: 0.25,
  wasserstein: 0,
  hinge: 2,
  relativistic: Math.log(2),
};
export const NOTHING_TEXT = {
  non_saturating: "log 4",
  minimax: "log 4",
  least_squares: "¼",
  wasserstein: "0",
  hinge: "2",
  relativistic: "log 2",
};

export const hasBorder = (key) => BORDER[key] !== null;

/** A function from an answer to -1 (fake) ... 1 (real). middle, spread: of the critic, where nothing is absolute. */
export function toneOf(key, middle = 0, spread = 1) {
  if (key === "least_squares") return (v) => clip(2 * (v - 0.5));
  if (key === "hinge") return clip;
  if (key === "wasserstein") return (v) => clip((v - middle) / spread);
  if (key === "relativistic") return (v) => Math.tanh((v - middle) / 2);
  return (v) => Math.tanh(v / 2);
}

const clip = (v) => (v > 1 ? 1 : Math.max(v, -1));

/** Middle and spread of a map, for critics that have no border. */
export function rangeOf(logits) {
  let low = Infinity,
    high = -Infinity;
  for (let i = 0; i < logits.length; i += 7) {
    if (logits[i] < low) low = logits[i];
    if (logits[i] > high) high = logits[i];
  }
  return { middle: (low + high) / 2, spread: Math.max(1e-9, (high - low) / 2) };
}

/** What can be told of p and q at each cell: the best answer as a tone, and how sure it is (0 ... 1). */
export class Optimal {
  constructor() {
    this.tone = new Float32Array(CELLS);
    this.sure = new Float32Array(CELLS);
  }

  /**
   * logP, logQ: nats on GRID x GRID cells, both blurred by `blur`; q is an estimate from N_ESTIMATED samples.
   * Its standard error is as large as itself where about one sample counts: there the picture is pale.
   */
  compute(logP, logQ, blur, optimum) {
    const one = 1 / (4 * Math.PI * blur * blur * N_ESTIMATED),
      least = Math.log(one / 2);
    for (let i = 0; i < CELLS; i++) {
      const p = Math.exp(logP[i]),
        q = Math.exp(logQ[i]),
        n = (p + q) / one;
      const ratio = logP[i] - Math.max(logQ[i], least);
      this.tone[i] = optimum === "sign" ? Math.sign(ratio) : Math.tanh(ratio / 2);
      this.sure[i] = n / (n + 2);
    }
  }
}

/** Paint tones (-1 ... 1) into a panel's pixels, paler where they are unsure. */
export function paintTones(panel, tones, sure, { data, model }, side) {
  const { words } = panel,
    top = 255 * STRONG;
  for (let r = 0; r < side; r++) {
    const from = (side - 1 - r) * side,
      to = r * side; // y upwards
    for (let c = 0; c < side; c++) {
      const t = tones[from + c],
        a = (t < 0 ? -t : t) * (sure ? sure[from + c] : 1);
      words[to + c] = (t > 0 ? data : model)[(top * Math.min(a, 1)) | 0];
    }
  }
}
