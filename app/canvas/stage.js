// The stage of a density model in the plane: data, model and difference on one scale, with the player under them.

import { setColours, startFrames, stopFrames } from "./base_canvas.js";
import { GRID, toGrid } from "./density.js";
import { Decoder, element, ramp, themeColours, wantsStillness } from "./live.js";
import { mountStage } from "./mounting.js";
import { blend, card, dot, EMPTY, klText } from "./stage_card.js";
import { RunStage } from "./watching/run_stage.js";
import { waitingWords } from "./watching/words.js";

const MISSING = 0.9; // integral over the window below which mass lies outside
const SMOOTHING = 70; // ms: how fast what is shown approaches what is true
const REST = 350; // ms of rest before the model is asked for its density on the finest grid

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(Stage, component);

export class Stage extends RunStage {
  constructor(parent) {
    super();
    this.parent = parent;
    this.digest = null;
    this.temperature = 1;
    this.reset();
    this.build(parent.querySelector(".stage"));
    this.decoder = new Decoder();
    startFrames(this, parent.querySelector(".stage"), {
      frame: (now) => {
        this.frame(now);
      },
      resized: () => {
        this.isDirty = this.isDataDirty = true;
        this.refresh();
      },
    });
    globalThis.genlabStage = this; // for measuring frame rate and latency from outside
  }

  reset() {
    super.reset();
    this.shown = null;
    this.target = null;
  }

  // ---- building ----

  build(root) {
    this.cards = this.buildCards();
    this.buildTemperature();
    this.buildPlayer();
    this.arrange(root);
    if (this.playsOver) this.player.standOver(this.playsOver);
  }

  /** The picture over which the large play button stands; null: none. */
  get playsOver() {
    return this.cards.model.canvas;
  }

  arrange(root) {
    root.replaceChildren(
      element("div", { className: "cards" }, ...Object.values(this.cards).map((c) => c.root)),
      ...this.buildExtras(),
      this.note,
      this.player.root,
    );
  }

  /** The slider under the model, which acts while it is dragged. */
  buildTemperature() {
    this.slider = element("input", { type: "range", min: "0", max: "1.5", step: "0.01", value: "1" });
    this.slider.setAttribute("aria-label", "Temperature of the samples");
    this.sliderValue = element("b", { className: "num" }, "1.00");
    this.slider.oninput = () => this.setTemperature(+this.slider.value);
    this.slider.onchange = () => this.report();
    this.cards.model.foot.append(
      element(
        "label",
        {
          className: "cap temperature",
          title:
            "A factor on the standard deviation of the noise that becomes samples, as in Glow. 1 samples the " +
            "model itself; less keeps to the middle of the noise. The density map is the model's own, at 1.",
        },
        element("span", {}, "temperature"),
        this.slider,
        this.sliderValue,
      ),
    );
  }

  buildCards() {
    const difference = card("", "Model − data", "", "KL(data ‖ model)");
    difference.foot.append(
      element(
        "div",
        { className: "cap" },
        element("span", {}, dot("data"), "data has more"),
        element("span", {}, dot("model"), "model has more"),
      ),
    );
    return {
      data: card("data", "Data", "exact density", "entropy"),
      model: card("model", "Model", "", "integral over the plane"),
      difference,
    };
  }

  /** What stands between the cards and the player. */
  buildExtras() {
    return [];
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob;
    this.colours = themeColours(this.parent.querySelector(".stage"), numbers.themes);
    this.tables = {
      data: ramp(this.colours.panel, this.colours.data),
      model: ramp(this.colours.panel, this.colours.model),
    };
    setColours(this.parent.querySelector(".stage"), this.colours);
    const isNewTarget = numbers.target !== this.numbers?.target;
    this.numbers = numbers;
    this.takeTarget(blob, isNewTarget);
    if (this.isAnother(numbers)) this.watch(numbers.run, numbers.attempt);
    if (blob.replay) this.takeReplay(blob.replay.values, numbers.standing);
    if (this.isFirst === undefined) {
      this.isFirst = false;
      this.openTemperature(numbers.temperature);
    }
    this.isDirty = this.isDataDirty = true;
    this.refresh();
  }

