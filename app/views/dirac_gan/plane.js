// The phase portrait: particles that drift along the field, ways of the game, the equilibrium, and the start to be
// dragged.

import { fontOf } from "../../canvas/base_canvas.js";
import { followDrag, inside, nudged, placeUnder } from "../../canvas/dragging.js";
import { element, sharpen, wantsStillness } from "../../canvas/live.js";

export const SPAN = 2.2; // theta and psi from -SPAN to SPAN
const WINDOW = [-SPAN, SPAN, -SPAN, SPAN];
const PARTICLES = 420;
const ARROWS = 15; // along each axis
const LIFE = 90; // frames of a particle
const PACE = 0.018; // time of the field in a frame
const KEY_STEP = 0.05;
const REACH = 2.1; // of the start, so that its handle stays in sight
const GRASP = [-REACH, REACH, -REACH, REACH];

export class Portrait {
  /** handlers: moved([theta, psi]) while the start is dragged, settled() when it is let go */
  constructor(handlers) {
    this.handlers = handlers;
    this.canvas = element("canvas", { className: "portrait", tabIndex: 0 });
    this.canvas.setAttribute("role", "slider");
    this.canvas.setAttribute("aria-label", "Start of the game: drag it, or use the arrow keys");
    this.trail = document.createElement("canvas");
    this.particles = new Float32Array(3 * PARTICLES).map(() => Math.random());
    followDrag(this.canvas, { move: (event) => this.drag(event), settled: () => handlers.settled() });
    this.canvas.onkeydown = (event) => this.onKey(event);
    for (let i = 0; i < PARTICLES; i++) this.revive(i);
  }

  drag(event) {
    this.handlers.moved(inside(placeUnder(event, WINDOW), GRASP).map((v) => Math.round(100 * v) / 100));
  }

  onKey(event) {
    const to = this.start && nudged(this.start, event, KEY_STEP, GRASP);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    this.start = to.map((v) => Math.round(100 * v) / 100); // at once, so that no quick press is lost
    this.handlers.moved(this.start);
    this.handlers.settled();
  }

  /** A particle begins anew somewhere. */
  revive(i) {
    this.particles[3 * i] = SPAN * (2 * Math.random() - 1);
    this.particles[3 * i + 1] = SPAN * (2 * Math.random() - 1);
    this.particles[3 * i + 2] = LIFE * Math.random();
  }

