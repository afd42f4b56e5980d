// The cards beside the plane: error against the exact score, weight of each mode, a chosen particle's way, log p by the
// ODE.

import { GRID, Panel } from "../../canvas/density.js";
import { element, sharpen } from "../../canvas/live.js";
import { minus, nats } from "../../canvas/number_text.js";
import { cellCentres } from "./field.js";
import { sigmaText } from "./noise_dial.js";

const MAP_TOP = 1; // sigma |difference| of the strongest colour
export const MOST_ODE_ERROR = 0.05; // nats: a likelihood that half the steps change by more is not shown
const short = (v) => v.toFixed(v >= 0.0995 ? 2 : 4);

/** Title with a tag, and a canvas with a name. */
class SideCard {
  constructor(kind, title, tag, ...parts) {
    this.canvas = element("canvas", { className: kind });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", title);
    this.tag = element("span", { className: "tag" }, tag);
    this.title = element("span", {}, title);
    this.foot = element("div", { className: "cap" });
    this.root = element(
      "section",
      { className: `card side ${kind}` },
      element("h3", {}, this.title, this.tag),
      ...this.body(),
      ...parts,
      this.foot,
    );
  }

  body() {
    return [this.canvas];
  }

  get font() {
    return getComputedStyle(this.canvas).fontFamily;
  }
}

/** Where the learned field is off, and by how much over the noised data: at the dial's level, and at all of them. */
export class ErrorCard extends SideCard {
  constructor() {
    super("errormap", "Error against the exact score", "exact");
    this.panel = new Panel(this.canvas);
  }

  body() {
    this.curve = element("canvas", { className: "errorcurve" });
    this.curve.setAttribute("role", "img");
    this.number = element("b", { className: "num big" }, "–");
    this.words = element("small", {}, "σ²-weighted, over the noised data");
    return [
      element(
        "div",
        { className: "split" },
        this.canvas,
        element("div", { className: "beside" }, this.number, this.words, this.curve),
      ),
    ];
  }

  /** Squared difference of two scaled scores on the panel's cells. */
  paintMap({ learned, exact, sigma, window, table }) {
    if (this.window !== window) {
      this.cells = cellCentres(window);
      this.window = window;
    }
    const n = GRID * GRID;
    this.a ??= new Float32Array(2 * n);
    this.b ??= new Float32Array(2 * n);
    this.off ??= new Float32Array(n);
    if (learned) {
      learned.scaled(this.cells, n, sigma, this.a);
      exact.scaled(this.cells, n, sigma, this.b);
      for (let k = 0; k < n; k++)
        this.off[k] = Math.hypot(this.a[2 * k] - this.b[2 * k], this.a[2 * k + 1] - this.b[2 * k + 1]);
    } else this.off.fill(0);
    this.panel.paintDensity(this.off, table, MAP_TOP);
    this.panel.show({ window, tickColour: "transparent" }); // too small for numbers
  }

  /** Whether the dial stands at another level than map and number, until they follow. */
  setLags(lags) {
    this.root.classList.toggle("lags", lags);
  }

  /** error: mean of sigma²|s - s*|² at the dial's level; metrics: those of the run by level. */
  show(error, sigma, metrics, colours) {
    this.number.textContent = error === null ? "–" : short(error);
    this.canvas.setAttribute(
      "aria-label",
      error === null
        ? "No learned field yet"
        : `Map of the error of the learned score at sigma ${sigmaText(sigma)}; ${short(error)} over the noised data`,
    );
    this.foot.textContent = "map: σ |learned − exact|, full colour at 1";
    this.drawCurve(error, sigma, metrics, colours);
  }

  drawCurve(_error, sigma, metrics, colours) {
    const { context: c, width, height } = sharpen(this.curve),
      sigmas = metrics?.sigmas ?? [],
      errors = metrics?.score_errors ?? [];
    c.clearRect(0, 0, width, height);
    this.curve.setAttribute(
      "aria-label",
      sigmas.length
        ? `Score error at ${sigmas.length} noise levels, ${short(Math.min(...errors))} to ${short(Math.max(...errors))}`
        : "No measures yet",
    );
    if (!width || sigmas.length < 2) return;
    const [low, high] = [Math.log(sigmas.at(-1)), Math.log(sigmas[0])],
      floor = 1e-4,
      top = 2;
    const x = (s) => 6 + ((width - 12) * (Math.log(s) - low)) / (high - low),
      y = (e) =>
        height -
        16 -
        (height - 22) * Math.min(1, Math.max(0, Math.log(Math.max(e, floor) / floor) / Math.log(top / floor)));
    c.strokeStyle = c.fillStyle = colours.error;
    c.lineWidth = 1.6;
    c.beginPath();
    sigmas.forEach((s, i) => (i ? c.lineTo(x(s), y(errors[i])) : c.moveTo(x(s), y(errors[i]))));
    c.stroke();
    for (const [i, s] of sigmas.entries()) {
      c.beginPath();
      c.arc(x(s), y(errors[i]), 2.2, 0, 7);
      c.fill();
    }
    const here = Math.min(high, Math.max(low, Math.log(sigma)));
    c.fillStyle = colours.ink;
    c.fillRect(x(Math.exp(here)) - 0.75, 2, 1.5, height - 16);
    c.font = `11px ${this.font}`;
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText(sigmaText(sigmas.at(-1)), 2, height - 3);
    c.textAlign = "right";
    c.fillText(`σ ${sigmaText(sigmas[0])}`, width - 2, height - 3);
  }
}

