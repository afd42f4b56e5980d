// The lower stage of the workbench: rows of pictures that answer one question each.

import { element } from "../../canvas/live.js";
import { PictureRows } from "../../canvas/picture_rows.js";
import { stamp, toBitmaps } from "../../canvas/pictures.js";

const TABS = {
  rebuilt: "Held out",
  drawn: "Drawn from the prior",
  swap: "Coarse of one, fine of another",
  live: "This step",
  yours: "Your picture",
};
const N_COARSE = 3,
  N_FINE = 7;

/** bench: the owner; it has `canAsk`, `maps`, `atlas`, `picture`, `colours`, and opens what is clicked. */
export class CodeRows extends PictureRows {
  painters = {
    rebuilt: (width) => this.paintRebuilt(width),
    drawn: (width) => this.paintDrawn(width),
    swap: (width) => this.paintSwap(width),
    live: (width) => this.paintLive(width),
    yours: () => this.paintYours(),
  };

  constructor(bench) {
    super(bench, TABS, "drawn");
    this.bench = bench;
    this.seed = 1;
    this.temperature = 1;
    this.root.classList.add("rows");
    this.buildTools();
  }

  buildTools() {
    this.slider = element("input", { type: "range", min: 0, max: 1.5, step: 0.05 });
    this.slider.setAttribute("aria-label", "Temperature of the prior over codes");
    this.slider.oninput = () => {
      this.setTemperature(+this.slider.value);
      this.refresh();
    };
    this.slider.onchange = () => this.bench.report();
    this.warmth = element("b", { className: "num" });
    this.keep = element(
      "button",
      {
        type: "button",
        className: "quiet",
        onclick: () => {
          this.keepsCoarse = !this.keepsCoarse;
          this.refresh();
        },
      },
      "keep this picture's coarse codes",
    );
    this.again = element(
      "button",
      {
        type: "button",
        className: "quiet",
        onclick: () => {
          this.seed = (this.seed + 1) % 1000;
          this.refresh();
          this.bench.report();
        },
      },
      "draw again",
    );
    this.label = element(
      "label",
      { className: "temperature", title: "T of p^(1/T) for each code: 0 takes the likeliest, 1 draws from the prior" },
      "temperature ",
      this.slider,
      this.warmth,
    );
    this.setTemperature(1);
  }

  setTemperature(value) {
    this.temperature = value;
    this.slider.value = value;
    this.slider.style.setProperty("--share", `${(100 * value) / 1.5}%`);
    this.warmth.textContent = value.toFixed(2);
  }

  /** Ask for what the open tab shows; called when maps, model or step changed. */
  refresh() {
    this.refreshTabs();
    const wanted = { drawn: [this.label, this.again, this.keep], yours: [this.bench.pad.root] }[this.tab] ?? [];
    if (wanted.some((node, i) => this.tools.children[i] !== node) || this.tools.children.length !== wanted.length)
      this.tools.replaceChildren(...wanted);
    this.keep.setAttribute("aria-pressed", String(!!this.keepsCoarse));
    if (this.bench.canAsk && this.bench.maps && this.tab === "drawn") this.askDraws();
    if (this.bench.canAsk && this.bench.maps && this.tab === "swap") this.askSwaps();
    if (this.tab === "yours") this.bench.pad.refresh();
    this.paint();
  }

  askDraws() {
    const { bench } = this,
      top = this.keepsCoarse ? bench.maps[0] : null,
      key = JSON.stringify([bench.digest, this.seed, this.temperature, top]);
    if (this.draws?.key === key) return;
    const request = {
      what: "code_draw",
      seed: this.seed,
      temperature: this.temperature,
      n_coarse: top ? 1 : N_COARSE,
      n_fine: N_FINE,
      ...(top ? { top } : {}),
    };
    bench.askModel("draw", request, (blob) => {
      const rows = (array) =>
        Array.from({ length: array.shape[0] }, (_, i) =>
          Array.from(array.values.subarray(i * array.shape[1], (i + 1) * array.shape[1])),
        );
      this.draws = {
        key,
        tops: rows(blob.top),
        bottoms: rows(blob.bottom),
        pictures: toBitmaps(blob.pictures),
        gists: toBitmaps(blob.gists),
      };
      this.paint();
    });
  }

  askSwaps() {
    const { bench } = this,
      { atlas, maps } = bench,
      others = this.others();
    const key = JSON.stringify([bench.digest, maps]);
    if (this.swaps?.key === key) return;
    const tops = [...others.map((i) => atlas.tops[i]), ...others.map(() => maps[0])],
      bottoms = [...others.map(() => maps[1]), ...others.map((i) => atlas.bottoms[i])];
    bench.askModel("swap", { what: "codes", top: tops, bottom: bottoms }, (blob) => {
      this.swaps = { key, tops, bottoms, pictures: toBitmaps(blob.pictures), others };
      this.paint();
    });
  }

  others() {
    return [...this.bench.atlas.originals.keys()].filter((i) => i !== this.bench.example).slice(0, 12);
  }

  wait() {
    this.tall(70).fillText(this.bench.whyNot(), 4, 36);
  }

