// The way from one name to another: the word, the slider under it, and the two names at its ends.

import { norm } from "../../canvas/latents/ways.js";
import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";
import { fixed } from "./lists.js";
import { BigWord, titled } from "./word.js";

const WAYS = {
  straight: "Straight: z passes nearer to 0",
  round: "Along the sphere: the length of z changes evenly, as if the prior were a thin shell",
};

/** lab: the owner; it has setT(t), chooseWay(way) and settled(), and knows t, way, z, ends and whether it can ask. */
export class WayCard {
  constructor(lab) {
    this.lab = lab;
    this.word = new BigWord();
    this.slider = element("input", { type: "range", className: "main", min: 0, max: 1, step: 0.001, value: 0 });
    this.slider.setAttribute("aria-label", "From the first name to the second");
    this.slider.oninput = () => lab.setT(+this.slider.value);
    this.slider.onchange = () => lab.settled();
    this.tag = element("span", { className: "tag" });
    this.ways = Object.fromEntries(
      Object.entries(WAYS).map(([way, title]) => [
        way,
        element("button", { type: "button", className: "tag", title, onclick: () => lab.chooseWay(way) }, way),
      ]),
    );
    this.told = element("div", { className: "told num" });
    this.endNodes = ["end left", "end right"].map((className) => element("div", { className }));
    this.slide = element("div", { className: "slide" }, this.slider, this.told);
    this.root = element(
      "section",
      { className: "card between" },
      heading("Decoded name", this.tag, ...Object.values(this.ways)),
      this.word.canvas,
      element("div", { className: "way" }, this.endNodes[0], this.slide, this.endNodes[1]),
    );
  }

  paint() {
    const { colours, picture, digest } = this.lab;
    this.word.paint(colours, picture ? "" : digest ? "opening the run …" : "Not trained yet: press Train.");
  }

  refresh() {
    const { lab } = this,
      isAsked = lab.canAsk && !!lab.ends;
    this.showEnds(isAsked);
    this.showSlider(isAsked);
    for (const [way, button] of Object.entries(this.ways)) {
      button.setAttribute("aria-pressed", String(way === lab.way));
      button.hidden = !isAsked;
    }
    this.tag.textContent = !lab.picture
      ? ""
      : !isAsked
        ? "the same noise at every step"
        : lab.isOff
          ? "off the way: move the slider to come back"
          : "likeliest letters";
    this.showPlace(isAsked);
  }

  showEnds(isAsked) {
    const { ends, numbers } = this.lab;
    [numbers.a, numbers.b].forEach((name, i) => {
      const parts = [element("b", {}, titled(name))];
      if (isAsked) {
        const { back, rate, distortion } = ends[i],
          bound = fixed(-rate - distortion, 1);
        parts.push(
          element("span", {}, "rebuilt ", element("span", { className: "model" }, back || "(empty)")),
          element("br"),
          element("span", { className: "num" }, `KL ${fixed(rate, 1)} · bound ${bound} nats`),
        );
      }
      this.endNodes[i].replaceChildren(...parts);
    });
  }

  showSlider(isAsked) {
    const { t, isOff } = this.lab,
      { slider } = this;
    slider.disabled = !isAsked;
    if (document.activeElement !== slider || isOff || +slider.value !== t) slider.value = t;
    slider.style.setProperty("--share", `${100 * t}%`);
    this.slide.classList.toggle("off", isOff);
    slider.setAttribute("aria-valuetext", this.word.name ? `${Math.round(100 * t)} %, ${this.word.name}` : "");
  }

  /** How long z is, and how sure the model is of what it spells. */
  showPlace(isAsked) {
    const { z, logProb } = this.lab;
    if (!isAsked || !z) {
      this.told.replaceChildren(element("span", {}, this.lab.whyNot()));
      return;
    }
    const fact = (text, value) => element("span", {}, text, element("b", {}, value));
    this.told.replaceChildren(
      fact("|z| = ", fixed(norm(z))),
      fact("usual ", fixed(Math.sqrt(z.length), 1)),
      fact("p(name | z) = ", percent(logProb)),
    );
  }
}

const superscript = (text) => Array.from(text, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("");

/** A probability as people read it. */
function percent(logProb) {
  if (!Number.isFinite(logProb)) return "–";
  const p = 100 * Math.exp(logProb);
  if (p >= 0.01) return `${p.toFixed(p >= 1 ? 0 : 2)} %`;
  return `10${superscript((logProb / Math.LN10).toFixed(0))}`;
}