  /** scene: game, ways [{places, hue, label, isOwn}], at, start, colours */
  paint(scene) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    this.start = scene.start;
    const x = (v) => ((v + SPAN) / (2 * SPAN)) * width,
      y = (v) => ((SPAN - v) / (2 * SPAN)) * height;
    const to = { c, x, y, width, height, ...scene };
    c.clearRect(0, 0, width, height);
    this.paintAxes(to);
    if (wantsStillness()) this.paintArrows(to);
    else this.paintDrift(to);
    for (const way of scene.ways) this.paintWay(to, way);
    this.paintRest(to);
    this.paintStart(to);
    this.canvas.setAttribute("aria-valuetext", `theta ${scene.start[0]}, psi ${scene.start[1]}`);
  }

  paintAxes({ c, x, y, width, height, colours, game }) {
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0, y(0));
    c.lineTo(width, y(0));
    c.moveTo(x(0), 0);
    c.lineTo(x(0), height);
    c.stroke();
    if (game.cure === "clip" && game.strength < SPAN) {
      c.strokeStyle = colours.soft;
      c.setLineDash([5, 4]);
      c.beginPath();
      for (const s of [1, -1]) {
        c.moveTo(0, y(s * game.strength));
        c.lineTo(width, y(s * game.strength));
      }
      c.stroke();
      c.setLineDash([]);
    }
    c.font = fontOf(this.canvas);
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    for (const v of [-2, -1, 1, 2]) {
      c.fillText(String(v).replace("-", "−"), x(v), y(0) + 14);
      c.fillText(String(v).replace("-", "−"), x(0) - 12, y(v) + 4);
    }
    c.textAlign = "right";
    c.fillText("θ, where the generator stands →", width - 8, y(0) - 7);
    c.save();
    c.translate(x(0) + 14, 8);
    c.rotate(Math.PI / 2);
    c.textAlign = "left";
    c.fillText("← ψ, slope of the discriminator", 0, 0);
    c.restore();
  }

  paintArrows({ c, x, y, width, colours, game }) {
    const v = [0, 0],
      cell = (2 * SPAN) / ARROWS,
      reach = (0.4 * width) / ARROWS;
    c.strokeStyle = colours.field;
    c.lineWidth = 1.2;
    c.beginPath();
    for (let i = 0; i < ARROWS; i++)
      for (let j = 0; j < ARROWS; j++) {
        const [a, b] = [-SPAN + (i + 0.5) * cell, -SPAN + (j + 0.5) * cell];
        game.field(a, b, v);
        const size = Math.hypot(...v);
        if (size < 1e-9) continue;
        const on = (reach * Math.min(1, 0.35 + size)) / size,
          [dx, dy] = [v[0] * on, -v[1] * on];
        const px = x(a),
          py = y(b),
          angle = Math.atan2(dy, dx);
        c.moveTo(px - dx / 2, py - dy / 2);
        c.lineTo(px + dx / 2, py + dy / 2);
        for (const turn of [2.6, -2.6]) {
          c.moveTo(px + dx / 2, py + dy / 2);
          c.lineTo(px + dx / 2 + 4 * Math.cos(angle + turn), py + dy / 2 + 4 * Math.sin(angle + turn));
        }
      }
    c.stroke();
  }

  /** Particles move along the flow; what they leave behind fades. */
  paintDrift({ c, x, y, width, colours, game }) {
    const { trail, particles: p } = this,
      t = trail.getContext("2d"),
      { canvas } = c;
    if (trail.width !== canvas.width || trail.height !== canvas.height)
      [trail.width, trail.height] = [canvas.width, canvas.height];
    const ratio = canvas.width / width,
      v = [0, 0];
    t.setTransform(1, 0, 0, 1, 0, 0);
    t.globalCompositeOperation = "destination-in";
    t.fillStyle = "rgba(0, 0, 0, 0.93)";
    t.fillRect(0, 0, trail.width, trail.height);
    t.globalCompositeOperation = "source-over";
    t.setTransform(ratio, 0, 0, ratio, 0, 0);
    t.strokeStyle = colours.field;
    t.lineWidth = 1.1;
    t.globalAlpha = 0.75;
    t.beginPath();
    for (let i = 0; i < PARTICLES; i++) {
      const [a, b] = [p[3 * i], p[3 * i + 1]];
      game.field(a, b, v);
      const far = PACE * Math.hypot(...v),
        on = far > 0.08 ? (PACE * 0.08) / far : PACE;
      p[3 * i] += on * v[0];
      p[3 * i + 1] += on * v[1];
      p[3 * i + 2] -= 1;
      t.moveTo(x(a), y(b));
      t.lineTo(x(p[3 * i]), y(p[3 * i + 1]));
      if (!(Math.abs(p[3 * i]) < SPAN && Math.abs(p[3 * i + 1]) < SPAN) || p[3 * i + 2] < 0) this.revive(i);
    }
    t.stroke();
    t.globalAlpha = 1;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.globalAlpha = 0.85;
    c.drawImage(trail, 0, 0);
    c.globalAlpha = 1;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  /** A way: what has been walked strong, what comes faint; a dot for each step where steps are far enough apart. */
  paintWay({ c, x, y, at, colours }, { places, hue, isOwn, isFlow }) {
    const n = places.length / 2 - 1,
      now = Math.min(n, at),
      whole = Math.floor(now);
    const line = (from, to) => {
      c.beginPath();
      for (let i = from; i <= to; i++) c.lineTo(x(places[2 * i]), y(places[2 * i + 1]));
      c.stroke();
    };
    c.lineJoin = "round";
    c.strokeStyle = c.fillStyle = hue;
    c.lineWidth = isOwn ? 2 : 1.5;
    c.globalAlpha = 0.2;
    if (whole < n) line(whole, n);
    c.globalAlpha = 1;
    if (!isOwn) c.setLineDash([6, 3]);
    if (whole > 0) line(0, whole);
    c.setLineDash([]);
    if (!isFlow) this.paintDots(c, x, y, places, whole);
    const share = now - whole,
      next = Math.min(n, whole + 1),
      mix = (k) => places[2 * whole + k] + share * (places[2 * next + k] - places[2 * whole + k]);
    c.beginPath();
    c.arc(x(mix(0)), y(mix(1)), isOwn ? 6 : 4.5, 0, 7);
    c.fill();
    c.lineWidth = 2;
    c.strokeStyle = colours.panel;
    c.stroke();
  }

  paintDots(c, x, y, places, until) {
    let [px, py] = [NaN, NaN];
    c.beginPath();
    for (let i = 0; i <= until; i++) {
      const [a, b] = [x(places[2 * i]), y(places[2 * i + 1])];
      if (Math.hypot(a - px, b - py) < 5) continue;
      [px, py] = [a, b];
      c.moveTo(a + 1.8, b);
      c.arc(a, b, 1.8, 0, 7);
    }
    c.fill();
  }

  /** Where generator and data are one and the discriminator is flat. */
  paintRest({ c, x, y, colours }) {
    c.strokeStyle = colours.data;
    c.lineWidth = 2;
    c.beginPath();
    c.arc(x(0), y(0), 7, 0, 7);
    c.moveTo(x(0) - 11, y(0));
    c.lineTo(x(0) + 11, y(0));
    c.moveTo(x(0), y(0) - 11);
    c.lineTo(x(0), y(0) + 11);
    c.stroke();
  }

  paintStart({ c, x, y, start, colours, wasDragged }) {
    const [px, py] = [x(start[0]), y(start[1])];
    c.strokeStyle = colours.ink;
    c.lineWidth = 1.5;
    c.beginPath();
    c.arc(px, py, 10, 0, 7);
    c.stroke();
    if (wasDragged) return;
    c.fillStyle = colours.ink;
    c.textAlign = start[0] > 1 ? "right" : "left";
    c.font = fontOf(this.canvas, "12px");
    c.fillText("drag the start", px + (start[0] > 1 ? -15 : 15), py - 10);
  }
}
