// The mode monitor: bars of share per mode against the true shares, gauges with what true samples score, and the trace.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, ramp, sharpen } from "../../canvas/live.js";
import { powerText } from "../../canvas/number_text.js";

const FAIR = 0.2; // of its true share: a mode below is all but lost
export const PERFECT = 1 - Math.exp(-4.5); // share of a Gaussian of the plane within 3 standard deviations
const BAND_END = 0.3; // where on a gauge the band of true samples ends
const CLEAR = 3; // standard deviations

/** Shares of the nearest mode, and what lies within CLEAR standard deviations of one. */
export function countModes(xs, modes, std) {
  const near = new Float32Array(modes.length),
    shares = new Float32Array(modes.length),
    n = xs.length / 2;
  let good = 0;
  for (let i = 0; i < xs.length; i += 2) {
    let best = 0,
      least = Infinity;
    for (let k = 0; k < modes.length; k++) {
      const d = (xs[i] - modes[k][0]) ** 2 + (xs[i + 1] - modes[k][1]) ** 2;
      if (d < least) {
        least = d;
        best = k;
      }
    }
    shares[best] += 1 / n;
    if (least < (CLEAR * std) ** 2) {
      near[best]++;
      good++;
    }
  }
  return { shares, near, quality: n ? good / n : 0, found: near.filter((v) => v > 0).length };
}

/** How many have at least FAIR of their true share of the points of high quality. */
export function fairModes({ near }, truth) {
  const total = near.reduce((a, b) => a + b, 0);
  return near.reduce((sum, v, k) => sum + (total > 0 && v > FAIR * truth[k] * total), 0);
}

class Gauge {
  constructor(title, help, format) {
    this.format = format;
    this.value = element("b", { className: "num" }, "–");
    this.band = element("i", { className: "band" });
    this.line = element("i", { className: "line", hidden: true });
    this.needle = element("i", { className: "needle", hidden: true });
    this.note = element("small", {});
    this.root = element(
      "div",
      { className: "gauge", title: help },
      element("span", { className: "name" }, title),
      this.value,
      element("div", { className: "rule" }, this.band, this.line, this.needle),
      this.note,
    );
  }

  /** place: 0 ... 1; band: [from, to] likewise. */
  show(value, place, band, note, line) {
    this.value.textContent = value === undefined ? "–" : this.format(value);
    this.needle.hidden = value === undefined;
    this.needle.style.left = `${100 * place}%`;
    this.band.style.cssText = `left:${100 * band[0]}%;width:${Math.max(1, 100 * (band[1] - band[0]))}%`;
    this.line.hidden = line === undefined;
    if (line !== undefined) this.line.style.left = `${100 * line}%`;
    this.note.textContent = note;
    const inside = value !== undefined && place >= band[0] - 1e-6 && place <= band[1] + 1e-6;
    this.root.classList.toggle("inside", inside);
    this.root.setAttribute("aria-label", `${this.root.firstChild.textContent} ${this.value.textContent}, ${note}`);
  }
}

const short = (v) =>
  (v !== 0 && Math.abs(v) < 0.0095 ? powerText(v) : v.toFixed(v < 0.1 ? 3 : 2)).replace("-", "\u2212");
const percent = (v) => `${(100 * v).toFixed(1)} %`;

/** Where on a gauge a distance stands: the band up to BAND_END, beyond it by its logarithm, to the largest. */
export function distancePlace(value, high, most) {
  if (value <= high) return BAND_END * Math.max(0, value / high);
  return Math.min(1, BAND_END + (1 - BAND_END) * (Math.log(value / high) / Math.log(Math.max(most / high, 1.5))));
}

