// A name that morphs: large letters, each as strong as it is sure, with what else could stand there in small below.

import { element, sharpen, wantsStillness } from "../../canvas/live.js";
import { rowsOf } from "./paths.js";

const EASE = 55; // ms: how fast letters approach what they should be
const BIG = 92; // pixels, the largest letter
const SMALL = 15;
const SHOWN_FROM = 0.03; // share of an alternative that is worth a word
const SPACE = "␣",
  END = "end";

/** Letters of tokens up to the end. */
export const spelling = (tokens, symbols) => {
  const end = tokens.indexOf(0);
  return Array.from(end < 0 ? tokens : tokens.slice(0, end), (t) => symbols[t]);
};

/** Whether the letter at a place begins a word. */
const isFirst = (letters, i) => i === 0 || letters[i - 1] === " " || letters[i - 1] === "-";

/** A name as atlases write it; models read and write small letters only. */
export const titled = (letters) => Array.from(letters, (l, i) => (isFirst(letters, i) ? l.toUpperCase() : l)).join("");

/** The names of an array of tokens, one a row. */
export const namesOf = (array, symbols) => rowsOf(array).map((tokens) => titled(spelling(tokens, symbols)));

export class BigWord {
  constructor() {
    this.canvas = element("canvas", { className: "word" });
    this.canvas.setAttribute("role", "img");
    this.slots = []; // one for each place: { glyphs: Map letter -> weight, sure, width, others }
    this.size = BIG;
    this.hover = -1;
    this.canvas.onpointermove = (event) => this.point(event);
    this.canvas.onpointerleave = () => {
      this.hover = -1;
      this.isMoving = true;
    };
  }

  /**
   * Move towards a name.
   * spelt: tokens (T), and where the model told them: letters (T * N) and shares (T * N), the likeliest first.
   */
  aim({ tokens, letters = null, shares = null }, symbols) {
    const name = spelling(tokens, symbols),
      n = letters ? letters.length / tokens.length : 0;
    while (this.slots.length < tokens.length) this.slots.push({ glyphs: new Map(), sure: 0, width: 0, others: [] });
    this.target = this.slots.map((_, i) => {
      const others = Array.from({ length: i <= name.length ? n : 0 }, (_, k) => ({
        letter: symbols[letters[i * n + k]],
        share: shares[i * n + k],
      }));
      const chosen = others.find((o) => o.letter === (name[i] ?? ""));
      return {
        glyph: i < name.length ? (isFirst(name, i) ? name[i].toUpperCase() : name[i]) : "",
        sure: chosen?.share ?? (letters ? 0.02 : 1),
        others,
      };
    });
    this.name = titled(name);
    this.isMoving = true;
    this.canvas.setAttribute("aria-label", `Decoded name: ${this.name || "an empty name"}`);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect(),
      x = event.clientX - box.left;
    const before = this.hover;
    this.hover = (this.edges ?? []).findIndex(([left, right]) => x >= left && x < right);
    if (before !== this.hover) this.isMoving = true;
  }

  /** Move on by dt ms; whether there is something new to paint. */
  tick(dt) {
    if (!this.isMoving || !this.target) return false;
    const share = wantsStillness() ? 1 : 1 - Math.exp(-dt / EASE);
    let farthest = 0;
    const ease = (from, to) => {
      farthest = Math.max(farthest, Math.abs(to - from));
      return from + (to - from) * share;
    };
    this.slots.forEach((slot, i) => {
      const { glyph, sure, others } = this.target[i];
      if (glyph && !slot.glyphs.has(glyph)) slot.glyphs.set(glyph, 0);
      for (const [letter, weight] of slot.glyphs) {
        const next = ease(weight, letter === glyph ? 1 : 0);
        if (next < 0.01 && letter !== glyph) slot.glyphs.delete(letter);
        else slot.glyphs.set(letter, next);
      }
      slot.sure = ease(slot.sure, sure);
      slot.there = ease(slot.there ?? 0, glyph ? 1 : 0);
      slot.others = others;
    });
    this.isMoving = farthest > 0.004;
    return true;
  }

