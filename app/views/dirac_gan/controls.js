// What can be turned about the game: loss, cure, how the players move, and sliders that act while they are dragged.

import { Choice, FieldSlider } from "../../canvas/controls.js";
import { element } from "../../canvas/live.js";

const STEPS_ONLY = ["h", "momentum", "n_critic"]; // what a flow has none of

class Dial extends FieldSlider {
  rounded(value) {
    const { low, high, step } = this.field;
    return Math.min(high, Math.max(low, +(Math.round(value / step) * step).toFixed(4)));
  }

  /** label: what it is called for now, if that is not what its field says. */
  show(value, label = this.field.label) {
    this.name.textContent = label;
    this.input.setAttribute("aria-label", label);
    super.show(value);
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
