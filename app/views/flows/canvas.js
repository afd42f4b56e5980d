// The stage of a flow in the plane: data, model, difference, the ledger of a point, and the layers one by one.

import { fontOf } from "../../canvas/base_canvas.js";
import { Choice, namedBy } from "../../canvas/controls.js";
import { holdPoint, placeUnder } from "../../canvas/dragging.js";
import { element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { Stage } from "../../canvas/stage.js";
import { EMPTY } from "../../canvas/stage_card.js";
import { Layers } from "./layers.js";
import { Ledger } from "./ledger.js";
import { contour, drawContours, drawMarginals, drawPoint, levelsOf, marginals } from "./overlay.js";

const FARTHEST = 1e6;
const OVERLAYS = {
  samples: "1,000 samples of the data, and of the model at the temperature below it",
  contours:
    "Lines inside which 95, 80 and 50 % of the data lie: of the exact density in blue, " +
    "of the learned one at the same heights over it in the ink of the text",
  marginals: "Along the edges: each density summed over the shown window, exact in blue, learned in orange",
};

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".flows_canvas").classList.add("stage");
  return mountStage(FlowStage, component);
}

class FlowStage extends Stage {
  // ---- building ----

  buildCards() {
    const cards = super.buildCards();
    this.ledgerCard = new Ledger({
      choose: (bar) => {
        this.layers.moveTo(bar);
        this.report();
      },
    });
    cards.ledger = this.ledgerCard;
    for (const name of ["data", "model"]) this.makeDraggable(cards[name].canvas);
    cards.model.canvas.classList.add("scrolls"); // so that a phone can be scrolled
    return cards;
  }

  arrange(root) {
    this.layers = new Layers(this, {
      toggle: (name) => this.toggle(name),
      ring: (ring) => this.choose({ ring }),
      settled: () => {
        if (this.numbers) this.report();
      },
    });
    this.overlays = new Choice("Show on the maps", (name) => this.toggle(name)).fill(namedBy(OVERLAYS));
    const row = element(
      "div",
      { className: "showrow" },
      element("span", {}, "show"),
      this.overlays.root,
      element("span", { className: "hint" }, "Drag the cross on Data or Model, or move it by the arrow keys."),
    );
    super.arrange(root);
    root.querySelector(".cards").classList.add("four");
    this.note.before(row);
    root.append(this.layers.root);
  }

  /** Outside of the panel too: there the point is far from all data. */
  makeDraggable(canvas) {
    const shown = () => this.numbers.window;
    holdPoint(canvas, {
      shown,
      point: () => this.x,
      under: (event) => placeUnder(event, shown()),
      move: (at) => this.setPoint(at),
      settled: () => this.report(),
    });
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = numbers.visit !== this.visit,
      [opened] = numbers.visit.split(" ");
    const isReopened = this.openedAt !== undefined && this.openedAt !== opened; // an experiment to try was set up
    Object.assign(this, { visit: numbers.visit, openedAt: opened });
    if (isNew) {
      this.place = { show: [...numbers.place.show], ring: numbers.place.ring };
      this.x = numbers.place.x ?? numbers.first_x;
      this.isPointChosen = !!numbers.place.x;
      this.ledger = null;
      if (numbers.place.layer !== null) this.layers.stand(numbers.place.layer);
      else if (isReopened) this.layers.isChosen = false;
    }
    super.update(blob);
    if (isReopened) this.openTemperature(numbers.temperature);
    this.choose({}, false);
    if (isNew) this.askLedger();
    this.showLedger();
  }

  takeTarget(blob, isNewTarget) {
    super.takeTarget(blob, isNewTarget);
    if (this.truthOf === this.numbers.target) return;
    this.truthOf = this.numbers.target;
    this.levels = levelsOf(this.truth);
    this.truthLines = this.levels.map((level) => contour(this.truth, level));
    this.truthSums = marginals(this.truth);
  }

  watch(digest, attempt) {
    this.ledger = this.askedStep = this.filmStep = null;
    this.layers.clear();
    this.layers.words = digest ? "opening the run …" : "Not trained yet: press Train.";
    super.watch(digest, attempt);
    this.tellStep();
  }

