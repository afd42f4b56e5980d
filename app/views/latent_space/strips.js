// The lower stage: rows of pictures that answer one question each.

import { fontOf } from "./base_canvas.js";
import { element, sharpen } from "./live.js";
import { difference, memberOf, stamp, toBitmap, toBitmaps } from "./pictures.js";

export const TABS = {
  sweep: "All models",
  traversal: "Traversal",
  rebuild: "Reconstructions",
  path: "Interpolation",
  prior: "Prior",
  radius: "Radius",
  yours: "Your picture",
};
const STEPS = 9; // pictures of a traversal or path
const N_PRIOR = 18;
const END = 2.5;

/** Numbers of a seeded standard normal, so that the same picture comes back. */
export function normals(count, seed) {
  let s = seed >>> 0;
  const uniform = () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

const norm = (z) => Math.sqrt(z.reduce((sum, v) => sum + v * v, 0));

/** A way between two latents: straight, or over the sphere with the length changing evenly. */
export function pathBetween(a, b, isSpherical, count = STEPS) {
  const [la, lb] = [norm(a), norm(b)];
  const angle =
    la && lb ? Math.acos(Math.max(-1, Math.min(1, a.reduce((sum, v, i) => sum + v * b[i], 0) / (la * lb)))) : 0;
  return Array.from({ length: count }, (_, i) => {
    const t = i / (count - 1);
    if (!isSpherical || angle < 1e-4) return a.map((v, d) => v + t * (b[d] - v));
    const [wa, wb] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
    const length = la + t * (lb - la);
    return a.map((v, d) => length * ((wa * v) / la + (wb * b[d]) / lb));
  });
}

/** studio: the owner; it answers `ask(channel, rows, use)` and `pick(index)`, and holds z, portrait, picture, colours. */
export class Strips {
  constructor(studio) {
    this.studio = studio;
    this.tab = "traversal";
    this.temperature = 1;
    this.seed = 1;
    this.ends = [0, 1];
    this.nextEnd = 0;
    this.buttons = Object.fromEntries(
      Object.entries(TABS).map(([key, title]) => {
        const button = element("button", { type: "button", className: "tab", onclick: () => this.open(key) }, title);
        button.setAttribute("role", "tab");
        return [key, button];
      }),
    );
    this.canvas = element("canvas", { className: "strip" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onclick = (event) => this.click(event);
    this.tools = element("div", { className: "tools" });
    this.caption = element("div", { className: "cap" });
    const tabs = element("div", { className: "tabs" }, ...Object.values(this.buttons));
    tabs.setAttribute("role", "tablist");
    this.root = element("section", { className: "card wide" }, tabs, this.tools, this.canvas, this.caption);
    this.spots = [];
  }

  open(tab) {
    this.tab = tab;
    this.isUserChoice = true;
    this.content = null;
    this.refresh();
    this.studio.report();
  }

  /** Ask for what the open tab shows; called when z, model or portrait changed. */
  refresh() {
    this.refreshTabs();
    this.tools.replaceChildren(...this.toolsOf());
    const { studio } = this,
      ask = (rows, use) =>
        studio.ask("strip", rows, (bitmaps) => {
          this.content = { tab: this.tab, bitmaps, ...use };
          this.paint();
        });
    this.paint();
    if (!studio.z || this.tab === "sweep" || this.tab === "rebuild") return;
    if (this.tab === "traversal") this.askTraversal(ask);
    else if (this.tab === "path") this.askPaths(ask);
    else if (this.tab === "prior") {
      const z = studio.z.length,
        noise = normals(N_PRIOR * z, this.seed);
      ask(
        Array.from({ length: N_PRIOR }, (_, i) => noise.slice(i * z, (i + 1) * z).map((v) => v * this.temperature)),
        {},
      );
    } else if (this.tab === "radius") this.askRadii(ask);
    else if (this.tab === "yours") this.studio.pad.refresh();
  }

  refreshTabs() {
    for (const [key, button] of Object.entries(this.buttons))
      button.setAttribute("aria-selected", String(key === this.tab));
  }

  askTraversal(ask) {
    const { studio } = this,
      latents = studio.list.shown?.slice(0, 6) ?? [];
    const values = Array.from({ length: STEPS }, (_, i) => -END + (2 * END * i) / (STEPS - 1));
    if (latents.length)
      ask(
        latents.flatMap((d) => values.map((v) => Array.from(studio.z, (old, i) => (i === d ? v : old)))),
        { latents },
      );
  }

  askPaths(ask) {
    const { portrait } = this.studio;
    if (!portrait) return;
    const [a, b] = this.ends.map((i) => portrait.mean(i));
    const rows = [pathBetween(a, b, false), pathBetween(a, b, true)];
    ask(rows.flat(), { norms: rows.map((row) => row.map(norm)) });
  }

  askRadii(ask) {
    const { z } = this.studio,
      length = norm(z),
      typical = Math.sqrt(z.length);
    const direction =
      length > 1e-3 ? Array.from(z, (v) => v / length) : normals(z.length, 3).map((v, _, all) => v / norm(all));
    const radii = [0, 0.5, 1, 1.5, 2, 2.5].map((k) => k * typical);
    ask(
      radii.map((r) => direction.map((v) => v * r)),
      { radii },
    );
  }

  toolsOf() {
    if (this.tab === "prior") {
      const slider = element("input", { type: "range", min: 0, max: 2, step: 0.02, value: this.temperature }),
        value = element("b", { className: "num" }, this.temperature.toFixed(2));
      slider.setAttribute("aria-label", "Temperature of the prior");
      slider.oninput = () => {
        this.temperature = +slider.value;
        value.textContent = this.temperature.toFixed(2);
        this.askAgain();
      };
      return [
        element(
          "label",
          { className: "temperature", title: "A factor on the standard deviation of the prior" },
          "temperature ",
          slider,
          value,
        ),
        element(
          "button",
          {
            type: "button",
            className: "quiet",
            onclick: () => {
              this.seed++;
              this.askAgain();
            },
          },
          "draw again",
        ),
      ];
    }
    if (this.tab === "yours") return [this.studio.pad.root];
    return [];
  }

  askAgain() {
    const tools = [...this.tools.childNodes];
    this.refresh();
    this.tools.replaceChildren(...tools); // the slider under the hand stays the same element
  }

  click(event) {
    const box = this.canvas.getBoundingClientRect(),
      x = event.clientX - box.left,
      y = event.clientY - box.top;
    const spot = this.spots.find((s) => x >= s.x && x < s.x + s.size && y >= s.y && y < s.y + s.size);
    if (spot) spot.use();
  }

  paint() {
    const { studio } = this,
      { context: c, width } = sharpen(this.canvas);
    if (!width || !studio.colours) return;
    this.spots = [];
    this.caption.textContent = "";
    const painters = {
      sweep: "paintSweep",
      traversal: "paintTraversal",
      rebuild: "paintRebuild",
      path: "paintPath",
      prior: "paintPrior",
      radius: "paintRadius",
      yours: "paintYours",
    };
    c.font = fontOf(this.canvas, "12px");
    this[painters[this.tab]](c, width);
  }

  /** Make the canvas as tall as its rows; returns a fresh context. */
  tall(height) {
    if (this.canvas.clientHeight !== Math.round(height)) this.canvas.style.height = `${Math.round(height)}px`;
    const { context, width } = sharpen(this.canvas);
    context.clearRect(0, 0, width, height);
    context.font = fontOf(this.canvas, "12px");
    context.fillStyle = this.studio.colours.soft;
    return context;
  }

  wait(text) {
    const c = this.tall(120);
    c.textAlign = "left";
    c.fillText(text, 4, 60);
  }

  fresh(tab) {
    return this.content?.tab === tab ? this.content : null;
  }

  /** Every model's pictures of the same examples: one row a model. */
  paintSweep(_, width) {
    const { picture, members, member, originals } = this.studio;
    if (!picture?.reconstructions) {
      this.wait("The pictures of all models come with the first snapshot.");
      return;
    }
    const [models, count] = picture.reconstructions.shape,
      columns = count * 2,
      left = 78;
    const size = Math.min(54, (width - left - 20) / columns - 3),
      c = this.tall((models + 1) * (size + 3) + 26);
    c.textAlign = "left";
    c.fillText("reconstructions", left, 12);
    c.fillText("drawn from the prior", left + count * (size + 3) + 18, 12);
    c.fillText("original", 4, 20 + size * 0.6);
    originals?.slice(0, count).forEach((bitmap, i) => stamp(c, bitmap, left + i * (size + 3), 18, size));
    for (let k = 0; k < models; k++) {
      const y = 18 + (k + 1) * (size + 3);
      c.fillStyle = k === member ? this.studio.colours.ink : this.studio.colours.soft;
      c.fillText(members[k]?.name ?? "", 4, y + size * 0.6);
      toBitmaps(memberOf(picture.reconstructions, k)).forEach((bitmap, i) =>
        stamp(c, bitmap, left + i * (size + 3), y, size),
      );
      toBitmaps(memberOf(picture.samples, k)).forEach((bitmap, i) =>
        stamp(c, bitmap, left + count * (size + 3) + 18 + i * (size + 3), y, size),
      );
      this.spots.push({ x: 0, y, size: width, use: () => this.studio.choose(k) });
    }
    this.caption.textContent =
      "Same start, same batches, same noise: only the price of information differs. Click a row to open that model.";
  }

  paintTraversal(_, width) {
    const content = this.fresh("traversal");
    if (!content) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    const left = 108,
      size = Math.min(74, (width - left) / STEPS - 4),
      c = this.tall(content.latents.length * (size + 6) + 4);
    content.latents.forEach((d, row) => {
      c.textAlign = "left";
      c.fillStyle = this.studio.colours.ink;
      c.fillText(this.studio.names[d] || `latent ${d + 1}`, 4, row * (size + 6) + size / 2);
      c.fillStyle = this.studio.colours.soft;
      c.fillText(`${this.studio.kl[d].toFixed(1)} nats`, 4, row * (size + 6) + size / 2 + 16);
      for (let i = 0; i < STEPS; i++) {
        const x = left + i * (size + 4),
          y = row * (size + 6),
          value = -END + (2 * END * i) / (STEPS - 1);
        stamp(c, content.bitmaps[row * STEPS + i], x, y, size);
        this.spots.push({ x, y, size, use: () => this.studio.setLatent(d, value) });
      }
    });
    this.caption.textContent = "One latent moves from −2.5 to 2.5, the others stay. Click a picture to go there.";
  }

  paintRebuild(_, width) {
    const { portrait, chosen } = this.studio;
    if (!portrait) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    const count = Math.min(portrait.originals.length, Math.floor(width / 58)),
      size = width / count - 6,
      c = this.tall(3 * (size + 4) + 22);
    for (let i = 0; i < count; i++) {
      const x = i * (size + 6);
      stamp(c, portrait.originals[i], x, 0, size);
      stamp(c, portrait.reconstructions[i], x, size + 4, size);
      stamp(c, portrait.errors[i], x, 2 * (size + 4), size);
      c.textAlign = "center";
      c.fillStyle = i === chosen ? this.studio.colours.ink : this.studio.colours.soft;
      c.fillText(`${(portrait.rates[i] + portrait.distortions[i]).toFixed(0)}`, x + size / 2, 3 * (size + 4) + 14);
      if (i === chosen) {
        c.strokeStyle = this.studio.colours.data;
        c.lineWidth = 2;
        c.strokeRect(x + 1, 1, size - 2, 3 * (size + 4) - 6);
        c.lineWidth = 1;
      }
      for (const row of [0, 1, 2]) this.spots.push({ x, y: row * (size + 4), size, use: () => this.studio.pick(i) });
    }
    this.caption.textContent =
      "Held-out originals, what comes back through the middle of the code, twice the error, and rate + distortion in nats. Click one to open its code.";
  }

  paintPath(_, width) {
    const { portrait } = this.studio,
      content = this.fresh("path");
    if (!portrait || !content) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    const size = Math.min(84, (width - 90) / STEPS - 4),
      count = Math.min(portrait.originals.length, Math.floor(width / 46)),
      small = width / count - 5;
    const c = this.tall(2 * (size + 24) + small + 30);
    ["straight", "spherical"].forEach((name, row) => {
      const y = row * (size + 24);
      c.textAlign = "left";
      c.fillStyle = this.studio.colours.ink;
      c.fillText(name, 2, y + size / 2);
      for (let i = 0; i < STEPS; i++) {
        const x = 80 + i * (size + 4);
        stamp(c, content.bitmaps[row * STEPS + i], x, y, size);
        c.textAlign = "center";
        c.fillStyle = this.studio.colours.soft;
        c.fillText(`|z| ${content.norms[row][i].toFixed(1)}`, x + size / 2, y + size + 14);
      }
    });
    const top = 2 * (size + 24) + 18;
    for (let i = 0; i < count; i++) {
      const x = i * (small + 5);
      stamp(c, portrait.originals[i], x, top, small);
      if (this.ends.includes(i)) {
        c.strokeStyle = this.studio.colours.data;
        c.lineWidth = 2.5;
        c.strokeRect(x, top, small, small);
        c.fillStyle = this.studio.colours.ink;
        c.textAlign = "center";
        c.fillText(this.ends[0] === i ? "from" : "to", x + small / 2, top - 4);
      }
      this.spots.push({
        x,
        y: top,
        size: small,
        use: () => {
          this.ends[this.nextEnd] = i;
          this.nextEnd = 1 - this.nextEnd;
          this.refresh();
        },
      });
    }
    this.caption.textContent =
      "Straight lines pass nearer to the origin than any code of the data; the sphere keeps the length. Click two originals.";
  }

  paintPrior(_, width) {
    const content = this.fresh("prior");
    if (!content) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    const columns = Math.min(N_PRIOR, Math.max(6, Math.floor(width / 84))),
      size = width / columns - 5,
      rows = Math.ceil(content.bitmaps.length / columns);
    const c = this.tall(rows * (size + 5));
    content.bitmaps.forEach((bitmap, i) =>
      stamp(c, bitmap, (i % columns) * (size + 5), Math.floor(i / columns) * (size + 5), size),
    );
    this.caption.textContent =
      "Drawn from the prior, z = temperature × noise. 1 is the model itself; at 0 all are the picture of z = 0; above 1 z leaves the region that was trained.";
  }

  /** Length of codes against the prior's, and what is drawn at some lengths along the present direction. */
  paintRadius(_, width) {
    const { portrait, z, colours } = this.studio,
      content = this.fresh("radius");
    if (!portrait || !z) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    const dims = z.length,
      most = Math.max(6, 2.6 * Math.sqrt(dims)),
      bins = 42,
      height = 150,
      counts = new Array(bins).fill(0);
    portrait.sampleNorms.forEach((r) => {
      const b = Math.floor((r / most) * bins);
      if (b < bins) counts[b]++;
    });
    const per = portrait.sampleNorms.length * (most / bins),
      chi = (r) => chiDensity(r, dims);
    const peak = Math.max(...counts.map((v) => v / per), chi(Math.sqrt(Math.max(0.2, dims - 1)))) * 1.1;
    const size = Math.min(84, width / 6 - 8),
      c = this.tall(height + size + 62),
      x = (r) => 6 + ((width - 12) * r) / most,
      y = (v) => height - (height - 16) * (v / peak);
    c.fillStyle = colours.data;
    c.globalAlpha = 0.45;
    counts.forEach((v, b) =>
      c.fillRect(x((b * most) / bins) + 1, y(v / per), (width - 12) / bins - 2, height - y(v / per)),
    );
    c.globalAlpha = 1;
    c.strokeStyle = colours.base;
    c.lineWidth = 2;
    c.beginPath();
    for (let i = 0; i <= 200; i++) c.lineTo(x((most * i) / 200), y(chi((most * i) / 200)));
    c.stroke();
    c.lineWidth = 1;
    c.fillStyle = colours.ink;
    c.fillRect(x(norm(z)) - 1, 10, 2, height - 10);
    c.textAlign = norm(z) > most * 0.7 ? "right" : "left";
    c.fillText(`your z, |z| = ${norm(z).toFixed(2)}`, x(norm(z)) + (norm(z) > most * 0.7 ? -6 : 6), 20);
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText("0", 4, height + 14);
    c.textAlign = "right";
    c.fillText(`|z| = ${most.toFixed(1)}`, width - 6, height + 14);
    content?.radii.forEach((r, i) => {
      const px = i * (size + 8) + 4;
      stamp(c, content.bitmaps[i], px, height + 26, size);
      c.textAlign = "center";
      c.fillStyle = colours.soft;
      c.fillText(`|z| ${r.toFixed(1)}`, px + size / 2, height + size + 42);
    });
    this.caption.textContent = `Grey line: length of the prior's ${dims}-dimensional noise. Blue: codes drawn for held-out examples. z = 0 is the densest point, yet hardly anything lies near it: almost all mass has |z| around ${Math.sqrt(dims).toFixed(1)}.`;
  }

  paintYours() {
    this.tall(2);
    this.caption.textContent = "Paint or upload a picture: it is encoded at once, and its code becomes the cross.";
  }
}

/** Density of the length of standard-normal noise in n dimensions. */
export function chiDensity(r, n) {
  if (r <= 0) return n === 1 ? Math.sqrt(2 / Math.PI) : 0;
  return Math.exp((n - 1) * Math.log(r) - (r * r) / 2 - (n / 2 - 1) * Math.LN2 - logGamma(n / 2));
}

/** log of the gamma function at whole and half numbers, by its recursion. */
function logGamma(x) {
  let sum = x % 1 === 0 ? 0 : 0.5 * Math.log(Math.PI);
  for (let k = x % 1 === 0 ? 1 : 0.5; k < x; k++) sum += Math.log(k);
  return sum;
}

export { difference, toBitmap };
