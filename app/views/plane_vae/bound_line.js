// The bound and what it misses, on one line: bound + gap = log p(x), with the tighter bounds between them.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { minus, nats } from "../../canvas/number_text.js";

const NICE = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6]; // nats
const LEAST = 0.5; // nats that are shown left of log p(x), at least
const HEIGHT = 74;

/** A card with the equation in numbers, the line, and the bounds of more samples. */
export class BoundLine {
  constructor() {
    this.parts = Object.fromEntries(
      ["bound", "gap", "total"].map((name) => [name, element("b", { className: `num ${name}` }, "–")]),
    );
    this.notes = Object.fromEntries(
      ["few", "many", "error", "split"].map((name) => [name, element("span", { className: "num" })]),
    );
    this.tag = element("span", { className: "tag" });
    this.canvas = element("canvas", { className: "line" });
    this.canvas.setAttribute("role", "img");
    const term = (name, label, sign) =>
      element("div", { className: "term" }, sign, element("div", {}, this.parts[name], element("small", {}, label)));
    this.root = element(
      "section",
      { className: "card ledger" },
      element("h3", {}, element("span", {}, "ELBO gap at x"), this.tag),
      element(
        "div",
        { className: "row" },
        element(
          "div",
          { className: "equation" },
          term("bound", "bound (ELBO)", ""),
          term("gap", "KL(q ‖ p(z | x))", element("i", {}, "+")),
          term("total", "log p(x), nats", element("i", {}, "=")),
        ),
        this.canvas,
      ),
      element("div", { className: "notes" }, this.notes.split, this.notes.few, this.notes.many, this.notes.error),
    );
    this.span = LEAST;
  }

  /**
   * values: {total, error, bound, rate, distortion, few, fewError, many, manyError} in nats, or null; x: two numbers
   */
  show(values, x, colours) {
    this.values = values;
    this.colours = colours;
    this.tag.textContent = minus(`x = (${x[0].toFixed(2)}, `) + minus(`${x[1].toFixed(2)})`);
    const gap = values ? values.total - values.bound : NaN;
    this.parts.bound.textContent = nats(values?.bound);
    this.parts.gap.textContent = nats(gap);
    this.parts.total.textContent = nats(values?.total);
    this.notes.split.textContent = values
      ? `bound = −(rate ${nats(values.rate)} + distortion ${nats(values.distortion)})`
      : "";
    this.notes.few.textContent = values
      ? `bound of 10 samples ${nats(values.few)} ± ${values.fewError.toFixed(3)}`
      : "";
    this.notes.many.textContent = values ? `of 100 samples ${nats(values.many)} ± ${values.manyError.toFixed(3)}` : "";
    this.notes.error.textContent = values
      ? `log p(x) by quadrature, ± ${values.error < 1e-5 ? "less than 0.00001" : values.error.toPrecision(1)}`
      : "";
    const said = values
      ? `Bound ${nats(values.bound)} plus gap ${nats(gap)} is log p of x, ${nats(values.total)} nats`
      : "Nothing measured yet";
    this.canvas.setAttribute("aria-label", said);
    if (values) this.rescale(gap);
    this.paint();
  }

  /** The span changes by steps, and not back at once, so that the line stays calm under a moving point. */
  rescale(gap) {
    const least = Math.max(LEAST, NICE.find((s) => s >= 1.15 * gap) ?? NICE.at(-1));
    if (least > this.span || 3 * gap < this.span) this.span = least;
  }

  paint() {
    const { context: c, width } = sharpen(this.canvas);
    c.clearRect(0, 0, width, HEIGHT);
    if (!this.values || !width) return;
    const { total, bound, few, many } = this.values,
      end = width - 58;
    const at = (v) => Math.max(0, end + ((v - total) / this.span) * end);
    c.font = fontOf(this.canvas, "12px");
    this.bar(c, 0, at(bound), this.colours.model, 0.35);
    this.bar(c, at(bound), end, this.colours.error, 0.9);
    this.mark(c, at(bound), "bound", "above", "right");
    this.mark(c, end, "log p(x)", "above", "left");
    const places = [
      [few, "10"],
      [many, "100"],
    ].map(([v, name]) => [at(Math.min(v, total)), name]);
    places.forEach(([x, name], i) => {
      if (i || places[1][0] - x > 24) this.mark(c, x, name, "below", "center");
    });
    this.ruler(c, end);
  }

  bar(c, from, to, colour, alpha) {
    c.globalAlpha = alpha;
    c.fillStyle = colour;
    c.fillRect(from, 22, Math.max(0, to - from), 18);
    c.globalAlpha = 1;
  }

  mark(c, x, text, side, align) {
    const isAbove = side === "above",
      shift = { left: 5, center: 0, right: -5 }[align],
      size = c.measureText(text).width;
    c.fillStyle = isAbove ? this.colours.ink : this.colours.soft;
    c.fillRect(x - 0.75, isAbove ? 3 : 22, 1.5, isAbove ? 37 : 22);
    c.textAlign = align === "right" && x < size + 8 ? "left" : align; // at the left end there is room only on the right
    c.fillText(text, x + (c.textAlign === align ? shift : -shift), isAbove ? 13 : 56);
  }

  /** How long a nat is. */
  ruler(c, end) {
    const nice = NICE.findLast((s) => s <= this.span / 3),
      length = (nice / this.span) * end;
    c.strokeStyle = c.fillStyle = this.colours.soft;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0.5, 60);
    c.lineTo(0.5, 66);
    c.lineTo(length, 66);
    c.lineTo(length, 60);
    c.stroke();
    c.textAlign = "left";
    c.fillText(`${nice} ${nice === 1 ? "nat" : "nats"}`, length + 6, 70);
  }
}
