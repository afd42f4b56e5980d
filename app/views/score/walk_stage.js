// What moves on the stage of a score network: the walk, the hand on dial and plane, and what the network itself is
// asked.

import { afterKeys, nudged, placeUnder } from "../../canvas/dragging.js";
import { wantsStillness } from "../../canvas/live.js";
import { energyDistance } from "./facts.js";
import { FieldStage } from "./field_stage.js";
import { sigmaText } from "./noise_dial.js";
import { startPoints } from "./walk.js";
import { isHeld } from "./walkers.js";

const PICK = 16; // pixels around a click in which a particle is chosen
const N_COMPARED = 1000; // particles whose energy distance is computed, as many as the band has
const PAINTED = 9; // particles for each move of a painting hand
export const REPLAY = 2200; // ms of a chosen particle's way

/** A stage with `walker`, `dial`, `controls`, `views` and `cards`, which its kind builds and paints. */
export class WalkStage extends FieldStage {
  rest = afterKeys(() => this.report());

  /** Set everything to what the link or a new target says. */
  open() {
    const { walk } = this;
    this.sigma = Math.min(
      this.range[1],
      Math.max(this.range[0], walk.sigma || (isHeld(walk.kind) ? this.range[0] : this.range[1])),
    );
    this.controls.set(walk);
    this.cards.likelihood.set(walk.ode_steps);
    this.views.show(walk.view);
    const isBeyond = walk.sigma && Math.abs(Math.log(walk.sigma / this.sigma)) > 1e-3;
    this.beyond = isBeyond
      ? `σ = ${walk.sigma} lies outside of the dial, which reaches from ` +
        `${this.range.map(sigmaText).join(" to ")}: it stands at its end.`
      : "";
    this.wantRelease();
    if (walk.view === "exact") this.releaseIfWanted();
  }

  /** Particles are released as soon as there is a field, unless the dial was set by hand to look at one level. */
  wantRelease() {
    this.wantsRelease = isHeld(this.walk.kind) || !this.isByHand;
  }

  watch(digest, attempt) {
    this.forgetField();
    this.forget();
    this.wantRelease();
    super.watch(digest, attempt);
  }

  /** Particles and all that was measured of them go. */
  forget() {
    this.walker.clear();
    this.shownX = null;
    this.chosen = null;
    this.energy = this.check = null;
    this.isDirty = true;
  }

  /** Walks are played here; the training is replayed only when asked. */
  get playsOver() {
    return null;
  }

  // ---- the run ----

  aim(picture) {
    super.aim(picture);
    if (!this.following && this.walker.x && !this.usesExact && picture.step !== this.walkedStep) this.forget();
  }

  /** A stored run opens at its end, or where its link says; its training is replayed only when asked. */
  startReplay() {
    const wanted = this.wantedIndex;
    this.standAt(wanted >= 0 ? wanted : this.snapshots.length - 1);
    this.restUntil = 0;
  }

  hear(message) {
    const wasGoing = this.standing && !this.standing.ended;
    super.hear(message);
    if (message.ended && wasGoing && !message.stored) this.wantsRelease = true;
  }

  get usesExact() {
    return this.walk.view === "exact" || this.walk.kind === "metropolis";
  }

  get world() {
    const field = this.usesExact ? this.exact : this.learned;
    return { score: (...args) => field.score(...args), logProb: (...args) => this.logp.logProb(...args) };
  }

  // ---- the hand ----

  set(name, value) {
    const usedExact = this.usesExact;
    this.walk = { ...this.walk, [name]: value };
    this.walker.change(this.walk);
    if (!this.usesExact && !this.learned) this.forget();
    if (name === "n_particles" && this.walker.x) this.release();
    else if (this.walker.x && (name !== "view" || (this.usesExact !== usedExact && !this.walker.isOver))) this.touch();
    this.isGroundDirty = this.isDirty = true;
    this.controls.set(this.walk);
    this.views.show(this.walk.view);
    this.refresh();
  }

  /** The walk is no longer the one that its settings say from the start: what was measured of it goes. */
  touch() {
    this.isTouched = true;
    this.energy = this.check = null;
  }

  turn(sigma) {
    this.sigma = sigma;
    this.isByHand = true;
    this.beyond = "";
    this.walk.sigma = +sigma.toPrecision(4);
    this.isGroundDirty = this.isDirty = true;
    this.touch();
    if (this.walker.x && !(isHeld(this.walk.kind) && this.walker.isPlaying)) {
      this.walker.pause();
      this.handTo = sigma;
    }
    this.turns = (this.turns ?? 0) + 1;
  }

