// The lab of names: a slider from one name to another, a map of all names, what is near, what the prior draws.

import { linkWith, startFrames } from "../../canvas/base_canvas.js";
import { between, dot, norm, pathBetween, rounded } from "../../canvas/latents/ways.js";
import { Decoder, element, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { LowerCards, StepsCard } from "./cards.js";
import { Draws } from "./draws.js";
import { MapCard } from "./map_card.js";
import { nearestTo, rowsOf } from "./paths.js";
import { WayCard } from "./way_card.js";
import { namesOf } from "./word.js";

const STEPS = 9;
const SHOWN = 12; // names of the prior, and names rebuilt
const VARIANTS = 14;
const NEAREST = 8;
const GLIDE = 2600; // ms
const REST = 160; // ms of rest before letters are drawn for a new place

/** Streamlit calls this at each change of data or theme; the lab itself lives as long as the page. */
export const mount = (component) => mountStage(NameLab, component);

class NameLab extends RunBench {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".sentence_vae_canvas");
    this.decoder = new Decoder();
    this.t = 0;
    this.way = "straight";
    this.temperature = 0.7;
    this.seed = 1;
    this.reset();
    this.build();
    startFrames(this, this.root, {
      frame: (now) => {
        this.frame(now);
      },
      resized: () => {
        this.isDirty = this.word.isMoving = true;
      },
    });
    globalThis.genlabNames = this; // for measuring frame rate and latency from outside
  }

  reset() {
    super.reset();
    this.ends = this.z = this.codes = this.axes = this.steps = this.drawn = null;
    this.near = [];
    this.isOff = false;
    this.mapCard?.forget();
  }

  // ---- building ----

  build() {
    this.wayCard = new WayCard(this);
    this.word = this.wayCard.word;
    this.mapCard = new MapCard(this, {
      move: (p, q) => this.moveTo(p, q),
      settled: () => this.settled(),
      open: (i) => this.openName(i),
      looked: () => {
        this.isDirty = true;
      },
    });
    this.draws = new Draws(this, { prior: 2 * SHOWN, variants: VARIANTS });
    const choose = (t, way) => {
      this.way = way;
      this.setT(t);
      this.settled();
    };
    this.stepsCard = new StepsCard(this, { steps: STEPS, rebuilt: SHOWN }, choose);
    this.lower = new LowerCards(this, this.draws, NEAREST);
    this.buildPlayer();
    this.root.replaceChildren(
      this.wayCard.root,
      element("div", { className: "cards" }, this.mapCard.root, this.stepsCard.root, this.draws.priorCard),
      this.note,
      this.player.root,
      this.lower.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      old = this.numbers;
    this.takeColours(numbers);
    this.numbers = numbers;
    this.symbols = numbers.symbols;
    this.probe = namesOf(blob.probe, this.symbols);
    const isNewVisit = numbers.visit !== old?.visit;
    if (isNewVisit) {
      this.t = numbers.t ?? 0;
      this.way = numbers.way;
      this.wantedZ = numbers.z;
      this.wantsGlide = numbers.t === null && !numbers.z && !wantsStillness();
    }
    if (this.isAnother(numbers)) {
      this.turnTo(numbers);
      this.listen();
    } else if (isNewVisit || old.a !== numbers.a || old.b !== numbers.b) {
      this.isOff = false;
      this.askEnds();
    }
    this.word.isMoving = true;
    this.refresh();
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    return {
      ...super.pictureOf(blob),
      samples: namesOf(blob.samples, this.symbols),
      rebuilt: namesOf(blob.reconstructions, this.symbols),
      first: rowsOf(blob.samples)[0],
      kl: blob.kl.values,
      means: rowsOf(blob.means),
    };
  }

  stood(message, before) {
    if (!message.ended || before?.ended) return;
    this.toEnd();
    this.askEnds();
    this.askMap(0);
  }

  showPicture(picture) {
    if (!picture) return;
    const wasAsked = this.canAsk;
    this.picture = picture;
    this.drawn = null;
    if (!this.canAsk) {
      this.word.aim({ tokens: picture.first }, this.symbols);
      this.isSpelt = false;
    } else if (this.z && (!wasAsked || !this.isSpelt)) this.askWord();
    this.project();
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canAsk() {
    return this.isAtEnd && this.snapshots.length > 0 && !this.following;
  }

  // ---- questions to the model ----

  ask(channel, request, use) {
    if (this.canAsk) this.askModel(channel, request, use);
  }

  askEnds() {
    this.ask("ends", { what: "name_code", names: [this.numbers.a, this.numbers.b] }, (blob) => {
      const means = rowsOf(blob.mean),
        back = namesOf(blob.rebuilt, this.symbols);
      this.ends = means.map((mean, i) => ({
        mean,
        rate: blob.rate.values[i],
        distortion: blob.distortion.values[i],
        back: back[i],
      }));
      if (this.wantedZ?.length === means[0].length) this.setZ(Float32Array.from(this.wantedZ), true);
      else this.setT(this.t);
      this.wantedZ = null;
      if (this.wantsGlide) this.glide = performance.now() + 500;
      this.wantsGlide = false;
      this.mapCard.map.labels = null;
      this.askSteps();
      this.settled(false);
    });
  }

  askSteps() {
    const ways = ["straight", "round"].map((way) =>
      pathBetween(this.ends[0].mean, this.ends[1].mean, way === "round", STEPS),
    );
    this.ask("steps", { what: "spell", z: ways.flat().map(rounded) }, (blob) => {
      const names = namesOf(blob.tokens, this.symbols);
      this.steps = {
        names: { straight: names.slice(0, STEPS), round: names.slice(STEPS) },
        lengths: { straight: ways[0].map(norm), round: ways[1].map(norm) },
        ways,
      };
      this.refresh();
    });
  }

  /** The held-out names first, then the others, part after part, so that nobody waits long. */
  askMap(part) {
    this.ask("map", { what: "name_map", part }, (blob) => {
      if (part === 0) {
        this.codes = { means: [], names: [], held: blob.means.shape[0], known: new Set() };
        this.axes = rowsOf(blob.axes);
      }
      this.codes.means.push(...rowsOf(blob.means));
      for (const name of namesOf(blob.tokens, this.symbols)) {
        this.codes.names.push(name);
        this.codes.known.add(name);
      }
      this.codes.isWhole = part + 1 >= blob.n_parts.values[0];
      if (part === 0) this.project();
      if (this.codes.isWhole) this.lower.showDraws();
      else this.askMap(part + 1);
      this.findNear();
      this.refresh();
    });
  }

  askWord() {
    const asked = performance.now();
    this.ask("word", { what: "spell", z: [rounded(this.z)] }, (blob) => {
      this.latency = performance.now() - asked;
      this.answers = (this.answers ?? 0) + 1;
      this.isSpelt = true;
      this.word.aim(
        { tokens: blob.tokens.values, letters: blob.letters.values, shares: blob.shares.values },
        this.symbols,
      );
      this.logProb = blob.log_prob.values[0];
      this.wayCard.refresh();
    });
  }

  askVariants() {
    if (!this.z) return;
    this.ask(
      "variants",
      { what: "name_draw", z: rounded(this.z), temperature: this.temperature, n: VARIANTS, seed: this.seed },
      (blob) => {
        this.variantNames = namesOf(blob.tokens, this.symbols);
        this.lower.showDraws();
      },
    );
  }

  askPrior() {
    this.ask("prior", { what: "name_draw", temperature: this.temperature, n: 2 * SHOWN, seed: this.seed }, (blob) => {
      this.drawn = namesOf(blob.tokens, this.symbols);
      this.refresh();
    });
  }

  drawPrior() {
    this.seed = (this.seed % 9999) + 1;
    this.askPrior();
  }

  drawAgain() {
    this.seed = (this.seed % 9999) + 1;
    this.askVariants();
    if (this.drawn) this.askPrior();
  }

  // ---- where the visitor is ----

  setT(t, isGliding = false) {
    if (!isGliding) this.glide = null;
    this.t = t;
    this.isOff = false;
    if (this.ends) this.setZ(between(this.ends[0].mean, this.ends[1].mean, t, this.way === "round"), false);
    else this.refresh();
  }

  chooseWay(way) {
    this.way = way;
    this.setT(this.t);
    this.settled();
  }

  setZ(z, isOff) {
    if (isOff) this.glide = null;
    this.z = z;
    this.isOff = isOff;
    this.askWord();
    this.findNear();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.askVariants(), REST);
    this.refresh();
  }

  /** Move in the plane of the map; what z is beside it stays. */
  moveTo(p, q) {
    if (!this.z || !this.axes || !this.canAsk) return;
    const [u, v] = this.axes,
      dp = p - dot(this.z, u),
      dq = q - dot(this.z, v);
    this.setZ(
      this.z.map((value, d) => value + dp * u[d] + dq * v[d]),
      true,
    );
  }

  openName(i) {
    if (!this.canAsk || !this.codes) return;
    this.setZ(Float32Array.from(this.codes.means[i]), true);
    this.settled();
  }

  setTemperature(value) {
    this.temperature = value;
    this.draws.showTemperature();
    this.askVariants();
    if (this.drawn) this.askPrior();
  }

  settled(isReport = true) {
    this.refresh();
    if (isReport) this.report();
  }

  /** Real names whose codes are nearest to z, in all latents. */
  findNear() {
    const { means, names } = this.codes ?? {};
    this.near =
      means && this.z ? nearestTo(this.z, means, NEAREST).map((near) => ({ ...near, name: names[near.index] })) : [];
  }

  // ---- the map ----

  placeOf(z) {
    return this.mapCard.placeOf(z);
  }

  project() {
    this.mapCard.project();
    this.isDirty = true;
  }

  // ---- what is shown ----

  frame(now) {
    const dt = now - (this.last ?? now);
    this.last = now;
    this.player.tick(now);
    if (!this.colours) return;
    if (this.glide && now > this.glide) this.glideOn(now);
    if (this.word.tick(dt) || this.isWordDirty) {
      this.isWordDirty = false;
      this.wayCard.paint();
      this.painted = { answers: this.answers ?? 0, at: performance.now() };
    }
    if (this.isDirty) {
      this.isDirty = false;
      this.mapCard.paint();
      this.lower.paint();
    }
  }

  /** At first the lab shows the way by itself: from the first name to the middle. */
  glideOn(now) {
    const share = Math.min(1, (now - this.glide) / GLIDE);
    this.setT(0.5 * (3 * share ** 2 - 2 * share ** 3), true);
    if (share === 1) this.glide = null;
  }

  refresh() {
    if (!this.colours) return;
    this.isDirty = this.isWordDirty = true;
    this.wayCard.refresh();
    this.stepsCard.refresh();
    this.lower.refresh();
    this.showPlayer();
  }

  whyNot() {
    if (!this.digest || !this.standing) return "";
    if (!this.standing.ended)
      return "The slider answers when the training has ended. Until then, watch how it learns to spell.";
    return this.canAsk ? "" : "Weights are kept for the last step: move the player to its end, and the slider answers.";
  }

  /** Tell Python where the visitor is, for the link; called when a hand lets go, never while it moves. */
  report() {
    this.tellMoment({ t: this.t, way: this.way, z: this.isOff && this.z ? rounded(this.z) : null });
  }

  copyLink() {
    this.report();
    const { a, b } = this.numbers,
      z = this.isOff && this.z ? rounded(this.z).join(" ") : null;
    this.player.copy(linkWith({ a, b, t: this.t, way: this.way, z }));
  }

  close() {
    clearTimeout(this.resting);
    super.close();
  }
}
