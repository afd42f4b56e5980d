// The latents sorted by what they carry: a slider each, what it draws at its ends, and its KL.

import { element } from "../live.js";
import { stamp } from "../pictures.js";

export const END = 2.5; // standard deviations of the prior at a slider's ends
export const DEAD = 0.05; // nats: a latent that carries less is folded away
const LIMIT = 3.2;

/** handlers: move(latent, value), settled(), axis(latent, which) to put a latent on an axis of the plane. */
export class LatentList {
  constructor(handlers) {
    this.handlers = handlers;
    this.rows = new Map();
    this.list = element("div", { className: "latents" });
    this.fold = element("button", { type: "button", className: "quiet" });
    this.fold.onclick = () => {
      this.showsDead = !this.showsDead;
      this.build(this.kl, this.names);
      this.show(this.z);
    };
    this.root = element("div", {}, this.list, this.fold);
  }

  /** Rows for these latents: kl [Z] nats, names [Z]. */
  build(kl, names) {
    this.kl = kl;
    this.names = names;
    this.order = [...kl.keys()].sort((a, b) => kl[b] - kl[a]);
    const alive = this.order.filter((d) => kl[d] >= DEAD),
      dead = this.order.length - alive.length;
    this.shown = this.showsDead || alive.length === 0 ? this.order : alive;
    this.fold.hidden = !dead || alive.length === 0;
    this.fold.textContent = this.showsDead
      ? `hide the ${dead} that carry less than ${DEAD}`
      : `${dead} more carry less than ${DEAD} · show`;
    const key = JSON.stringify([this.shown, names]);
    if (key !== this.key) this.rebuild(key);
    for (const d of this.shown) this.rows.get(d).kl.textContent = kl[d].toFixed(kl[d] < 0.1 ? 2 : 1);
  }

  rebuild(key) {
    this.key = key;
    this.rows.clear();
    this.list.replaceChildren(...this.shown.map((d) => this.row(d)));
  }

  row(d) {
    const slider = element("input", { type: "range", min: -LIMIT, max: LIMIT, step: 0.02, value: 0 });
    slider.setAttribute("aria-label", `Latent ${d + 1}${this.names[d] ? `, ${this.names[d]}` : ""}`);
    slider.oninput = () => this.handlers.move(d, +slider.value);
    slider.onchange = () => this.handlers.settled();
    slider.ondblclick = () => {
      this.handlers.move(d, 0);
      this.handlers.settled();
    };
    const ends = [element("canvas", { className: "end" }), element("canvas", { className: "end" })];
    ends.forEach((canvas, side) => {
      canvas.onclick = () => {
        this.handlers.move(d, side ? END : -END);
        this.handlers.settled();
      };
    });
    const axes = ["x", "y"].map((word, which) => {
      const button = element(
        "button",
        {
          type: "button",
          className: "axis",
          title: `Put this latent on the plane's ${word} axis`,
          onclick: () => this.handlers.axis(d, which),
        },
        word,
      );
      button.setAttribute("aria-pressed", "false");
      return button;
    });
    const kl = element("span", { className: "num kl" });
    this.rows.set(d, { slider, ends, kl, axes });
    const name = element("span", { className: "name" }, this.names[d] || `latent ${d + 1}`);
    return element(
      "div",
      { className: "latent" },
      ends[0],
      element(
        "div",
        { className: "middle" },
        element("div", { className: "label" }, name, element("span", { className: "axes" }, ...axes)),
        slider,
      ),
      ends[1],
      kl,
    );
  }

  /** Put the sliders where z is. */
  show(z, axes) {
    this.z = z;
    for (const [d, { slider, axes: buttons }] of this.rows) {
      slider.value = z[d];
      slider.style.setProperty("--share", `${(100 * (z[d] + LIMIT)) / (2 * LIMIT)}%`);
      if (axes) buttons.forEach((button, which) => button.setAttribute("aria-pressed", String(axes[which] === d)));
    }
  }

  /** Rows of latents whose pictures stand at the ends: for each shown latent its lowest, then its highest value. */
  endRows(z) {
    return this.shown.flatMap((d) => [-END, END].map((v) => Array.from(z, (old, i) => (i === d ? v : old))));
  }

  paintEnds(bitmaps) {
    this.shown.forEach((d, i) =>
      this.rows.get(d)?.ends.forEach((canvas, side) => {
        const bitmap = bitmaps[2 * i + side];
        if (!bitmap) return;
        canvas.width = canvas.height = 34 * (window.devicePixelRatio || 1);
        stamp(canvas.getContext("2d"), bitmap, 0, 0, canvas.width);
      }),
    );
  }
}