  takeTarget(blob, isNewTarget) {
    this.truth = toGrid(blob.truth);
    this.top = this.truth.reduce((a, b) => Math.max(a, b), 0);
    this.dataSamples = blob.samples.values;
    if (isNewTarget) {
      this.shown = null;
    }
    const { entropy, entropy_error: error, target_note: note } = this.numbers;
    this.cards.data.value.textContent = `${entropy.toFixed(3)} ± ${error.toFixed(3)} nats`;
    this.cards.data.foot.replaceChildren(element("div", { className: "cap" }, note));
  }

  // ---- what the run sends ----

  /** What a snapshot or live picture shows. */
  pictureOf(blob) {
    const { log_prob: log, samples } = blob;
    return { ...super.pictureOf(blob), density: log ? toGrid(log) : null, samples: samples?.values ?? null };
  }

  // ---- what is shown ----

  /** Let the picture move towards a snapshot or live picture. */
  aim(picture) {
    this.target ??= { density: null, samples: null };
    if (picture.density) this.target.density = picture.density;
    if (picture.samples && (this.temperature === 1 || !picture.keeps)) this.target.samples = picture.samples;
    this.aimed = picture;
    this.restUntil = performance.now() + REST;
    this.isSharp = false;
    if (this.temperature !== 1) this.askSamples();
    this.showTemperature();
  }

  openTemperature(value) {
    this.setTemperature(value);
    this.slider.value = value;
  }

  setTemperature(value) {
    this.temperature = value;
    this.showTemperature();
    this.slider.style.setProperty("--share", `${(100 * value) / 1.5}%`);
    if (this.aimed && this.target) {
      if (value === 1 && this.aimed.samples) this.target.samples = this.aimed.samples;
      else this.askSamples();
    }
  }

  /**
   * The samples of another temperature are of a step that keeps its weights: which one is said where it is not the
   * shown one.
   */
  showTemperature() {
    if (!this.sliderValue) return;
    const step = this.temperature === 1 ? null : this.nearestKept(),
      isOther = step !== null && step !== this.aimed?.step;
    const whose = isOther ? ` of step ${step.toLocaleString("en")}` : "";
    this.sliderValue.textContent = `${this.temperature.toFixed(2)}${whose}`;
  }

  /** The nearest step that keeps its weights, for requests to the model. */
  nearestKept() {
    const step = this.aimed?.step ?? 0;
    return this.snapshots
      .filter((s) => s.keeps)
      .reduce((best, s) => (best === null || Math.abs(s.step - step) < Math.abs(best - step) ? s.step : best), null);
  }

  askSamples() {
    const step = this.nearestKept();
    if (step === null) return;
    const asked = performance.now(),
      { digest } = this;
    this.decoder.ask(
      "samples",
      { run: digest, step, what: "samples", temperature: this.temperature, n: 1000 },
      (blob) => {
        if (digest !== this.digest || !this.target) return;
        this.target.samples = blob.samples.values;
        this.latency = performance.now() - asked;
        this.answers = (this.answers ?? 0) + 1;
        this.jump = true;
      },
      (error) => this.say(error.message),
    );
  }

  /** When nothing moves for a moment: the exact density on the finest grid, if this step keeps its weights. */
  askDensity() {
    const step = this.aimed?.keeps ? this.aimed.step : null;
    this.isSharp = true;
    if (step === null || !this.digest) return;
    const aimed = this.aimed;
    this.decoder.ask("density", { run: this.digest, step, what: "log_prob", n: GRID }, (blob) => {
      if (this.aimed === aimed && this.target) this.target.density = aimed.density = toGrid(blob.log_prob);
    });
  }

  frame(now) {
    const dt = now - (this.last ?? now);
    this.last = now;
    this.player.tick(now);
    if (this.target?.density) this.approach(dt);
    if (this.target && !this.isSharp && !this.player.isPlaying && now > this.restUntil) this.askDensity();
    if (this.isDirty && this.colours) this.paint();
  }