  paint(colours, note = "") {
    const { context: c, width, height } = sharpen(this.canvas);
    if (!width) return;
    const family = getComputedStyle(this.canvas).fontFamily;
    c.clearRect(0, 0, width, height);
    if (note) {
      c.font = `15px ${family}`;
      c.fillStyle = colours.soft;
      c.textAlign = "center";
      c.fillText(note, width / 2, height / 2);
      return;
    }
    this.place(c, width, family);
    const base = Math.min(height * 0.46, 90);
    this.slots.forEach((slot, i) => this.paintSlot(c, slot, i, base, family, colours));
    if (this.hover >= 0) this.paintHover(c, this.hover, base, width, family, colours);
  }

  /** Where each place begins and ends: the word is centred, and as large as fits. */
  place(c, width, family) {
    const wide = (size) =>
      this.slots.map((slot) => {
        c.font = `600 ${size}px ${family}`;
        let sum = 0,
          weight = 0;
        for (const [letter, w] of slot.glyphs) {
          sum += w * Math.max(c.measureText(letter).width, size * 0.3);
          weight += w;
        }
        return weight ? (sum / weight + size * 0.06) * Math.min(1, slot.there ?? 0) : 0;
      });
    const full = wide(BIG).reduce((a, b) => a + b, 0) + BIG * 0.5;
    this.size = BIG * Math.min(1, (width - 24) / Math.max(1, full));
    const widths = wide(this.size),
      total = widths.reduce((a, b) => a + b, 0);
    let x = (width - total) / 2;
    this.edges = widths.map((w) => {
      const edge = [x, x + w];
      x += w;
      return edge;
    });
    const end = this.target?.findIndex(({ glyph }) => !glyph) ?? -1;
    // the end has a place too
    if (end >= 0 && this.target[end].others.length) this.edges[end] = [x, x + this.size * 0.45];
  }

  paintSlot(c, slot, i, base, family, colours) {
    const [left, right] = this.edges[i],
      middle = (left + right) / 2;
    c.textAlign = "center";
    c.fillStyle = colours.model;
    for (const [letter, weight] of slot.glyphs) {
      c.font = `600 ${this.size * (0.74 + 0.26 * slot.sure)}px ${family}`;
      c.globalAlpha = weight * (0.28 + 0.72 * slot.sure);
      c.fillText(letter, middle, base);
    }
    c.globalAlpha = 1;
    const isThere = this.target[i].glyph !== "",
      others = slot.others;
    if (!others.length || right - left < 6) return;
    if (isThere) {
      c.globalAlpha = 0.9;
      c.fillRect(
        middle - (right - left) * 0.42 * slot.sure,
        base + 0.26 * this.size,
        (right - left) * 0.84 * slot.sure,
        2.5,
      );
      c.globalAlpha = 1;
    }
    c.font = `${SMALL}px ${family}`;
    c.fillStyle = colours.ink;
    const chosen = this.target[i].glyph.toLowerCase();
    others
      .filter((o) => o.letter !== chosen && o.share >= SHOWN_FROM)
      .slice(0, 3)
      .forEach((other, k) => {
        c.globalAlpha = Math.min(1, 0.3 + 1.2 * other.share);
        c.fillText(shown(other.letter), middle, base + 0.26 * this.size + 22 + k * 19);
      });
    c.globalAlpha = 1;
  }

  paintHover(c, i, base, width, family, colours) {
    const others = this.slots[i]?.others.filter((o) => o.share >= 0.005) ?? [];
    if (!others.length) return;
    const [left, right] = this.edges[i],
      w = 116,
      h = others.length * 20 + 12;
    const x = Math.max(4, Math.min(width - w - 4, (left + right) / 2 - w / 2)),
      y = base + 0.26 * this.size + 6;
    c.fillStyle = colours.panel;
    c.strokeStyle = colours.line;
    c.beginPath();
    c.roundRect(x, y, w, h, 8);
    c.fill();
    c.stroke();
    others.forEach(({ letter, share }, k) => {
      const line = y + 20 + k * 20;
      c.fillStyle = colours.model;
      c.globalAlpha = 0.3;
      c.fillRect(x + 38, line - 10, 34 * share, 10);
      c.globalAlpha = 1;
      c.fillStyle = colours.ink;
      c.font = `600 14px ${family}`;
      c.textAlign = "center";
      c.fillText(shown(letter), x + 20, line);
      c.font = `13px ${family}`;
      c.textAlign = "right";
      c.fillText(`${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`, x + w - 8, line);
    });
  }
}

const shown = (letter) => (letter === "" ? END : letter === " " ? SPACE : letter);
