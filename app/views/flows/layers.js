// Layer by layer: base and data side by side, and between them the plane as it is bent under a scrubber.

import { fontOf } from "../../canvas/base_canvas.js";
import { Choice, namedBy } from "../../canvas/controls.js";
import { element, sharpen, wantsStillness } from "../../canvas/live.js";
import { icon } from "../../canvas/player.js";
import { binColours, drawFilm, Film, RING_NAMES } from "./film.js";
import { LayerFacts } from "./layer_facts.js";
import { LayerTrack } from "./layer_track.js";

const SMOOTHING = 90; // ms: how fast the film approaches that of another step
const SECONDS_A_LAYER = 0.55,
  SHORTEST = 3,
  LONGEST = 9; // of one way
const REST = 700; // ms at each end of the way
const WELL_SEEN = 0.4; // of the large figure, before it plays by itself
const KEPT = 24; // films of steps that were seen
const SQUARE = 0.055; // side of the square around the point, as a share of the data's window
const PARTS = {
  grid: "Lines that are square over the base, bent by the layers",
  particles:
    "1,000 points of the base at the temperature of the samples, " +
    "coloured by where they began: angle to colour, radius to lightness",
  square: "A tiny square around the ledger's point, carried through the layers and drawn much enlarged",
};
const RINGS = {
  all: "All particles",
  inner: "Only the third that began nearest to the middle of the base",
  middle: "Only the third in between",
  outer: "Only the third that began farthest out",
};

/**
 * stage: whose temperature the particles have, and whom they ask; handlers: toggle(name), ring(name), settled() when a
 * hand lets go.
 */
export class Layers {
  constructor(stage, handlers) {
    Object.assign(this, { stage, handlers });
    this.films = new Map();
    this.t = null;
    this.isChosen = false;
    this.show = [];
    this.build();
    this.seeing = new IntersectionObserver(
      (entries) => {
        const { isIntersecting, intersectionRatio } = entries.at(-1);
        this.isSeen = isIntersecting;
        this.isWellSeen = intersectionRatio >= WELL_SEEN;
        this.isDirty = true;
      },
      { threshold: [0, WELL_SEEN] },
    );
    this.seeing.observe(this.figures.main.canvas);
    this.resizing = new ResizeObserver(() => this.redraw());
    this.resizing.observe(this.root);
  }

  // ---- building ----

  build() {
    this.figures = {
      base: figure("Base", "The base"),
      main: figure("", "The plane between base and data"),
      data: figure("Model", "Samples of the model"),
    };
    this.figures.main.root.classList.add("main");
    this.figures.main.canvas.title =
      "Where each layer brings the points is computed by the model, and so are states " +
      "inside a layer that is a path in time; between those they are drawn on straight lines";
    this.play = element(
      "button",
      { type: "button", title: "Let the base flow to the data and back (space)", onclick: () => this.toggle() },
      icon("play"),
    );
    this.play.setAttribute("aria-label", "Let it flow, or pause");
    this.layerTrack = new LayerTrack({
      seek: (share) => this.film && this.moveTo(share * this.film.layers),
      settled: () => this.handlers.settled(),
    });
    this.track = this.layerTrack.canvas;
    this.facts = new LayerFacts();
    this.tag = element("span", { className: "tag" });
    this.strip = element("div", { className: "scrub" }, this.play, this.track);
    this.strip.onkeydown = (event) => this.onKey(event);
    const { base, main, data } = this.figures;
    this.root = element(
      "section",
      { className: "card layers" },
      element("h3", {}, element("span", {}, "Layer by layer"), this.buildChoices(), this.tag),
      element("div", { className: "film" }, base.root, main.root, data.root),
      this.strip,
      this.facts.root,
    );
  }

  buildChoices() {
    this.parts = new Choice("Show in the layers", (name) => this.handlers.toggle(name)).fill(namedBy(PARTS));
    this.rings = new Choice("Which ring of particles", (name) => this.handlers.ring(name));
    this.rings.fill(namedBy(RINGS).map(([name, text, title]) => [name, name === "all" ? "all rings" : text, title]));
    return element("span", { className: "choices" }, this.parts.root, this.rings.root);
  }

  // ---- what comes from outside ----

  /** place: {show, ring}; names of the layers, base first. */
  set({ place, names, base, ways, colours }) {
    Object.assign(this, { show: place.show, ring: place.ring, names, base, ways });
    if (colours !== this.colours) {
      this.colours = colours;
      this.tones = binColours(colours);
    }
    this.parts.press((name) => place.show.includes(name));
    this.rings.show(place.ring);
    this.redraw();
  }

  /** Another run: what was seen of the old one is forgotten. */
  clear() {
    this.films.clear();
    this.goal = this.film = this.ledger = this.step = this.heat = this.followed = null;
    this.redraw();
  }

