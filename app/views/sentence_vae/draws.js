// Names that are drawn: from the prior, and what else could be spelt at the cross, both at a temperature of the
// letters.

import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";
import { fixed, Plates } from "./lists.js";

const HOTTEST = 1.5;

/** lab: the owner; it has setTemperature(value), drawAgain() and drawPrior(), and holds what was drawn. */
export class Draws {
  constructor(lab, { prior, variants }) {
    this.lab = lab;
    this.prior = new Plates(prior, "plates two");
    this.variants = new Plates(variants);
    this.priorTag = element("span", { className: "tag" });
    this.priorCap = element("div", { className: "cap" });
    this.drawButton = element(
      "button",
      {
        type: "button",
        className: "tag",
        title: "New codes from the prior, letters at the temperature below",
        onclick: () => lab.drawPrior(),
      },
      "draw others",
    );
    this.priorCard = element(
      "section",
      { className: "card" },
      heading("Drawn from the prior", this.priorTag, this.drawButton),
      this.prior.root,
      this.priorCap,
    );
    this.around = element("div", {}, this.buildTools(), this.variants.root);
  }

  buildTools() {
    const { lab } = this;
    this.heat = element("input", { type: "range", min: 0, max: HOTTEST, step: 0.05, value: lab.temperature });
    this.heat.setAttribute("aria-label", "Temperature of the letters");
    this.heat.oninput = () => lab.setTemperature(+this.heat.value);
    this.heatValue = element("b", { className: "num" });
    this.showTemperature();
    return element(
      "div",
      { className: "tools" },
      element(
        "label",
        {
          className: "temperature",
          title: "T of p^(1/T) for each letter: 0 takes the likeliest each time; 1 draws from the model",
        },
        element("span", {}, "temperature"),
        this.heat,
        this.heatValue,
      ),
      element("button", { type: "button", className: "quiet", onclick: () => lab.drawAgain() }, "draw again"),
    );
  }

  showTemperature() {
    const { temperature } = this.lab;
    this.heatValue.textContent = fixed(temperature);
    this.heat.style.setProperty("--share", `${(100 * temperature) / HOTTEST}%`);
  }

  show() {
    const { codes, drawn, canAsk, picture, temperature, variantNames } = this.lab,
      known = codes?.isWhole ? codes.known : null,
      isDrawn = drawn && canAsk;
    this.prior.show(isDrawn ? drawn : (picture?.samples ?? []), known);
    this.priorTag.textContent = isDrawn ? `temperature ${fixed(temperature)}` : picture ? "fixed noise" : "";
    this.priorTag.title = isDrawn
      ? "New codes from the prior; letters are drawn at this temperature"
      : "The same codes at every step of the training, and the likeliest letters";
    this.drawButton.hidden = !canAsk;
    this.priorCap.textContent = known && canAsk ? "• stands in the list of real names; the others are invented" : "";
    this.variants.show(canAsk ? (variantNames ?? []) : [], known);
  }
}
