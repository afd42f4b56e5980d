// The stage of a GAN in the plane: landscape and particles, mode monitor, alarm, two futures, and moves by hand.

import { Choice, namedBy } from "../../canvas/controls.js";
import { resample } from "../../canvas/density.js";
import { element, ramp, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { Stage } from "../../canvas/stage.js";
import { blend, dot } from "../../canvas/stage_card.js";
import { Future } from "./future.js";
import { Members } from "./members.js";
import { countModes, fairModes, Monitor, TraceCard } from "./monitor.js";
import { CELLS, Motion, readGame } from "./motion.js";
import { Bout } from "./moves.js";
import { hasBorder, Optimal, rangeOf, toneOf } from "./optimal.js";
import { GanPlane } from "./plane.js";
import { GamePlayer } from "./player.js";
import { AlarmCard, factsOf } from "./words.js";

const SMOOTHING = 80; // ms: how fast what is shown approaches what is true
const VIEWS = {
  learned: "What this discriminator says of each point: blue real, orange fake. The line: 50 %.",
  optimal:
    "What the best of all discriminators would say: exact density of the data, the generator's estimated from 4,096 samples, both blurred alike; it looks a little better than it would be on other samples.",
  difference:
    "Learned minus optimal: blue where this discriminator takes points for more real than it should, orange where for less.",
};
// name: [colour, what it shows]
const LAYERS = {
  real: ["data", "Points of the data"],
  fakes: ["model", "Points that the generator makes of 1,000 fixed noises"],
  arrows: ["field", "Which way the discriminator's slope pulls each fake, and how strongly"],
  grid: ["ink", "A square grid of noise, as the generator bends it into the plane"],
};

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".gan_canvas").classList.add("stage");
  return mountStage(GanStage, component);
}

class GanStage extends Stage {
  get Player() {
    return GamePlayer;
  }

  // ---- building ----

  buildCards() {
    this.motion = new Motion();
    this.optimal = new Optimal();
    this.tones = new Float32Array(CELLS);
    this.bars = null;
    const canvas = element("canvas", { className: "plane" });
    canvas.setAttribute("role", "img");
    this.plane = new GanPlane(canvas);
    this.monitor = new Monitor();
    this.trace = new TraceCard();
    this.alarm = new AlarmCard({ cure: (name, value) => this.cure(name, value) });
    this.members = new Members();
    this.bout = new Bout(this);
    this.future = new Future(this);
    this.cards = {
      model: { canvas, tag: element("span", { className: "tag" }) },
      monitor: this.monitor,
      trace: this.trace,
      future: this.future,
    };
    return this.cards;
  }

  buildTemperature() {
    this.views = new Choice("Landscape", (view) => {
      this.choose({ view });
      this.report();
    }).fill(namedBy(VIEWS));
    this.layers = new Choice("Layers", (layer) => {
      this.toggle(layer);
      this.report();
    });
    this.layers.fill(Object.entries(LAYERS).map(([key, [role, title]]) => [key, [dot(role), key], title]));
  }

  arrange(root) {
    this.title = element("span", { className: "future-title" });
    this.facts = element("div", { className: "cap facts num" });
    this.legend = element("div", { className: "cap facts" });
    this.said = element("div", { className: "sentence" });
    this.said.setAttribute("role", "status");
    const { model } = this.cards;
    this.head = element("div", { className: "head" }, this.title, this.views.root, this.layers.root);
    model.root = element(
      "section",
      { className: "card main" },
      this.head,
      element("div", { className: "over" }, model.canvas, this.said, model.tag),
      this.legend,
      this.bout.root,
      this.facts,
    );
    this.sides = element("div", { className: "sides" }, this.alarm.root, this.monitor.root, this.trace.root);
    this.game = element("div", { className: "game" }, model.root, this.future.root, this.sides);
    root.replaceChildren(this.game, this.members.root, this.note, this.player.root);
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = numbers.visit !== this.visit;
    this.visit = numbers.visit;
    if (isNew) {
      this.place = { ...numbers.place, layers: [...numbers.place.layers] };
      this.wantedMoves = this.place.moves;
    }
    super.update(blob);
    this.future.followOrigin(numbers.origin, numbers.run);
    this.choose({});
  }

