// KL over the training of two runs, on one logarithmic axis: which one is nearer to the data, and when.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";

const EDGE = { left: 40, right: 10, top: 10, bottom: 24 };

export class Race {
  constructor() {
    this.canvas = element("canvas", {});
    this.canvas.setAttribute("role", "img");
    this.names = [element("span", {}), element("span", {})];
    const key = (kind, name) => element("span", {}, element("i", { className: `line ${kind}` }), name);
    this.root = element(
      "section",
      { className: "card race" },
      element(
        "h3",
        {},
        element("span", {}, "KL(data ‖ model)"),
        element("span", { className: "tag", title: "By the paired estimator on held-out points" }, "estimate"),
      ),
      this.canvas,
      element("div", { className: "cap" }, key("ours", this.names[0])),
      element("div", { className: "cap" }, key("rival", this.names[1])),
    );
  }

  /** runs: two lists of {step, kl}; step: where the player is. */
  show({ runs, names, step, colours }) {
    names.forEach((name, i) => {
      this.names[i].textContent = name;
    });
    const { context, width, height } = sharpen(this.canvas);
    if (!width) return;
    context.clearRect(0, 0, width, height);
    const all = runs.flat().filter((p) => p.kl > 0);
    if (!all.length) return this.write(context, width, height, colours);
    const most = Math.max(...all.map((p) => p.step), 1);
    const low = Math.floor(Math.log10(Math.max(1e-4, Math.min(...all.map((p) => p.kl))))),
      high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all.map((p) => p.kl)))));
    const x = (s) => EDGE.left + (s / most) * (width - EDGE.left - EDGE.right);
    const y = (kl) =>
      EDGE.top + ((high - Math.log10(Math.max(kl, 10 ** low))) / (high - low)) * (height - EDGE.top - EDGE.bottom);
    this.drawAxes(context, { x, y, low, high, most, width, height, colours });
    context.strokeStyle = colours.soft;
    context.setLineDash([]);
    line(context, x(Math.min(step, most)), EDGE.top, x(Math.min(step, most)), height - EDGE.bottom);
    runs.forEach((run, i) => {
      context.strokeStyle = i ? colours.field : colours.model;
      context.lineWidth = 2.5;
      context.setLineDash(i ? [6, 4] : []);
      context.beginPath();
      run
        .filter((p) => p.kl > 0)
        .forEach((p, j) => (j ? context.lineTo(x(p.step), y(p.kl)) : context.moveTo(x(p.step), y(p.kl))));
      context.stroke();
    });
    context.setLineDash([]);
    const last = runs.map((run, i) => `${names[i]} ${run.at(-1)?.kl.toFixed(4) ?? "not measured"}`).join(", ");
    this.canvas.setAttribute("aria-label", `KL from the data to each model over the training, in nats: ${last}`);
  }

  drawAxes(context, { x, y, low, high, most, width, height, colours }) {
    context.font = fontOf(this.canvas);
    context.lineWidth = 1;
    context.textAlign = "right";
    for (let power = low; power <= high; power++) {
      context.strokeStyle = colours.line;
      line(context, EDGE.left, y(10 ** power), width - EDGE.right, y(10 ** power));
      context.fillStyle = colours.soft;
      context.fillText(
        power < -3 || power > 3 ? `1e${power}` : String(+(10 ** power).toFixed(3)),
        EDGE.left - 5,
        y(10 ** power) + 4,
      );
    }
    context.textAlign = "left";
    context.fillText("0", x(0), height - 7);
    context.textAlign = "right";
    context.fillText(`step ${most.toLocaleString("en")}`, x(most), height - 7);
    context.textAlign = "center";
    context.fillText("nats", EDGE.left + 18, EDGE.top + 12);
  }

  write(context, width, height, colours) {
    context.font = fontOf(this.canvas, "14px");
    context.fillStyle = colours.soft;
    context.textAlign = "center";
    context.fillText("Nothing measured yet.", width / 2, height / 2);
    this.canvas.setAttribute("aria-label", "Nothing measured yet");
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
