// The scrubber under the film: how many layers have acted, with a name or a number for each.

import { fontOf } from "../../canvas/base_canvas.js";
import { followDrag } from "../../canvas/dragging.js";
import { element, sharpen } from "../../canvas/live.js";

const EDGE = 12; // pixels beyond the ends
const MIDDLE = 13;
const NARROWEST = 20; // pixels of a number

export class LayerTrack {
  /** handlers: seek(share of the way), settled() when a hand lets go */
  constructor({ seek, settled }) {
    this.canvas = element("canvas", { className: "layertrack", tabIndex: 0 });
    this.canvas.setAttribute("role", "slider");
    this.canvas.setAttribute("aria-label", "How many layers have acted");
    followDrag(this.canvas, { move: (event) => seek(this.shareUnder(event)), settled });
  }

  shareUnder(event) {
    const box = this.canvas.getBoundingClientRect();
    return (event.clientX - box.left - EDGE) / (box.width - 2 * EDGE);
  }

  tell(t, layers, words) {
    this.canvas.setAttribute("aria-valuemin", "0");
    this.canvas.setAttribute("aria-valuemax", String(layers));
    this.canvas.setAttribute("aria-valuenow", t.toFixed(1));
    this.canvas.setAttribute("aria-valuetext", words);
  }

  /** t layers of so many have acted, which have these names. */
  paint({ t, layers, names, colours }) {
    const { context: c, width, height } = sharpen(this.canvas);
    c.clearRect(0, 0, width, height);
    if (!width || !layers) return;
    const x = (at) => EDGE + ((width - 2 * EDGE) * at) / layers,
      y = MIDDLE;
    c.fillStyle = colours.line;
    c.fillRect(x(0), y - 2, x(layers) - x(0), 4);
    c.fillStyle = colours.model;
    c.fillRect(x(0), y - 2, x(t) - x(0), 4);
    for (let k = 0; k <= layers; k++) {
      c.fillStyle = k <= t ? colours.model : colours.soft;
      c.fillRect(x(k) - 1, y - 5, 2, 10);
    }
    this.paintNames(c, x, { t, names: names.slice(0, layers), colours, height });
    c.beginPath();
    c.arc(x(t), y, 8, 0, 2 * Math.PI);
    c.fillStyle = colours.model;
    c.fill();
    c.strokeStyle = colours.panel;
    c.lineWidth = 2;
    c.stroke();
  }

  /** Names under the layers where they fit, numbers else; the one that acts in ink. */
  paintNames(c, x, { t, names, colours, height }) {
    c.font = fontOf(this.canvas);
    c.textAlign = "center";
    const room = x(1) - x(0),
      isWide = Math.max(...names.map((name) => c.measureText(name).width)) < room - 6,
      every = isWide ? 1 : Math.ceil(NARROWEST / room);
    names.forEach((name, k) => {
      const isActing = t > k && t < k + 1;
      if (!isActing && k % every) return;
      c.fillStyle = isActing ? colours.ink : colours.soft;
      c.fillText(isWide ? name : String(k + 1), x(k + 0.5), height - 4);
    });
  }
}
