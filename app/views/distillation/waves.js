// What the stage of sound draws: waves under each other, spectra as lines, and the gap of each sample as bars.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";

const REACH = 1.6; // amplitude at which a wave fills its row, data units
const FONT = (canvas) => fontOf(canvas);

/** Waves under each other; each is a button. */
export class WaveStack {
  constructor(title, play) {
    this.title = title;
    this.playing = -1;
    this.hover = -1;
    this.focus = 0;
    this.count = 6;
    this.canvas = element("canvas", { className: "waves", tabIndex: 0, title: "Click a wave to hear it" });
    this.canvas.setAttribute("role", "application");
    const row = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return Math.min(this.count - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * this.count)));
    };
    this.canvas.onclick = (event) => {
      this.focus = row(event);
      play(this.focus);
    };
    this.canvas.onkeydown = (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (by) {
        event.preventDefault();
        this.focus = Math.min(this.count - 1, Math.max(0, this.focus + by));
        this.repaint?.();
      }
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        play(this.focus);
      }
    };
    this.canvas.onfocus = this.canvas.onblur = () => this.repaint?.();
    this.about();
  }

  about(loudness) {
    this.canvas.setAttribute(
      "aria-label",
      `${this.title}: ${this.count} waves${loudness === undefined ? "" : `, mean loudness ${loudness.toFixed(2)}`}. ` +
        "Arrow keys choose one, Enter plays it",
    );
  }

  paint(waves, colour, colours, empty) {
    this.repaint = () => this.paint(waves, colour, colours, empty);
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    c.font = FONT(this.canvas);
    if (!waves) {
      c.fillStyle = colours.soft;
      c.textAlign = "center";
      c.font = c.font.replace("11px", "14px");
      c.fillText(empty, width / 2, height / 2);
      return;
    }
    const [n, size] = waves.shape,
      row = height / n,
      left = 22;
    this.count = n;
    for (let i = 0; i < n; i++) {
      const middle = (i + 0.5) * row,
        isOn = i === this.playing;
      if (isOn || (document.activeElement?.shadowRoot?.activeElement === this.canvas && i === this.focus)) {
        c.fillStyle = colours.line;
        c.globalAlpha = isOn ? 1 : 0.5;
        c.fillRect(0, i * row + 1, width, row - 2);
        c.globalAlpha = 1;
      }
      drawSign(c, 10, middle, isOn, colours.soft);
      c.strokeStyle = colours.line;
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(left, middle);
      c.lineTo(width, middle);
      c.stroke();
      c.strokeStyle = colour;
      c.lineWidth = 1.7;
      c.lineJoin = "round";
      c.beginPath();
      for (let t = 0; t < size; t++) {
        const x = left + ((width - left - 2) * t) / (size - 1),
          y = middle - (Math.max(-1, Math.min(1, waves.values[i * size + t] / REACH)) * (row - 5)) / 2;
        if (t) c.lineTo(x, y);
        else c.moveTo(x, y);
      }
      c.stroke();
    }
  }
}

/** A triangle for play, two bars for playing. */
function drawSign(c, x, y, isOn, colour) {
  c.fillStyle = colour;
  if (isOn) {
    c.fillRect(x - 4, y - 5, 3, 10);
    c.fillRect(x + 1, y - 5, 3, 10);
    return;
  }
  c.beginPath();
  c.moveTo(x - 4, y - 5);
  c.lineTo(x + 5, y);
  c.lineTo(x - 4, y + 5);
  c.fill();
}

class Chart {
  constructor() {
    this.canvas = element("canvas", { className: "chart" });
    this.canvas.setAttribute("role", "img");
    this.about(null);
  }

  about(text) {
    this.canvas.setAttribute("aria-label", text ?? "Measured at the kept steps of a run");
  }

  /** The empty chart with its axes; returns how to place a point. */
  frame(top, bottom, end, xTitle, yTitle, xTicks, colours) {
    const { context: c, width, height } = sharpen(this.canvas),
      box = { left: 38, right: width - 18, up: 16, down: height - 30 };
    const x = (v) => box.left + ((box.right - box.left) * v) / end,
      y = (v) => box.down - ((box.down - box.up) * (v - bottom)) / (top - bottom);
    c.clearRect(0, 0, width, height);
    c.font = FONT(this.canvas);
    c.fillStyle = colours.soft;
    c.strokeStyle = colours.line;
    c.lineWidth = 1;
    for (let i = 0; i <= 3; i++) {
      const v = bottom + ((top - bottom) * i) / 3;
      c.beginPath();
      c.moveTo(box.left, y(v));
      c.lineTo(box.right, y(v));
      c.stroke();
      c.textAlign = "right";
      c.fillText(
        v
          .toPrecision(2)
          .replace("-", "−")
          .replace(/^0\.0+$/, "0"),
        box.left - 5,
        y(v) + 4,
      );
    }
    c.textAlign = "center";
    for (const [v, text] of xTicks) c.fillText(text, x(v), box.down + 13);
    c.fillText(xTitle, (box.left + box.right) / 2, height - 3);
    c.textAlign = "left";
    c.fillText(yTitle, 2, 10);
    return { c, x, y };
  }
}

/** Curves over frequency. */
export class Lines extends Chart {
  /** curves: [{values, colour, dash, width}]; end: the highest frequency in Hz. */
  paint(curves, end, colours) {
    const top = Math.max(0.1, ...curves.flatMap(({ values }) => values)) * 1.05;
    const { c, x, y } = this.frame(
      top,
      0,
      end,
      "frequency (Hz)",
      "mean magnitude (data units)",
      [0, 1000, 2000, 3000, 4000].filter((v) => v <= end).map((v) => [v, v.toLocaleString("en")]),
      colours,
    );
    for (const { values, colour, dash, width } of curves) {
      c.strokeStyle = colour;
      c.lineWidth = width;
      c.setLineDash(dash);
      c.beginPath();
      values.forEach((v, i) => {
        const at = x((end * i) / (values.length - 1));
        if (i) c.lineTo(at, y(v));
        else c.moveTo(at, y(v));
      });
      c.stroke();
    }
    c.setLineDash([]);
  }
}

/** A bar for each sample of a wave. */
export class Bars extends Chart {
  paint(values, colours) {
    const size = Math.max(1, values.length),
      top = Math.max(0.05, ...values) * 1.08,
      bottom = Math.min(0, ...values);
    const { c, x, y } = this.frame(
      top,
      bottom,
      size,
      "sample",
      "nats",
      [1, 16, 32, 48, 64].filter((v) => v <= size).map((v) => [v - 0.5, String(v)]),
      colours,
    );
    c.fillStyle = colours.error;
    values.forEach((v, i) => c.fillRect(x(i + 0.15), Math.min(y(v), y(0)), x(0.7) - x(0), Math.abs(y(v) - y(0))));
  }
}
