// The lower stage: rows of pictures that answer one question each.

import { norm, normals, pathBetween } from "../../canvas/latents/ways.js";
import { element } from "../../canvas/live.js";
import { PictureRows } from "../../canvas/picture_rows.js";
import { memberOf, stamp, toBitmaps } from "../../canvas/pictures.js";
import { paintRadius } from "./radius.js";

const TABS = {
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

/**
 * studio: the owner; it answers `ask(channel, rows, use)` and `pick(index)`, and holds z, portrait, picture, colours.
 */
export class Strips extends PictureRows {
  painters = {
    sweep: (width) => this.paintSweep(width),
    traversal: (width) => this.paintTraversal(width),
    rebuild: (width) => this.paintRebuild(width),
    path: (width) => this.paintPath(width),
    prior: (width) => this.paintPrior(width),
    radius: (width) => this.paintRadius(width),
    yours: () => this.paintYours(),
  };

  constructor(studio) {
    super(studio, TABS, "traversal");
    this.studio = studio;
    this.temperature = 1;
    this.seed = 1;
    this.ends = [0, 1];
    this.nextEnd = 0;
  }

  open(tab) {
    this.forget();
    super.open(tab);
  }

  /** What was asked for is of something else now. */
  forget() {
    this.content = null;
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
    const rows = [pathBetween(a, b, false, STEPS), pathBetween(a, b, true, STEPS)];
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

  wait(text) {
    const c = this.tall(120);
    c.textAlign = "left";
    c.fillText(text, 4, 60);
  }

  fresh(tab) {
    return this.content?.tab === tab ? this.content : null;
  }

  /** Every model's pictures of the same examples: one row a model. */
  paintSweep(width) {
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

  paintTraversal(width) {
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

  paintRebuild(width) {
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
      "Held-out originals, what comes back through the middle of the code, " +
      "twice the error, and rate + distortion in nats. Click one to open its code.";
  }

  paintPath(width) {
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
      "Straight lines pass nearer to the origin than any code of " +
      "the data; the sphere keeps the length. Click two originals.";
  }

  paintPrior(width) {
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
      "Drawn from the prior, z = temperature × noise. 1 is the model itself; " +
      "at 0 all are the picture of z = 0; above 1 z leaves the region that was trained.";
  }

  paintRadius(width) {
    const { portrait, z, colours } = this.studio;
    if (!portrait || !z) {
      this.wait(this.studio.whyNoDecoding());
      return;
    }
    this.caption.textContent = paintRadius(this, width, { z, colours, lengths: portrait.sampleNorms });
  }

  paintYours() {
    this.tall(2);
    this.caption.textContent = "Paint or upload a picture: it is encoded at once, and its code becomes the cross.";
  }
}
