// The ledger of a point: log density of the base plus the log-determinant of each layer, as a waterfall.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { nats, powerText } from "../../canvas/number_text.js";

const NARROWEST = 6; // pixels of a bar with its gap; more bars than fit are scrolled
const NUMBER = 17; // pixels between the numbers at the foot
const WORD = 34; // pixels that "base" and "total" take there, with half a number beside them
const PAD = { left: 6, right: 6, top: 34, bottom: 20 };

/** Numbers that add up as they are printed: differences of rounded running sums. */
export function printed(terms, digits = 3) {
  const round = (v) => Math.round(v * 10 ** digits) / 10 ** digits;
  let sum = 0,
    before = 0;
  return terms.map((term) => {
    sum += term;
    const now = round(sum),
      part = now - before;
    before = now;
    return part;
  });
}

export const signed = (value, digits = 3) => (value < 0 ? nats(value, digits) : `+${nats(value, digits)}`);

/** handlers: choose(k) when a layer's bar is pressed, counted from the base. */
export class Ledger {
  constructor(handlers) {
    this.canvas = element("canvas", { className: "waterfall", tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.tag = element("span", { className: "tag num" });
    this.value = element("b", { className: "num" }, "–");
    this.parts = element("span", { className: "num" });
    this.truth = element("span", { className: "num" });
    this.box = element("div", { className: "scroller" }, this.canvas);
    this.root = element(
      "section",
      { className: "card ledger" },
      element("h3", {}, element("span", {}, "Ledger of log p(x)"), this.tag),
      this.box,
      element(
        "div",
        { className: "cap", title: "Log density of the model at the point: exact, in nats" },
        element("span", {}, "log p(x)"),
        this.value,
      ),
      element("div", { className: "foot" }, element("div", { className: "cap" }, this.parts, this.truth)),
    );
    this.selected = null;
    this.canvas.onpointermove = (event) => this.select(this.barAt(event));
    this.canvas.onpointerleave = () => this.select(null);
    this.canvas.onclick = (event) => {
      const bar = this.barAt(event);
      if (bar !== null) handlers.choose(bar);
    };
    this.canvas.onblur = () => this.select(null);
    this.box.onscroll = () => this.paint();
    this.canvas.onkeydown = (event) => this.onKey(event, handlers);
  }

  onKey(event, handlers) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Enter" && this.selected !== null) handlers.choose(this.selected);
    if (!by || !this.view) return;
    event.preventDefault();
    const last = this.view.terms.length;
    this.select(Math.min(last, Math.max(0, (this.selected ?? (by > 0 ? -1 : last + 1)) + by)));
  }

  select(bar) {
    if (bar === this.selected) return;
    this.selected = bar;
    this.describe();
    this.paint();
  }

  barAt(event) {
    if (!this.view) return null;
    const box = this.canvas.getBoundingClientRect(),
      n = this.view.terms.length + 1;
    const bar = Math.floor(((event.clientX - box.left - PAD.left) / (box.width - PAD.left - PAD.right)) * n);
    return bar >= 0 && bar < n ? bar : null;
  }

  /** view: { x, terms (base first), truth, names } or null; words: said instead. */
  show(view, x, colours, words = "") {
    this.view = view;
    this.colours = colours;
    this.words = words;
    this.tag.textContent = x ? `(${short(x[0])}, ${short(x[1])})` : "";
    const total = view ? view.terms.reduce((a, b) => a + b, 0) : NaN;
    this.total = total;
    if (view) this.terms = printed(view.terms);
    this.value.textContent = view ? `${nats(total)} nats` : "–";
    this.parts.replaceChildren(
      ...(view
        ? [
            element("i", { className: "dot base" }),
            nats(this.terms[0]),
            ` ${total - view.terms[0] < 0 ? "\u2212" : "+"} `,
            element("i", { className: "dot model" }),
            nats(Math.abs(this.terms.slice(1).reduce((a, b) => a + b, 0))),
          ]
        : []),
    );
    this.parts.title = "Log density of the base, and the sum of the layers' log-determinants";
    this.truth.replaceChildren(...(view ? [element("i", { className: "dot data" }), `exact ${nats(view.truth)}`] : []));
    this.truth.title = "Log density of the data at the same point: exact";
    this.describe();
    this.paint();
  }

  describe() {
    const { view } = this;
    if (!view) {
      this.canvas.setAttribute("aria-label", "Ledger: log p(x), layer by layer: nothing yet");
      return;
    }
    const layers = view.names.map((name, i) => `${name} ${signed(this.terms[i + 1])}`).join(", ");
    const first = this.selected === null ? "" : `${this.wordsOf(this.selected).join(": ")}. `;
    this.canvas.setAttribute(
      "aria-label",
      `${first}Ledger of x = ${view.x.join(", ")}: base ${nats(this.terms[0])}, ` +
        `${layers}; in all ${nats(this.total)} nats. Arrow keys go from bar to bar`,
    );
  }

  /** What one bar says. */
  wordsOf(bar) {
    const { terms, names } = this.view;
    if (bar === 0) return ["base density", nats(this.terms[0])];
    if (bar === terms.length) return ["log p(x)", nats(this.total)];
    return [`${bar} · ${names[bar - 1]}`, signed(this.terms[bar])];
  }

  paint() {
    if (!this.colours) return;
    const n = (this.view?.terms.length ?? 9) + 1,
      wide = this.box.clientWidth;
    const wanted = `${Math.max(wide, PAD.left + PAD.right + n * NARROWEST)}px`;
    if (this.canvas.style.width !== wanted) this.canvas.style.width = wanted;
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    c.font = fontOf(this.canvas, "12px");
    if (!this.view) {
      this.write(c, width, height);
      return;
    }
    const y = this.scale(height),
      step = (width - PAD.left - PAD.right) / n;
    this.paintTruth(c, y, width);
    this.paintBars(c, y, step, height);
    this.paintHead(c, y, width);
  }

  write(c, width, height) {
    c.fillStyle = this.colours.soft;
    c.textAlign = "center";
    this.words.split("\n").forEach((line, i) => c.fillText(line, width / 2, height / 2 + 17 * i));
  }

  /** Nats to pixels, over all running sums, nought and the exact value. */
  scale(height) {
    const sums = [0];
    for (const term of this.view.terms) sums.push(sums.at(-1) + term);
    const values = [...sums, this.view.truth].filter(Number.isFinite);
    const low = Math.min(...values),
      high = Math.max(...values),
      room = height - PAD.top - PAD.bottom;
    return (v) => PAD.top + room * (1 - (v - low) / Math.max(high - low, 1e-6));
  }

  paintTruth(c, y, width) {
    if (!Number.isFinite(this.view.truth)) return;
    c.strokeStyle = this.colours.data;
    c.setLineDash([4, 4]);
    c.lineWidth = 1.2;
    c.beginPath();
    c.moveTo(PAD.left, y(this.view.truth));
    c.lineTo(width - PAD.right, y(this.view.truth));
    c.stroke();
    c.setLineDash([]);
  }

  paintBars(c, y, step, height) {
    const { terms } = this.view,
      { colours } = this,
      n = terms.length + 1;
    let sum = 0;
    for (let bar = 0; bar < n; bar++) {
      const from = bar === n - 1 ? 0 : sum,
        to = bar === n - 1 ? this.total : sum + terms[bar];
      const x = PAD.left + bar * step,
        wide = Math.max(3, step * 0.74),
        top = Math.min(y(from), y(to)),
        tall = Math.max(1.5, Math.abs(y(from) - y(to)));
      c.fillStyle = bar === 0 ? colours.base : bar === n - 1 ? colours.ink : colours.model;
      c.globalAlpha = this.selected === null || this.selected === bar ? 1 : 0.45;
      c.beginPath();
      c.roundRect(x + (step - wide) / 2, top, wide, tall, Math.min(3, wide / 3, tall / 2));
      c.fill();
      if (bar < n - 1) {
        c.fillStyle = colours.soft;
        c.globalAlpha = 0.6;
        c.fillRect(x + (step + wide) / 2, y(to) - 0.5, step - wide, 1);
      }
      c.globalAlpha = 1;
      this.paintFoot(c, bar, n, x + step / 2, step, height);
      if (bar < n - 1) sum = to;
    }
  }

  paintFoot(c, bar, n, x, step, height) {
    const last = n - 2,
      every = Math.ceil(NUMBER / step),
      isEnd = bar === 0 || bar === n - 1;
    const isFree = Math.min(bar + 0.5, n - bar - 0.5) * step >= WORD; // of "base" and "total"
    if (!isEnd && !(isFree && (bar === last || (bar % every === 0 && (last - bar) * step >= NUMBER)))) return;
    c.fillStyle = this.selected === bar ? this.colours.ink : this.colours.soft;
    c.textAlign = bar === 0 ? "left" : bar === n - 1 ? "right" : "center";
    c.font = fontOf(this.canvas);
    c.fillText(
      bar === 0 ? "base" : bar === n - 1 ? "total" : String(bar),
      bar === 0 ? PAD.left : bar === n - 1 ? x + step / 2 : x,
      height - 5,
    );
  }

  /** One line over the bars: what is selected, or the scale. */
  paintHead(c, y, width) {
    const { colours } = this,
      from = this.box.scrollLeft,
      wide = this.box.clientWidth || width;
    const [left, right] =
      this.selected === null
        ? ["nats; the line is 0", from + wide < width - 1 ? "scroll for more →" : ""]
        : this.wordsOf(this.selected);
    c.fillStyle = colours.line;
    c.fillRect(PAD.left, y(0) - 0.5, width - PAD.left - PAD.right, 1);
    c.font = fontOf(this.canvas, "12px");
    c.fillStyle = this.selected === null ? colours.soft : colours.ink;
    c.textAlign = "left";
    c.fillText(left, from + PAD.left, 14);
    c.textAlign = "right";
    c.fillText(right, from + wide - PAD.right, 14);
  }
}

function short(v) {
  return Math.abs(v) >= 1000 ? powerText(v, 1) : v.toFixed(2).replace("-", "\u2212");
}
