// The stage of a VAE in the plane: data, model, and the posterior of the point under the finger; under them, the bound.

import { drawRingedCross } from "../../canvas/crosses.js";
import { holdPoint, inside, placeUnder } from "../../canvas/dragging.js";
import { element, sharpen } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { nats } from "../../canvas/number_text.js";
import { Stage } from "../../canvas/stage.js";
import { blend, card, klText } from "../../canvas/stage_card.js";
import { BoundLine } from "./bound_line.js";
import { drawPosterior, drawPrior, placer, REACH, trace } from "./latent_map.js";

const NUMBERS = ["total", "error", "bound", "rate", "distortion", "few", "fewError", "many", "manyError"];
const EMPTY_MAP = new Float32Array(128 * 128);

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".plane_vae_canvas").classList.add("stage");
  return mountStage(PosteriorStage, component);
}

class PosteriorStage extends Stage {
  // ---- building ----

  buildCards() {
    const cards = {
      data: card("data", "Data", "exact density", "entropy"),
      model: card("model", "Model", "", "KL(data ‖ model)"),
      posterior: card("", "Posterior of x", "", "reconstruction of x"),
    };
    const key = (kind, text) => element("span", { className: "key" }, element("i", { className: kind }), text);
    cards.posterior.foot.append(
      element("div", { className: "cap" }, key("truth", "true p(z | x)"), key("ours", "encoder's q"), this.buildZoom()),
    );
    for (const [name, what] of [
      ["data", "data"],
      ["model", "model's"],
    ])
      this.makeDraggable(cards[name].canvas, what);
    cards.model.canvas.classList.add("scrolls"); // so that a phone can be scrolled
    return cards;
  }

  buildExtras() {
    this.line = new BoundLine();
    return [this.line.root];
  }

  /** Whole latent plane, or around q in its own standard deviations. */
  buildZoom() {
    const pick = (zoomed, text, title) =>
      element(
        "button",
        {
          type: "button",
          title,
          onclick: () => {
            this.zoom(zoomed);
            this.report();
          },
        },
        text,
      );
    this.zooms = [
      pick(false, "plane", "The whole latent plane, with the prior's circles"),
      pick(true, "around q", "Around q, in standard deviations of q"),
    ];
    return element("span", { className: "zoom" }, ...this.zooms);
  }

  zoom(zoomed) {
    this.zoomed = zoomed;
    this.zooms.forEach((button, i) => button.setAttribute("aria-pressed", String(!!i === zoomed)));
    this.isDirty = true;
  }

  makeDraggable(canvas, what) {
    const shown = () => this.numbers.window,
      under = (event) => inside(placeUnder(event, shown()), shown());
    canvas.what = what;
    holdPoint(canvas, {
      shown,
      point: () => this.x,
      under,
      move: (at) => this.setPoint(at),
      settled: () => this.report(),
    });
  }

  // ---- the point ----

  update(blob) {
    const { x, place } = blob.numbers;
    const isNew = place !== this.place;
    this.place = place;
    if (isNew) this.zoom(blob.numbers.zoomed);
    if (isNew) {
      this.x = x;
      this.isChosen = blob.numbers.is_chosen;
      this.posterior = null;
    }
    super.update(blob);
    if (isNew) this.askPosterior();
    this.showLine();
  }

  watch(digest, attempt) {
    this.posterior = this.askedStep = null;
    super.watch(digest, attempt);
  }

  setPoint(at) {
    this.x = at.map((v) => Math.round(1000 * v) / 1000);
    this.isChosen = true;
    this.isDirty = this.isDataDirty = true;
    this.askPosterior();
    this.showLine();
  }

  aim(picture) {
    super.aim(picture);
    if (picture.sheet) this.target.sheet = picture.sheet;
    if (this.standing && this.nearestKept() !== this.askedStep) this.askPosterior(); // not while a stored run pours in
  }

  askPosterior() {
    const step = this.nearestKept();
    this.askedStep = step;
    if (step === null || !this.x) return;
    const asked = performance.now(),
      x = this.x,
      order = (this.asks = (this.asks ?? 0) + 1);
    this.decoder.ask(
      "posterior",
      { run: this.digest, step, what: "posterior", x },
      (blob) => {
        if (order < (this.newest ?? 0)) return; // two may be under way, and come in any order
        this.newest = order;
        this.posterior = {
          map: blob.log_posterior,
          around: blob.around,
          mean: blob.mean,
          std: blob.std,
          outline: blob.outline.values,
          reconstruction: blob.reconstruction.values,
          x,
          step,
          numbers: Object.fromEntries(NUMBERS.map((name, i) => [name, blob.nats.values[i]])),
        };
        this.posteriorLatency = performance.now() - asked;
        this.posteriorAnswers = (this.posteriorAnswers ?? 0) + 1;
        this.isDirty = true;
        this.showLine();
      },
      (error) => this.say(error.message),
    );
  }

  ownPlace() {
    return { zoomed: this.zoomed, ...(this.isChosen ? { x: this.x, place: this.place } : {}) };
  }

