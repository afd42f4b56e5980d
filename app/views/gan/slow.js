// One iteration in slow motion: each part lights up in turn, with one sentence.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, wantsStillness } from "../../canvas/live.js";
import { button, icon } from "../../canvas/player.js";
import { ease, mix } from "./motion.js";
import { hasBorder, toneOf } from "./optimal.js";
import { drawArrows, place } from "./plane.js";

const SECONDS = 2.4; // of each chapter
const BOX = 0.19; // of the plane's width: the box of noise
const REACH = 2.6; // of the noise that the box shows

/** short name, sentence */
export const CHAPTERS = [
  [
    "noise",
    ({ n, latents, pieces }) =>
      `Noise is drawn: ${n} times ${latents === 1 ? "one number" : `${latents} numbers`}` +
      (latents > 2 ? ", of which the box shows the first two" : "") +
      (pieces > 1 ? `, and one of ${pieces} pieces, which the box does not show.` : "."),
  ],
  ["G makes", () => "The generator turns each noise into a point: the fakes of this batch."],
  [
    "D judges",
    (s) =>
      `The discriminator answers for ${s.n} real points and ${s.n} fakes: ` +
      `blue is taken for real, orange for fake. It is right on ${s.right} of ${2 * s.n}.`,
  ],
  [
    "D learns",
    (s) =>
      `${s.moves > 1 ? `${s.moves} updates` : "One update"} of the discriminator: ` +
      `its landscape rises at the real points and falls at the fakes${s.change}.`,
  ],
  [
    "arrows",
    () => "Each fake feels the slope of the new landscape: its arrow points to where it would be taken for real.",
  ],
  [
    "G learns",
    () =>
      "One update of the generator: it cannot move points one by one, " +
      "only its weights, so all fakes and the whole grid move together.",
  ],
];