export class Monitor {
  constructor() {
    this.canvas = element("canvas", { className: "bars" });
    this.canvas.setAttribute("role", "img");
    this.tag = element("span", { className: "tag num" });
    this.headline = element("div", { className: "found" });
    this.gauges = {
      high_quality: new Gauge(
        "high quality",
        "Share of the samples within 3 standard deviations of a mode. A perfect sampler scores 98.9 %.",
        percent,
      ),
      reverse_kl: new Gauge(
        "reverse KL",
        "KL(found ‖ true) in nats over the modes of the samples of high quality. All in one of M modes: log M.",
        short,
      ),
      squared_mmd: new Gauge(
        "MMD²",
        "Squared maximum mean discrepancy of 1,000 samples from 1,000 true ones, " +
          "Gaussian kernel as wide as the median distance: it sees the whole, " +
          "and is blind to what is narrower. An unbiased estimate, so it may be below 0.",
        short,
      ),
      sliced_wasserstein: new Gauge(
        "sliced W₁",
        "Mean over 64 directions of the Wasserstein distance of 1,000 samples from 1,000 true ones, in data units.",
        short,
      ),
    };
    this.none = element(
      "p",
      { className: "none", hidden: true },
      "This target has no modes to count: its mass lies along a shape. Distances say how far the samples are from it.",
    );
    this.key = element("div", { className: "cap key" });
    this.root = element(
      "section",
      { className: "card monitor" },
      element("h3", {}, element("span", {}, "Mode monitor"), this.tag),
      this.headline,
      this.canvas,
      this.key,
      this.none,
      element("div", { className: "gauges" }, ...Object.values(this.gauges).map((g) => g.root)),
    );
  }

  /**
   * modes: any; metrics: of the last snapshot; live: shares of what is seen now, {shares, found, fair}; past: shares of
   * the run it came from.
   */
  show({ numbers, metrics, live, past, colours, tag }) {
    const { modes, mode_shares: truth, bands } = numbers,
      has = modes.length > 0;
    if (has) this.paintBars(truth, live?.shares ?? metrics?.mode_shares, past, colours);
    const said = [numbers, metrics, live?.found, live?.fair, !!past, tag];
    // words and gauges change with snapshots, bars at every frame
    if (this.said?.every((part, i) => part === said[i])) return;
    this.said = said;
    this.tag.textContent = tag;
    this.none.hidden = has;
    this.canvas.hidden = this.headline.hidden = this.key.hidden = !has;
    for (const name of ["high_quality", "reverse_kl"]) this.gauges[name].root.hidden = !has;
    if (has) this.showModes({ modes, truth, metrics, live, past, bands });
    this.showDistances(metrics, bands, numbers);
  }

  showModes({ modes, truth, metrics, live, past, bands }) {
    const found = live?.found ?? metrics?.modes,
      fair = live?.fair ?? metrics?.modes_fair;
    const lost = fair !== undefined && fair < 0.75 * modes.length;
    this.headline.replaceChildren(
      element(
        "b",
        { className: `num${lost ? " bad" : ""}` },
        found === undefined ? "–" : `${found} of ${modes.length}`,
      ),
      " modes found",
      element("small", {}, fair === undefined ? "" : `${fair} with \u2265 \u2155 of their share`),
    );
    const keys = [
      key("model", past ? "this run, by nearest mode" : "fakes, by nearest mode"),
      ...(past ? [key("past", "as it was")] : []),
      key("mark", "true share"),
      key("fifth", "a fifth of it"),
    ];
    this.key.replaceChildren(...keys);
    const quality = metrics?.high_quality,
      q = bands.high_quality,
      kl = bands.reverse_kl;
    this.gauges.high_quality.show(quality, quality ?? 0, [q[0], 1], `perfect: ${percent(PERFECT)}`, PERFECT);
    const v = quality ? metrics?.reverse_kl : undefined,
      least = -Math.log(Math.min(...truth));
    this.gauges.reverse_kl.show(
      v,
      distancePlace(v ?? 0, kl[2], least),
      [0, BAND_END],
      quality === 0 ? "no sample of high quality" : `true: up to ${short(kl[2])}`,
    );
    this.canvas.setAttribute(
      "aria-label",
      `Share of the samples at each of ${modes.length} modes; ${found ?? "no"} found`,
    );
  }

  showDistances(metrics, bands, { window }) {
    const mmd = metrics?.squared_mmd,
      sw = metrics?.sliced_wasserstein;
    this.gauges.squared_mmd.show(
      mmd,
      distancePlace(mmd ?? 0, bands.squared_mmd[2], 1),
      [0, BAND_END],
      `true: up to ${short(bands.squared_mmd[2])}`,
    );
    this.gauges.sliced_wasserstein.show(
      sw,
      distancePlace(sw ?? 0, bands.sliced_wasserstein[2], (window[1] - window[0]) / 2),
      [0, BAND_END],
      `true: up to ${short(bands.sliced_wasserstein[2])}`,
    );
  }