  openTemperature() {}

  takeTarget(blob, isNewTarget) {
    this.tables.error = ramp(this.colours.panel, this.colours.error);
    this.truth = blob.truth;
    this.dataSamples = blob.samples.values;
    this.blurred = resample(
      blob.blurred.values.map((v) => Math.max(v, -60)),
      ...blob.blurred.shape,
    );
    this.motion.isGroundDirty = true;
    if (isNewTarget) {
      this.motion.clear();
      this.bars = this.barsOf = null;
    }
  }

  watch(digest, attempt) {
    this.bout.drop();
    this.motion.clear();
    this.bars = this.barsOf = null;
    this.pullReference = 0;
    super.watch(digest, attempt);
  }

  // ---- the run ----

  pictureOf(blob) {
    const { numbers } = blob,
      { losses } = numbers;
    return {
      step: numbers.step,
      seconds: numbers.seconds,
      loss: losses.discriminator_game,
      generator: losses.generator_game,
      losses,
      metrics: numbers.metrics,
      keeps: numbers.has_weights,
      ...readGame(blob),
    };
  }

  aim(picture) {
    this.motion.aim(picture);
    this.aimed = picture;
    this.pullReference = Math.max(this.pullReference ?? 0, ...this.snapshots.map((s) => s.metrics.pull ?? 0));
    this.future.seek(picture.step);
    this.isDirty = true;
  }

  standAt(index) {
    this.bout.drop();
    super.standAt(index);
  }

  hear(message) {
    super.hear(message);
    if (this.wantedMoves && message.ended && this.snapshots.length) {
      const moves = this.wantedMoves;
      this.wantedMoves = "";
      if (this.numbers.at === null) this.standAt(this.snapshots.length - 1);
      this.bout.restore(moves);
    }
  }

  take(blob) {
    if (this.bout.isActive && this.following) {
      this.following = false;
      this.index = Math.max(0, this.snapshots.length - 1);
    }
    super.take(blob);
  }

  // ---- the hand ----

  choose(changes) {
    this.place = { ...this.place, ...changes };
    this.views.show(this.place.view);
    this.layers.press((layer) => this.shows(layer));
    this.motion.isGroundDirty = this.future.motion.isGroundDirty = this.isDirty = true;
    if (this.numbers) this.refresh();
  }

  shows(layer) {
    return this.place.layers.includes(layer);
  }

  toggle(layer) {
    const layers = Object.keys(LAYERS).filter((name) => this.shows(name) !== (name === layer));
    this.choose({ layers });
  }

  /** Fork the run here with one setting changed: Python starts it. */
  cure(name, value) {
    const step = this.forkStep();
    if (step === null) {
      this.say("No step of this run keeps its weights yet: wait for the next snapshot.");
      return;
    }
    this.tell.trigger("cure", JSON.stringify({ run: this.digest, step, name, value }));
  }

  /** Where a fork of what is shown begins: the last step before it whose weights are kept. */
  forkStep() {
    const kept = this.snapshots.filter((s) => s.keeps).map((s) => s.step),
      shown = this.aimed?.step ?? 0;
    return kept.filter((step) => step <= shown).at(-1) ?? kept[0] ?? null;
  }

  /** The picture of the run, or the one that moves by hand have led to. */
  get seen() {
    return this.bout.picture ?? this.aimed;
  }

  // ---- moving ----

  frame(now) {
    const dt = Math.min(100, now - (this.last ?? now)),
      share = wantsStillness() ? 1 : 1 - Math.exp(-dt / SMOOTHING);
    this.last = now;
    this.player.tick(now);
    if (!this.colours) return;
    if (this.motion.approach(share)) this.isDirty = true;
    if (this.future.approach(share)) this.isDirty = true;
    if (this.bout.tick(dt)) this.isDirty = true;
    if (this.isDirty) this.paint(share);
  }

  paint(share = 1) {
    this.isDirty = false;
    this.painted = { at: performance.now() };
    this.bout.isNarrating ? this.bout.paint() : this.paintPlane(this.plane, this.motion);
    this.future.paint();
    this.paintBars(share);
    this.members.paint(this);
  }