  lost(code, reason) {
    super.lost(code, reason);
    if (this.failures > 1) {
      this.layers.words = "The layers need the live lane.";
      this.layers.redraw();
      this.showLedger();
    }
  }

  // ---- what is set on the stage ----

  toggle(name) {
    const known = [...Object.keys(OVERLAYS), "grid", "particles", "square"];
    this.choose({ show: known.filter((other) => this.place.show.includes(other) !== (other === name)) });
  }

  choose(changes, isByHand = true) {
    this.place = { ...this.place, ...changes };
    this.overlays.press((name) => this.shows(name));
    const { names, base, ways } = this.numbers;
    this.layers.set({ place: this.place, names, base, ways, colours: this.colours });
    this.isDirty = this.isDataDirty = true;
    if (isByHand) this.report();
  }

  shows(name) {
    return this.place.show.includes(name);
  }

  setPoint(at) {
    this.x = at.map((v) => Math.round(1e4 * Math.min(FARTHEST, Math.max(-FARTHEST, v))) / 1e4);
    this.isPointChosen = true;
    this.isDirty = this.isDataDirty = true;
    this.askLedger();
  }

  ownPlace() {
    return { visit: this.visit, x: this.isPointChosen ? this.x : null, layer: this.layers.place, ...this.place };
  }

  ownLink() {
    const { show, ring } = this.place,
      isUsual = show.join() === [...this.numbers.usual_show].join(),
      { place: layer } = this.layers;
    return {
      x: this.isPointChosen ? this.x.join(",") : null,
      layer: layer === null ? null : String(layer),
      show: isUsual ? null : show.join(" ") || "none",
      ring: ring === "all" ? null : ring,
    };
  }

  // ---- what the model says ----

  aim(picture) {
    super.aim(picture);
    if (!this.standing) return; // not while a stored run pours in
    if (this.nearestKept() !== this.askedStep) this.askLedger();
    else this.showLedger();
    if (this.nearestKept() !== this.filmStep) this.askFilm();
    this.tellStep();
  }

  hear(message) {
    super.hear(message);
    if (this.aimed && this.filmStep === null) {
      this.askLedger();
      this.askFilm();
      this.tellStep();
    }
  }

  askFilm() {
    const step = this.nearestKept(),
      { digest } = this;
    if (step === null) return;
    this.filmStep = step;
    if (this.layers.has(step)) {
      this.layers.aim(step);
      return;
    }
    this.decoder.ask(
      "film",
      { run: digest, step, what: "flow_layers" },
      (blob) => {
        if (digest === this.digest) {
          this.layers.take(step, blob);
          this.films = (this.films ?? 0) + 1;
        }
      },
      (error) => this.say(error.message),
    );
  }

  /** Say whose layers are shown. */
  tellStep() {
    const step = this.filmStep,
      isSame = step === this.aimed?.step;
    this.layers.tag.textContent =
      step === null ? "" : `weights of step ${step.toLocaleString("en")}${isSame ? "" : ", the nearest kept"}`;
  }

  askLedger() {
    const step = this.nearestKept();
    this.askedStep = step;
    if (step === null || !this.x) return;
    const asked = performance.now(),
      { x, digest } = this,
      order = (this.asks = (this.asks ?? 0) + 1);
    this.decoder.ask(
      "ledger",
      { run: digest, step, what: "flow_ledger", x },
      (blob) => {
        if (order < (this.newest ?? 0) || digest !== this.digest) return; // two may be under way, and come in any order
        this.newest = order;
        this.takeLedger(blob, x, step);
        this.ledgerLatency = performance.now() - asked;
      },
      (error) => this.say(error.message),
    );
  }

  takeLedger(blob, x, step) {
    const terms = [...blob.terms.values],
      names = this.numbers.names;
    if (terms.length !== names.length + 1) return; // of another flow
    this.ledger = {
      x,
      step,
      terms,
      names,
      truth: blob.truth.values[0],
      path: blob.path.values,
      quads: blob.quads.values,
      area: [...blob.area.values],
      roundTrip: blob.round_trip.values[0],
      volume: terms.slice(1).reduce((a, b) => a + b, 0),
    };
    this.isDirty = this.isDataDirty = true;
    this.showLedger();
  }

