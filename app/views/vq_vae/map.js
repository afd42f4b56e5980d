// A map of codes as a grid: each cell shows what its code draws, or its number on its colour.

import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

/** A colour of a code: like codes have like angles (0 ... 1). */
export const hue = (angle, isDead = false) => (isDead ? "#8a8f98" : `hsl(${Math.round(360 * angle)} 62% 62%)`);

/** handlers: choose(cell), hover(cell or null). */
export class CodeMap {
  constructor(handlers) {
    this.handlers = handlers;
    this.canvas = element("canvas", { className: "square map", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.onpointermove = (event) => this.handlers.hover(this.cellAt(event));
    this.canvas.onpointerleave = () => this.handlers.hover(null);
    this.canvas.onclick = (event) => {
      const cell = this.cellAt(event);
      if (cell !== null) this.handlers.choose(cell);
    };
    this.canvas.onkeydown = (event) => this.onKey(event);
  }

  cellAt(event) {
    const box = this.canvas.getBoundingClientRect(),
      [rows, columns] = this.state?.shape ?? [0, 0];
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns),
      row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    return row >= 0 && column >= 0 && row < rows && column < columns ? row * columns + column : null;
  }

  onKey(event) {
    const {
        shape: [rows, columns],
        cell,
      } = this.state,
      row = Math.floor(cell / columns),
      column = cell % columns;
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] },
      move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const to = [Math.max(0, Math.min(rows - 1, row + move[0])), Math.max(0, Math.min(columns - 1, column + move[1]))];
    this.state.cell = to[0] * columns + to[1]; // at once, so that no quick press is lost
    this.handlers.choose(this.state.cell);
  }

  /**
   * state: shape, codes, origin (or null), cell, hovered, patches (bitmaps by code, or by cell), isByCell, numbers,
   * angles, usage, colours, title
   */
  paint(state) {
    this.state = state;
    const { context: c, width } = sharpen(this.canvas),
      {
        shape: [rows, columns],
        codes,
        colours,
      } = state;
    if (!width) return;
    c.clearRect(0, 0, width, width);
    const row = Math.floor(state.cell / columns) + 1,
      column = (state.cell % columns) + 1,
      chosen = codes ? `; chosen: row ${row}, column ${column}, code ${codes[state.cell]}` : "";
    this.canvas.setAttribute("aria-label", `${state.title}. Arrow keys choose a cell${chosen}`);
    if (!codes) return;
    const w = width / columns,
      h = width / rows,
      font = getComputedStyle(this.canvas).fontFamily;
    codes.forEach((code, i) => {
      const x = (i % columns) * w,
        y = Math.floor(i / columns) * h;
      const patch = state.numbers ? null : state.patches?.[state.isByCell ? i : code];
      if (patch) stamp(c, patch, x + 1, y + 1, w - 2, h - 2);
      else {
        c.fillStyle = hue(state.angles?.[code] ?? code / state.count);
        c.fillRect(x + 1, y + 1, w - 2, h - 2);
      }
      if (state.numbers || !patch) {
        c.fillStyle = "#14181f";
        c.textAlign = "center";
        c.textBaseline = "middle";
        c.font = `600 ${Math.min(22, Math.max(10, w * 0.36))}px ${font}`;
        c.fillText(String(code), x + w / 2, y + h / 2 + 1);
        c.textBaseline = "alphabetic";
      }
      if (state.origin && state.origin[i] !== code) this.corner(c, x + w - 2, y + 2, Math.min(14, w * 0.28), colours);
    });
    if (state.hovered !== null && state.hovered !== state.cell)
      this.frame(c, state.hovered, w, h, columns, colours.ink, 2);
    this.frame(c, state.cell, w, h, columns, colours.data, 3);
  }

  /** A changed cell has an orange corner. */
  corner(c, x, y, size, colours) {
    c.fillStyle = colours.model;
    c.beginPath();
    c.moveTo(x - size, y - 1);
    c.lineTo(x + 1, y - 1);
    c.lineTo(x + 1, y + size);
    c.fill();
  }

  frame(c, cell, w, h, columns, colour, thick) {
    c.lineWidth = thick + 2;
    c.strokeStyle = "#ffffffcc";
    c.strokeRect((cell % columns) * w + 2, Math.floor(cell / columns) * h + 2, w - 4, h - 4);
    c.lineWidth = thick;
    c.strokeStyle = colour;
    c.strokeRect((cell % columns) * w + 2, Math.floor(cell / columns) * h + 2, w - 4, h - 4);
  }
}
