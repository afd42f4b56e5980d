// Steps of the walks, the same formulas as engines/samplers:  x' = x + a s(x) + sqrt(2 a T) z,  in place on x, y, x, y,
// ...
// Convention: the NCSN paper writes alpha / 2 for our a, its published code writes alpha: the two differ by a factor of
// two.

export const SNR = 0.16; // of the corrector
const RHO = 7; // of Karras's levels

// A world is { score(xs, n, sigma, out), noise(out, count), logProb(xs, n, sigma, out), uniform() }; work holds its
// arrays.

export const makeWork = (n) => ({
  s: new Float32Array(2 * n),
  t: new Float32Array(2 * n),
  z: new Float32Array(2 * n),
  y: new Float32Array(2 * n),
  p: new Float32Array(n),
  q: new Float32Array(n),
});

/** One step of unadjusted Langevin dynamics. */
export function langevin(x, n, world, work, { sigma, step, temperature }) {
  world.score(x, n, sigma, work.s);
  world.noise(work.z, 2 * n);
  const push = Math.sqrt(2 * step * temperature);
  for (let i = 0; i < 2 * n; i++) x[i] += step * work.s[i] + push * work.z[i];
}

/** The same, taken or refused so that p^(1/T) is left as it is; returns how many moved. */
export function metropolis(x, n, world, work, { sigma, step, temperature }) {
  const { s, t, z, y, p, q } = work,
    push = Math.sqrt(2 * step * temperature);
  world.score(x, n, sigma, s);
  world.logProb(x, n, sigma, p);
  world.noise(z, 2 * n);
  for (let i = 0; i < 2 * n; i++) y[i] = x[i] + step * s[i] + push * z[i];
  world.score(y, n, sigma, t);
  world.logProb(y, n, sigma, q);
  let moved = 0;
  for (let k = 0; k < n; k++) {
    let back = 0,
      forth = 0;
    for (let i = 2 * k; i < 2 * k + 2; i++) {
      back += (x[i] - y[i] - step * t[i]) ** 2;
      forth += z[i] ** 2;
    }
    const ratio = (q[k] - p[k]) / temperature - back / (4 * step * temperature) + 0.5 * forth;
    if (Math.log(world.uniform()) < ratio) {
      x[2 * k] = y[2 * k];
      x[2 * k + 1] = y[2 * k + 1];
      moved++;
    }
  }
  return moved;
}

/**
 * From one level to a lower one through the expected clean point; eta: share of the noise drawn anew (1: DDPM, 0:
 * Euler).
 */
export function ddim(x, n, world, work, { sigma, lower, eta, temperature }) {
  world.score(x, n, sigma, work.s);
  const fresh = (eta * lower * Math.sqrt(Math.max(0, sigma ** 2 - lower ** 2))) / sigma;
  const kept = Math.sqrt(Math.max(0, lower ** 2 - fresh ** 2)),
    push = fresh * Math.sqrt(temperature);
  if (fresh > 0) world.noise(work.z, 2 * n);
  else work.z.fill(0);
  for (let i = 0; i < 2 * n; i++) {
    const clean = x[i] + sigma ** 2 * work.s[i];
    x[i] = clean + (kept * (x[i] - clean)) / sigma + push * work.z[i];
  }
}

/** Heun's step of the probability-flow ODE dx/dsigma = -sigma s; to 0 it is Euler's. Either way, up or down. */
export function heun(x, n, world, work, { sigma, lower }) {
  const { s, t, y } = work,
    width = lower - sigma;
  world.score(x, n, sigma, s);
  for (let i = 0; i < 2 * n; i++) y[i] = x[i] - width * sigma * s[i];
  if (lower <= 0) {
    x.set(y.subarray(0, 2 * n));
    return;
  }
  world.score(y, n, lower, t);
  for (let i = 0; i < 2 * n; i++) x[i] -= (width * (sigma * s[i] + lower * t[i])) / 2;
}

/** A step of the reverse diffusion, then one of Langevin dynamics at the level that was reached. */
export function predictorCorrector(x, n, world, work, { sigma, lower, temperature }) {
  const gap = sigma ** 2 - lower ** 2;
  world.score(x, n, sigma, work.s);
  for (let i = 0; i < 2 * n; i++) x[i] += gap * work.s[i];
  if (lower <= 0) return;
  world.noise(work.z, 2 * n);
  const push = Math.sqrt(gap * temperature);
  for (let i = 0; i < 2 * n; i++) x[i] += push * work.z[i];
  world.score(x, n, lower, work.s);
  world.noise(work.z, 2 * n);
  const step = (SNR * lower) ** 2,
    jolt = Math.sqrt(2 * step * temperature);
  for (let i = 0; i < 2 * n; i++) x[i] += step * work.s[i] + jolt * work.z[i];
}

