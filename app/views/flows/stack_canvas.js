// A builder for a flow of one's own: press a layer of the palette to add it, drag or use arrow keys to move one.

import { setColours } from "../../canvas/base_canvas.js";
import { element, themeColours } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";

export const mount = (component) => mountStage(Builder, component);

class Builder {
  constructor(parent) {
    const root = (this.root = parent.querySelector(".flows_stack_canvas"));
    this.born = Date.now();
    this.palette = element("div", { className: "line palette" });
    this.row = element("div", { className: "line row" });
    this.row.setAttribute("role", "list");
    this.row.setAttribute("aria-label", "The layers, from the data to the base");
    this.input = element("input", { type: "text", maxLength: 200, spellcheck: false });
    this.input.setAttribute("aria-label", "The stack as text, from the data to the base");
    this.input.title = "Names with + between them, x3 for three times, commas between groups. Enter applies it.";
    this.input.oninput = () => {
      this.isTyping = true;
    };
    this.input.onblur = () => {
      this.isTyping = false;
    };
    this.input.onchange = () => {
      this.isTyping = false;
      if (this.input.value !== this.text) this.ask({ text: this.input.value });
    };
    this.undo = element(
      "button",
      { type: "button", className: "undo", title: "Back to the stack before", onclick: () => this.ask({ undo: true }) },
      "Undo",
    );
    this.facts = element("span");
    this.problem = element("div", { className: "problem", hidden: true });
    this.problem.setAttribute("role", "alert");
    root.replaceChildren(
      this.palette,
      this.row,
      element(
        "div",
        { className: "line" },
        element("span", { className: "name" }, "as text"),
        this.input,
        element("span", { className: "actions" }, this.facts, this.undo),
      ),
      this.problem,
    );
  }

  update({ numbers }) {
    const colours = themeColours(this.root, numbers.themes);
    setColours(this.root, colours);
    Object.assign(this, { layers: numbers.layers, text: numbers.text });
    if (!this.palette.childElementCount) this.fillPalette(numbers.palette);
    this.hints = numbers.palette;
    if (!this.isDragging && this.layers.join() !== this.inRow) this.fillRow(); // else what has the focus keeps it
    if (!this.isTyping) this.input.value = numbers.tried || numbers.text; // what is half written stays
    this.facts.textContent = numbers.facts;
    this.undo.disabled = !numbers.can_undo;
    this.problem.textContent = numbers.problem && `${numbers.problem} The stack above stays as it is.`;
    this.problem.hidden = !numbers.problem;
  }

  fillPalette(palette) {
    const add = (name) => this.change([...this.layers, name]);
    this.palette.append(
      element("span", { className: "name" }, "add"),
      ...Object.entries(palette).map(([name, title]) => {
        const node = element("button", { type: "button", title, onclick: () => add(name) }, `+ ${name}`);
        node.setAttribute("aria-label", `Add ${name}`);
        return node;
      }),
    );
  }

  fillRow() {
    const had = this.focusNext ?? null;
    this.inRow = this.layers.join();
    this.row.replaceChildren(
      element("span", { className: "name" }, "stack"),
      element("span", { className: "end" }, "data"),
      ...this.layers.map((name, i) => this.chip(name, i)),
      element("span", { className: "end" }, "base"),
    );
    if (had !== null) this.row.querySelectorAll(".chip")[had]?.focus();
    this.focusNext = null;
  }

  chip(name, i) {
    const remove = element(
      "button",
      { type: "button", title: `Remove ${name}`, onclick: () => this.change(this.layers.filter((_, k) => k !== i)) },
      "×",
    );
    remove.setAttribute("aria-label", `Remove ${name}, layer ${this.layers.length - i}`);
    const node = element(
      "span",
      {
        className: "chip",
        tabIndex: 0,
        title: `${this.hints[name] ?? ""} Drag to move it; arrow keys move it too, Delete removes it.`,
      },
      element("small", {}, String(this.layers.length - i)),
      name,
      remove,
    );
    node.setAttribute("role", "listitem");
    node.setAttribute("aria-label", `${name}, layer ${this.layers.length - i} from the base`);
    node.onkeydown = (event) => this.onKey(event, i);
    node.onpointerdown = (event) => {
      if (event.target !== remove) this.drag(event, node, i);
    };
    return node;
  }

  onKey(event, i) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.focusNext = Math.max(0, i - 1);
      this.change(this.layers.filter((_, k) => k !== i));
      return;
    }
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key],
      to = i + by;
    if (!by || to < 0 || to >= this.layers.length) return;
    event.preventDefault();
    this.focusNext = to;
    this.move(i, to);
  }

  /** Follow the hand; at its end the chip stands where it was let go. */
  drag(event, node, from) {
    const { row } = this,
      chips = () => [...row.querySelectorAll(".chip")];
    row.setPointerCapture(event.pointerId); // not the chip: that leaves its place on the way
    this.isDragging = true;
    row.onpointermove = (move) => {
      node.classList.add("dragged");
      const over = chips().find((other) => other !== node && isWithin(other.getBoundingClientRect(), move));
      if (!over) return;
      const isAfter = !!(node.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING);
      if (isAfter) over.after(node);
      else over.before(node);
    };
    row.onpointerup = row.onpointercancel = ({ type }) => {
      row.onpointermove = row.onpointerup = row.onpointercancel = null;
      this.isDragging = false;
      const to = type === "pointerup" ? chips().indexOf(node) : from;
      if (to === from) this.fillRow();
      else this.move(from, to);
    };
  }

  move(from, to) {
    if (from === to || to < 0) return;
    const layers = [...this.layers],
      [name] = layers.splice(from, 1);
    layers.splice(to, 0, name);
    this.change(layers);
  }

  /** Wishes that come close together may be delivered twice: their number tells. */
  ask(what) {
    this.tell.trigger("wish", { ...what, id: `${this.born}/${(this.count = (this.count ?? 0) + 1)}` });
  }

  /** Show the change at once and ask for it; the page answers with what it took. */
  change(layers) {
    this.ask({ layers });
    if (!layers.length) return; // the page says that one has to stay
    this.layers = layers;
    this.fillRow();
  }
}

function isWithin({ left, right, top, bottom }, { clientX: x, clientY: y }) {
  return x > left + (right - left) * 0.25 && x < right - (right - left) * 0.25 && y > top && y < bottom;
}