  ownLink() {
    return { view: this.zoomed ? "q" : null, x: this.isChosen ? this.x.join(",") : null };
  }

  // ---- what is shown ----

  pictureOf(blob) {
    return { ...super.pictureOf(blob), sheet: blob.sheet?.values ?? null };
  }

  approach(dt) {
    super.approach(dt);
    const { sheet } = this.target;
    if (!sheet) return;
    if (this.shown.sheet?.length !== sheet.length) this.shown.sheet = Float32Array.from(sheet);
    else if (blend(this.shown.sheet, sheet, 1 - Math.exp(-dt / 70), 1e-3)) this.isDirty = true;
  }

  get certainty() {
    return "by quadrature";
  }

  /** Only at β = 1 is the loss a bound on the entropy. */
  get floor() {
    return this.numbers.is_bound ? this.numbers.entropy : undefined;
  }

  showMetrics(metrics) {
    this.cards.model.value.textContent = klText(metrics);
  }

  showLine() {
    if (!this.colours || !this.x) return;
    const view = this.posterior,
      { tag, value } = this.cards.posterior;
    this.line.show(view?.numbers ?? null, view?.x ?? this.x, this.colours);
    tag.textContent = view ? `by quadrature${view.step === this.aimed?.step ? "" : `, step ${view.step}`}` : "";
    value.textContent = view ? `(${[...view.reconstruction].map((v) => nats(v, 2)).join(", ")})` : "–";
  }

  describe(picture, metrics) {
    super.describe(picture, metrics);
    const { data, model, posterior } = this.cards;
    for (const { canvas } of [data, model])
      canvas.setAttribute(
        "aria-label",
        `${canvas.getAttribute("aria-label")}. Click or drag to choose x, or move it by the arrow keys`,
      );
    posterior.canvas.setAttribute(
      "aria-label",
      "Latent plane: the true posterior of x as a map, the encoder's as ellipses",
    );
  }

  // ---- painting ----

  paintData(common) {
    super.paintData(common);
    this.drawPoint(this.cards.data.canvas);
  }

  paintModel(common) {
    super.paintModel(common);
    const { canvas } = this.cards.model;
    if (this.shown?.sheet) this.drawSheet(canvas, this.shown.sheet);
    if (this.posterior) this.drawImage(canvas);
    this.drawPoint(canvas);
  }

  paintThird() {
    const { panel, canvas } = this.cards.posterior;
    if (this.posterior) {
      drawPosterior(panel, this.posterior, this.zoomed, this.tables, this.colours);
      this.showLine();
      return;
    }
    panel.paintDensity(EMPTY_MAP, this.tables.model, 1);
    panel.show({ window: [-REACH, REACH, -REACH, REACH], tickColour: this.colours.soft });
    const { context, width, height } = sharpen(canvas);
    if (this.numbers.n_latents === 2) drawPrior(context, width, height, this.colours);
    const blocked = this.failures > 1 ? "The posterior needs the live lane." : "";
    panel.write(this.digest ? blocked : "Train first, then choose a point.", this.colours.soft);
  }

  /** Where the decoder puts the latents: a net of lines, or one curve. */
  drawSheet(canvas, sheet) {
    const { context, width, height } = sharpen(canvas),
      at = placer(this.numbers.window, width, height);
    const n = this.numbers.n_latents === 1 ? sheet.length / 2 : Math.sqrt(sheet.length / 2),
      rows = sheet.length / 2 / n;
    const spot = (r, c) => at(sheet[2 * (r * n + c)], sheet[2 * (r * n + c) + 1]);
    const line = (length, spotAt) => {
      trace(
        context,
        Array.from({ length }, (_, i) => spotAt(i)),
      );
      context.stroke();
    };
    context.strokeStyle = this.colours.ink;
    context.lineWidth = rows === 1 ? 2 : 0.8;
    context.globalAlpha = rows === 1 ? 0.75 : 0.22;
    context.lineJoin = "round";
    for (let r = 0; r < rows; r += 2) line(n, (c) => spot(r, c));
    if (rows > 1) for (let c = 0; c < n; c += 2) line(rows, (r) => spot(r, c));
    context.globalAlpha = 1;
  }

  /** Where the decoder puts q: its mean as a ring, one standard deviation as an outline. */
  drawImage(canvas) {
    const { outline, reconstruction } = this.posterior;
    const { context, width, height } = sharpen(canvas),
      at = placer(this.numbers.window, width, height);
    context.strokeStyle = this.colours.ink;
    context.lineWidth = 2;
    trace(
      context,
      Array.from({ length: outline.length / 2 }, (_, i) => at(outline[2 * i], outline[2 * i + 1])),
    );
    context.stroke();
    context.beginPath();
    context.arc(...at(...reconstruction), 4.5, 0, 2 * Math.PI);
    context.fillStyle = this.colours.panel;
    context.fill();
    context.stroke();
  }

  /** The chosen point. */
  drawPoint(canvas) {
    if (!this.x) return;
    const { context, width, height } = sharpen(canvas);
    drawRingedCross(context, placer(this.numbers.window, width, height)(...this.x), this.colours);
  }
}
