// The bound and what it misses, on one line: bound + gap = log p(x), with the tighter bounds between them.

import { element, sharpen } from "./live.js";

const SPANS = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6]; // nats shown left of log p(x)
const HEIGHT = 74;
const minus = (text) => text.replace("-", "\u2212");

/** Nats with as many digits as fit. */
export function nats(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  return minus(Math.abs(value) >= 1e4 ? value.toExponential(1) : value.toFixed(Math.abs(value) >= 100 ? 1 : digits));
}

/** A card with the equation in numbers, the line, and the bounds of more samples. */
export class BoundLine {
  constructor() {
    this.parts = Object.fromEntries(["bound", "gap", "total"].map((name) => [name, element("b", { className: `num ${name}` }, "–")]));
    this.notes = Object.fromEntries(["few", "many", "error", "split"].map((name) => [name, element("span", { className: "num" })]));
    this.tag = element("span", { className: "tag" });
    this.canvas = element("canvas", { className: "line" });
    this.canvas.setAttribute("role", "img");
    const term = (name, label, sign) => element("div", { className: "term" }, sign, element("div", {}, this.parts[name], element("small", {}, label)));
    this.root = element("section", { className: "card ledger" },
      element("h3", {}, element("span", {}, "What the bound misses here"), this.tag),
      element("div", { className: "row" },
        element("div", { className: "equation" }, term("bound", "bound (ELBO)", ""), term("gap", "KL(q ‖ p(z | x))", element("i", {}, "+")), term("total", "log p(x), nats", element("i", {}, "="))),
        this.canvas),
      element("div", { className: "notes" }, this.notes.split, this.notes.few, this.notes.many, this.notes.error));
    this.span = SPANS[2];
  }

  /** values: {total, error, bound, rate, distortion, few, fewError, many, manyError} in nats, or null; x: two numbers */
  show(values, x, colours) {
    this.values = values;
    this.colours = colours;
    this.tag.textContent = minus(`x = (${x[0].toFixed(2)}, `) + minus(`${x[1].toFixed(2)})`);
    const gap = values ? values.total - values.bound : NaN;
    this.parts.bound.textContent = nats(values?.bound);
    this.parts.gap.textContent = nats(gap);
    this.parts.total.textContent = nats(values?.total);
    this.notes.split.textContent = values ? `bound = −(rate ${nats(values.rate)} + distortion ${nats(values.distortion)})` : "";
    this.notes.few.textContent = values ? `bound of 10 samples ${nats(values.few)} ± ${values.fewError.toFixed(3)}` : "";
    this.notes.many.textContent = values ? `of 100 samples ${nats(values.many)} ± ${values.manyError.toFixed(3)}` : "";
    this.notes.error.textContent = values ? `log p(x) by quadrature, ± ${values.error < 1e-5 ? "less than 0.00001" : values.error.toPrecision(1)}` : "";
    const said = values ? `Bound ${nats(values.bound)} plus gap ${nats(gap)} is log p of x, ${nats(values.total)} nats` : "Nothing measured yet";
    this.canvas.setAttribute("aria-label", said);
    if (values) this.rescale(gap);
    this.paint();
  }

  /** The span changes by steps, and not back at once, so that the line stays calm under a moving point. */
  rescale(gap) {
    const least = SPANS.find((s) => s >= 1.15 * gap) ?? SPANS.at(-1);
    if (least > this.span || 3 * gap < this.span) this.span = Math.max(least, SPANS[1]);
  }

  paint() {
    const { context: c, width } = sharpen(this.canvas);
    c.clearRect(0, 0, width, HEIGHT);
    if (!this.values || !width) return;
    const { total, bound, few, many } = this.values, end = width - 58;
    const at = (v) => Math.max(0, end + ((v - total) / this.span) * end);
    c.font = `12px ${getComputedStyle(this.canvas).fontFamily}`;
    this.bar(c, 0, at(bound), this.colours.model, 0.35);
    this.bar(c, at(bound), end, this.colours.error, 0.9);
    this.mark(c, at(bound), "bound", 15, this.colours.ink, "bottom");
    this.mark(c, end, "log p(x)", 15, this.colours.ink, "bottom", "left");
    const places = [[few, "10"], [many, "100"]].map(([v, name]) => [at(Math.min(v, total)), name]);
    places.forEach(([x, name], i) => { if (i || places[1][0] - x > 24) this.mark(c, x, name, 0, this.colours.soft, "top"); });
    this.ruler(c, end);
  }

  bar(c, from, to, colour, alpha) {
    c.globalAlpha = alpha;
    c.fillStyle = colour;
    c.fillRect(from, 22, Math.max(0, to - from), 18);
    c.globalAlpha = 1;
  }

  mark(c, x, text, y, colour, side, align = "") {
    c.fillStyle = colour;
    c.fillRect(x - 0.75, side === "bottom" ? 18 : 22, 1.5, side === "bottom" ? 26 : 22);
    const half = c.measureText(text).width / 2;
    c.textAlign = align || "center";
    c.fillText(text, align ? x + 5 : Math.max(half + 2, x), side === "bottom" ? 13 : 56);
  }

  /** How long a nat is. */
  ruler(c, end) {
    const nice = SPANS.findLast((s) => s <= this.span / 3) ?? this.span / 2, length = (nice / this.span) * end;
    c.strokeStyle = c.fillStyle = this.colours.soft;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0.5, 60); c.lineTo(0.5, 66); c.lineTo(length, 66); c.lineTo(length, 60);
    c.stroke();
    c.textAlign = "left";
    c.fillText(`${nice} ${nice === 1 ? "nat" : "nats"}`, length + 6, 70);
  }
}
