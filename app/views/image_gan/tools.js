// The third card: what can be done with the picture in hand. Latents, a plane of two, the way to another, styles.

import { followDrag, inside, nudged, placeUnder } from "../../canvas/dragging.js";
import { END, LatentList } from "../../canvas/latents/list.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";
import { StylePanel } from "./styles.js";

export const TABS = { latents: "Latents", plane: "A plane of two", between: "Interpolation", styles: "Styles" };
const WINDOW = [-END, END, -END, END];
const KEY_STEP = 0.1;
const SIDE = 7; // pictures along each axis of the plane
const N_WAY = 9; // pictures of the way

/** studio: the owner; it holds z, other, place, colours, and answers move(), changed(), settled(). */
export class Tools {
  constructor(studio) {
    this.studio = studio;
    this.tab = "latents";
    this.axes = [0, 1];
    this.buttons = Object.fromEntries(
      Object.entries(TABS).map(([key, title]) => {
        const button = element("button", { type: "button", className: "tab", onclick: () => this.open(key) }, title);
        button.setAttribute("role", "tab");
        return [key, button];
      }),
    );
    this.list = new LatentList({
      move: (d, v) => studio.move({ [d]: v }),
      settled: () => studio.settled(),
      axis: (d, which) => this.setAxis(d, which),
    });
    this.plane = element("canvas", { className: "square plane", tabIndex: 0 });
    this.plane.setAttribute("role", "application");
    followDrag(this.plane, { move: (event) => this.drag(event), settled: () => studio.settled() });
    this.plane.onkeydown = (event) => this.nudge(event);
    this.axisWords = element("div", { className: "cap" });
    this.styles = new StylePanel(studio);
    this.panels = {
      latents: this.latentPanel(),
      plane: element("div", {}, this.plane, this.axisWords),
      between: this.wayPanel(),
      styles: this.styles.root,
    };
    const tabs = element("div", { className: "tabs" }, ...Object.values(this.buttons));
    tabs.setAttribute("role", "tablist");
    this.why = element("p", { className: "soft small", hidden: true });
    this.root = element("section", { className: "card tools-card" }, tabs, this.why, ...Object.values(this.panels));
  }

  latentPanel() {
    this.home = element(
      "button",
      {
        type: "button",
        className: "quiet",
        title: "All latents at 0: the middle of the noise",
        onclick: () => this.studio.goHome(),
      },
      "to z = 0",
    );
    this.back = element(
      "button",
      {
        type: "button",
        className: "quiet",
        title: "The noise of the chosen sample",
        onclick: () => this.studio.unmove(),
      },
      "as on the wall",
    );
    const head = element(
      "div",
      { className: "cap head" },
      element("span", {}, "sorted by how much they move"),
      element("span", {}, "grey levels"),
    );
    return element(
      "div",
      { className: "latent-panel" },
      head,
      element("div", { className: "scroller" }, this.list.root),
      element("div", { className: "tools" }, this.back, this.home),
    );
  }

  wayPanel() {
    this.slider = element("input", { type: "range", min: 0, max: 1, step: 0.005, value: 0.5 });
    this.slider.setAttribute("aria-label", "Way from A to B");
    this.slider.oninput = () => {
      this.studio.place.t = +this.slider.value;
      this.studio.changed();
    };
    this.slider.onchange = () => this.studio.settled();
    this.strip = element("canvas", { className: "way" });
    this.strip.setAttribute("role", "img");
    this.strip.onclick = (event) => {
      const box = this.strip.getBoundingClientRect(),
        k = this.cellAt(event, box);
      this.slider.value = this.studio.place.t = k / (N_WAY - 1);
      this.studio.changed();
      this.studio.settled();
    };
    this.ends = element("canvas", { className: "ends" });
    this.ends.setAttribute("role", "img");
    this.wayWords = element(
      "div",
      { className: "soft small" },
      "Upper row: what the noises on the way become, each a picture of its own. " +
        "Lower row: the pixels of A and B mixed, a double exposure.",
    );
    const tools = element(
      "div",
      { className: "tools" },
      element("button", { type: "button", className: "quiet", onclick: () => this.studio.nextSecond() }, "another B"),
      element("button", { type: "button", className: "quiet", onclick: () => this.studio.swap() }, "swap A and B"),
    );
    return element(
      "div",
      { className: "way-panel" },
      this.ends,
      element("div", { className: "between" }, element("b", {}, "A"), this.slider, element("b", {}, "B")),
      this.strip,
      this.wayWords,
      tools,
    );
  }

  cellAt(event, box) {
    return Math.max(0, Math.min(N_WAY - 1, Math.floor(((event.clientX - box.left) / box.width) * N_WAY)));
  }

  open(tab) {
    this.tab = tab;
    this.studio.tabOpened();
  }

  setAxis(d, which) {
    if (this.axes[1 - which] === d) this.axes[1 - which] = this.axes[which];
    this.axes[which] = d;
    this.studio.settled();
    this.studio.dirty();
  }

  /** The latents by what they move, as the model says. */
  describe(moves) {
    this.list.build(
      Array.from(moves),
      Array.from(moves, () => ""),
    );
    const order = this.list.order;
    this.axes = [order[0], order[1] ?? order[0]];
  }

  drag(event) {
    const [x, y] = inside(placeUnder(event, WINDOW), WINDOW);
    this.studio.move({ [this.axes[0]]: x, [this.axes[1]]: y });
  }