  /** Landscape and all layers of one game on a plane. */
  paintPlane(plane, motion, more = {}) {
    const { shown } = motion,
      { colours, numbers } = this;
    if (motion.isGroundDirty || more.isGroundDirty) {
      motion.isGroundDirty = false;
      this.paintGround(plane, shown);
    }
    return plane.paint({
      window: numbers.window,
      colours,
      real: this.shows("real") ? this.dataSamples : null,
      fakes: this.shows("fakes") ? shown.samples : null,
      from: shown.samples,
      arrows: this.shows("arrows") ? shown.arrows : null,
      reference: this.pullReference || 1,
      warp: this.shows("grid") ? shown.warp : null,
      latents: numbers.settings.n_latents,
      modes: numbers.modes.length <= 30 ? numbers.modes : null,
      ...more,
    });
  }

  paintGround(plane, { logits, fake }) {
    const { game } = this.numbers,
      { view } = this.place,
      isMissing = !logits || (view !== "learned" && (!fake || game.optimum === "none"));
    if (isMissing) {
      plane.clearGround(this.tables.data);
      return;
    }
    const border = hasBorder(game.key);
    let { tones } = this,
      sure = null;
    if (view !== "learned") {
      this.optimal.compute(this.blurred, fake, this.numbers.blur, game.optimum);
      tones = this.optimal.tone;
      sure = this.optimal.sure;
    }
    if (view !== "optimal") {
      const { middle, spread } = border ? {} : rangeOf(logits),
        tone = toneOf(game.key, this.middleOf(middle), spread);
      const minus = view === "difference";
      for (let i = 0; i < CELLS; i++) this.tones[i] = minus ? tone(logits[i]) - this.optimal.tone[i] : tone(logits[i]);
      tones = this.tones;
    }
    plane.paintGround({
      tones,
      sure,
      tables: this.tables,
      hasBorder: view === "difference" ? false : view === "optimal" || border,
    });
  }

  /** The middle between the mean answers on real and on fake, for a game whose answers have no absolute zero. */
  middleOf(fallback) {
    const metrics = this.lastMetrics();
    return metrics?.real === undefined ? fallback : (metrics.real + metrics.fake) / 2;
  }

  /** The bars go with what is seen, between snapshots too. */
  paintBars(share) {
    const { modes, mode_std: std, mode_shares: truth } = this.numbers,
      picture = this.seen;
    if (!this.barsOf || this.barsOf.picture !== picture)
      this.barsOf = {
        picture,
        live: picture?.samples && modes.length ? this.count(picture.samples, modes, std, truth) : null,
      };
    const { live } = this.barsOf;
    this.barsOf.byHand ??= handMetrics(live, truth);
    if (live) {
      if (this.bars?.length !== live.shares.length) this.bars = Float32Array.from(live.shares);
      else if (blend(this.bars, live.shares, share, 1e-3)) this.isDirty = true;
    }
    const past = this.future.shares;
    this.monitor.show({
      numbers: this.numbers,
      metrics: this.bout.isActive ? this.barsOf.byHand : this.lastMetrics(),
      live: live && { ...live, shares: this.bars },
      past,
      colours: this.colours,
      tag: this.monitorTag(),
    });
  }

  count(xs, modes, std, truth) {
    const found = countModes(xs, modes, std);
    return { ...found, fair: fairModes(found, truth) };
  }

  monitorTag() {
    const n = this.seen?.samples?.length / 2;
    return n && this.numbers.modes.length ? `bars: ${n.toLocaleString("en")} points now` : "";
  }

  // ---- words and numbers ----

  lastMetrics() {
    return this.lastMeasured("sliced_wasserstein");
  }