  showLedger() {
    if (!this.colours || !this.x) return;
    const isHeld = this.ledger?.terms.every(Number.isFinite);
    const words =
      this.failures > 1
        ? "The ledger needs the live lane."
        : this.ledger && !isHeld
          ? "So far out, the numbers leave\nwhat a computer can hold."
          : this.digest
            ? "opening …"
            : "Train first, then drag the cross.";
    this.ledgerCard.show(isHeld ? this.ledger : null, this.x, this.colours, words);
    if (isHeld && this.ledger.step !== this.aimed?.step)
      // the nearest that is kept
      this.ledgerCard.tag.textContent += ` at step ${this.ledger.step.toLocaleString("en")}`;
    this.layers.setLedger(isHeld ? this.ledger : null, this.numbers.window);
  }

  // ---- painting ----

  frame(now) {
    const dt = now - (this.last ?? now);
    super.frame(now);
    if (this.colours) this.layers.frame(dt, this.player.isPlaying);
  }

  paint() {
    super.paint();
    this.ledgerCard.paint();
  }

  paintData(common) {
    const { panel, canvas } = this.cards.data,
      { colours } = this;
    panel.paintDensity(this.truth, this.tables.data, this.top);
    panel.show({ ...common, dots: this.shows("samples") ? this.dataSamples : null, dotColour: this.dotColour(0.5) });
    if (this.shows("contours")) drawContours(canvas, [{ pieces: this.truthLines, colour: colours.ink }]);
    if (this.shows("marginals")) drawMarginals(canvas, [{ ...this.truthSums, colour: colours.data }], colours);
    drawPoint(canvas, this.x, common.window, colours);
  }

  paintModel(common) {
    const { panel, canvas } = this.cards.model,
      { colours, shown } = this,
      density = shown?.density;
    panel.paintDensity(density ?? EMPTY, this.tables.model, this.top);
    panel.show({ ...common, dots: this.shows("samples") ? shown?.samples : null, dotColour: this.dotColour(0.55) });
    if (density && this.shows("contours"))
      drawContours(canvas, [
        { pieces: this.truthLines, colour: colours.data },
        { pieces: this.levels.map((level) => contour(density, level)), colour: colours.ink },
      ]);
    if (density && this.shows("marginals"))
      drawMarginals(
        canvas,
        [
          { ...this.truthSums, colour: colours.data },
          { ...marginals(density), colour: colours.model },
        ],
        colours,
      );
    if (!shown) panel.write(this.digest ? "opening the run …" : "Not trained yet: press Train.", colours.soft);
    if (shown?.samples && this.shows("samples") && this.temperature === 0) this.sayCold(canvas);
    drawPoint(canvas, this.x, common.window, colours);
  }

  /** At temperature 0 all samples are one: show where, and say so. */
  sayCold(canvas) {
    const context = canvas.getContext("2d"),
      [x0, x1, y0, y1] = this.numbers.window,
      { clientWidth: width, clientHeight: height } = canvas;
    const { samples } = this.shown,
      isOne = this.numbers.base === "standard Gaussian";
    context.fillStyle = this.colours.ink;
    for (let i = 0; i < (isOne ? 2 : samples.length); i += 2) {
      context.beginPath();
      context.arc(
        ((samples[i] - x0) / (x1 - x0)) * width,
        height - ((samples[i + 1] - y0) / (y1 - y0)) * height,
        4,
        0,
        2 * Math.PI,
      );
      context.fill();
    }
    context.font = fontOf(canvas, "12px");
    context.textAlign = "center";
    context.fillText(isOne ? "one point: the base's centre" : "only the centres of the base", width / 2, height - 24);
  }

  describe(picture, metrics) {
    super.describe(picture, metrics);
    for (const { canvas } of [this.cards.data, this.cards.model])
      canvas.setAttribute(
        "aria-label",
        `${canvas.getAttribute("aria-label")}. Click or drag to ` +
          "choose the ledger's point, or move it by the arrow keys",
      );
  }

  close() {
    this.layers.close();
    super.close();
  }
}
