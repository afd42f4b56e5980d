// Lists of names around the map: the steps between two names, what is rebuilt, what is near, what the prior draws.

import { element, sharpen } from "../../canvas/live.js";

export const fixed = (v, digits = 2) => (Number.isFinite(v) ? v.toFixed(digits) : "–").replace("-", "−");

/** A text that changes gently: nothing is done while it stays the same. */
function write(node, text) {
  if (node.textContent === text) return;
  node.textContent = text;
  node.classList.remove("fresh");
  void node.offsetWidth; // begins the animation anew
  node.classList.add("fresh");
}

/** Nine names on each of two ways from one code to another. handlers: choose(t, way) */
export class StepsList {
  constructor(handlers, count) {
    this.rows = Array.from({ length: count }, (_, i) => {
      const t = i / (count - 1),
        cell = (way) => {
          const button = element("button", {
            type: "button",
            className: "name model",
            onclick: () => handlers.choose(t, way),
          });
          button.setAttribute("aria-label", `Go to step ${i + 1} of the ${way} way`);
          return button;
        };
      return {
        t,
        straight: cell("straight"),
        round: cell("round"),
        lengths: { straight: element("span", { className: "num" }), round: element("span", { className: "num" }) },
      };
    });
    const head = ["straight", "|z|", "round", "|z|"].map((text, i) =>
      element(
        "span",
        { className: i % 2 ? "num" : "", title: i > 1 ? "along the sphere: the length of z changes evenly" : "" },
        text,
      ),
    );
    this.root = element(
      "div",
      { className: "steps" },
      ...head,
      ...this.rows.flatMap((r) => [r.straight, r.lengths.straight, r.round, r.lengths.round]),
    );
  }

  /** names and lengths: { straight: [...], round: [...] }; t and way: where the visitor is, or null. */
  show({ names, lengths, t, way }) {
    this.rows.forEach((row, i) => {
      for (const each of ["straight", "round"]) {
        if (names) {
          write(row[each], names[each][i] || "(empty)");
          row.lengths[each].textContent = fixed(lengths[each][i], 1);
        }
        const isHere = way === each && t !== null && Math.abs(t - row.t) <= 0.5 / (this.rows.length - 1) + 1e-9;
        row[each].setAttribute("aria-pressed", String(isHere));
      }
    });
  }
}

/** Names that went through their codes: as they were, and as they came back, with wrong letters marked. */
export class RebuiltList {
  constructor(count) {
    this.pairs = Array.from({ length: count }, () => ({
      from: element("span", { className: "name data" }),
      to: element("span", { className: "name model" }),
    }));
    this.root = element("div", { className: "rebuilt" }, ...this.pairs.flatMap(({ from, to }) => [from, to]));
  }

  show(originals, rebuilt) {
    this.pairs.forEach(({ from, to }, i) => {
      from.textContent = originals[i] ?? "";
      if (to.dataset.name === rebuilt[i]) return;
      to.dataset.name = rebuilt[i] ?? "";
      to.replaceChildren(
        ...Array.from(rebuilt[i] ?? "", (letter, k) =>
          letter === originals[i]?.[k] ? letter : element("i", {}, letter),
        ),
      );
    });
  }
}

/** Names as small plates; those that are in the data are marked. handlers: none. */
export class Plates {
  constructor(count, className = "plates") {
    this.plates = Array.from({ length: count }, () => element("span", { className: "plate" }));
    this.root = element("div", { className }, ...this.plates);
  }

  show(names, known) {
    this.plates.forEach((plate, i) => {
      plate.hidden = names[i] === undefined;
      write(plate, names[i] === undefined ? "" : names[i] || "(empty)");
      const isKnown = !!known?.has(names[i]);
      plate.classList.toggle("known", isKnown);
      plate.title = isKnown
        ? "stands in the list of real names"
        : known
          ? "invented: not in the list of real names"
          : "";
    });
  }
}

/** Real names whose codes are nearest. handlers: open(index) */
export class NearList {
  constructor(handlers, count) {
    this.rows = Array.from({ length: count }, () => {
      const row = {
        name: element("button", {
          type: "button",
          className: "name data",
          title: "Move the cross to this name's code",
        }),
        bar: element("span", { className: "bar" }),
        far: element("span", { className: "num" }),
      };
      row.name.onclick = () => {
        if (row.index !== undefined) handlers.open(row.index);
      };
      return row;
    });
    this.root = element("div", { className: "near" }, ...this.rows.flatMap((r) => [r.name, r.bar, r.far]));
  }

  show(near) {
    const most = Math.max(...near.map((n) => n.distance), 1e-6);
    this.rows.forEach((row, i) => {
      const found = near[i];
      row.index = found?.index;
      if (row.name.textContent !== (found?.name ?? "")) row.name.textContent = found?.name ?? "";
      row.bar.style.setProperty("--share", found ? `${(100 * found.distance) / most}%` : "0%");
      row.far.textContent = found ? fixed(found.distance) : "";
    });
  }
}

/** What each latent carries, as bars, with what it comes to. */
export class CodeCard {
  constructor() {
    this.canvas = element("canvas", { className: "bars" });
    this.canvas.setAttribute("role", "img");
    this.facts = element("div", { className: "facts" });
    this.root = element("div", { className: "code" }, this.canvas, this.facts);
  }

  paint(kl, metrics, colours) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    c.clearRect(0, 0, width, height);
    const values = kl ? [...kl].sort((a, b) => b - a) : [],
      top = Math.max(1, ...values),
      n = Math.max(1, values.length);
    const floor = height - 18,
      step = (width - 4) / n,
      family = getComputedStyle(this.canvas).fontFamily;
    c.fillStyle = colours.line;
    c.fillRect(0, floor, width, 1);
    values.forEach((v, i) => {
      c.fillStyle = colours.field;
      const h = ((floor - 16) * Math.max(0, v)) / top;
      c.fillRect(2 + i * step + step * 0.14, floor - h, step * 0.72, Math.max(1, h));
    });
    c.font = `12px ${family}`;
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText(`${n} latents, the one that carries most first`, 2, height - 3);
    c.textAlign = "right";
    if (values.length) c.fillText(`${fixed(values[0])} nats`, width - 2, 11);
    const rate = values.reduce((a, b) => a + b, 0);
    this.canvas.setAttribute("aria-label", `KL of each latent, together ${fixed(rate, 1)} nats`);
    this.showFacts(rate, values.length > 0, metrics);
  }

  showFacts(rate, isThere, metrics) {
    const fact = (value, what) => element("div", {}, element("b", { className: "num" }, value), ` ${what}`);
    const first = (name) => metrics?.[name]?.[0];
    this.facts.replaceChildren(
      ...(isThere ? [fact(fixed(rate, 1), "nats in a code (rate, KL)")] : []),
      ...(metrics
        ? [
            fact(fixed(first("distortion"), 1), "nats left for the letters (distortion)"),
            fact(fixed(first("bits_per_letter")), "bits per letter, at most (bound)"),
            fact(`${fixed(100 * first("exact_share"), 0)} %`, "of unseen names rebuilt letter for letter"),
          ]
        : []),
    );
  }
}