  paintRebuilt(width) {
    const { atlas, example, colours, canAsk } = this.bench;
    if (!atlas || !canAsk) {
      this.wait();
      return;
    }
    const count = Math.min(atlas.originals.length, Math.max(5, Math.floor(width / 72))),
      size = Math.min(96, width / count - 6),
      c = this.tall(2 * (size + 4) + 22);
    for (let i = 0; i < count; i++) {
      const x = i * (width / count),
        use = () => this.bench.openExample(i);
      this.place(c, atlas.originals[i], x, 0, size, use);
      this.place(c, atlas.reconstructions[i], x, size + 4, size, use);
      c.textAlign = "center";
      c.fillStyle = i === example ? colours.ink : colours.soft;
      c.fillText(
        `${atlas.rates[i].toFixed(0)} + ${atlas.distortions[i].toFixed(0)}`,
        x + size / 2,
        2 * (size + 4) + 14,
      );
      if (i === example) {
        c.strokeStyle = colours.data;
        c.lineWidth = 2.5;
        c.strokeRect(x + 1, 1, size - 2, 2 * size + 2);
      }
    }
    this.caption.textContent =
      "Held-out pictures, what comes back through their codes, " +
      "and rate + distortion in nats. Click one to open its codes.";
  }

  paintDrawn(width) {
    const { draws } = this,
      { canAsk, colours } = this.bench;
    if (!canAsk || !draws) {
      this.wait();
      return;
    }
    const rows = draws.gists.length,
      fine = draws.pictures.length / rows,
      size = Math.min(112, (width - 24) / (fine + 1) - 6),
      c = this.tall(rows * (size + 6) + 20);
    c.fillText("the gist", 0, 12);
    c.fillText(
      width > 500 ? "the same coarse codes, each time with other fine ones" : "same coarse, other fine codes",
      size + 30,
      12,
    );
    for (let a = 0; a < rows; a++) {
      const y = 20 + a * (size + 6);
      this.place(c, draws.gists[a], 0, y, size);
      c.strokeStyle = colours.base;
      c.setLineDash([3, 3]);
      c.strokeRect(0.5, y + 0.5, size - 1, size - 1);
      c.setLineDash([]);
      for (let f = 0; f < fine; f++) {
        const k = a * fine + f;
        this.place(c, draws.pictures[k], size + 30 + f * (size + 6), y, size, () =>
          this.bench.openCodes([draws.tops[a], draws.bottoms[k]], null),
        );
      }
    }
    this.caption.textContent =
      "The prior spells coarse codes first, then fine ones. The gist is the mean over the fine " +
      "draws beside it: what the coarse codes alone decide. Click a draw to edit its codes.";
  }

  paintSwap(width) {
    const { swaps } = this,
      { canAsk, atlas, original } = this.bench;
    if (!canAsk || !swaps || !atlas) {
      this.wait();
      return;
    }
    const { others, pictures } = swaps,
      left = width > 600 ? 128 : 0,
      count = Math.max(4, Math.min(others.length, Math.floor((width - left) / 70)));
    const size = Math.min(92, (width - left) / count - 6),
      c = this.tall(3 * (size + 6)),
      n = others.length;
    if (left)
      ["the other picture", "its coarse, your fine", "your coarse, its fine"].forEach((text, row) =>
        c.fillText(text, 0, row * (size + 6) + size / 2 + 4),
      );
    others.slice(0, count).forEach((i, k) => {
      const x = left + k * ((width - left) / count);
      this.place(c, atlas.originals[i], x, 0, size, () => this.bench.openExample(i));
      [0, 1].forEach((row) =>
        this.place(c, pictures[row * n + k], x, (row + 1) * (size + 6), size, () =>
          this.bench.change([swaps.tops[row * n + k], swaps.bottoms[row * n + k]]),
        ),
      );
    });
    this.caption.textContent =
      `${original ? "Your picture is the one that is open above. " : ""}Which map says where ` +
      "things are, and which says what they look like? Click a mixture to go on with it.";
  }

  /** What a snapshot brings along: originals, what comes back, and draws, all at this step. */
  paintLive(width) {
    const { picture, originals } = this.bench;
    if (!picture?.reconstructions) {
      this.wait();
      return;
    }
    const back = toBitmaps(picture.reconstructions),
      drawn = toBitmaps(picture.samples),
      left = width > 600 ? 128 : 0;
    const size = Math.min(92, (width - left) / Math.max(back.length, drawn.length) - 6),
      c = this.tall(3 * (size + 6));
    [
      ["held out", originals],
      ["through their codes", back],
      ["drawn from the prior", drawn],
    ].forEach(([text, row], r) => {
      if (left) c.fillText(text, 0, r * (size + 6) + size / 2 + 4);
      row?.slice(0, back.length).forEach((bitmap, i) => stamp(c, bitmap, left + i * (size + 6), r * (size + 6), size));
    });
    this.caption.textContent =
      `At step ${picture.step.toLocaleString("en")}: held-out pictures, ` +
      "what comes back, and draws. Scrub the player to see codes come alive.";
  }

  paintYours() {
    this.tall(1);
    this.caption.textContent = this.bench.canAsk
      ? "Paint, or upload a picture above: its codes open in the workbench while you paint."
      : this.bench.whyNot();
  }
}
