// One way from noise to data: particles over the exact density, their ways as thin lines, and how well they end.

import { fontOf } from "./base_canvas.js";
import { drawTicks } from "./density.js";
import { element, sharpen } from "./live.js";

const HUES = 24; // colours of the wheel by which particles are told apart
const LINES = 60; // particles whose whole way is drawn
const FAINT = 90; // of 255: the strongest colour of the exact density

/** The states of n points on their way: (T, n, 2), with what is known of their end. */
export class Way {
  constructor({ states, calls, facts }, { seed, n_points: asked }) {
    [this.length, this.n] = states.shape;
    [this.states, this.calls, this.asked, this.seed] = [states.values, calls.values, asked, seed];
    const [energy, middle, high, milliseconds, ofLangevin] = facts.values;
    Object.assign(this, { energy, middle, high, milliseconds, ofLangevin, made: calls.values.at(-1) });
  }

  /** What a run in training shows: nothing but the noise and where it ends. */
  static ofLive(noise, samples, { mean, scale }) {
    const n = Math.min(noise.length, samples.length) / 2,
      states = new Float32Array(4 * n);
    for (let i = 0; i < 2 * n; i++) {
      states[i] = mean[i % 2] + scale * noise[i];
      states[2 * n + i] = samples[i];
    }
    const blob = { states: { shape: [2, n, 2], values: states }, calls: { values: [0, 0] }, facts: { values: [] } };
    return new Way(blob, { seed: 0, n_points: n });
  }

  /** Where the points are at a time from 0, noise, to 1, data: straight between the states that came. */
  at(time, out) {
    const place = time * (this.length - 1),
      i = Math.min(this.length - 2, Math.floor(place)),
      share = place - i,
      size = 2 * this.n;
    const from = i * size,
      to = from + size;
    for (let k = 0; k < size; k++)
      out[k] = this.states[from + k] + share * (this.states[to + k] - this.states[from + k]);
    return out;
  }

  /** Calls made at a time: the state that was reached last. */
  callsAt(time) {
    return this.calls[Math.min(this.length - 1, Math.floor(time * (this.length - 1) + 1e-6))];
  }

  /** The part of the colour wheel in which each point began: by the angle of its noise around the mean. */
  hues([x, y]) {
    this.wheel ??= Uint8Array.from({ length: this.n }, (_, i) => {
      const angle = Math.atan2(this.states[2 * i + 1] - y, this.states[2 * i] - x);
      return Math.floor(((angle / (2 * Math.PI) + 1) % 1) * HUES) % HUES;
    });
    return this.wheel;
  }
}

/** Colours of the wheel, as light as each other. */
export function hueColours(isDark, alpha = 1) {
  return Array.from(
    { length: HUES },
    (_, i) => `oklch(${isDark ? 0.76 : 0.6} ${isDark ? 0.13 : 0.16} ${(i * 360) / HUES} / ${alpha})`,
  );
}

export class WayPanel {
  constructor(key, { title, idea }) {
    this.canvas = element("canvas", {});
    this.canvas.setAttribute("role", "img");
    this.tag = element("span", { className: "tag" });
    this.energy = element("b", { className: "num energy" }, "–");
    this.verdict = element("span", { className: "verdict" });
    this.cost = element("div", { className: "cost num" });
    this.faster = element("div", {
      className: "faster num",
      title: "Than annealed Langevin with its 301 calls: processor time of the network",
    });
    this.root = element(
      "section",
      { className: "card way", title: idea },
      element("h3", {}, element("span", {}, title), this.tag),
      this.canvas,
      element(
        "div",
        {
          className: "cap",
          title: "Energy distance from true samples: about 0 for the data itself, by chance also a little below",
        },
        element("span", {}, "distance"),
        this.energy,
      ),
      this.verdict,
      this.cost,
      this.faster,
    );
    this.root.dataset.way = key;
    [this.title, this.ground, this.grounded] = [title, document.createElement("canvas"), null];
    this.here = new Float32Array(0);
  }

  /** scene: way, words, time, colours, hues, faint, window, mean, density; anything new is painted. */
  paint(scene) {
    const { canvas } = this,
      { context: c, width, height } = sharpen(canvas);
    if (!width) return;
    this.paintGround(scene, width, height);
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.drawImage(this.ground, 0, 0);
    sharpen(canvas);
    if (scene.way) this.paintPoints(c, scene, width, height);
    drawTicks(c, scene.window, width, height, scene.colours.soft);
    if (scene.words) this.write(c, scene, width, height);
  }

  /** The exact density and the whole ways, painted anew only when they change. */
  paintGround(scene, width, height) {
    const { ground, canvas } = this,
      key = [scene.way, scene.density, scene.colours, canvas.width];
    if (this.grounded?.every((part, i) => part === key[i])) return;
    this.grounded = key;
    [ground.width, ground.height] = [canvas.width, canvas.height];
    const c = ground.getContext("2d"),
      ratio = canvas.width / width;
    c.scale(ratio, ratio);
    c.fillStyle = scene.colours.panel;
    c.fillRect(0, 0, width, height);
    c.drawImage(scene.density, 0, 0, width, height);
    if (scene.way) this.paintLines(c, scene, width, height);
  }

