// The stage of a score network in the plane: the field, the noise dial, and particles that walk in the browser itself.

import { Choice } from "../../canvas/controls.js";
import { GRID } from "../../canvas/density.js";
import { element, ramp, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { dot } from "../../canvas/stage_card.js";
import { ErrorCard, LikelihoodCard, PathCard, WeightsCard } from "./cards.js";
import { WalkCard } from "./controls.js";
import { FieldError, modeShares, pathEnergy } from "./facts.js";
import { Field, LogDensity } from "./field.js";
import { NoiseDial, sigmaText } from "./noise_dial.js";
import { Plane } from "./paint.js";
import { Walk } from "./walk.js";
import { REPLAY, WalkStage } from "./walk_stage.js";
import { isHeld } from "./walkers.js";
import { wordsOf } from "./words.js";

const MAP_PAUSE = 90; // ms between error maps while particles move
const VIEWS = [
  ["learned", "field", "The score that the network learned"],
  ["exact", "data", "The exact score of the noised density, closed form"],
  ["difference", "error", "Learned minus exact, on the same scale; particles follow the learned one"],
];

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".score_canvas").classList.add("stage");
  return mountStage(ScoreStage, component);
}

class ScoreStage extends WalkStage {
  // ---- building ----

  buildCards() {
    this.walker = new Walk();
    const canvas = element("canvas", { className: "plane", tabIndex: 0 });
    canvas.setAttribute("role", "application");
    this.plane = new Plane(canvas);
    this.cards = {
      model: { canvas, tag: element("span", { className: "tag" }) },
      error: new ErrorCard(),
      weights: new WeightsCard(),
      way: new PathCard(),
      likelihood: new LikelihoodCard(
        (steps) => {
          this.walk.ode_steps = steps;
          this.askLikelihood();
        },
        () => this.report(),
      ),
    };
    canvas.onpointerdown = (event) => this.press(event);
    canvas.onpointermove = (event) => {
      if (this.isPainting) this.paintIn(event);
    };
    canvas.onpointerup = canvas.onpointercancel = () => this.letGo();
    canvas.onkeydown = (event) => this.onKey(event);
    return this.cards;
  }

  buildTemperature() {
    this.dial = new NoiseDial({ turn: (sigma) => this.turn(sigma), settled: () => this.report() });
    this.views = new Choice("Field", (view) => {
      this.set("view", view);
      this.report();
    });
    this.views.fill(VIEWS.map(([key, role, title]) => [key, [dot(role), key], title]));
    this.controls = new WalkCard({
      kind: (kind) => {
        this.set("kind", kind);
        this.release();
        this.report();
      },
      start: (start) => {
        this.set("start", start);
        if (start === "noise" || start === "window") this.release();
        this.report();
      },
      set: (name, value) => this.set(name, value),
      settled: () => this.report(),
      release: () => this.release(),
      play: () => this.playWalk(),
      stepBy: (by) => {
        this.walker.stepBy(by, this.sigma, this.world);
        this.afterSeek();
      },
      seek: (cursor) => {
        if (this.walker.x) {
          this.walker.seek(Math.min(cursor, 1e9));
          this.afterSeek();
        }
      },
    });
  }