  has(step) {
    return this.films.has(step);
  }

  take(step, blob) {
    this.films.set(step, new Film(blob));
    if (this.films.size > KEPT) this.films.delete(this.films.keys().next().value);
    this.aim(step);
  }

  /** Move towards the film of a step. */
  aim(step) {
    if (!this.films.has(step)) return;
    this.step = step;
    this.bins = this.films.get(step).bins();
    this.setGoal();
  }

  /** The film of the step, with the particles of another temperature if the model has sent some. */
  setGoal() {
    const film = this.films.get(this.step),
      goal = (this.goal = this.heat ? film.heated(this.heat) : film);
    if (!this.film?.fits(goal)) {
      this.film = goal.clone();
      if (this.t === null && !wantsStillness()) {
        this.t = 0;
        this.isWaiting = true;
      } // plays once when it is seen
      this.t = Math.min(this.t ?? goal.layers, goal.layers);
      if (!this.isChosen && !this.isWaiting && !this.isPlaying) this.t = goal.layers;
    }
    this.redraw();
  }

  /** Let the particles begin at the temperature of the stage's samples; the grid stays. */
  follow() {
    const { stage } = this;
    if (!this.goal) return;
    const { digest, temperature } = stage,
      { step } = this,
      wanted = `${step} ${temperature}`;
    if (wanted === this.followed) return;
    const isMoved = temperature !== this.temperature,
      order = (this.asks = (this.asks ?? 0) + 1);
    Object.assign(this, { followed: wanted, temperature });
    const take = (heat) => {
      // two may be under way, and come in any order
      if (order < (this.newest ?? 0) || digest !== stage.digest || !this.goal) return;
      Object.assign(this, { newest: order, heat });
      this.setGoal();
      if (isMoved) this.film.particles.set(this.goal.particles); // under the hand; from step to step they move smoothly
    };
    if (temperature === 1) take(null);
    else
      stage.decoder.ask(
        "particles",
        { run: digest, step, what: "flow_particles", temperature },
        (blob) => take({ ...blob, temperature }),
        (error) => stage.say(error.message),
      );
  }

  /** ledger: {path, quads, area, terms, roundTrip, x} as the server sent them, or null. */
  setLedger(ledger, window) {
    this.ledger = ledger && { ...ledger, scale: SQUARE * (window[1] - window[0]) };
    this.redraw();
  }

  /** Stand after t layers, as a link says. */
  stand(t) {
    this.isPlaying = this.isWaiting = false;
    this.isChosen = true;
    this.t = this.film ? Math.min(t, this.film.layers) : t;
    this.showPlay();
    this.redraw();
  }

  get place() {
    return this.isChosen && !this.isPlaying && this.t !== null ? Math.round(100 * this.t) / 100 : null;
  }

  redraw() {
    this.isDirty = this.areSidesDirty = true;
  }

  // ---- the hand ----

  moveTo(t) {
    this.isPlaying = this.isWaiting = false;
    this.isChosen = true;
    this.t = Math.min(this.film?.layers ?? 0, Math.max(0, t));
    this.showPlay();
    this.isDirty = true;
  }