/** To the expected clean point. */
export function denoise(x, n, world, work, { sigma }) {
  world.score(x, n, sigma, work.s);
  for (let i = 0; i < 2 * n; i++) x[i] += sigma ** 2 * work.s[i];
}

// ---- programs: what a walk does, step by step ----

export function geometricLevels(n, low, high) {
  return n === 1 || high <= low ? [low] : Array.from({ length: n }, (_, i) => high * (low / high) ** (i / (n - 1)));
}

export function karrasLevels(n, low, high) {
  if (n === 1 || high <= low) return [high];
  const [a, b] = [high ** (1 / RHO), low ** (1 / RHO)];
  return Array.from({ length: n }, (_, i) => (a + (i / (n - 1)) * (b - a)) ** RHO);
}

export const isHeld = (kind) => kind === "hold" || kind === "metropolis";
export const isFlow = (kind) => kind === "ddim" || kind === "heun";

/** The steps of a walk: [{do, sigma, lower, level, levels}]; sigma of a held walk is null: the dial's. */
export function program(walk, [low, high]) {
  const { kind } = walk;
  if (isHeld(kind)) return Array.from({ length: walk.steps }, () => ({ do: kind, sigma: null, level: 1, levels: 1 }));
  if (kind === "annealed") {
    const sigmas = geometricLevels(walk.n_levels, low, high),
      levels = sigmas.length;
    const steps = sigmas.flatMap((sigma, i) =>
      Array.from({ length: walk.level_steps }, () => ({ do: "annealed", sigma, level: i + 1, levels })),
    );
    return [...steps, { do: "denoise", sigma: sigmas.at(-1), lower: 0, level: levels, levels }];
  }
  const sigmas = [...karrasLevels(walk.n_levels, low, high), 0],
    levels = sigmas.length - 1;
  return sigmas.slice(0, -1).map((sigma, i) => ({ do: kind, sigma, lower: sigmas[i + 1], level: i + 1, levels }));
}

/** Calls of the score that a program makes; Metropolis asks once before its first step. */
export const countCalls = (steps) =>
  (steps[0]?.do === "metropolis" ? 1 : 0) +
  steps.reduce(
    (sum, { do: what, lower }) => sum + ((what === "heun" || what === "predictor_corrector") && lower > 0 ? 2 : 1),
    0,
  );

/** Carry out one entry of a program at the walk's present settings. */
export function advance(x, n, world, work, entry, walk, leastWarmth = 0.05) {
  const { temperature } = walk,
    { sigma, lower } = entry;
  switch (entry.do) {
    case "hold":
      return langevin(x, n, world, work, { sigma, step: walk.step, temperature });
    case "metropolis":
      return metropolis(x, n, world, work, { sigma, step: walk.step, temperature: Math.max(leastWarmth, temperature) });
    case "annealed":
      return langevin(x, n, world, work, { sigma, step: walk.share * sigma ** 2, temperature });
    case "denoise":
      return denoise(x, n, world, work, { sigma });
    case "heun":
      return heun(x, n, world, work, { sigma, lower });
    case "predictor_corrector":
      return predictorCorrector(x, n, world, work, { sigma, lower, temperature });
    default:
      return ddim(x, n, world, work, { sigma, lower, eta: entry.do === "ancestral" ? 1 : 0, temperature });
  }
}

// ---- chance ----

/** Uniform numbers on 0 ... 1 that a seed repeats (mulberry32). */
export function makeUniform(seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Fills arrays with standard-normal numbers (Marsaglia's polar method). */
export function makeNormal(uniform) {
  return (out, count) => {
    for (let i = 0; i < count; i += 2) {
      let u, v, r;
      do {
        u = 2 * uniform() - 1;
        v = 2 * uniform() - 1;
        r = u * u + v * v;
      } while (r >= 1 || r === 0);
      const f = Math.sqrt((-2 * Math.log(r)) / r);
      out[i] = u * f;
      if (i + 1 < count) out[i + 1] = v * f;
    }
  };
}