/** Shares of the particles by mode against the true ones; without modes, the energy distance and its band. */
export class WeightsCard extends SideCard {
  constructor() {
    super("weights", "Weight of each mode", "");
  }

  /**
   * shares, truth: of the modes; energy, band: for targets without; check: what the network itself gives, or a sentence
   */
  show({ shares, truth, energy, band, n, check, colours }) {
    this.title.textContent = truth.length ? "Weight of each mode" : "Distance from the data";
    this.tag.textContent = n ? `${n.toLocaleString("en")} particles` : "";
    this.foot.replaceChildren(
      ...this.words(energy, band, truth, n),
      ...(check ? [element("span", { className: "check" }, check)] : []),
    );
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    if (!width) return;
    c.font = `12px ${this.font}`;
    if (truth.length) this.drawBars(c, width, height, shares, truth, colours);
    else this.drawDistance(c, width, height, energy, band, colours);
  }

  words(energy, band, _truth, n) {
    if (!n || energy === null) return [];
    const verdict = energy <= band[1] ? "as true samples are" : `19 of 20 true samples: up to ${band[1].toFixed(4)}`;
    return [element("span", {}, `energy distance ${minus(energy.toFixed(4))}, ${verdict}`)];
  }

  drawBars(c, width, height, shares, truth, colours) {
    const top = Math.max(0.05, ...truth.map((t) => 1.35 * t), ...(shares ?? [])),
      slot = width / truth.length,
      bar = Math.min(46, 0.74 * slot);
    const y = (v) => height - 16 - (height - 30) * (v / top);
    c.textAlign = "center";
    truth.forEach((t, i) => {
      const x = (i + 0.5) * slot,
        share = shares?.[i] ?? 0;
      c.fillStyle = colours.model;
      c.globalAlpha = 0.85;
      c.beginPath();
      c.roundRect(x - bar / 2, y(share), bar, height - 16 - y(share), [3, 3, 0, 0]);
      c.fill();
      c.globalAlpha = 1;
      c.strokeStyle = colours.data;
      c.lineWidth = 1.8;
      c.setLineDash([5, 4]);
      c.beginPath();
      c.moveTo(x - slot / 2 + 1, y(t));
      c.lineTo(x + slot / 2 - 1, y(t));
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = colours.soft;
      if (slot > 26) c.fillText(shares ? (100 * share).toFixed(1) : "–", x, height - 3);
    });
    const said = truth
      .map((t, i) => `${shares ? (100 * shares[i]).toFixed(1) : "no"} of ${(100 * t).toFixed(1)}`)
      .join(", ");
    this.canvas.setAttribute("aria-label", `Percent of the particles at each mode, of its true share: ${said}`);
  }

  /** A line on which the band of true samples lies, logarithmic. */
  drawDistance(c, width, height, energy, band, colours) {
    const low = Math.min(1e-4, band[1] / 3),
      high = 3,
      x = (v) => 6 + ((width - 12) * Math.log(Math.max(v, low) / low)) / Math.log(high / low),
      middle = height / 2;
    c.fillStyle = colours.data;
    c.globalAlpha = 0.2;
    c.fillRect(6, middle - 15, x(band[1]) - 6, 30);
    c.globalAlpha = 1;
    c.fillStyle = colours.data;
    c.textAlign = "left";
    c.fillText("true against true", 8, middle + 29);
    c.fillStyle = colours.line;
    c.fillRect(6, middle - 1, width - 12, 2);
    c.fillStyle = colours.soft;
    for (const v of [0.001, 0.01, 0.1, 1]) {
      c.fillRect(x(v), middle - 4, 1, 8);
      c.textAlign = "center";
      c.fillText(String(v), x(v), middle - 9 + (energy !== null && Math.abs(x(energy) - x(v)) < 30 ? -8 : 0));
    }
    this.canvas.setAttribute(
      "aria-label",
      energy === null
        ? "Energy distance: not measured yet"
        : `Energy distance ${energy.toFixed(4)}; true samples have up to ${band[1].toFixed(4)}`,
    );
    if (energy === null) return;
    c.beginPath();
    c.arc(x(energy), middle, 6, 0, 7);
    c.fillStyle = colours.model;
    c.fill();
  }
}

