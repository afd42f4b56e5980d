// A walk of many particles: its program, its history within a bound of memory, and the hand that turns the noise dial.

import { advance, heun, isFlow, isHeld, langevin, makeNormal, makeUniform, makeWork, program } from "./walkers.js";

const MEMORY = 48e6; // bytes of history; beyond, every second state is let go
const MOST_STEPS_A_FRAME = 25;
const BEYOND = 3; // times as far out as noise of the largest level reaches: nobody comes back from there
const HAND_STEPS = 3; // Langevin steps for each move of the dial by hand
const HAND_STRIDE = 0.08; // of log sigma, in one step of the ODE by hand

export class Walk {
  constructor() {
    this.uniform = makeUniform(4);
    this.noise = makeNormal(this.uniform);
    this.clear();
  }

  clear() {
    Object.assign(this, {
      n: 0,
      x: null,
      frames: [],
      steps: [],
      cursor: 0,
      at: 0,
      calls: 0,
      isPlaying: false,
      isLost: false,
      isOver: false,
      phase: 1,
      stride: 1,
    });
  }

  /** points: x, y, ... of all particles; reach: how far from `centre` the noise of the largest level carries them. */
  start(points, settings, range, sigma, { centre, reach }) {
    this.clear();
    Object.assign(this, { n: points.length / 2, x: Float32Array.from(points), range, sigma, centre, reach, settings });
    this.work = makeWork(this.n);
    this.steps = program(settings, range);
    this.push();
  }

  /** New settings under way: the program goes on from the noise level that was reached. */
  change(settings) {
    const before = this.settings;
    this.settings = settings;
    const names = ["n_levels", "level_steps", "steps"];
    if (!this.x || names.every((name) => settings[name] === before[name])) return;
    this.steps = program(settings, this.range);
    this.at = isHeld(settings.kind) ? Math.min(this.at, this.steps.length) : this.placeOf(this.sigma);
    this.isOver = this.at >= this.steps.length;
  }

  /** The first entry of the program that begins at a level or below. */
  placeOf(sigma) {
    const at = this.steps.findIndex((entry) => entry.sigma <= sigma * 1.0001);
    return at < 0 ? this.steps.length - 1 : at;
  }

  /** Entries of the program a second. */
  get rate() {
    const count = this.steps.length;
    return count / (count >= 150 ? 5.5 : 1.6 + (3.5 * count) / 150);
  }

  /** Entry that was carried out last. */
  get entry() {
    return this.steps[Math.max(0, Math.min(this.steps.length - 1, (this.frames[this.cursor]?.at ?? 1) - 1))];
  }

  play(world) {
    if (!this.x || this.isLost) return;
    if (this.cursor < this.frames.length - 1) this.cutHere();
    if (this.at >= this.steps.length) return;
    this.isOver = false;
    this.isPlaying = true;
    this.world = world;
  }

  pause() {
    this.isPlaying = false;
    this.phase = 1;
  }

  /** Forget what came after the state that is shown. */
  cutHere() {
    const frame = this.frames[this.cursor];
    this.frames.length = this.cursor + 1;
    this.x.set(frame.x);
    Object.assign(this, { at: frame.at, sigma: frame.sigma, calls: frame.calls, phase: 1 });
    this.isOver = this.at >= this.steps.length;
  }

  /** Move on by dt milliseconds; sigma: the dial's, for a held walk. Whether anything moved. */
  tick(dt, sigma, world) {
    if (!this.isPlaying) return false;
    this.world = world;
    this.phase += (Math.min(dt, 60) / 1000) * this.rate;
    for (let i = 0; this.phase >= 1 && i < MOST_STEPS_A_FRAME; i++) {
      if (this.at >= this.steps.length || this.isLost) {
        this.isPlaying = false;
        this.isOver = true;
        this.phase = 1;
        break;
      }
      this.take(sigma);
      this.phase -= 1;
    }
    this.phase = Math.min(this.phase, 1);
    return true;
  }

  /** One entry of the program. */
  take(sigma) {
    const entry = this.steps[this.at],
      at = entry.sigma ?? sigma;
    advance(this.x, this.n, this.worldWithNoise(), this.work, { ...entry, sigma: at }, this.settings);
    this.at++;
    if (entry.do === "metropolis" && this.calls === 0) this.calls = 1; // asked once before its first step
    this.calls += (entry.do === "heun" || entry.do === "predictor_corrector") && entry.lower > 0 ? 2 : 1;
    this.sigma = entry.lower === undefined ? at : entry.lower || this.range[0];
    this.push();
  }

  /** To the end at once. */
  finish(sigma, world) {
    this.world = world;
    while (this.at < this.steps.length && !this.isLost) this.take(sigma);
    Object.assign(this, { isPlaying: false, isOver: true, phase: 1 });
  }

