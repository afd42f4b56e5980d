// Beside the portrait: what the two numbers mean on a line, the eigenvalues in their plane, and the distance over time.

import { followDrag } from "../../canvas/dragging.js";
import { element, sharpen } from "../../canvas/live.js";

const REACH = 2.4; // of the line's picture
const FARTHEST = 10,
  NEAREST = 1e-4; // distances that are drawn

const font = (canvas, size = 11) => `${size}px ${getComputedStyle(canvas).fontFamily}`;

/** Data at 0, the generator at theta, the discriminator's line psi x. */
export class LinePicture {
  constructor() {
    this.canvas = element("canvas", { className: "linepicture" });
    this.canvas.setAttribute("role", "img");
  }

  paint({ theta, psi, push, colours }) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    const middle = 0.52 * height,
      x = (v) => ((Math.min(REACH, Math.max(-REACH, v)) + REACH) / (2 * REACH)) * width;
    c.clearRect(0, 0, width, height);
    c.font = font(this.canvas);
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0, middle);
    c.lineTo(width, middle);
    c.stroke();
    const rise = (0.36 * height * psi) / REACH / Math.max(0.5, Math.abs(psi) / 2.2);
    c.strokeStyle = c.fillStyle = colours.field;
    c.lineWidth = 2.4;
    c.beginPath();
    c.moveTo(0, middle + REACH * rise);
    c.lineTo(width, middle - REACH * rise);
    c.stroke();
    c.textAlign = psi >= 0 ? "left" : "right";
    c.fillText(`D(x) = ${two(psi)} x`, psi >= 0 ? 4 : width - 4, height - 5);
    this.bar(c, x(0), middle, colours.data, "data", theta >= 0 ? "right" : "left");
    this.bar(c, x(theta), middle, colours.model, "generator", theta >= 0 ? "left" : "right");
    if (Math.abs(push) > 0.01) this.arrow(c, x(theta), middle, push, colours.ink);
    this.canvas.setAttribute("aria-label", `Data at 0, generator at ${two(theta)}, discriminator of slope ${two(psi)}`);
  }

  bar(c, at, middle, colour, text, align) {
    c.fillStyle = colour;
    c.fillRect(at - 3, middle - 34, 6, 68);
    c.textAlign = align;
    c.fillText(text, at + (align === "left" ? 7 : -7), middle - 24);
  }

  /** Which way, and how strongly, the generator is pushed. */
  arrow(c, at, middle, push, colour) {
    const long = Math.sign(push) * Math.min(46, 10 + 34 * Math.abs(push)),
      y = middle + 42,
      end = at + long;
    c.strokeStyle = colour;
    c.lineWidth = 1.6;
    c.beginPath();
    c.moveTo(at, y);
    c.lineTo(end, y);
    for (const s of [-4, 4]) {
      c.moveTo(end, y);
      c.lineTo(end - 6 * Math.sign(push), y + s);
    }
    c.stroke();
  }
}

/** The plane of complex numbers: the half plane or the disc in which eigenvalues must lie, and where they do. */
export class EigenPlane {
  constructor() {
    this.canvas = element("canvas", { className: "eigen" });
    this.canvas.setAttribute("role", "img");
  }

  /** look: what `outlook` says; locus: eigenvalues at other strengths of the cure. */
  paint({ look, locus, isFlow, colours }) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    const centre = isFlow ? 0 : 1,
      all = look.values.map(([re, im]) => Math.hypot(re - centre, im));
    const half = Math.min(2.2, Math.max(isFlow ? 0.7 : 0.14, 1.35 * Math.max(0, ...all)));
    const scale = Math.min(width, height) / (2 * half),
      to = {
        c,
        width,
        height,
        colours,
        x: (re) => width / 2 + (re - centre) * scale,
        y: (im) => height / 2 - im * scale,
        scale,
      };
    c.clearRect(0, 0, width, height);
    c.font = font(this.canvas);
    this.ground(to, isFlow);
    for (const z of locus) this.dot(to, z, 1.4, colours.base);
    const hue = colours[look.kind === "in" ? "field" : look.kind === "out" ? "error" : "model"];
    for (const z of look.values)
      if (Math.hypot(z[0] - centre, z[1]) <= half) this.dot(to, z, 5.5, hue);
      else this.beyond(to, z, hue);
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    if (look.kind === "kink") c.fillText("no eigenvalues at a kink", width / 2, height / 2 - 10);
    this.canvas.setAttribute("aria-label", look.sentence);
  }

  ground({ c, x, y, width, height, colours, scale }, isFlow) {
    c.fillStyle = colours.field;
    c.globalAlpha = 0.1;
    c.beginPath();
    if (isFlow) c.rect(0, 0, x(0), height);
    else c.arc(x(0), y(0), scale, 0, 7);
    c.fill();
    c.globalAlpha = 1;
    c.strokeStyle = colours.field;
    c.lineWidth = 1.5;
    c.beginPath();
    if (isFlow) {
      c.moveTo(x(0), 0);
      c.lineTo(x(0), height);
    } else c.arc(x(0), y(0), scale, 0, 7);
    c.stroke();
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0, y(0));
    c.lineTo(width, y(0));
    c.stroke();
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText(isFlow ? "Re λ < 0: in" : "|z| < 1: in", 6, 14);
    c.textAlign = "right";
    c.fillText("out", width - 6, 14);
    c.fillText(isFlow ? "0" : "1", x(isFlow ? 0 : 1) - 4, y(0) + 13);
  }

  /** An arrow at the edge towards an eigenvalue that lies outside. */
  beyond({ c, x, y, width, height }, [re, im], colour) {
    const cx = width / 2,
      cy = height / 2,
      [dx, dy] = [x(re) - cx, y(im) - cy],
      size = Math.hypot(dx, dy),
      reach = Math.min(width, height) / 2 - 8;
    c.save();
    c.translate(cx + (dx / size) * reach, cy + (dy / size) * reach);
    c.rotate(Math.atan2(dy, dx));
    c.fillStyle = colour;
    c.beginPath();
    c.moveTo(7, 0);
    c.lineTo(-6, -6);
    c.lineTo(-6, 6);
    c.closePath();
    c.fill();
    c.restore();
  }

  dot({ c, x, y, colours }, [re, im], size, colour) {
    c.fillStyle = colour;
    c.beginPath();
    c.arc(x(re), y(im), size, 0, 7);
    c.fill();
    if (size < 3) return;
    c.strokeStyle = colours.panel;
    c.lineWidth = 1.5;
    c.stroke();
  }
}