  release() {
    const { walk } = this;
    if (walk.start === "point" && !this.isChosen) {
      this.say("Click the plane to say where the particles start.");
      return;
    }
    if (!this.usesExact && !this.learned) {
      this.wantsRelease = true;
      this.refresh();
      return;
    }
    if (
      !this.usesExact &&
      this.aimed?.keeps &&
      !this.full.has(this.aimed.step) &&
      this.refused !== this.aimed.step &&
      !(this.failures > 1)
    ) {
      this.wantsRelease = true;
      this.askDensity();
      return;
    }
    const { window, spread, handful } = this.numbers,
      [x0, x1, y0, y1] = window,
      high = this.range[1];
    this.forget();
    if (!isHeld(walk.kind)) {
      this.sigma = high;
      this.isGroundDirty = true;
      this.isByHand = false;
      walk.sigma = 0;
    }
    const start = { window, spread, high, point: this.point ?? [(x0 + x1) / 2, (y0 + y1) / 2], handful };
    const points =
      walk.start === "handful" && this.painted?.length
        ? Float32Array.from(this.painted)
        : startPoints(walk.n_particles, walk.start, start);
    const centre = [(x0 + x1) / 2, (y0 + y1) / 2],
      reach = (x1 - x0) / 2 + 3 * high;
    this.walker.start(points, walk, this.range, this.sigma, { centre, reach });
    Object.assign(this, {
      wantsRelease: false,
      isTouched: false,
      walkedStep: this.aimed?.step ?? null,
      startedAt: walk.start === "handful" ? mean(points) : start.point,
    });
    this.releases = (this.releases ?? 0) + 1;
    if (this.failures !== 2 && this.note.textContent.startsWith("Click the plane")) this.say("");
    if (wantsStillness()) {
      this.walker.finish(this.sigma, this.world);
      this.afterSeek();
    } else this.walker.play(this.world);
    this.refresh();
  }

  releaseIfWanted() {
    if (this.wantsRelease) this.release();
  }

  playWalk() {
    const { walker } = this;
    if (walker.isPlaying) walker.pause();
    else if (!walker.x || (walker.isOver && walker.cursor === walker.frames.length - 1) || walker.isLost)
      this.release();
    else walker.play(this.world);
    this.energy = null;
    this.isDirty = true;
  }

  /** The history was moved through: the dial goes with it. */
  afterSeek() {
    if (!this.walker.x) return;
    this.sigma = this.walker.frames[this.walker.cursor].sigma;
    this.energy = this.check = null;
    this.isGroundDirty = this.isDirty = true;
  }

  // ---- the plane under the finger ----

  press(event) {
    const at = placeUnder(event, this.numbers.window);
    if (this.walk.start === "handful" && !event.shiftKey) {
      event.target.setPointerCapture(event.pointerId);
      Object.assign(this, { isPainting: true, painted: [] });
      this.forget();
      this.paintIn(event);
      return;
    }
    this.choosePoint(at);
    this.choose(at, event.target.getBoundingClientRect().width);
    if (this.walk.start === "point") this.release();
    this.report();
  }

  paintIn(event) {
    const [x, y] = placeUnder(event, this.numbers.window),
      [x0, x1] = this.numbers.window,
      wide = 0.02 * (x1 - x0);
    for (let i = 0; i < PAINTED && this.painted.length < 2 * this.walk.n_particles; i++)
      this.painted.push(x + wide * (Math.random() + Math.random() - 1), y + wide * (Math.random() + Math.random() - 1));
    this.isDirty = true;
  }

  letGo() {
    if (!this.isPainting) return;
    this.isPainting = false;
    this.release();
    this.report();
  }

  onKey(event) {
    const [x0, x1, y0, y1] = this.numbers.window,
      to = nudged(this.point ?? [(x0 + x1) / 2, (y0 + y1) / 2], event, (x1 - x0) / 100, this.numbers.window);
    if (event.key === " ") this.playWalk();
    else if (event.key === "Enter") this.choose(this.point ?? [0, 0], 0);
    else if (to) {
      this.choosePoint(to);
      this.rest();
    } else return;
    event.preventDefault();
  }

  choosePoint(at) {
    this.point = at.map((v) => Math.round(1000 * v) / 1000);
    this.isChosen = true;
    this.askLikelihood();
    this.isDirty = true;
  }