  /** The dial is turned by hand: on the ODE particles flow to its level, else they take a few Langevin steps there. */
  hand(sigma, world) {
    if (!this.x || this.isLost) return;
    if (this.cursor < this.frames.length - 1) this.cutHere();
    this.world = world;
    const inner = this.worldWithNoise(),
      { settings } = this;
    if (isFlow(settings.kind)) {
      const count = Math.ceil(Math.abs(Math.log(sigma / this.sigma)) / HAND_STRIDE),
        ratio = (sigma / this.sigma) ** (1 / Math.max(1, count));
      for (let i = 0; i < count; i++)
        heun(this.x, this.n, inner, this.work, {
          sigma: this.sigma * ratio ** i,
          lower: this.sigma * ratio ** (i + 1),
        });
    } else {
      const step = isHeld(settings.kind) ? settings.step : settings.share * sigma ** 2;
      for (let i = 0; i < HAND_STEPS; i++)
        langevin(this.x, this.n, inner, this.work, { sigma, step, temperature: settings.temperature });
    }
    this.sigma = sigma;
    if (!isHeld(settings.kind)) this.at = this.placeOf(sigma);
    this.isOver = false;
    this.push();
  }

  worldWithNoise() {
    return { ...this.world, noise: this.noise, uniform: this.uniform };
  }

  push() {
    this.frames.push({ x: Float32Array.from(this.x), sigma: this.sigma, at: this.at, calls: this.calls });
    if (this.frames.length * this.n * 8 > MEMORY) {
      this.frames = this.frames.filter((_, i, all) => i % 2 === 0 || i === all.length - 1);
      this.stride *= 2;
    }
    this.cursor = this.frames.length - 1;
    this.check();
  }

  /** Whether more than half have left all bounds. */
  check() {
    const { x, n, centre, reach } = this,
      far = (BEYOND * reach) ** 2;
    let out = 0;
    for (let k = 0; k < n; k++) {
      const r = (x[2 * k] - centre[0]) ** 2 + (x[2 * k + 1] - centre[1]) ** 2;
      if (!(r < far)) out++;
    }
    this.isLost = out > n / 2;
    if (this.isLost) this.isPlaying = false;
  }

  seek(cursor) {
    this.pause();
    this.cursor = Math.max(0, Math.min(this.frames.length - 1, Math.round(cursor)));
  }

  /** One state on or back; beyond the newest one, one more step. */
  stepBy(by, sigma, world) {
    this.pause();
    this.world = world;
    if (by < 0 || this.cursor < this.frames.length - 1) this.seek(this.cursor + by);
    else if (this.x && this.at < this.steps.length && !this.isLost) {
      this.take(sigma);
      this.isOver = this.at >= this.steps.length;
    }
  }

  /** Noise level of what is shown. */
  get shownSigma() {
    const now = this.frames[this.cursor],
      before = this.frames[this.cursor - 1];
    if (!before || this.phase >= 1) return now.sigma;
    return before.sigma * (now.sigma / before.sigma) ** this.phase;
  }

  /** Where the particles are shown: between two states where steps are few. */
  shown(out) {
    const now = this.frames[this.cursor],
      before = this.frames[this.cursor - 1];
    if (!before || this.phase >= 1 || this.rate > 45) {
      out.set(now.x);
      return;
    }
    for (let i = 0; i < 2 * this.n; i++) out[i] = before.x[i] + this.phase * (now.x[i] - before.x[i]);
  }

  /** Where a particle has been: x, y, ... from the start to what is shown. */
  path(k) {
    const out = new Float32Array(2 * (this.cursor + 1));
    for (let i = 0; i <= this.cursor; i++) {
      out[2 * i] = this.frames[i].x[2 * k];
      out[2 * i + 1] = this.frames[i].x[2 * k + 1];
    }
    return out;
  }
}

/** Where particles begin: noise of the largest level, uniform in the window, one point, or a handful. */
export function startPoints(n, kind, { window: [x0, x1, y0, y1], spread: [mx, my, sx, sy], high, point, handful }) {
  const uniform = makeUniform(7),
    out = new Float32Array(2 * n);
  makeNormal(uniform)(out, 2 * n);
  const wide = [Math.hypot(high, sx), Math.hypot(high, sy)],
    few = kind === "handful" ? (handful * Math.sqrt((x1 - x0) * (y1 - y0))) / 2 : 0;
  for (let k = 0; k < n; k++) {
    if (kind === "noise") {
      out[2 * k] = mx + wide[0] * out[2 * k];
      out[2 * k + 1] = my + wide[1] * out[2 * k + 1];
    } else if (kind === "window") {
      out[2 * k] = x0 + (x1 - x0) * uniform();
      out[2 * k + 1] = y0 + (y1 - y0) * uniform();
    } else {
      out[2 * k] = point[0] + few * out[2 * k];
      out[2 * k + 1] = point[1] + few * out[2 * k + 1];
    }
  }
  return out;
}
