// What a sweep trades: rate against distortion, scores, KL of each latent, and which factor each latent follows.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";

const TABS = { curve: "Rate and distortion", scores: "Scores", bars: "KL by latent", factors: "Factors" };
const SCORE_NAMES = { mig: "MIG", sap: "SAP", dci: "DCI", factor_vae: "FactorVAE", active: "active units" };
const DASHES = { mig: [], sap: [6, 3], dci: [2, 3], factor_vae: [9, 3, 2, 3] };

/** handlers: choose(member). */
export class Tradeoff {
  constructor(handlers) {
    this.handlers = handlers;
    this.tab = "curve";
    this.canvas = element("canvas", { className: "chart" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onclick = (event) => this.click(event);
    this.canvas.onpointermove = (event) => {
      this.canvas.style.cursor = this.nearest(event) === null ? "default" : "pointer";
    };
    this.buttons = Object.fromEntries(
      Object.entries(TABS).map(([key, title]) => {
        const button = element(
          "button",
          {
            type: "button",
            className: "tab",
            onclick: () => {
              this.tab = key;
              this.paint(this.state);
            },
          },
          title,
        );
        button.setAttribute("role", "tab");
        return [key, button];
      }),
    );
    this.caption = element("div", { className: "cap" });
    const tabs = element("div", { className: "tabs" }, ...Object.values(this.buttons));
    tabs.setAttribute("role", "tablist");
    this.root = element("section", { className: "card" }, tabs, this.canvas, this.caption);
    this.spots = [];
  }

  nearest(event) {
    const box = this.canvas.getBoundingClientRect(),
      x = event.clientX - box.left,
      y = event.clientY - box.top;
    const hit = this.spots
      .filter((s) => Math.hypot(s.x - x, (s.y ?? y) - y) < 26)
      .sort((a, b) => Math.hypot(a.x - x, (a.y ?? y) - y) - Math.hypot(b.x - x, (b.y ?? y) - y))[0];
    return hit ? hit.member : null;
  }

  click(event) {
    const member = this.nearest(event);
    if (member !== null) this.handlers.choose(member);
  }

  /**
   * state: members [{name}], member, metrics {rate [K], distortion [K], mig [K], ...}, scores, kl [K][Z], information,
   * factors, names, colours
   */
  paint(state) {
    this.state = state;
    if (!state) return;
    const hasFactors = state.factors.length > 0;
    this.buttons.factors.hidden = !hasFactors;
    if (!hasFactors && this.tab === "factors") this.tab = "curve";
    for (const [key, button] of Object.entries(this.buttons))
      button.setAttribute("aria-selected", String(key === this.tab));
    const { context, width, height } = sharpen(this.canvas);
    if (!width) return;
    context.clearRect(0, 0, width, height);
    context.font = fontOf(this.canvas, "12px");
    this.spots = [];
    this.caption.textContent = "";
    const painters = { curve: "paintCurve", scores: "paintScores", bars: "paintBars", factors: "paintFactors" };
    this[painters[this.tab]](context, width, height, state);
    this.canvas.setAttribute("aria-label", `${TABS[this.tab]}: ${this.caption.textContent}`);
  }

  axes(c, width, height, { colours }, left, right) {
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(44, 20);
    c.lineTo(44, height - 30);
    c.lineTo(width - 12, height - 30);
    c.stroke();
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText(left, 48, 12);
    c.textAlign = "right";
    c.fillText(right, width - 12, height - 6);
  }

  paintCurve(c, width, height, state) {
    const { members, member, metrics, colours } = state;
    if (!metrics?.rate) {
      this.say(c, width, height, state, "The curve comes with the first measures.");
      return;
    }
    const rate = metrics.rate,
      distortion = metrics.distortion;
    // An autoencoder without a price (beta 0) may spend hundreds of nats: the axis is of the others, it stands at the
    // edge.
    const priced = rate.filter((_, k) => members[k].beta !== 0),
      most = Math.max(...(priced.length ? priced : rate), 1) * 1.12;
    const low = Math.min(...distortion),
      high = Math.max(...distortion, low + 1);
    const x = (v) => 44 + (width - 70) * Math.min(1.03, v / most),
      y = (v) => height - 42 - ((height - 82) * (v - low)) / (high - low);
    this.axes(c, width, height, state, "distortion, nats", "rate: KL, nats");
    this.ticks(c, [low, (low + high) / 2, high], (v) => [40, y(v) + 4], "right", state);
    this.ticks(c, [0, most / 2, most], (v) => [x(v), height - 16], "center", state);
    const order = [...rate.keys()].sort((a, b) => rate[a] - rate[b]);
    c.strokeStyle = colours.model;
    c.lineWidth = 1.6;
    c.beginPath();
    order.forEach((k, i) => (i ? c.lineTo(x(rate[k]), y(distortion[k])) : c.moveTo(x(rate[k]), y(distortion[k]))));
    c.stroke();
    const taken = [];
    for (const k of [...order].sort((a, b) => (b === member) - (a === member))) {
      const px = x(rate[k]),
        py = y(distortion[k]),
        isHere = k === member;
      this.disc(c, px, py, isHere ? 8 : 5, isHere ? colours.data : colours.model);
      this.spots.push({ member: k, x: px, y: py });
      const far = rate[k] > most ? ` (${rate[k].toFixed(0)} nats)` : "",
        text = `${members[k].name}${isHere ? ", you are here" : ""}${far}`;
      const isRight = px > width * 0.62,
        at = [px + (isRight ? -12 : 12), py - 8];
      if (!isHere && taken.some(([tx, ty]) => Math.abs(tx - at[0]) < 60 && Math.abs(ty - at[1]) < 13)) continue;
      taken.push(at);
      c.textAlign = isRight ? "right" : "left";
      c.lineWidth = 4;
      c.strokeStyle = colours.panel;
      c.strokeText(text, ...at); // a rim in the panel's colour, so that the curve does not run through the words
      c.fillStyle = isHere ? colours.ink : colours.soft;
      c.fillText(text, ...at);
    }
    const bound = -(rate[member] + distortion[member]);
    this.caption.replaceChildren(
      element(
        "span",
        {},
        `${members[member].name}: rate ${rate[member].toFixed(1)} + distortion ${distortion[member].toFixed(1)} nats`,
      ),
      element("span", { className: "num" }, `bound −${Math.abs(bound).toFixed(1)} nats`),
    );
  }

  disc(c, x, y, radius, colour) {
    c.fillStyle = colour;
    c.beginPath();
    c.arc(x, y, radius, 0, 2 * Math.PI);
    c.fill();
  }

  ticks(c, values, place, align, { colours }) {
    c.fillStyle = colours.soft;
    c.textAlign = align;
    for (const v of values) c.fillText(Math.abs(v) >= 100 ? v.toFixed(0) : v.toFixed(1), ...place(v));
  }

  /** Lines of each score over the members; which of them is shown stands beside its own line. */
  paintScores(c, width, height, state) {
    const { members, member, metrics, scores, colours } = state;
    const lines = Object.fromEntries(
      ["mig", "sap", "dci", "factor_vae"].map((key) => [key, scores?.[key] ?? metrics?.[key]]).filter(([, v]) => v),
    );
    const active = metrics?.active_units,
      x = (k) => 60 + ((width - 100) * k) / Math.max(1, members.length - 1);
    const y = (v) => height - 42 - (height - 84) * v;
    this.axes(
      c,
      width,
      height,
      state,
      Object.keys(lines).length ? "score, 0 to 1 (line) and active units (bars)" : "active units",
      state.axisTitle,
    );
    const units = Math.max(1, ...(active ?? [1]));
    members.forEach((each, k) => {
      c.fillStyle = colours.line;
      if (active) c.fillRect(x(k) - 9, y(active[k] / units), 18, height - 30 - y(active[k] / units));
      c.fillStyle = k === member ? colours.ink : colours.soft;
      c.textAlign = "center";
      c.fillText(each.short, x(k), height - 16);
      if (active) c.fillText(active[k].toFixed(0), x(k), Math.min(height - 34, y(active[k] / units) + 13));
      this.spots.push({ member: k, x: x(k) });
    });
    for (const [key, values] of Object.entries(lines)) {
      c.strokeStyle = colours.model;
      c.lineWidth = 1.8;
      c.setLineDash(DASHES[key]);
      c.beginPath();
      values.forEach((v, k) => (k ? c.lineTo(x(k), y(v)) : c.moveTo(x(k), y(v))));
      c.stroke();
      c.setLineDash([]);
      values.forEach((v, k) =>
        this.disc(c, x(k), y(v), k === member ? 6 : 3, k === member ? colours.data : colours.model),
      );
      c.fillStyle = colours.ink;
      c.textAlign = "left";
      const best = values.indexOf(Math.max(...values));
      c.fillText(SCORE_NAMES[key], x(best) + 6, y(values[best]) - 7);
    }
    const said = Object.entries(lines).map(([key, values]) => `${SCORE_NAMES[key]} ${values[member].toFixed(2)}`);
    if (active) said.push(`${active[member]} active units`);
    if (lines.sap) said.push("SAP hangs on the scale of the codes: a code that moves little counts for less");
    this.caption.replaceChildren(element("span", {}, `${members[member].name}: ${said.join(" · ")}`));
  }

  paintBars(c, width, height, state) {
    const { members, member, kl, names, colours } = state;
    if (!kl) {
      this.say(c, width, height, state, "The bars come with the first picture.");
      return;
    }
    const values = [...kl[member]].map((v, d) => ({ v, d })).sort((a, b) => b.v - a.v),
      most = Math.max(...values.map((e) => e.v), 0.1);
    this.axes(c, width, height, state, "KL, nats", "latents, sorted");
    const step = (width - 70) / values.length,
      y = (v) => height - 30 - ((height - 60) * v) / most;
    values.forEach(({ v, d }, i) => {
      const x = 52 + i * step;
      c.fillStyle = v < 0.05 ? colours.line : colours.model;
      c.fillRect(x, y(v), step * 0.7, height - 30 - y(v));
      c.fillStyle = colours.ink;
      c.textAlign = "center";
      c.fillText(v.toFixed(v < 0.1 ? 2 : 1), x + step * 0.35, y(v) - 4);
      c.fillStyle = colours.soft;
      c.fillText((names[d] || `${d + 1}`).slice(0, Math.max(2, Math.floor(step / 7))), x + step * 0.35, height - 14);
    });
    const dead = values.filter((e) => e.v < 0.05).length;
    this.caption.replaceChildren(
      element(
        "span",
        {},
        `${members[member].name}: ` +
          (dead
            ? `${dead} of ${values.length} latents carry nothing: their posterior has collapsed onto the prior`
            : "every latent carries something"),
      ),
    );
  }

  /** How much of each factor's entropy each latent carries. */
  paintFactors(c, width, height, state) {
    const { information, factors, kl, member, names, colours, members } = state;
    if (!information) {
      this.say(c, width, height, state, "The matrix comes when the run has ended.");
      return;
    }
    const [rows, columns] = information.shape,
      order = [...Array(rows).keys()].sort((a, b) => kl[member][b] - kl[member][a]);
    const left = 92,
      top = 22,
      w = (width - left - 10) / columns,
      h = Math.min(26, (height - top - 6) / rows);
    c.textAlign = "center";
    c.fillStyle = colours.soft;
    factors.forEach((factor, f) =>
      c.fillText(factor.slice(0, Math.max(3, Math.floor(w / 6.5))), left + (f + 0.5) * w, 13),
    );
    order.forEach((d, i) => {
      c.textAlign = "right";
      c.fillStyle = colours.soft;
      c.fillText(names[d] ? `z${d + 1} ${names[d]}` : `z${d + 1}`, left - 8, top + i * h + h * 0.65);
      for (let f = 0; f < columns; f++) {
        const v = information.values[d * columns + f];
        c.globalAlpha = Math.min(1, v);
        c.fillStyle = colours.model;
        c.fillRect(left + f * w + 1, top + i * h + 1, w - 2, h - 2);
        c.globalAlpha = 1;
        c.strokeStyle = colours.line;
        c.strokeRect(left + f * w + 1, top + i * h + 1, w - 2, h - 2);
        if (v >= 0.1) {
          c.textAlign = "center";
          c.fillStyle = colours.ink;
          c.fillText(v.toFixed(1), left + (f + 0.5) * w, top + i * h + h * 0.65);
        }
      }
    });
    this.caption.replaceChildren(
      element("span", {}, `${members[member].name}: share of each factor's entropy that a latent carries`),
    );
  }

  say(c, width, height, { colours }, text) {
    c.fillStyle = colours.soft;
    c.textAlign = "center";
    c.fillText(text, width / 2, height / 2);
  }
}