/** The energy along the way of a chosen particle: exact, and by adding up the learned score. */
export class PathCard extends SideCard {
  constructor() {
    super("way", "Energy along one particle's way", "");
  }

  /** exact, learned: -log p_sigma along the path (learned may be null); marker: share of the way that is replayed */
  show(view, colours) {
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    this.tag.textContent = view ? `particle ${view.k + 1}, σ ${sigmaText(view.sigma)}` : "";
    this.foot.replaceChildren(
      ...(view
        ? [
            key("data", "−log p, exact"),
            ...(view.learned ? [key("field", "sum of learned slopes")] : []),
            element("span", { className: "num" }, `${minus(view.exact.at(-1).toFixed(2))} nats`),
          ]
        : []),
    );
    this.canvas.setAttribute(
      "aria-label",
      view
        ? `Energy along the way of particle ${view.k + 1}: ` +
            `from ${view.exact[0].toFixed(1)} to ${view.exact.at(-1).toFixed(1)} nats`
        : "No particle chosen",
    );
    c.font = `13px ${this.font}`;
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    if (!view) c.fillText("Click a particle: its way is replayed.", width / 2, height / 2 + 8);
    if (!view || !width) return;
    const low = Math.min(...view.exact),
      high = Math.max(low + 1, ...view.exact),
      n = view.exact.length;
    const x = (i) => 4 + ((width - 8) * i) / Math.max(1, n - 1),
      y = (v) => height - 8 - (height - 16) * Math.sqrt(Math.max(0, Math.min(1.05, (v - low) / (high - low))));
    const line = (values, colour, dash) => {
      c.beginPath();
      for (let i = 0; i < n * view.marker; i++) (i ? c.lineTo : c.moveTo).call(c, x(i), y(values[i]));
      c.strokeStyle = colour;
      c.lineWidth = 1.8;
      c.setLineDash(dash);
      c.stroke();
      c.setLineDash([]);
    };
    line(view.exact, colours.data, []);
    if (view.learned) line(view.learned, colours.field, [5, 4]);
    c.font = `11px ${this.font}`;
    c.fillStyle = colours.soft;
    c.textAlign = "right";
    c.fillText(minus(high.toFixed(0)), width - 3, 12);
    c.fillText(minus(low.toFixed(1)), width - 3, height - 2);
  }
}

const key = (role, text) => element("span", { className: "key" }, element("i", { className: `dot ${role}` }), text);

/** Log density of the chosen point by the probability-flow ODE: shown only where halving its steps changes little. */
export class LikelihoodCard {
  /** turned(steps) while the slider is dragged, settled() when it is let go */
  constructor(turned, settled) {
    this.tag = element("span", { className: "tag" }, "estimate");
    this.words = element("div", { className: "nats", role: "status" });
    this.input = element("input", { type: "range", min: "5", max: "100", step: "1", value: "50" });
    this.input.setAttribute("aria-label", "Steps of the ODE");
    this.count = element("b", { className: "num" }, "50");
    this.input.oninput = () => {
      this.paint();
      turned(this.steps);
    };
    this.input.onchange = settled;
    this.root = element(
      "section",
      { className: "card side likelihood" },
      element("h3", {}, element("span", {}, "log p (probability-flow ODE)"), this.tag),
      this.words,
      element("label", { className: "slider" }, element("span", {}, "Steps of the ODE"), this.count, this.input),
    );
    this.paint();
  }

  get steps() {
    return +this.input.value;
  }

  set(steps) {
    this.input.value = steps;
    this.paint();
  }

  paint() {
    this.count.textContent = this.input.value;
    this.input.style.setProperty("--share", `${(100 * (this.steps - 5)) / 95}%`);
  }

  /**
   * answer: [value, change by half the steps, exact, error of the Gaussian at the largest σ] in nats; or words where
   * there is none
   */
  show(answer, x, words = "") {
    this.tag.textContent = x ? minus(`x = (${x[0].toFixed(2)}, `) + minus(`${x[1].toFixed(2)})`) : "";
    if (!answer) {
      this.words.replaceChildren(element("p", {}, words || "Click into the plane to choose a point."));
      return;
    }
    const [value, change, exact, base] = answer,
      row = (name, text, extra = "") =>
        element(
          "div",
          {},
          element("small", {}, name),
          element("b", { className: "num" }, text),
          element("small", { className: "num" }, extra),
        );
    const isSure = change <= MOST_ODE_ERROR;
    const ours = isSure
      ? row("learned, by the ODE", nats(value), `± ${change.toFixed(3)} (steps) ± ${base.toFixed(3)} (σ max)`)
      : element(
          "p",
          { className: "unsure" },
          `Halving the steps changes it by ${change < 100 ? change.toFixed(2) : "over 100"} nats: ` +
            "too few steps to say anything. More steps.",
        );
    this.words.replaceChildren(element("div", { className: "pair" }, ours, row("exact", nats(exact), "nats")));
  }
}