/** The distance from the equilibrium, on a logarithmic axis; scrubbing it moves the game. */
export class DistanceTrack {
  /** handlers: seek(step) */
  constructor(handlers) {
    this.canvas = element("canvas", { className: "track distance", tabIndex: 0 });
    this.canvas.setAttribute("role", "slider");
    this.canvas.setAttribute("aria-label", "Step of the game");
    const seek = (event) => {
      const box = this.canvas.getBoundingClientRect();
      handlers.seek(this.length * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    };
    followDrag(this.canvas, { move: seek });
  }

  paint({ ways, at, factor, colours, unit }) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width || !ways.length) return;
    this.length = ways[0].places.length / 2 - 1;
    const top = Math.log(FARTHEST),
      bottom = Math.log(this.lowest(ways)),
      log = (r) => Math.min(top, Math.max(bottom, Math.log(r || 1e-300)));
    const x = (i) => (i / this.length) * width,
      y = (r) => 6 + (height - 12) * ((top - log(r)) / (top - bottom));
    c.clearRect(0, 0, width, height);
    this.marks(c, y, width, bottom, colours);
    const own = ways.find((way) => way.isOwn);
    if (factor) this.promise(c, x, y, own, factor, colours);
    for (const way of ways) {
      c.strokeStyle = way.hue;
      c.lineWidth = way.isOwn ? 2 : 1.4;
      c.setLineDash(way.isOwn ? [] : [6, 3]);
      c.beginPath();
      for (let i = 0; i <= this.length; i++) c.lineTo(x(i), y(distance(way.places, i)));
      c.stroke();
    }
    c.setLineDash([]);
    c.fillStyle = colours.ink;
    c.fillRect(x(Math.min(this.length, at)) - 1, 0, 2, height);
    for (const [name, value] of [
      ["min", 0],
      ["max", this.length],
      ["now", Math.round(at)],
    ])
      this.canvas.setAttribute(`aria-value${name}`, String(value));
    this.canvas.setAttribute(
      "aria-valuetext",
      `${unit} ${Math.round(at)}, distance ` +
        `${distance(own.places, Math.min(this.length, Math.round(at))).toPrecision(3)}`,
    );
  }

  lowest(ways) {
    const least = Math.min(...ways.map(({ places }) => distance(places, places.length / 2 - 1)));
    return Math.max(NEAREST, Math.min(0.3, least / 2));
  }

  marks(c, y, width, bottom, colours) {
    c.strokeStyle = colours.line;
    c.fillStyle = colours.soft;
    c.font = font(this.canvas);
    c.textAlign = "right";
    c.lineWidth = 1;
    for (const r of [10, 1, 0.1, 0.01, 0.001]) {
      if (Math.log(r) < bottom) continue;
      c.beginPath();
      c.moveTo(0, y(r));
      c.lineTo(width, y(r));
      c.stroke();
      if (r < 10) c.fillText(String(r), width - 4, y(r) - 3);
    }
  }

  /** What the eigenvalues promise: a straight line here. */
  promise(c, x, y, own, factor, colours) {
    const first = distance(own.places, 0);
    c.strokeStyle = colours.soft;
    c.setLineDash([2, 3]);
    c.lineWidth = 1.4;
    c.beginPath();
    for (let i = 0; i <= this.length; i += Math.max(1, this.length / 60)) c.lineTo(x(i), y(first * factor ** i));
    c.stroke();
    c.setLineDash([]);
  }
}

export const distance = (places, i) => Math.hypot(places[2 * i], places[2 * i + 1]);
const two = (v) => (Math.abs(v) < 0.005 ? "0" : v.toFixed(2).replace("-", "−"));
