// Controls that Python describes: a row of buttons, and a slider of one setting, logarithmic where its field says so.

import { element } from "./live.js";

const TICKS = 1000; // of a logarithmic slider

/** A row of buttons: of a choice one is pressed, of layers to show any number. */
export class Choice {
  constructor(label, choose) {
    this.choose = choose;
    this.root = element("div", { className: "choice" });
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", label);
  }

  /** entries: [[key, text or parts, title], ...] */
  fill(entries) {
    this.buttons = new Map(
      entries.map(([key, text, title]) => [
        key,
        element("button", { type: "button", title, onclick: () => this.choose(key) }, ...[text].flat()),
      ]),
    );
    this.root.replaceChildren(...this.buttons.values());
    return this;
  }

  show(chosen) {
    this.press((key) => key === chosen);
  }

  press(isPressed) {
    for (const [key, node] of this.buttons ?? []) node.setAttribute("aria-pressed", String(isPressed(key)));
  }
}

/** Entries of a choice whose buttons say their own keys: key -> title. */
export const namedBy = (titles) => Object.entries(titles).map(([key, title]) => [key, key, title]);

/** field: name, label, help, low, high, step, is_log, kind. A kind has rounded(value) and textOf(value). */
export class FieldSlider {
  constructor(field, turned, settled) {
    const { low, high, step, is_log: isLog } = field;
    this.field = field;
    this.input = element("input", {
      type: "range",
      min: isLog ? "0" : String(low),
      max: isLog ? String(TICKS) : String(high),
      step: isLog ? "1" : String(step),
    });
    this.input.reading = () => this.textOf(this.read());
    this.name = element("span", {}, field.label);
    this.input.setAttribute("aria-label", field.label);
    this.value = element("b", { className: "num" });
    this.input.oninput = () => {
      const value = this.read();
      this.paint(value);
      turned(value);
    };
    this.input.onchange = settled;
    this.root = element("label", { className: "slider", title: field.help }, this.name, this.value, this.input);
  }

  read() {
    const { low, high, is_log: isLog } = this.field,
      raw = +this.input.value;
    return this.rounded(isLog ? low * (high / low) ** (raw / TICKS) : raw);
  }

  show(value) {
    this.input.value = this.field.is_log ? TICKS * this.shareOf(value) : value;
    this.paint(value);
  }

  shareOf(value) {
    const { low, high, is_log: isLog } = this.field;
    return isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  }

  paint(value) {
    this.input.style.setProperty("--share", `${100 * this.shareOf(value)}%`);
    this.value.textContent = this.textOf(value);
    this.input.setAttribute("aria-valuetext", this.value.textContent);
  }
}