  /** The particle under a click, if there is one; with width 0 the nearest of all. */
  choose([x, y], width) {
    const { walker } = this,
      [x0, x1] = this.numbers.window;
    if (!walker.x) return;
    let best = -1,
      least = width ? ((PICK * (x1 - x0)) / width) ** 2 : Infinity;
    for (let k = 0; k < walker.n; k++) {
      const d = (this.shownX[2 * k] - x) ** 2 + (this.shownX[2 * k + 1] - y) ** 2;
      if (d < least) {
        least = d;
        best = k;
      }
    }
    this.chosen = best < 0 ? null : { k: best, from: performance.now() };
    this.isDirty = true;
  }

  // ---- questions to the network itself ----

  askLikelihood() {
    const { likelihood } = this.cards,
      { point: x, silence } = this;
    if (!x || silence) {
      likelihood.show(null, x, x ? silence : "");
      return;
    }
    const asked = { run: this.digest, step: this.aimed.step, what: "ode_log_prob", x, steps: likelihood.steps };
    this.likelihoodAsked = JSON.stringify(asked);
    this.decoder.ask(
      "ode",
      asked,
      (blob) => {
        if (this.likelihoodAsked === JSON.stringify(asked)) {
          this.likelihood = [...blob.nats.values];
          likelihood.show(this.likelihood, x);
        }
      },
      (error) => likelihood.show(null, x, error.message),
    );
  }

  /** The same walk with the network, or the closed form, itself: asked once, when the animated one has ended. */
  askCheck() {
    if (this.check !== null || this.isTouched || this.silence) return;
    this.check = "";
    const walk = { ...this.walk, sigma: isHeld(this.walk.kind) ? +this.sigma.toPrecision(4) : 0 },
      release = this.releases;
    const x = this.startedAt.map((v) => Math.round(1000 * v) / 1000);
    this.decoder.ask(
      "walk",
      { run: this.digest, step: this.aimed.step, what: "walk", walk, x, seed: 0 },
      (blob) => {
        if (this.releases !== release || this.check === null) return;
        const [energy, , high] = blob.energy.values,
          shares = [...blob.shares.values],
          n = blob.points.shape[0];
        const give = (s) => `${s.toFixed(2)} ± ${Math.sqrt((s * (1 - s)) / n).toFixed(2)}`;
        const said =
          shares.length === 2
            ? `${give(shares[0])} at the first`
            : `${energy.toFixed(4).replace("-", "\u2212")}, band up to ${high.toFixed(4)}`;
        this.check =
          `${this.usesExact ? "with the closed form itself" : "with the network itself"}: ` +
          `${said} (${n} particles)`;
        this.isDirty = true;
      },
      (error) => {
        this.check = error.message;
        this.isDirty = true;
      },
    );
  }

  /** Ask again when another step is shown. */
  askLikelihoodOnce() {
    const now = `${this.digest} ${this.aimed?.step} ${this.silence}`;
    if (now === this.likelihoodOf) return;
    this.likelihoodOf = now;
    this.askLikelihood();
  }

  // ---- moving ----

  frame(now) {
    const dt = now - (this.last ?? now);
    this.last = now;
    this.player.tick(now);
    if (!this.colours || !this.exact) return;
    if (this.target?.field || this.target?.samples) this.approach(dt);
    if (this.aimed && !this.isSharp && !this.player.isPlaying && now > this.restUntil) this.askDensity();
    this.move(dt, now);
    if (this.isDirty) this.paint(now);
  }

  move(dt, now) {
    const { walker } = this;
    if (this.handTo !== undefined && walker.x) walker.hand(this.handTo, this.world);
    this.handTo = undefined;
    if (walker.tick(dt, this.sigma, this.world)) {
      if (!isHeld(this.walk.kind) && walker.shownSigma !== this.sigma) {
        this.sigma = walker.shownSigma;
        this.isGroundDirty = true;
      }
      this.isDirty = true;
    } else if (walker.x && this.energy === null && !walker.isLost && !this.dial.input.matches(":active")) {
      this.measure();
    }
    if (this.chosen && now - this.chosen.from < REPLAY + 100) this.isDirty = true;
  }

  /** When particles rest: how far they are from the data, and what the network itself makes of such a walk. */
  measure() {
    const n = Math.min(N_COMPARED, this.walker.n, this.dataSamples.length / 2);
    this.energy = energyDistance(this.walker.frames[this.walker.cursor].x, this.dataSamples, n);
    if (this.walker.isOver && this.walker.cursor === this.walker.frames.length - 1) this.askCheck();
    this.isDirty = true;
  }
}

/** The middle of points x, y, ... */
function mean(points) {
  let x = 0,
    y = 0;
  for (let k = 0; k < points.length; k += 2) {
    x += points[k];
    y += points[k + 1];
  }
  return [(2 * x) / points.length, (2 * y) / points.length];
}