  approach(dt) {
    const share = wantsStillness() ? 1 : 1 - Math.exp(-dt / SMOOTHING);
    if (!this.shown) this.shown = { density: Float32Array.from(this.target.density), samples: null };
    let moved = blend(this.shown.density, this.target.density, share, this.top * 1e-3);
    const { samples } = this.target;
    if (samples) {
      if (this.shown.samples?.length !== samples.length || this.jump) {
        this.shown.samples = Float32Array.from(samples);
        moved = true;
        this.jump = false;
      } else moved = blend(this.shown.samples, samples, share, 1e-3) || moved;
    }
    if (moved) this.isDirty = true;
  }

  paint() {
    this.isDirty = false;
    this.painted = { answers: this.answers ?? 0, at: performance.now() };
    const common = { window: this.numbers.window, tickColour: this.colours.soft };
    if (this.isDataDirty) this.paintData(common);
    this.isDataDirty = false;
    this.paintModel(common);
    this.paintThird(common);
  }

  paintData(common) {
    const { panel } = this.cards.data;
    panel.paintDensity(this.truth, this.tables.data, this.top);
    panel.show({ ...common, dots: this.dataSamples, dotColour: this.dotColour(0.5) });
  }

  paintModel(common) {
    const { panel } = this.cards.model;
    panel.paintDensity(this.shown?.density ?? EMPTY, this.tables.model, this.top);
    panel.show({ ...common, dots: this.shown?.samples, dotColour: this.dotColour(0.55) });
    if (!this.shown) panel.write(waitingWords(this), this.colours.soft);
  }

  paintThird(common) {
    const { panel } = this.cards.difference;
    if (this.shown)
      panel.paintDifference(this.shown.density, this.truth, this.tables.model, this.tables.data, this.top * 0.6);
    else panel.paintDensity(EMPTY, this.tables.data, 1);
    panel.show(common);
  }

  dotColour(alpha) {
    return `${this.colours.ink}${Math.round(255 * alpha)
      .toString(16)
      .padStart(2, "0")}`;
  }

  // ---- words and numbers ----

  refresh() {
    if (!this.colours) return;
    const picture = this.current,
      metrics = this.lastMetrics();
    this.cards.model.tag.textContent = this.provenance();
    this.showMetrics(metrics);
    this.showPlayer({
      step: picture?.step ?? 0,
      floor: this.floor,
      floorText: this.floorText,
      colours: this.colours,
    });
    this.describe(picture, metrics);
  }

  showMetrics(metrics) {
    const { value } = this.cards.model,
      integral = metrics?.integral;
    value.textContent = Number.isFinite(integral)
      ? `${integral.toFixed(4)}${integral < MISSING ? ": the rest lies outside" : ""}`
      : "–";
    this.cards.difference.value.textContent = klText(metrics);
    this.cards.difference.tag.textContent = metrics ? "KL is an estimate" : "";
  }

  /** What no loss can be lower than; undefined where there is no such thing. */
  get floor() {
    return this.numbers.entropy;
  }

  get floorText() {
    return "entropy of the data, no loss can be lower";
  }

  lastMetrics() {
    return this.lastMeasured("kl");
  }

  describe(picture, metrics) {
    const model = picture
      ? "Model density and samples at step " +
        `${picture.step}${metrics ? `, KL from the data ${metrics.kl.toFixed(3)} nats` : ""}`
      : "No model yet";
    this.cards.data.canvas.setAttribute(
      "aria-label",
      `Exact density of the target ${this.numbers.target_title}, with 1000 samples`,
    );
    this.cards.model.canvas.setAttribute("aria-label", model);
    this.cards.difference?.canvas.setAttribute(
      "aria-label",
      picture ? "Model density minus data density" : "No difference yet",
    );
  }

  close() {
    stopFrames(this);
    this.socket?.close();
    this.decoder.close();
  }
}