  onKey(event) {
    const by = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -1, PageUp: 1 }[event.key];
    if (event.key === " " && event.target === this.track) {
      event.preventDefault();
      this.toggle();
      return;
    }
    const to = by ? this.t + by * (event.shiftKey ? 5 : 1) : { Home: 0, End: this.film?.layers }[event.key];
    if (to === undefined || !this.film) return;
    event.preventDefault();
    this.moveTo(Math.round(10 * to) / 10);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.handlers.settled(), 400);
  }

  toggle() {
    this.isChosen = this.isPlaying; // where it was held is where the visitor wants to be
    this.setPlaying(!this.isPlaying);
  }

  setPlaying(isPlaying) {
    this.isPlaying = isPlaying && !!this.film;
    if (this.isPlaying) {
      this.isWaiting = this.isOnce = false;
      this.direction = this.t >= this.film.layers ? -1 : 1;
      this.clock = this.t;
      this.pause = 0;
    }
    this.showPlay();
    this.isDirty = true;
    if (!isPlaying) this.handlers.settled();
  }

  showPlay() {
    if (this.shownPlay === this.isPlaying) return;
    this.shownPlay = this.isPlaying;
    this.play.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
  }

  // ---- moving ----

  /** Called at each animation frame; isBusy: whether the training is being replayed. */
  frame(dt, isBusy) {
    // a sliver at the edge waits for the replay's end
    if (!this.isSeen || !this.colours || (isBusy && !this.isWellSeen)) return;
    this.follow();
    if (this.film && this.goal) {
      const share = wantsStillness() ? 1 : 1 - Math.exp(-dt / SMOOTHING);
      if (this.film.approach(this.goal, share)) this.redraw();
    }
    if (this.isWaiting && this.isWellSeen && this.film && !isBusy) {
      this.setPlaying(true);
      this.isOnce = true;
    }
    if (this.isPlaying) this.advance(Math.min(dt, 100));
    if (this.isDirty) this.paint();
  }

  advance(dt) {
    const last = this.film.layers,
      seconds = Math.min(LONGEST, Math.max(SHORTEST, SECONDS_A_LAYER * last));
    this.pause -= dt;
    if (this.pause > 0) return;
    if (wantsStillness()) {
      this.pause = REST;
      this.clock = Math.round(this.clock) + this.direction;
    } else this.clock += (this.direction * dt * last) / (1000 * seconds);
    if (this.clock >= last || this.clock <= 0) {
      this.clock = Math.min(last, Math.max(0, this.clock));
      if (this.isOnce) {
        this.t = this.clock;
        this.isDirty = true;
        this.isPlaying = false;
        this.showPlay();
        return;
      }
      this.direction = this.clock <= 0 ? 1 : -1;
      this.pause = REST;
    }
    const k = Math.floor(this.clock),
      f = this.clock - k;
    this.t = k + f * f * (3 - 2 * f); // each layer begins and ends gently
    this.isDirty = true;
  }

  // ---- painting ----

  paint() {
    this.isDirty = false;
    this.paints = (this.paints ?? 0) + 1;
    const { base, main, data } = this.figures,
      last = this.film?.layers ?? 0;
    if (this.film) {
      const style = {
        colours: this.colours,
        bins: this.bins,
        binColours: this.tones,
        show: this.show,
        ring: this.ring,
        ledger: this.ledger,
      };
      drawFilm(main.canvas, this.film, this.t, style);
      if (this.areSidesDirty)
        for (const [side, t] of [
          [base, 0],
          [data, last],
        ])
          drawFilm(side.canvas, this.film, t, { ...style, isSmall: true });
    } else for (const { canvas } of [base, main, data]) this.paintNothing(canvas, canvas === main.canvas);
    if (this.areSidesDirty) this.tellFacts();
    this.areSidesDirty = false;
    this.tell();
    this.paintTrack();
  }

  paintNothing(canvas, isMain) {
    const { context, width, height } = sharpen(canvas);
    context.clearRect(0, 0, width, height);
    if (!isMain) return;
    context.font = fontOf(canvas, "14px");
    context.fillStyle = this.colours.soft;
    context.textAlign = "center";
    context.fillText(this.words ?? "Not trained yet: press Train.", width / 2, height / 2);
  }

  /** Which layer acts, in words. */
  acting() {
    const last = this.film?.layers ?? 0,
      t = this.t ?? 0;
    if (!this.film) return "";
    if (t < 0.005) return "before the first layer: the base";
    if (t > last - 0.005) return "after the last layer: the model's samples";
    const k = Math.floor(t),
      f = t - k;
    if (f < 0.005) return `after layer ${k} of ${last}: ${this.names[k - 1]}`;
    return `layer ${k + 1} of ${last} acts: ${this.names[k]}, ${Math.round(100 * f)} %`;
  }

  tell() {
    const words = this.acting(),
      { main } = this.figures;
    if (main.caption.textContent !== words) main.caption.textContent = words;
    this.layerTrack.tell(this.t ?? 0, this.film?.layers ?? 0, words);
    main.canvas.setAttribute("aria-label", `The plane ${words}: ${this.show.join(", ") || "nothing is shown"}`);
  }

  tellFacts() {
    const { film, ledger, ways } = this,
      { base, data } = this.figures,
      heat = this.heat ? `, temperature ${this.heat.temperature.toFixed(2)}` : "";
    base.caption.textContent = `base: ${this.base}${heat}`;
    const particles = RING_NAMES.includes(this.ring) ? `the ${this.ring} ring of its particles` : "its particles";
    base.canvas.setAttribute("aria-label", `Base: ${this.base}${heat}, ${particles} and a square grid`);
    data.canvas.setAttribute("aria-label", "Where the layers bring the particles and the grid: samples of the model");
    this.facts.show({ film, ledger, ways });
    data.caption.textContent = film ? "model: where the layers bring it" : "model";
  }

  paintTrack() {
    const { film, names, colours } = this;
    this.layerTrack.paint({ t: film ? this.t : 0, layers: film?.layers ?? names.length, names, colours });
  }

  close() {
    this.seeing.disconnect();
    this.resizing.disconnect();
    clearTimeout(this.resting);
  }
}

function figure(title, label) {
  const canvas = element("canvas", {}),
    caption = element("div", { className: "cap" }, title);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  return { canvas, caption, root: element("div", { className: "figure" }, canvas, caption) };
}