  paintBars(truth, shares, past, colours) {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    c.clearRect(0, 0, width, height);
    const n = truth.length,
      slot = width / n,
      floor = height - 15;
    const top = Math.max(2 * Math.max(...truth), ...(shares ? [Math.max(...shares)] : [])) * 1.04,
      y = (v) => floor - (floor - 4) * (v / top);
    c.font = fontOf(this.canvas);
    c.textAlign = "center";
    for (let k = 0; k < n; k++) {
      const x = k * slot,
        wide = slot * (past ? 0.36 : 0.62),
        left = x + slot * (past ? 0.12 : 0.19);
      c.fillStyle = colours.line;
      c.fillRect(x + slot * 0.1, floor, slot * 0.8, 1);
      if (shares) {
        c.fillStyle = colours.model;
        c.fillRect(left, y(shares[k]), wide, floor - y(shares[k]));
      }
      if (past) {
        c.fillStyle = colours.base;
        c.globalAlpha = 0.7;
        c.fillRect(left + wide + 1, y(past[k]), wide, floor - y(past[k]));
        c.globalAlpha = 1;
      }
      c.fillStyle = colours.data;
      c.fillRect(x + slot * 0.08, y(truth[k]) - 1, slot * 0.84, 2.4);
      c.globalAlpha = 0.7;
      for (let d = 0.1; d < 0.88; d += 0.2) c.fillRect(x + slot * d, y(FAIR * truth[k]) - 0.5, slot * 0.1, 1.2);
      c.globalAlpha = 1;
      if (n <= 30) {
        c.fillStyle = colours.soft;
        c.fillText(k + 1, x + slot / 2, height - 3);
      }
    }
  }
}

const key = (kind, text) => element("span", {}, element("i", { className: `swatch ${kind}` }), text);

/** Which mode the fakes of each step lay in. */
export class TraceCard {
  constructor() {
    this.canvas = element("canvas", { className: "trace" });
    this.canvas.setAttribute("role", "img");
    this.image = document.createElement("canvas");
    this.root = element(
      "section",
      { className: "card tracecard" },
      element(
        "h3",
        {},
        element("span", {}, "Mode assignment over training"),
        element("span", { className: "tag" }, "every batch of fakes"),
      ),
      this.canvas,
    );
  }

  /** trace: {shape [T, M], values 0 ... 255} over the training up to `step` of `steps`. */
  show({ trace, step, steps, colours, modes }) {
    this.root.hidden = !modes.length;
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width || !modes.length) return;
    c.clearRect(0, 0, width, height);
    const left = 20,
      floor = height - 14,
      wide = width - left - 2,
      m = modes.length;
    c.fillStyle = colours.line;
    c.globalAlpha = 0.4;
    c.fillRect(left, 0, wide, floor);
    c.globalAlpha = 1;
    c.font = fontOf(this.canvas);
    c.fillStyle = colours.soft;
    c.textAlign = "right";
    const every = Math.max(1, Math.ceil((m * 12) / floor));
    for (let k = 0; k < m; k += every) c.fillText(k + 1, left - 5, ((k + 0.5) * floor) / m + 4);
    c.textAlign = "left";
    c.fillText("step 0", left, height - 2);
    c.textAlign = "right";
    c.fillText(steps.toLocaleString("en"), width - 2, height - 2);
    this.canvas.setAttribute("aria-label", `Share of the generated points at each of ${m} modes over ${step} steps`);
    if (!trace || !step) return;
    this.fill(trace, colours);
    c.imageSmoothingEnabled = false;
    c.drawImage(this.image, left, 0, Math.max(1, (wide * step) / steps), floor);
    c.fillStyle = colours.ink;
    c.fillRect(left + (wide * step) / steps - 1, 0, 1.5, floor);
  }

  fill({ shape: [t, m], values }, colours) {
    if (this.table === undefined || this.of !== colours) {
      this.table = ramp(colours.panel, colours.model);
      this.of = colours;
    }
    this.image.width = t;
    this.image.height = m;
    const pixels = this.image.getContext("2d").createImageData(t, m),
      words = new Uint32Array(pixels.data.buffer);
    for (let i = 0; i < t; i++)
      for (let k = 0; k < m; k++) words[k * t + i] = this.table[Math.round(255 * (values[i * m + k] / 255) ** 0.6)];
    this.image.getContext("2d").putImageData(pixels, 0, 0);
  }
}
