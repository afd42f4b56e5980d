// A map of names: the codes of the data on their two principal directions, some written out, and a cross to drag.

import { LatentSquare, REACH } from "../../canvas/latents/square.js";

const MOST_LABELS = 34;

/**
 * handlers: move(p, q) while the cross is dragged, settled() when let go, open(index) for a name that was double-
 * clicked, looked() when another name is under the pointer.
 */
export class NameMap extends LatentSquare {
  constructor(handlers) {
    super("Map of names: drag the cross, or move it with the arrow keys", handlers);
    this.canvas.onpointerleave = () => {
      this.seen = -1;
      this.handlers.looked();
    };
    this.canvas.ondblclick = (event) => {
      const i = this.nearest(event, 30);
      if (i >= 0) this.handlers.open(i);
    };
    this.points = []; // { p, q, name }
    this.seen = -1;
  }

  /** New points; where they are the same names moved on, those that were written out stay so if there is room. */
  setPoints(points, areSame = false) {
    this.points = points;
    this.before = areSame ? (this.labels ?? this.before ?? []) : [];
    this.labels = null;
  }

  drag(event) {
    this.seen = -1;
    super.drag(event);
  }

  look(event) {
    const before = this.seen;
    this.seen = this.nearest(event, 9);
    if (this.seen !== before) this.handlers.looked();
  }

  /** The point nearest to the pointer, at most so many pixels away, or -1. */
  nearest(event, most) {
    const [p, q] = this.under(event),
      limit = (most * 2 * REACH) / this.canvas.clientWidth;
    let best = -1,
      least = limit * limit;
    this.points.forEach((point, i) => {
      const d = (point.p - p) ** 2 + (point.q - q) ** 2;
      if (d < least) {
        least = d;
        best = i;
      }
    });
    return best;
  }

  /**
   * state: place {p, q} or null, paths [[{p, q}]] with the shown one first, ends [{p, q, name}], near [{p, q, name}],
   * colours
   */
  paint(state) {
    const { context: c, width } = this.clear(state.colours);
    if (!width) return;
    this.place = state.place ?? this.place;
    this.family = getComputedStyle(this.canvas).fontFamily;
    this.paintPrior(c, width, state.colours.line);
    this.paintPoints(c, width, state);
    this.paintPaths(c, width, state);
    const free = [...state.ends];
    for (const near of state.near) {
      const isFree = free.every(
        (other) => Math.abs(other.q - near.q) * this.scale > 26 || Math.abs(other.p - near.p) * this.scale > 74,
      );
      if (isFree) free.push(near);
      this.paintName(c, width, { ...near, name: isFree ? near.name : "" }, state.colours.data, true, state.colours);
    }
    for (const end of state.ends) this.paintEnd(c, width, end, state.colours);
    if (this.seen >= 0 && this.points[this.seen])
      this.paintName(c, width, this.points[this.seen], state.colours.ink, true, state.colours);
    if (state.place) this.paintCross(c, width, state);
  }

  paintPoints(c, width, { colours, avoid }) {
    c.fillStyle = colours.data;
    c.globalAlpha = 0.5;
    for (const point of this.points) {
      const [x, y] = this.at(width, point);
      c.fillRect(x - 1.3, y - 1.3, 2.6, 2.6);
    }
    c.font = `11px ${this.family}`;
    if (!this.labels || this.labelsFor !== width) {
      this.labels = this.chooseLabels(c, width, avoid ?? []);
      this.labelsFor = width;
    }
    c.fillStyle = colours.soft;
    c.globalAlpha = 0.85;
    c.textAlign = "center";
    for (const i of this.labels) {
      const [x, y] = this.at(width, this.points[i]);
      c.fillText(this.points[i].name, x, y - 5);
    }
    c.globalAlpha = 1;
  }

  /** Names that can be written without touching each other, nor those that must be free. */
  chooseLabels(c, width, avoid) {
    const taken = avoid.map((place) => {
      const [x, y] = this.at(width, place);
      return [x - 40, y - 20, x + 40, y + 12];
    });
    const chosen = [],
      wasChosen = new Set(this.before);
    for (const i of [...wasChosen, ...this.points.keys()].filter(
      (i, k) => i < this.points.length && (k < wasChosen.size || !wasChosen.has(i)),
    )) {
      if (chosen.length >= MOST_LABELS) break;
      const [x, y] = this.at(width, this.points[i]),
        half = c.measureText(this.points[i].name).width / 2 + 5;
      const box = [x - half, y - 18, x + half, y + 5];
      const isFree =
        box[0] > 2 &&
        box[2] < width - 2 &&
        box[1] > 2 &&
        taken.every((t) => box[2] < t[0] || box[0] > t[2] || box[3] < t[1] || box[1] > t[3]);
      if (isFree) {
        taken.push(box);
        chosen.push(i);
      }
    }
    return chosen;
  }

  paintPaths(c, width, { paths, colours }) {
    paths.forEach((path, k) => {
      c.strokeStyle = colours.model;
      c.globalAlpha = k ? 0.35 : 0.9;
      c.setLineDash(k ? [3, 5] : []);
      c.lineWidth = k ? 1.3 : 2;
      c.beginPath();
      path.forEach((place, i) => {
        const [x, y] = this.at(width, place);
        if (i) c.lineTo(x, y);
        else c.moveTo(x, y);
      });
      c.stroke();
    });
    c.setLineDash([]);
    c.globalAlpha = 1;
    c.lineWidth = 1;
  }

  paintName(c, width, { p, q, name }, colour, isStrong, colours) {
    const [x, y] = this.at(width, { p, q });
    c.font = `${isStrong ? 600 : 400} 12px ${this.family}`;
    const half = c.measureText(name).width / 2,
      middle = Math.max(half + 5, Math.min(width - half - 5, x));
    c.fillStyle = colour;
    c.fillRect(x - 2, y - 2, 4, 4);
    if (!name) return;
    c.fillStyle = colours.panel;
    c.globalAlpha = 0.82;
    c.beginPath();
    c.roundRect(middle - half - 4, y - 20, 2 * half + 8, 16, 5);
    c.fill();
    c.globalAlpha = 1;
    c.fillStyle = colour;
    c.textAlign = "center";
    c.fillText(name, middle, y - 8);
  }

  paintEnd(c, width, end, colours) {
    const [x, y] = this.at(width, end);
    c.fillStyle = colours.panel;
    c.strokeStyle = colours.model;
    c.lineWidth = 2.5;
    c.beginPath();
    c.arc(x, y, 5.5, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
    c.lineWidth = 1;
    c.font = `700 14px ${this.family}`;
    c.textAlign = "center";
    const half = c.measureText(end.name).width / 2,
      middle = Math.max(half + 6, Math.min(width - half - 6, x));
    const under = y < 30 ? 22 : -12;
    c.lineWidth = 4;
    c.strokeStyle = colours.panel;
    c.strokeText(end.name, middle, y + under);
    c.lineWidth = 1;
    c.fillStyle = colours.data;
    c.fillText(end.name, middle, y + under);
  }
}