  arrange(root) {
    this.title = element("span", {});
    this.facts = element("div", { className: "cap facts num" });
    this.sentence = element("div", { className: "sentence" });
    this.sentence.setAttribute("role", "status");
    const { model, error, weights, way, likelihood } = this.cards;
    model.root = element(
      "section",
      { className: "card main" },
      element("div", { className: "head" }, this.views.root, this.title, model.tag),
      element("div", { className: "turn" }, this.dial.root, this.controls.release),
      element("div", { className: "over" }, model.canvas, this.sentence),
      this.facts,
      this.controls.player,
    );
    root.replaceChildren(
      element(
        "div",
        { className: "scores" },
        model.root,
        element("div", { className: "sides" }, error.root, weights.root, way.root, likelihood.root),
        this.controls.root,
      ),
      this.note,
      this.player.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { place, walk, point } = blob.numbers,
      isNew = place !== this.visitPlace;
    this.visitPlace = place;
    if (isNew) {
      this.walk = { ...walk };
      this.point = point ?? [...blob.samples.values.subarray(0, 2)].map((v) => Math.round(1000 * v) / 1000);
      this.isChosen = !!point;
      this.isByHand = walk.sigma > 0;
      this.forget();
    }
    const target = this.numbers?.target;
    super.update(blob);
    if (isNew || this.numbers.target !== target) this.open();
  }

  openTemperature() {}

  takeTarget(blob, isNewTarget) {
    const { numbers } = this;
    this.tables.error = ramp(this.colours.panel, this.colours.error);
    this.controls.build(numbers);
    this.isGroundDirty = true;
    if (!isNewTarget) return;
    const places = {
        sigmas: blob.exact_sigmas.values,
        boxes: blob.exact_boxes.values,
        side: blob.exact_field.shape[1],
      },
      pull = numbers.spread[4];
    this.exact = new Field({ values: blob.exact_field.values, pull, ...places });
    this.logp = new LogDensity({ values: blob.exact_log_prob.values, field: this.exact, ...places });
    this.truth = this.logp; // the stage stands
    this.density = new Float32Array(GRID * GRID);
    this.dataSamples = blob.samples.values;
    this.fieldError = new FieldError(this.dataSamples);
    this.window = numbers.window; // the same object as long as the target stays
    this.sigma = this.range[1];
    this.forget();
  }

  get range() {
    return this.exact.range;
  }

  // ---- painting ----

  paint(now) {
    this.isDirty = false;
    if (this.isGroundDirty) this.paintGround();
    if (this.isMapDirty && !(this.walker.isPlaying && now - this.mappedAt < MAP_PAUSE)) this.paintError(now);
    const { walker, window } = this,
      at = walker.x;
    if (at) {
      if (this.shownX?.length !== at.length) this.shownX = new Float32Array(at.length);
      walker.shown(this.shownX);
    }
    this.cards.error.setLags(this.isMapDirty);
    const way = this.wayOfChosen(now);
    this.plane.paint({
      window,
      walk: walker,
      shown: this.shownX,
      samples: this.isPainting ? this.painted : this.samplesShown,
      colours: this.colours,
      path: way?.path,
      marker: way?.marker,
      chosen: this.chosen && at ? [this.shownX[2 * this.chosen.k], this.shownX[2 * this.chosen.k + 1]] : null,
      point: this.point,
    });
    this.cards.way.show(way, this.colours);
    this.showWeights();
    this.controls.show(walker, this.colours);
    this.dial.show(this.sigma, this.range, this.numbers.trained);
    this.showFacts();
  }

  /** Samples of the snapshot, while its training is looked at. */
  get samplesShown() {
    return this.walk.view !== "exact" && (!this.wantsRelease || this.isTraining) ? this.shown?.samples : null;
  }

  paintGround() {
    const { learned, exact, sigma, window, colours } = this,
      { view } = this.walk;
    this.isGroundDirty = false;
    this.isMapDirty = true;
    this.logp.picture(sigma, window, this.density);
    const field =
      view === "exact"
        ? (...a) => exact.scaled(...a)
        : !learned
          ? null
          : view === "learned"
            ? (...a) => learned.scaled(...a)
            : (...a) => this.difference(...a);
    const colour = { learned: colours.field, exact: colours.data, difference: colours.error }[view];
    this.plane.paintGround({
      window,
      density: this.density,
      side: GRID,
      table: this.tables.data,
      field,
      sigma,
      colour,
      colours,
    });
  }

  paintError(now) {
    const { exact, sigma, window, colours } = this,
      learned = this.wholeField;
    this.mappedAt = now;
    this.isMapDirty = false;
    this.cards.error.paintMap({ learned, exact, sigma, window, table: this.tables.error });
    this.error = learned ? this.fieldError.at(sigma, learned, exact) : null;
    this.cards.error.show(this.error, sigma, this.lastMetrics(), colours);
  }

  difference(xs, n, sigma, out) {
    if (this.spare?.length !== out.length) this.spare = new Float32Array(out.length);
    this.exact.scaled(xs, n, sigma, this.spare);
    this.learned.scaled(xs, n, sigma, out);
    for (let i = 0; i < 2 * n; i++) out[i] -= this.spare[i];
  }

  wayOfChosen(now) {
    const { chosen, walker } = this;
    if (!chosen || !walker.x) return null;
    const path = walker.path(chosen.k),
      { exact, learned } = pathEnergy(path, this.sigma, this.logp, this.learned);
    return {
      k: chosen.k,
      sigma: this.sigma,
      path,
      exact,
      learned,
      marker: wantsStillness() ? 1 : Math.min(1, (now - chosen.from) / REPLAY),
    };
  }

  // ---- words and numbers ----

  showWeights() {
    const { walker } = this,
      { modes, mode_shares: truth, band } = this.numbers,
      xs = walker.x ? this.shownX : this.samplesShown,
      n = xs ? xs.length / 2 : 0;
    this.shares = n && modes.length ? modeShares(xs, n, modes) : null;
    this.cards.weights.show({
      shares: this.shares,
      truth,
      energy: walker.x ? this.energy : null,
      band,
      n,
      check: this.check,
      colours: this.colours,
    });
  }

  showFacts() {
    const { view } = this.walk,
      { walker, shownX } = this,
      [x0, x1, y0, y1] = this.window;
    let out = 0;
    for (let k = 0; k < walker.n; k++)
      if (!(shownX[2 * k] > x0 && shownX[2 * k] < x1 && shownX[2 * k + 1] > y0 && shownX[2 * k + 1] < y1)) out++;
    const field = view === "exact" ? this.exact : this.learned,
      { side, sigmas } = field ?? {};
    const grid = !field
      ? ""
      : `${field === this.coarse ? "this step's field" : "field"} on ${side} × ${side} ` +
        `cells at ${sigmas.length} level${sigmas.length > 1 ? "s, linear between" : ""}`;
    const steep = this.plane.steepest;
    this.facts.replaceChildren(
      element("span", {}, grid),
      element(
        "span",
        {},
        [
          steep > 0
            ? `longest ${view === "difference" ? "difference" : "arrow"} ` +
              `${steep >= 100 ? Math.round(steep).toLocaleString("en") : steep.toPrecision(2)} nats/unit`
            : "",
          out ? `${out.toLocaleString("en")} particles outside` : "",
        ]
          .filter(Boolean)
          .join(" · "),
      ),
    );
    const words = wordsOf(this);
    if (this.sentence.textContent !== words) this.sentence.textContent = words;
  }

  get floor() {
    const least = this.lastMetrics()?.least_losses;
    return this.numbers.is_denoising && least ? least.reduce((a, b) => a + b, 0) / least.length : undefined;
  }

  get floorText() {
    return "the exact score's own loss, none can be lower";
  }

  get certainty() {
    return "learned";
  }

  provenance() {
    return this.walk.view === "exact" ? "exact, closed form" : super.provenance();
  }

  lastMetrics() {
    return this.lastMeasured("sigmas");
  }

  showMetrics() {
    if (this.exact && this.colours)
      this.cards.error.show(this.error ?? null, this.sigma, this.lastMetrics(), this.colours);
  }

  describe() {
    const { view } = this.walk,
      names = { learned: "Learned score", exact: "Exact score", difference: "Learned minus exact score" }[view];
    this.title.replaceChildren(
      dot("model"),
      this.walker.x || !this.samplesShown ? "particles" : "samples of this step",
    );
    this.cards.model.canvas.setAttribute(
      "aria-label",
      `${names} of ${this.numbers.target_title} at sigma ${sigmaText(this.sigma)} ` +
        "over the noised density, with particles. Click to choose a point or a particle; " +
        "arrow keys move the point, Enter chooses the nearest particle, space plays",
    );
    this.cards.model.canvas.classList.toggle("paints", this.walk.start === "handful");
    this.controls.show(this.walker, this.colours);
    this.cards.weights.show({
      shares: this.shares,
      truth: this.numbers.mode_shares,
      energy: null,
      band: this.numbers.band,
      n: 0,
      colours: this.colours,
    });
    if (this.point) this.askLikelihoodOnce();
    this.isDirty = true;
  }

  ownPlace() {
    return { walk: this.told(), place: this.visitPlace, ...(this.isChosen ? { x: this.point } : {}) };
  }

  /** The walk as Python takes it: the dial only where a hand has set it, or a held walk needs it. */
  told() {
    return { ...this.walk, sigma: this.isByHand || isHeld(this.walk.kind) ? +this.sigma.toPrecision(4) : 0 };
  }

  ownLink() {
    const walk = this.told();
    const link = Object.fromEntries(
      Object.entries(walk).map(([name, value]) => [
        `walk.${name}`,
        value === this.numbers.usual_walk[name] ? null : String(value),
      ]),
    );
    return { ...link, x: this.isChosen ? this.point.join(",") : null };
  }
}
