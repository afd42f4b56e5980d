// The stage of a GAN in the plane: landscape and particles, mode monitor, alarm, two futures, and moves by hand.

import { Choice } from "../../canvas/controls.js";
import { resample } from "../../canvas/density.js";
import { element, ramp, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { Stage } from "../../canvas/stage.js";
import { dot } from "../../canvas/stage_card.js";
import { Future } from "./future.js";
import { Landscape } from "./landscape.js";
import { Members } from "./members.js";
import { ModeBars } from "./mode_bars.js";
import { Monitor, TraceCard } from "./monitor.js";
import { Motion, readGame } from "./motion.js";
import { Bout } from "./moves.js";
import { GanPlane } from "./plane.js";
import { GamePlayer } from "./player.js";
import { AlarmCard, factsOf } from "./words.js";

const SMOOTHING = 80; // ms: how fast what is shown approaches what is true
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
    this.landscape = new Landscape(this, (view) => {
      this.choose({ view });
      this.report();
    });
    this.bars = new ModeBars();
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
    this.layers = new Choice("Layers", (layer) => {
      this.toggle(layer);
      this.report();
    });
    this.layers.fill(Object.entries(LAYERS).map(([key, [role, title]]) => [key, [dot(role), key], title]));
  }

  arrange(root) {
    this.title = element("span", { className: "future-title" });
    this.facts = element("div", { className: "cap facts num" });
    this.said = element("div", { className: "sentence" });
    this.said.setAttribute("role", "status");
    const { model } = this.cards;
    this.head = element("div", { className: "head" }, this.title, this.landscape.choice.root, this.layers.root);
    model.root = element(
      "section",
      { className: "card main" },
      this.head,
      element("div", { className: "over" }, model.canvas, this.said, model.tag),
      this.landscape.legend,
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
      this.bars.clear();
    }
  }

  watch(digest, attempt) {
    this.bout.drop();
    this.motion.clear();
    this.bars.clear();
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
    this.landscape.choice.show(this.place.view);
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
      this.landscape.paint(plane, shown);
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

  /** The bars go with what is seen, between snapshots too. */
  paintBars(share) {
    this.bars.count(this.seen, this.numbers);
    if (this.bars.approach(share)) this.isDirty = true;
    this.monitor.show({
      numbers: this.numbers,
      metrics: this.bout.isActive ? this.bars.byHand : this.lastMetrics(),
      live: this.bars.live,
      past: this.future.shares,
      colours: this.colours,
      tag: this.monitorTag(),
    });
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
    this.landscape.showLegend();
    const words = this.words();
    if (this.said.textContent !== words) this.said.textContent = words;
  }

  /** What has to be said about what is shown. */
  words() {
    if (!this.digest) return "Not trained yet: press Train.";
    return this.aimed ? this.landscape.silence : "";
  }

  get certainty() {
    return this.landscape.certainty;
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
    const said = metrics?.modes === undefined ? "" : `, ${metrics.modes} of ${this.numbers.modes.length} modes found`;
    this.cards.model.canvas.setAttribute(
      "aria-label",
      `${this.landscape.title} over ${this.numbers.target_title} at step ` +
        `${picture?.step ?? 0}${said}. Over it: ${this.place.layers.join(", ") || "nothing"}`,
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