  paintLines(c, { way, window, mean, faint }, width, height) {
    const at = placer(window, width, height),
      hues = way.hues(mean);
    c.lineWidth = 1;
    c.lineJoin = "round";
    for (let i = 0; i < Math.min(LINES, way.n); i++) {
      c.strokeStyle = faint[hues[i]];
      c.beginPath();
      for (let t = 0; t < way.length; t++) {
        const k = 2 * (t * way.n + i);
        c.lineTo(at.x(way.states[k]), at.y(way.states[k + 1]));
      }
      c.stroke();
    }
  }

  paintPoints(c, { way, time, window, mean, hues }, width, height) {
    if (this.here.length !== 2 * way.n) this.here = new Float32Array(2 * way.n);
    const here = way.at(time, this.here),
      wheel = way.hues(mean),
      at = placer(window, width, height),
      size = Math.max(1.6, width / 105);
    const paths = hues.map(() => new Path2D());
    for (let i = 0; i < way.n; i++) {
      const x = at.x(here[2 * i]),
        y = at.y(here[2 * i + 1]);
      if (x > -size && x < width + size && y > -size && y < height + size)
        paths[wheel[i]].rect(x - size / 2, y - size / 2, size, size);
    }
    paths.forEach((path, i) => {
      c.fillStyle = hues[i];
      c.fill(path);
    });
  }

  write(c, { words, colours }, width, height) {
    c.font = fontOf(this.canvas, "13px");
    c.textAlign = "center";
    c.lineWidth = 4;
    c.strokeStyle = colours.panel;
    c.fillStyle = colours.ink;
    const lines = words.split("\n");
    lines.forEach((line, i) => {
      const y = height / 2 + 18 * (i - (lines.length - 1) / 2);
      c.strokeText(line, width / 2, y);
      c.fillText(line, width / 2, y);
    });
  }

  /** Numbers under the panel; way: null where there is none. */
  show({ way, tag, isLive, most, calls, fastest }) {
    this.tag.textContent = tag;
    const isMeasured = way && !isLive,
      isInside = isMeasured && way.energy <= way.high;
    this.energy.textContent = isMeasured ? distanceText(way.energy) : "–";
    this.verdict.className = `verdict ${isMeasured ? (isInside ? "inside" : "outside") : ""}`;
    this.verdict.textContent = !isMeasured
      ? ""
      : isInside
        ? "✓ inside the band"
        : `✗ outside, ${timesText(way.energy / way.high)} the band`;
    this.verdict.title = isMeasured
      ? "One true sample in twenty has an energy distance above " +
        `${distanceText(way.high)}; good ones scatter around 0 and may be negative`
      : "";
    const atMost = calls > most ? ", its most" : "",
      few = isMeasured && way.n < way.asked ? `, ${way.n} points` : "";
    this.cost.textContent = isMeasured
      ? `${way.made} call${way.made > 1 ? "s" : ""}${atMost} · ` +
        `${microText((1000 * way.milliseconds) / way.asked)} a sample${few}`
      : "";
    const times = isMeasured && fastest ? fastest / way.milliseconds : 0;
    this.faster.textContent = !times
      ? ""
      : times < 1.2
        ? "the slowest of all"
        : `${timesText(times)} faster than Langevin`;
    this.canvas.setAttribute("aria-label", this.describe(way, isMeasured, isInside, tag));
  }

  describe(way, isMeasured, isInside, tag) {
    if (!way) return `${this.title}: no particles yet`;
    if (!isMeasured) return `${this.title} in training, ${tag}: where the noise ends`;
    return (
      `${this.title}: ${way.n} particles after ${way.made} network calls, energy distance ` +
      `${distanceText(way.energy)}, ${isInside ? "inside" : "outside"} the band of true samples`
    );
  }
}

/** The exact density as a faint picture, for all panels. */
export function faintDensity(density, side, table, top) {
  const image = document.createElement("canvas");
  image.width = image.height = side;
  const c = image.getContext("2d"),
    pixels = c.createImageData(side, side),
    words = new Uint32Array(pixels.data.buffer);
  for (let r = 0; r < side; r++)
    for (let i = 0; i < side; i++)
      words[r * side + i] = table[(FAINT * Math.min(1, density[(side - 1 - r) * side + i] / top) ** 0.6) | 0];
  c.putImageData(pixels, 0, 0);
  return image;
}

/** From data units to pixels. */
function placer([x0, x1, y0, y1], width, height) {
  const kx = width / (x1 - x0),
    ky = height / (y1 - y0);
  return { x: (v) => (v - x0) * kx, y: (v) => height - (v - y0) * ky };
}

const minus = (text) => text.replace("-", "\u2212");
export const distanceText = (v) =>
  minus(Math.abs(v) < 0.00995 ? v.toFixed(4) : v.toFixed(Math.abs(v) < 0.0995 ? 3 : 2));
const microText = (v) => `${v < 9.95 ? v.toFixed(1) : Math.round(v)} µs`;
const timesText = (v) => `${v < 9.95 ? v.toFixed(1) : Math.round(v).toLocaleString("en")} ×`;
