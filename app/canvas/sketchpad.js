// Draw a target of your own: each stroke is sent when the hand lets go. Undo, clear; nothing is lost on a reload.

import { setColours } from "./base_canvas.js";
import { element, sharpen, themeColours } from "./live.js";
import { mountStage } from "./mounting.js";

const FINE = 0.012; // least distance between kept points, canvas units

export const mount = (component) => mountStage(Sketchpad, component);

class Sketchpad {
  constructor(parent) {
    const root = (this.root = parent.querySelector(".sketchpad"));
    this.strokes = [];
    this.canvas = element("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", "Drawing area: draw strokes with mouse, pen or finger");
    this.undoButton = element("button", { type: "button", onclick: () => this.undo() }, "Undo");
    this.clearButton = element("button", { type: "button", onclick: () => this.clear() }, "Clear");
    root.replaceChildren(this.canvas, element("div", { className: "tools" }, this.undoButton, this.clearButton));
    this.canvas.onpointerdown = (event) => this.begin(event);
    this.canvas.onpointermove = (event) => this.go(event);
    this.canvas.onpointerup = this.canvas.onpointercancel = () => this.end();
    this.canvas.onkeydown = (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.undo();
      }
    };
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.canvas);
  }

  update({ numbers: { strokes, themes, brush } }) {
    this.colours = themeColours(this.root, themes);
    setColours(this.root, this.colours);
    this.brush = brush;
    if (!this.stroke && !this.isOwn) this.strokes = strokes;
    this.draw();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const clip = (v) => Math.round(1000 * Math.max(-1, Math.min(1, v))) / 1000;
    return [
      clip((2 * (event.clientX - box.left)) / box.width - 1),
      clip(1 - (2 * (event.clientY - box.top)) / box.height),
    ];
  }

  begin(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = [this.at(event)];
    this.draw();
  }

  go(event) {
    if (!this.stroke) return;
    const point = this.at(event),
      last = this.stroke.at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < FINE) return;
    this.stroke.push(point);
    this.draw();
  }

  end() {
    if (!this.stroke) return;
    this.change([...this.strokes, this.stroke]);
    this.stroke = null;
  }

  undo() {
    this.change(this.strokes.slice(0, -1));
  }

  clear() {
    this.change([]);
  }

  change(strokes) {
    this.isOwn = true; // from now on this pad, not the server, knows the drawing
    this.strokes = strokes;
    this.draw();
    this.tell.state("strokes", strokes);
  }

  draw() {
    if (!this.colours) return;
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    c.strokeStyle = c.fillStyle = this.colours.data;
    c.lineCap = c.lineJoin = "round";
    c.lineWidth = Math.max(3, this.brush * width);
    for (const stroke of [...this.strokes, ...(this.stroke ? [this.stroke] : [])]) {
      const path = stroke.map(([x, y]) => [((x + 1) / 2) * width, ((1 - y) / 2) * height]);
      c.beginPath();
      path.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
      if (path.length === 1) c.lineTo(path[0][0] + 0.01, path[0][1]);
      c.stroke();
    }
    this.undoButton.disabled = this.clearButton.disabled = !this.strokes.length;
  }

  close() {
    this.resizing.disconnect();
  }
}
