// Styles: which resolution takes its style from A or from B, which hears noise, and how far styles lie from their mean.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

const WORDS = ["coarse: pose, shape, day or night", "middle: parts", "fine: edges", "finest: colours"];

/** studio: the owner; it holds place {levels, noises, truncation}, numbers.sides, and answers changed(), settled(). */
export class StylePanel {
  constructor(studio) {
    this.studio = studio;
    this.rows = element("div", { className: "levels" });
    this.slider = element("input", { type: "range", min: 0, max: 1.5, step: 0.01, value: 1 });
    this.slider.setAttribute("aria-label", "Truncation");
    this.slider.oninput = () => {
      studio.place.truncation = +this.slider.value;
      studio.changed();
    };
    this.slider.onchange = () => studio.settled();
    this.value = element("b", { className: "num" });
    this.strip = element("canvas", { className: "mixes" });
    this.strip.setAttribute("role", "img");
    this.strip.onclick = (event) => this.click(event);
    const tools = element(
      "div",
      { className: "tools" },
      element("button", { type: "button", className: "quiet", onclick: () => studio.nextSecond() }, "another B"),
      element("button", { type: "button", className: "quiet", onclick: () => studio.swap() }, "swap A and B"),
      this.more(),
    );
    this.root = element(
      "div",
      { className: "style-panel" },
      this.strip,
      this.rows,
      element("label", { className: "knob" }, element("span", {}, "truncation ψ"), this.slider, this.value),
      tools,
    );
  }

  more() {
    return element(
      "button",
      {
        type: "button",
        className: "quiet",
        title: "Other noise in the details",
        onclick: () => {
          this.studio.seed = (this.studio.seed ?? 0) + 1;
          this.studio.place.noises ||= this.all;
          this.studio.changed();
          this.studio.settled();
        },
      },
      "other noise",
    );
  }

  get all() {
    return (1 << (this.studio.numbers.sides?.length ?? 0)) - 1;
  }

  build() {
    const { sides } = this.studio.numbers;
    if (this.key === String(sides)) return;
    this.key = String(sides);
    this.toggles = sides.map((side, k) =>
      ["A", "B"].map((word, which) => {
        const button = element(
          "button",
          { type: "button", className: "tag", onclick: () => this.take(k, which) },
          word,
        );
        button.setAttribute("aria-label", `${side} by ${side}: style of ${word}`);
        return button;
      }),
    );
    this.noises = sides.map((side, k) => {
      const box = element("input", { type: "checkbox" });
      box.setAttribute("aria-label", `Noise at ${side} by ${side}`);
      box.onchange = () => {
        const { place } = this.studio;
        place.noises = box.checked ? place.noises | (1 << k) : place.noises & ~(1 << k);
        this.studio.changed();
        this.studio.settled();
      };
      return box;
    });
    this.rows.replaceChildren(
      ...sides.map((side, k) =>
        element(
          "div",
          { className: "level" },
          element("b", { className: "num" }, `${side}×${side}`),
          element("span", { className: "soft" }, sides.length < 3 ? (["coarse", "fine"][k] ?? "") : (WORDS[k] ?? "")),
          element("span", { className: "choice" }, ...this.toggles[k]),
          element("label", { className: "soft" }, this.noises[k], " noise"),
        ),
      ),
    );
  }

  take(k, which) {
    const { place } = this.studio;
    place.levels = which ? place.levels | (1 << k) : place.levels & ~(1 << k);
    this.studio.changed();
    this.studio.settled();
  }

  /** Which levels take B in each picture of the strip: none, one resolution alone, all. */
  variants() {
    const n = this.studio.numbers.sides.length;
    return [0, ...Array.from({ length: n }, (_, k) => 1 << k), this.all];
  }

  click(event) {
    const box = this.strip.getBoundingClientRect(),
      variants = this.variants();
    const k = Math.floor(((event.clientX - box.left) / box.width) * variants.length);
    this.studio.place.levels = variants[Math.max(0, Math.min(variants.length - 1, k))];
    this.studio.changed();
    this.studio.settled();
  }

  forget() {
    this.mixes = [];
  }

  keep(k, bitmap) {
    (this.mixes ??= [])[k] = bitmap;
  }

  paint(colours) {
    this.build();
    const { place, numbers } = this.studio;
    this.toggles.forEach((pair, k) =>
      pair.forEach((button, which) => button.setAttribute("aria-pressed", String(((place.levels >> k) & 1) === which))),
    );
    this.noises.forEach((box, k) => {
      box.checked = !!((place.noises >> k) & 1);
    });
    this.slider.value = place.truncation;
    this.slider.style.setProperty("--share", `${(100 * place.truncation) / 1.5}%`);
    this.value.textContent = place.truncation.toFixed(2);
    const { context: c, width, height } = sharpen(this.strip),
      variants = this.variants(),
      cell = width / variants.length,
      side = Math.min(cell - 4, height - 18);
    c.clearRect(0, 0, width, height);
    c.font = fontOf(this.strip);
    c.textAlign = "center";
    variants.forEach((levels, k) => {
      const x = k * cell + (cell - side) / 2,
        bitmap = this.mixes?.[k];
      if (bitmap) stamp(c, bitmap, x, 0, side, side);
      c.fillStyle = colours.soft;
      c.fillText(
        k === 0 ? "A" : k === variants.length - 1 ? "B" : `B at ${numbers.sides[k - 1]}`,
        x + side / 2,
        side + 13,
      );
      if (levels === place.levels) {
        c.lineWidth = 2;
        c.strokeStyle = colours.model;
        c.strokeRect(x + 1, 1, side - 2, side - 2);
      }
    });
    this.strip.setAttribute("aria-label", "A, then A with the style of B at one resolution alone, then B");
  }
}
