// The walk's card: which walk, where it starts, its player over the noise levels, and sliders that act while dragged.

import { fontOf } from "../../canvas/base_canvas.js";
import { Choice, FieldSlider } from "../../canvas/controls.js";
import { followDrag } from "../../canvas/dragging.js";
import { stepsOf } from "../../canvas/keys.js";
import { element, sharpen } from "../../canvas/live.js";
import { button, icon } from "../../canvas/player.js";
import { sigmaText } from "./noise_dial.js";
import { isHeld } from "./walkers.js";

const STARTS = {
  noise: ["noise", "Noise of the largest level"],
  window: ["uniform", "Uniform in the window"],
  point: ["point", "All at one point: click it"],
  handful: ["handful", "Drag over the plane and paint particles in"],
};
const HEIGHT = 44;
const MOST_DRAWN = 900; // places of the track's curve

class Slider extends FieldSlider {
  rounded(value) {
    const { low, high, step, kind, is_log: isLog } = this.field;
    if (!isLog) return kind === "int" ? Math.round(value) : value;
    return kind === "int"
      ? Math.max(low, Math.round(value / step) * step)
      : Math.min(high, Math.max(low, +value.toPrecision(3)));
  }

  textOf(value) {
    const { kind, is_log: isLog } = this.field;
    return kind === "int" ? value.toLocaleString("en") : isLog ? String(+value.toPrecision(3)) : value.toFixed(2);
  }
}

export class WalkCard {
  /**
   * handlers: kind(key), start(key), set(name, value), settled(), release(), play(), stepBy(by), seek(cursor),
   * restart()
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.kinds = new Choice("Sampler", handlers.kind);
    this.starts = new Choice("Start", handlers.start);
    this.release = element(
      "button",
      { type: "button", className: "release", onclick: handlers.release },
      "Release particles",
    );
    this.playButton = button("play", "Play or pause the walk (space)", handlers.play);
    this.playButton.classList.add("main");
    this.track = element("canvas", { className: "track walktrack", tabIndex: 0 });
    this.track.setAttribute("role", "slider");
    this.track.setAttribute("aria-label", "Steps of the walk");
    followDrag(this.track, { move: (event) => this.scrub(event) });
    this.where = element("div", { className: "num" });
    this.status = element("div", { className: "status num" });
    this.idea = element("p", { className: "idea" });
    this.sliderRow = element("div", { className: "sliders" });
    const transport = element(
      "div",
      { className: "transport" },
      button("first", "Back to the start of the walk (Home)", () => handlers.seek(0)),
      button("back", "One step back (left arrow)", () => handlers.stepBy(-1)),
      this.playButton,
      button("forward", "One step on (right arrow)", () => handlers.stepBy(1)),
    );
    this.player = element(
      "div",
      { className: "walkplayer" },
      transport,
      this.track,
      element("div", { className: "readout" }, this.where, this.status),
    );
    this.player.onkeydown = (event) => this.onKey(event);
    this.root = element(
      "section",
      { className: "card walk" },
      element(
        "div",
        { className: "top" },
        this.kinds.root,
        element("div", { className: "from" }, element("span", {}, "start"), this.starts.root),
      ),
      this.idea,
      this.sliderRow,
    );
    this.starts.fill(Object.entries(STARTS).map(([key, [text, title]]) => [key, text, title]));
  }

  onKey(event) {
    const { stepBy, play, seek } = this.handlers,
      by = stepsOf(event);
    if (event.key === " " ? event.target.tagName === "BUTTON" : by === undefined) return;
    event.preventDefault();
    if (event.key === " ") play();
    else if (Number.isFinite(by)) stepBy(by);
    else seek(by < 0 ? 0 : Infinity);
  }

  /** kinds and sliders of the fields that Python names; once. */
  build({ kinds, sliders }) {
    if (this.sliders) return;
    this.ideas = Object.fromEntries(kinds.map(({ key, idea }) => [key, idea]));
    this.kinds.fill(kinds.map(({ key, title, idea }) => [key, title, idea]));
    this.sliders = sliders.map(
      (field) =>
        new Slider(
          field,
          (value) => this.handlers.set(field.name, value),
          () => this.handlers.settled(),
        ),
    );
    this.sliderRow.replaceChildren(...this.sliders.map((s) => s.root));
  }

