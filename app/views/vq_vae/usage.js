// How the codebooks are used: shares sorted, dead codes marked; and what the codes of a picture cost.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

const NAMES = ["coarse", "fine"];

/** exp of the entropy of shares: how many codes' worth of use there is. */
export const perplexity = (shares) => Math.exp(-shares.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0));

export class CodeUsage {
  constructor() {
    this.canvas = element("canvas", { className: "chart usage" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onpointermove = (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.at = [event.clientX - box.left, event.clientY - box.top];
      this.paint(this.state);
    };
    this.canvas.onpointerleave = () => {
      this.at = null;
      this.paint(this.state);
    };
    this.cost = element("div", { className: "cost" });
    this.root = element("div", {}, this.canvas, this.cost);
  }

  /**
   * state: usages [[K], [K]], patches [bitmaps, bitmaps] or null, metrics, colours, current [code of the chosen cell,
   * level]
   */
  paint(state) {
    this.state = state;
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width || !state) return;
    c.clearRect(0, 0, width, height);
    c.font = fontOf(this.canvas, "12px");
    if (!state.usages) {
      c.fillStyle = state.colours.soft;
      c.fillText("The histograms come with the first picture.", 4, 40);
      return;
    }
    this.said = [];
    NAMES.forEach((_, level) => this.paintOne(c, level, (height / 2) * level, width, height / 2, state));
    this.canvas.setAttribute("aria-label", this.said.join(" "));
    this.paintCost(state);
  }

  paintOne(c, level, top, width, height, { usages, patches, colours, current }) {
    const usage = usages[level],
      order = [...usage.keys()].sort((a, b) => usage[b] - usage[a]),
      count = order.length;
    const used = usage.reduce((n, p) => n + (p > 0), 0),
      base = top + height - 18,
      room = height - 46,
      most = Math.max(usage[order[0]], 1.2 / count);
    const step = width / count,
      y = (p) => base - (room * p) / most;
    const words = `${NAMES[level]}: ${used} of ${count} codes used, perplexity ${perplexity(usage).toFixed(1)}`;
    this.said.push(`${words}.`);
    c.fillStyle = colours.ink;
    c.textAlign = "left";
    c.fillText(words, 0, top + 13);
    const isIn = this.at && this.at[1] >= top && this.at[1] < top + height,
      hovered = isIn ? Math.max(0, Math.min(count - 1, Math.floor(this.at[0] / step))) : -1;
    order.forEach((code, i) => {
      const isCurrent = current && current[1] === level && current[0] === code;
      c.fillStyle = isCurrent ? colours.data : colours.model;
      c.globalAlpha = i === hovered || isCurrent ? 1 : 0.75;
      if (usage[code] > 0) c.fillRect(i * step + 0.5, y(usage[code]), Math.max(1, step - 1), base - y(usage[code]));
    });
    c.globalAlpha = 1;
    c.fillStyle = colours.line;
    c.fillRect(0, base, width, 1);
    if (used < count) {
      c.fillStyle = colours.error;
      c.fillRect(used * step, base, (count - used) * step, 3);
      c.textAlign = "right";
      c.fillText(`${count - used} dead`, width, base + 15);
    }
    c.strokeStyle = colours.base;
    c.setLineDash([4, 4]);
    c.beginPath();
    c.moveTo(0, y(1 / count));
    c.lineTo(width, y(1 / count));
    c.stroke();
    c.setLineDash([]);
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    if (hovered < 0) {
      c.fillText("most used first; dashed: all alike", 0, base + 15);
      return;
    }
    const code = order[hovered],
      x = Math.max(0, Math.min(width - 44, hovered * step - 22));
    c.fillText(`code ${code}: ${(100 * usage[code]).toFixed(1)} % of the ${NAMES[level]} codes`, 0, base + 15);
    if (patches && usage[code] > 0) {
      stamp(c, patches[level][code], x, top + 20, 44);
      c.strokeStyle = colours.ink;
      c.strokeRect(x, top + 20, 44, 44);
    }
  }

  paintCost({ metrics, colours }) {
    if (!metrics?.rate) {
      this.cost.replaceChildren();
      return;
    }
    const rate = metrics.rate[0],
      uniform = metrics.uniform_rate[0],
      share = Math.min(1, rate / uniform);
    const filled = element("span");
    filled.style.cssText = `width:${100 * share}%;background:${colours.field}`;
    this.cost.replaceChildren(
      element(
        "div",
        { className: "row" },
        element("span", {}, "rate under the prior"),
        element("b", { className: "num" }, `${rate.toFixed(1)} nats`),
      ),
      element("div", { className: "gauge" }, filled),
      element(
        "div",
        { className: "row soft" },
        element("span", {}, `${(100 * share).toFixed(0)} % of all codes alike`),
        element("span", { className: "num" }, `${uniform.toFixed(1)} nats`),
      ),
      element(
        "div",
        { className: "row" },
        element("span", {}, "bits per dimension, at most"),
        element("b", { className: "num" }, metrics.bits_per_dim[0].toFixed(3)),
      ),
    );
  }
}
