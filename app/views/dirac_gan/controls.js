// What can be turned about the game: loss, cure, how the players move, and sliders that act while they are dragged.

import { element } from "../../canvas/live.js";
import { Choice } from "../score/controls.js";

const TICKS = 1000; // of a logarithmic slider
const STEPS_ONLY = ["h", "momentum", "n_critic"]; // what a flow has none of

class Dial {
  /** field: name, label, help, low, high, step, is_log, kind */
  constructor(field, turned, settled) {
    this.field = field;
    const { low, high, step, is_log: isLog } = field;
    this.input = element("input", {
      type: "range",
      min: isLog ? "0" : String(low),
      max: isLog ? String(TICKS) : String(high),
      step: isLog ? "1" : String(step),
    });
    this.input.reading = () => this.textOf(this.read());
    this.name = element("span", {}, field.label);
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
    const { low, high, step, is_log: isLog } = this.field,
      raw = +this.input.value;
    const value = isLog ? low * (high / low) ** (raw / TICKS) : raw;
    return Math.min(high, Math.max(low, +(Math.round(value / step) * step).toFixed(4)));
  }

  show(value, label) {
    const { low, high, is_log: isLog } = this.field;
    this.name.textContent = label ?? this.field.label;
    this.input.setAttribute("aria-label", this.name.textContent);
    this.input.value = isLog ? (TICKS * Math.log(value / low)) / Math.log(high / low) : value;
    this.paint(value);
  }

  paint(value) {
    const { low, high, is_log: isLog } = this.field,
      share = isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    this.input.style.setProperty("--share", `${100 * share}%`);
    this.value.textContent = this.textOf(value);
    this.input.setAttribute("aria-valuetext", this.value.textContent);
  }

  textOf(value) {
    return (this.field.kind === "int" ? String(value) : value.toFixed(2)).replace("-", "−");
  }
}

export class Controls {
  /** handlers: choose(changes), turn(changes) while a slider is dragged, settled() */
  constructor(handlers) {
    this.handlers = handlers;
    this.rows = {
      loss: new Choice("Loss", (loss) => handlers.choose({ loss })),
      cure: new Choice("Regularizer", (cure) => handlers.choose({ cure })),
      dynamics: new Choice("Dynamics", (dynamics) => handlers.choose({ dynamics })),
    };
    this.idea = element("p", { className: "idea" });
    this.sliders = element("div", { className: "sliders" });
    const row = (name, label) =>
      element("div", { className: "row" }, element("span", { className: "name" }, label), this.rows[name].root);
    this.root = element(
      "section",
      { className: "card controls" },
      row("loss", "Loss"),
      row("cure", "Regularizer"),
      this.idea,
      row("dynamics", "Dynamics"),
      this.sliders,
    );
  }

  /** What Python says of losses, cures, dynamics and fields; once. */
  build({ losses, cures, dynamics, fields }) {
    if (this.dials) return;
    this.cures = Object.fromEntries(cures.map((cure) => [cure.key, cure]));
    this.rows.loss.fill(losses.map(({ key, title }) => [key, title, title]));
    this.rows.cure.fill(cures.map(({ key, title, idea }) => [key, title, idea]));
    this.rows.dynamics.fill(dynamics.map(({ key, title, idea }) => [key, title, idea]));
    this.dials = fields.map(
      (field) =>
        new Dial(
          field,
          (value) => this.handlers.turn({ [field.name]: value }),
          () => this.handlers.settled(),
        ),
    );
    this.sliders.replaceChildren(...this.dials.map(({ root }) => root));
  }

  show(game) {
    for (const [name, row] of Object.entries(this.rows)) row.show(game[name]);
    const { symbol, idea } = this.cures[game.cure];
    this.idea.textContent = idea;
    for (const dial of this.dials) {
      const { name } = dial.field;
      dial.root.hidden = (name === "strength" && !symbol) || (game.dynamics === "flow" && STEPS_ONLY.includes(name));
      dial.show(game[name], name === "strength" ? `Strength ${symbol}` : undefined);
    }
  }
}