  nudge(event) {
    const { z } = this.studio,
      to = z && nudged([z[this.axes[0]], z[this.axes[1]]], event, KEY_STEP, WINDOW);
    if (!to) return;
    event.preventDefault();
    this.studio.move({ [this.axes[0]]: to[0], [this.axes[1]]: to[1] });
    this.studio.settled();
  }

  /** What the open tab wants decoded besides the picture in hand: {key, rows, use}. */
  wish() {
    const { studio } = this,
      { z } = studio;
    if (!z) return null;
    if (this.tab === "latents" && this.list.kl)
      return { key: "ends", rows: this.list.endRows(z), use: (bitmaps) => this.list.paintEnds(bitmaps) };
    if (this.tab === "plane")
      return {
        key: "plane",
        rows: this.planeRows(z),
        use: (bitmaps) => {
          this.tiles = bitmaps;
          studio.dirty();
        },
      };
    if (this.tab === "between")
      return {
        key: "way",
        rows: studio.wayRows(N_WAY),
        use: (bitmaps) => {
          this.way = bitmaps;
          studio.dirty();
        },
      };
    return null;
  }

  planeRows(z) {
    const at = (k) => -END + ((k + 0.5) * 2 * END) / SIDE,
      [a, b] = this.axes;
    return Array.from({ length: SIDE * SIDE }, (_, k) =>
      Array.from(z, (v, i) => (i === a ? at(k % SIDE) : i === b ? -at(Math.floor(k / SIDE)) : v)),
    );
  }

  forget() {
    this.tiles = this.way = null;
    this.list.build([], []);
    this.styles.forget();
  }

  paint({ colours, canAsk, words }) {
    for (const [key, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-selected", String(key === this.tab));
      this.panels[key].hidden = key !== this.tab;
    }
    this.buttons.styles.hidden = !this.studio.isStyled;
    this.root.classList.toggle("waiting", !canAsk);
    this.why.textContent = canAsk ? "" : words;
    this.why.hidden = canAsk;
    const { z } = this.studio;
    if (!z) {
      for (const canvas of [this.plane, this.strip, this.ends]) clear(canvas);
      return;
    }
    if (this.tab === "latents") this.list.show(z, this.axes);
    else if (this.tab === "plane") this.paintPlane(colours, z, canAsk ? this.tiles : null);
    else if (this.tab === "between") this.paintWay(colours, canAsk ? this.way : null);
    else this.styles.paint(colours);
  }

  paintPlane(colours, z, tiles) {
    const { context: c, width } = sharpen(this.plane),
      cell = width / SIDE;
    c.clearRect(0, 0, width, width);
    tiles?.forEach((bitmap, k) =>
      stamp(c, bitmap, (k % SIDE) * cell + 1, Math.floor(k / SIDE) * cell + 1, cell - 2, cell - 2),
    );
    const x = ((z[this.axes[0]] / END + 1) / 2) * width,
      y = ((1 - z[this.axes[1]] / END) / 2) * width;
    c.lineWidth = 4;
    c.strokeStyle = colours.panel;
    c.beginPath();
    c.arc(x, y, 9, 0, 7);
    c.stroke();
    c.lineWidth = 3;
    c.strokeStyle = colours.model;
    c.beginPath();
    c.arc(x, y, 9, 0, 7);
    c.stroke();
    this.axisWords.replaceChildren(
      element(
        "span",
        {},
        `across latent ${this.axes[0] + 1}, up latent ${this.axes[1] + 1}, from −${END} to ${END}. Drag.`,
      ),
    );
    this.plane.setAttribute(
      "aria-label",
      `Plane of the latents ${this.axes[0] + 1} and ${this.axes[1] + 1}; ` +
        `arrow keys move. At ${z[this.axes[0]].toFixed(1)}, ${z[this.axes[1]].toFixed(1)}`,
    );
  }

  paintWay(colours, way) {
    const { studio } = this,
      { t } = studio.place;
    this.slider.value = t;
    this.slider.style.setProperty("--share", `${100 * t}%`);
    const { context: c, width, height } = sharpen(this.strip),
      cell = width / N_WAY,
      side = Math.min(cell - 2, height / 2 - 4);
    c.clearRect(0, 0, width, height);
    if (!way) {
      clear(this.ends);
      return;
    }
    const first = way[0],
      last = way[N_WAY - 1];
    way.forEach((bitmap, k) => {
      stamp(c, bitmap, k * cell + 1, 0, side, side);
      stamp(c, first, k * cell + 1, side + 6, side, side);
      stamp(c, last, k * cell + 1, side + 6, side, side, k / (N_WAY - 1));
    });
    c.lineWidth = 2;
    c.strokeStyle = colours.model;
    c.strokeRect(Math.round(t * (N_WAY - 1)) * cell + 2, 1, side - 2, side - 2);
    this.strip.setAttribute(
      "aria-label",
      `Nine pictures on the way from A to B, now ${Math.round(100 * t)} ` +
        "percent; below them the mixtures of their pixels",
    );
    const { context: e, width: w, height: h } = sharpen(this.ends);
    e.clearRect(0, 0, w, h);
    stamp(e, first, 0, 0, h, h);
    stamp(e, last, w - h, 0, h, h);
    const handed = studio.hand?.bitmap;
    if (handed) stamp(e, handed, (w - h) / 2, 0, h, h);
  }
}

function clear(canvas) {
  const { context: c, width, height } = sharpen(canvas);
  c.clearRect(0, 0, width, height);
}