export class Slow {
  constructor(bout) {
    this.bout = bout;
    this.isOpen = false;
    this.at = 0;
    this.chips = CHAPTERS.map(([name], i) =>
      element("button", { type: "button", className: "chapter", onclick: () => this.go(i) }, `${i + 1} ${name}`),
    );
    this.playButton = button("play", "Play or pause (space)", () => this.toggle());
    this.said = element("p", { className: "narrated" });
    this.said.setAttribute("aria-live", "polite");
    this.root = element(
      "div",
      { className: "slow", hidden: true, tabIndex: 0 },
      element(
        "div",
        { className: "transport" },
        button("back", "Chapter back (left arrow)", () => this.step(-1)),
        this.playButton,
        button("forward", "Chapter on (right arrow)", () => this.step(1)),
        element("div", { className: "chapters" }, ...this.chips),
      ),
      this.said,
    );
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "One iteration, slowly");
    this.root.onkeydown = (event) => this.onKey(event);
  }

  onKey(event) {
    const action = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      " ": () => this.toggle(),
      Escape: () => this.leave(),
    }[event.key];
    if (!action || (event.key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  open() {
    Object.assign(this, {
      before: null,
      judged: null,
      moved: null,
      moves: "",
      at: 0,
      isOpen: true,
      isPlaying: !wantsStillness(),
      shownGround: -1,
    });
    this.root.hidden = false;
    this.root.focus({ preventScroll: true });
    this.show();
  }

  have(name, picture) {
    if (!this.isOpen) return;
    this[name] = picture;
    this.show();
  }

  get isReady() {
    return this.before && this.judged && this.moved;
  }

  get chapter() {
    return Math.min(CHAPTERS.length - 1, Math.floor(this.at));
  }

  /** How far the chapter is; with reduced motion each is shown as it ends. */
  get part() {
    return wantsStillness() ? 1 : ease(Math.min(1, 1.35 * (this.at - this.chapter)));
  }

  go(chapter) {
    this.at = wantsStillness() ? chapter : chapter + 0.001;
    this.isPlaying = this.isPlaying && !wantsStillness();
    this.show();
  }

  step(by) {
    const next = this.chapter + by;
    if (next >= CHAPTERS.length) {
      this.finish();
      return;
    }
    this.isPlaying = false;
    this.at = Math.max(0, next) + (wantsStillness() || by < 0 ? 0 : 0.999);
    this.show();
  }

  toggle() {
    if (wantsStillness()) {
      this.step(1);
      return;
    }
    this.isPlaying = !this.isPlaying;
    this.show();
  }

  tick(dt) {
    if (!this.isOpen || !this.isReady) return false;
    if (!this.isPlaying) {
      const was = this.isFresh;
      this.isFresh = false;
      return was;
    }
    const before = this.chapter;
    this.at += dt / 1000 / SECONDS;
    if (this.at >= CHAPTERS.length) {
      this.finish();
      return true;
    }
    if (this.chapter !== before) this.show();
    return true;
  }

  /** It has been seen to the end: from now on its moves are made. */
  finish() {
    const { moves } = this;
    if (!this.isReady || !moves) return;
    this.leave();
    this.bout.took(moves);
  }

  leave(isSilent = false) {
    if (!this.isOpen) return;
    this.isOpen = this.isPlaying = false;
    this.root.hidden = true;
    const { stage } = this.bout;
    stage.motion.isGroundDirty = stage.isDirty = true;
    if (isSilent) return;
    stage.motion.aim(this.bout.picture ?? stage.aimed);
    this.bout.show();
    stage.refresh();
  }

  show() {
    this.isFresh = true;
    this.shownGround = -1;
    this.playButton.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
    this.chips.forEach((chip, i) => {
      chip.classList.toggle("lit", i === this.chapter);
      chip.classList.toggle("done", i < this.chapter);
      chip.setAttribute("aria-pressed", String(i === this.chapter));
    });
    const text = this.isReady ? CHAPTERS[this.chapter][1](this.facts()) : "The moves are made …";
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  facts() {
    const { judged } = this,
      { game, settings } = this.bout.stage.numbers,
      n = judged.real.length / 2;
    const tone = this.tone,
      right = count(judged.realLogits, (v) => tone(v) > 0) + count(judged.fakeLogits, (v) => tone(v) <= 0);
    const change = Number.isFinite(judged.losses[0]) ? `; its loss was ${judged.losses[0].toFixed(3)}` : "";
    return {
      n,
      right,
      latents: settings.n_latents,
      pieces: settings.pieces,
      moves: settings.n_discriminator,
      change,
      game,
    };
  }

  get tone() {
    const { stage } = this.bout,
      { key } = stage.numbers.game,
      { realLogits, fakeLogits } = this.judged;
    if (hasBorder(key)) return toneOf(key);
    const all = [...realLogits, ...fakeLogits],
      low = Math.min(...all),
      high = Math.max(...all);
    return toneOf(key, (low + high) / 2, Math.max(1e-9, (high - low) / 2));
  }

  // ---- painting ----

  paint(stage) {
    const { plane, colours, numbers } = stage,
      { chapter, part } = this;
    if (!this.isReady) {
      stage.paintPlane(plane, stage.motion);
      return;
    }
    this.paintGround(stage);
    const moving =
      chapter === 5 ? mix(this.judged.samples, this.moved.samples, part) : chapter === 4 ? this.before.samples : null;
    const warp =
      chapter === 5
        ? mix(this.judged.warp, this.moved.warp, part)
        : stage.shows("grid") && chapter !== 0
          ? this.judged.warp
          : null;
    const view = plane.paint({
      window: numbers.window,
      colours,
      real: chapter === 2 || chapter === 0 ? null : stage.dataSamples,
      fakes: moving,
      warp,
      latents: numbers.settings.n_latents,
      modes: numbers.modes.length <= 30 ? numbers.modes : null,
      faint: chapter >= 4 ? 1 : 0.35,
    });
    if (!view) return;
    if (chapter <= 1) this.paintNoise(view, colours);
    if (chapter === 2 || chapter === 3) this.paintJudged(view, colours, chapter === 2 ? part : 1);
    if (chapter >= 4)
      drawArrows(
        view,
        moving,
        this.judged.arrows,
        stage.pullReference || 1,
        colours.field,
        chapter === 4 ? part : 1 - part,
      );
  }

  paintGround(stage) {
    const u = this.chapter < 3 ? 0 : this.chapter === 3 ? this.part : 1;
    if (u === this.shownGround) return;
    this.shownGround = u;
    const view = stage.place.view;
    stage.place.view = "learned";
    stage.landscape.paint(stage.plane, { logits: mix(this.before.logits, this.judged.logits, u) });
    stage.place.view = view;
  }

  /** A box of noise in the corner; its dots fly to where the generator puts them. */
  paintNoise(view, colours) {
    const { c, width, height } = view,
      { chapter, part, judged } = this,
      size = BOX * width,
      left = 10,
      top = height - size - 26;
    c.globalAlpha = chapter === 0 ? 0.95 : 0.95 * (1 - part);
    c.fillStyle = colours.panel;
    c.fillRect(left, top, size, size);
    c.strokeStyle = colours.base;
    c.strokeRect(left, top, size, size);
    c.font = fontOf(c.canvas);
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText("noise", left + 5, top + 13);
    const [n, z] = judged.noise.shape,
      { values } = judged.noise,
      dot = Math.max(2.4, width / 170);
    for (let i = 0; i < n; i++) {
      const u = clip((values[i * z] / REACH + 1) / 2),
        v = z > 1 ? clip((values[i * z + 1] / REACH + 1) / 2) : 0.5;
      const from = [left + u * size, top + size - v * size],
        to = place(view, judged.made[2 * i], judged.made[2 * i + 1]);
      const t = chapter === 0 ? 0 : part,
        x = from[0] + (to[0] - from[0]) * t,
        y = from[1] + (to[1] - from[1]) * t;
      c.globalAlpha = chapter === 0 ? Math.min(1, Math.max(0, part * 2 - i / n)) : 1;
      c.fillStyle = chapter === 0 ? colours.base : colours.model;
      c.fillRect(x - dot / 2, y - dot / 2, dot, dot);
    }
    c.globalAlpha = 1;
  }

  /** Each point in the colour of its answer: real ones round, fakes square. */
  paintJudged(view, colours, part) {
    const { c, width } = view,
      { judged, tone } = this,
      size = Math.max(3, width / 120);
    for (const [xs, logits, isReal] of [
      [judged.real, judged.realLogits, true],
      [judged.made, judged.fakeLogits, false],
    ]) {
      if (!xs) continue;
      for (let i = 0; i < logits.length; i++) {
        if (i / logits.length > part * 1.3) continue;
        const [x, y] = place(view, xs[2 * i], xs[2 * i + 1]),
          t = tone(logits[i]);
        c.beginPath();
        if (isReal) c.arc(x, y, size * 0.62, 0, 7);
        else c.rect(x - size / 2, y - size / 2, size, size);
        c.fillStyle = t > 0 ? colours.data : colours.model;
        c.globalAlpha = 0.35 + 0.65 * Math.min(1, Math.abs(t));
        c.fill();
        c.globalAlpha = 0.8;
        c.strokeStyle = colours.panel;
        c.lineWidth = 0.8;
        c.stroke();
      }
    }
    c.globalAlpha = 1;
  }
}

const clip = (v) => Math.min(0.98, Math.max(0.02, v));
const count = (values, is) => values.reduce((sum, v) => sum + (is(v) ? 1 : 0), 0);