  showMetrics(metrics) {
    const shown = this.seen;
    this.alarm.show({
      metrics: this.bout.isActive ? null : metrics,
      numbers: this.numbers,
      canFork: this.snapshots.some((s) => s.keeps),
      step: this.forkStep(),
      shownStep: this.aimed?.step,
    });
    this.trace.show({
      trace: this.aimed?.trace,
      step: this.aimed?.step ?? 0,
      steps: this.lastStep,
      colours: this.colours,
      modes: this.numbers.modes,
    });
    this.facts.replaceChildren(
      ...factsOf({ metrics: this.bout.isActive ? null : metrics, losses: this.aimed?.losses, game: this.numbers.game }),
    );
    this.bout.show();
    this.future.refresh();
    this.members.show({ members: shown?.members ?? this.motion.members, metrics });
    this.showLegend();
    const words = this.words();
    if (this.said.textContent !== words) this.said.textContent = words;
  }

  /** What the colours of the landscape say. */
  showLegend() {
    const { view } = this.place,
      { key } = this.numbers.game,
      shown = `${view} ${key}`;
    if (shown === this.legendOf) return;
    this.legendOf = shown;
    const who = view === "optimal" ? "the best D" : "D",
      [high, low] = hasBorder(key) ? [`${who} says real`, `${who} says fake`] : [`${who} answers high`, "low"];
    const [blue, orange] = view === "difference" ? ["D above the best", "D below it"] : [high, low];
    const line =
      view !== "difference" && (view === "optimal" || hasBorder(key)) ? [element("span", {}, "line: 50 %")] : [];
    this.legend.replaceChildren(
      element("span", {}, "landscape"),
      element("span", {}, dot("data"), blue),
      element("span", {}, dot("model"), orange),
      ...line,
    );
  }

  /** What has to be said about what is shown. */
  words() {
    const { game, settings } = this.numbers,
      { view } = this.place;
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.aimed) return "";
    if (view !== "learned" && game.optimum === "none")
      return "A Wasserstein critic has no closed form: the best one is the steepest that stays within its bounds.";
    if (view !== "learned" && (settings.pack > 1 || settings.minibatch_std))
      return "The closed form is of a discriminator that judges points one by one; this one also sees their company, and plays another game.";
    return "";
  }

  get certainty() {
    return this.place.view === "optimal"
      ? "exact p, estimated q"
      : this.place.view === "difference"
        ? "learned − (exact p, estimated q)"
        : "learned";
  }

  get floor() {
    return undefined;
  }

  refresh() {
    super.refresh();
    if (!this.colours) return;
    this.player.state.game = this.numbers.game.key;
    this.player.draw();
  }

  describe(picture, metrics) {
    const { view } = this.place,
      what =
        view === "learned"
          ? "The discriminator's landscape"
          : view === "optimal"
            ? "The optimal discriminator"
            : "Learned minus optimal discriminator";
    const said = metrics?.modes === undefined ? "" : `, ${metrics.modes} of ${this.numbers.modes.length} modes found`;
    this.cards.model.canvas.setAttribute(
      "aria-label",
      `${what} over ${this.numbers.target_title} at step ${picture?.step ?? 0}${said}. Over it: ${this.place.layers.join(", ") || "nothing"}`,
    );
    const origin = this.numbers.origin;
    this.title.textContent = origin ? `with ${origin.became}` : "";
    this.title.hidden = !origin;
    this.game.classList.toggle("two", !!origin);
    const head = origin ? this.future.head : this.head; // side by side, each card has one row of choices
    if (this.layers.root.parentElement !== head) head.append(this.layers.root);
    this.isDirty = true;
  }

  ownPlace() {
    return {
      visit: this.visit,
      view: this.place.view,
      layers: this.place.layers,
      moves: this.bout.moves || this.wantedMoves || "",
    };
  }

  ownLink() {
    const { view, layers } = this.place,
      usual = this.numbers.usual_place;
    return {
      view: view === usual.view ? null : view,
      layers: layers.join() === [...usual.layers].join() ? null : layers.join(" ") || "none",
      moves: this.bout.moves || null,
    };
  }

  close() {
    this.future.close();
    super.close();
  }
}

/** What can be counted of points that moves by hand have led to. */
function handMetrics(live, truth) {
  if (!live) return undefined;
  const total = live.near.reduce((a, b) => a + b, 0);
  const kl = live.near.reduce((sum, v, k) => sum + (v ? (v / total) * Math.log(v / total / truth[k]) : 0), 0);
  return { high_quality: live.quality, reverse_kl: total ? kl : -Math.log(Math.min(...truth)) };
}