  /** What is set. */
  set(walk) {
    this.kinds.show(walk.kind);
    this.starts.show(walk.start);
    this.idea.textContent = this.ideas[walk.kind];
    const held = isHeld(walk.kind),
      annealed = walk.kind === "annealed",
      warm = held || annealed || walk.kind === "predictor_corrector" || walk.kind === "ancestral";
    const used = {
      share: annealed,
      step: held,
      temperature: warm,
      level_steps: annealed,
      n_levels: !held,
      steps: held,
      n_particles: true,
    };
    for (const slider of this.sliders) {
      slider.root.hidden = !used[slider.field.name];
      if (document.activeElement !== slider.input) slider.show(walk[slider.field.name]);
      else slider.paint(walk[slider.field.name]);
    }
    this.release.textContent = `Release ${walk.n_particles.toLocaleString("en")}`;
  }

  scrub(event) {
    const box = this.track.getBoundingClientRect();
    this.handlers.seek(((event.clientX - box.left) / box.width) * (this.length - 1));
  }

  /** How the walk stands. */
  show(walk, colours) {
    this.playButton.replaceChildren(icon(walk.isPlaying ? "pause" : "play"));
    const left =
      walk.x && walk.cursor === walk.frames.length - 1 && !walk.isLost
        ? Math.ceil((walk.steps.length - walk.at) / walk.stride)
        : 0;
    this.length = Math.max(2, walk.frames.length + left);
    const now = walk.frames[walk.cursor],
      entry = walk.x ? walk.entry : null;
    const bold = (value) => element("b", {}, Math.round(value).toLocaleString("en"));
    this.where.replaceChildren(
      ...(now ? ["step ", bold(now.at), ` of ${walk.steps.length.toLocaleString("en")}`] : ["not released yet"]),
    );
    const level = entry && entry.levels > 1 ? `level ${now.at ? entry.level : 1} of ${entry.levels} · ` : "";
    this.status.textContent = now ? `${level}${now.calls.toLocaleString("en")} calls` : "";
    this.track.setAttribute("aria-valuemin", "0");
    this.track.setAttribute("aria-valuemax", String(this.length - 1));
    this.track.setAttribute("aria-valuenow", String(walk.cursor));
    this.draw(walk, colours);
  }

  /** The noise level over the steps: what was walked, and what the program still has. */
  draw(walk, colours) {
    const { context: c, width } = sharpen(this.track);
    c.clearRect(0, 0, width, HEIGHT);
    if (!width || !walk.x) return;
    const [low, high] = walk.range,
      x = (i) => 2 + ((width - 4) * i) / (this.length - 1);
    const y = (sigma) => 4 + (HEIGHT - 10) * (1 - Math.log(Math.max(low, sigma) / low) / Math.log(high / low));
    const ahead =
      walk.frames.length < this.length ? walk.steps.slice(walk.at).filter((_, i) => i % walk.stride === 0) : [];
    const all = [
      ...walk.frames.map((f) => f.sigma),
      ...ahead.map((e) => (e.sigma === null ? walk.sigma : e.lower === undefined ? e.sigma : e.lower || low)),
    ];
    const stride = Math.ceil(all.length / MOST_DRAWN);
    c.beginPath();
    for (let i = 0; i < all.length; i += stride) (i ? c.lineTo : c.moveTo).call(c, x(i), y(all[i]));
    c.strokeStyle = colours.field;
    c.lineWidth = 1.6;
    c.stroke();
    c.lineTo(x(all.length - 1), HEIGHT);
    c.lineTo(x(0), HEIGHT);
    c.fillStyle = colours.field;
    c.globalAlpha = 0.14;
    c.fill();
    c.globalAlpha = 1;
    c.fillStyle = colours.ink;
    c.fillRect(x(walk.cursor + Math.min(0, walk.phase - 1)) - 1, 0, 2, HEIGHT);
    c.font = fontOf(this.track);
    c.fillStyle = colours.soft;
    c.textAlign = "right";
    c.fillText(`σ ${sigmaText(walk.frames[walk.cursor].sigma)}`, width - 4, 12);
  }
}
