// One panel of two domains: the points of one fly to the other and back; their colour tells where they began.

import { fontOf } from "../../canvas/base_canvas.js";
import { drawTicks, GRID, toGrid } from "../../canvas/density.js";
import { element, ramp, sharpen } from "../../canvas/live.js";
import { faintDensity, hueColours } from "../../canvas/way_panel.js";
import { eased } from "./time.js";

const HUES = 24;
const LINES = 70; // points whose way is drawn
const HEAD = 7; // pixels of an arrow's head
const GAP = 0.06; // between the domains, as a share of the width

export class FlightPanel {
  constructor(title) {
    this.title = element("span", {}, title);
    this.tag = element("span", { className: "tag num" });
    this.canvas = element("canvas", { className: "flight" });
    this.canvas.setAttribute("role", "img");
    this.facts = element("div", { className: "facts" });
    this.root = element(
      "section",
      { className: "card flightcard" },
      element("h3", {}, this.title, this.tag),
      this.canvas,
      this.facts,
    );
    this.here = new Float32Array(0);
  }

  /**
   * scene: domains [{window, density, title}], home, there, back (flat points) or words, time, isBackwards, colours,
   * hues
   */
  paint(scene) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    const side = Math.min(height - 18, (width * (1 - GAP)) / 2),
      top = 18,
      frames = [0, width - side].map((x) => ({ x, side, top }));
    c.clearRect(0, 0, width, height);
    frames.forEach((frame, i) => this.ground(c, frame, scene.domains[i], scene.colours, i));
    const [from, to] = scene.isBackwards ? [1, 0] : [0, 1],
      at = (which) => placer(scene.domains[which].window, frames[which]);
    if (scene.there) this.fly(c, scene, at(from), at(to));
    else this.write(c, scene, width, height);
    this.canvas.setAttribute(
      "aria-label",
      scene.words || `Points of ${scene.domains[from].title} on their way to ${scene.domains[to].title}`,
    );
  }

  ground(c, { x, side, top }, { density, title, window }, colours, i) {
    c.save();
    c.translate(x, top);
    c.beginPath();
    c.roundRect(0, 0, side, side, 8);
    c.clip();
    c.imageSmoothingEnabled = true;
    c.drawImage(density, 0, 0, side, side);
    drawTicks(c, window, side, side, colours.soft);
    c.restore();
    c.fillStyle = colours.soft;
    c.font = fontOf(this.canvas, "12px");
    c.textAlign = "left";
    c.fillText(`${i ? "B" : "A"}: ${title}`, x + 2, 12);
  }

  fly(c, { home, there, back, time, hues, faint, wheel, colours }, at, away) {
    const n = Math.min(home.length, there.length) / 2,
      share = eased(time <= 1 ? time : time - 1),
      size = 3;
    this.lines(c, { home, there, faint, wheel, n, share: time < 1 ? share : 1 }, at, away);
    if (time > 1 && back) this.misses(c, { home, back, n: Math.min(n, back.length / 2), share, colours }, at);
    const last = time > 1 && back ? back : null,
      count = last ? Math.min(n, last.length / 2) : n;
    for (let hue = 0; hue < HUES; hue++) {
      c.fillStyle = hues[hue];
      c.beginPath();
      for (let i = 0; i < count; i++) {
        if (wheel[i] !== hue) continue;
        const [a, b] = last ? [away(there, i), at(last, i)] : [at(home, i), away(there, i)],
          s = time > 1 && !last ? 1 : share;
        c.rect(a[0] + s * (b[0] - a[0]) - size / 2, a[1] + s * (b[1] - a[1]) - size / 2, size, size);
      }
      c.fill();
    }
  }

  /** Where each of some points is sent: arrows that grow with their flight. */
  lines(c, { home, there, faint, wheel, n, share }, at, away) {
    c.lineWidth = 0.8;
    for (let i = 0; i < Math.min(LINES, n); i++) {
      const a = at(home, i),
        goal = away(there, i),
        b = a.map((v, k) => v + share * (goal[k] - v)),
        angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
      c.strokeStyle = faint[wheel[i]];
      c.beginPath();
      c.moveTo(...a);
      c.lineTo(...b);
      if (share > 0)
        for (const turn of [2.7, -2.7]) {
          c.moveTo(...b);
          c.lineTo(b[0] + HEAD * Math.cos(angle + turn), b[1] + HEAD * Math.sin(angle + turn));
        }
      c.stroke();
    }
  }

  /** How far from its start each point comes back: the error of the cycle. */
  misses(c, { home, back, n, share, colours }, at) {
    c.strokeStyle = colours.error;
    c.globalAlpha = 0.65 * share;
    c.lineWidth = 1;
    c.beginPath();
    for (let i = 0; i < n; i++) {
      c.moveTo(...at(home, i));
      c.lineTo(...at(back, i));
    }
    c.stroke();
    c.globalAlpha = 1;
  }

  write(c, { words, colours }, width, height) {
    c.fillStyle = colours.soft;
    c.font = fontOf(this.canvas, "13px");
    c.textAlign = "center";
    (words ?? "")
      .split("\n")
      .forEach((line, i, all) => c.fillText(line, width / 2, height / 2 + 18 * (i - (all.length - 1) / 2)));
  }

  /** rows: [[name, value, isGood or null, title], ...] */
  say(rows) {
    this.facts.replaceChildren(
      ...rows.map(([name, value, isGood, title]) => {
        const node = element(
          "div",
          { className: "fact", title },
          element("span", {}, name),
          element("b", { className: "num" }, value),
        );
        if (isGood !== null) node.dataset.good = String(isGood);
        return node;
      }),
    );
  }
}

/** (flat points, i) -> [x, y] on the canvas. */
function placer([x0, x1, y0, y1], { x, side, top }) {
  const kx = side / (x1 - x0),
    ky = side / (y1 - y0),
    low = (v) => Math.min(side + 6, Math.max(-6, v));
  return (points, i) => [x + low((points[2 * i] - x0) * kx), top + low(side - (points[2 * i + 1] - y0) * ky)];
}

/** The part of the colour wheel in which each point begins, by its angle in its window. */
export function wheelOf(points, [x0, x1, y0, y1]) {
  const mx = (x0 + x1) / 2,
    my = (y0 + y1) / 2;
  return Uint8Array.from(
    { length: points.length / 2 },
    (_, i) =>
      Math.floor(((Math.atan2(points[2 * i + 1] - my, points[2 * i] - mx) / (2 * Math.PI) + 1) % 1) * HUES) % HUES,
  );
}

/** A domain of Python's blob, ready to be drawn. */
export function domainOf(array, { title, window }, { panel, data }) {
  const density = toGrid(array);
  return {
    title,
    window,
    density: faintDensity(
      density,
      GRID,
      ramp(panel, data),
      density.reduce((a, b) => Math.max(a, b), 0),
    ),
  };
}

export const huesOf = (isDark) => ({ hues: hueColours(isDark), faint: hueColours(isDark, isDark ? 0.3 : 0.25) });
