// The stage of the Dirac-GAN: phase portrait, distance over time, eigenvalues, the line, and all games as a grid.

import { linkSoon, setColours, startFrames, stopFrames } from "../../canvas/base_canvas.js";
import { keyedTo, stepsOf } from "../../canvas/keys.js";
import { element, themeColours, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { powerText } from "../../canvas/number_text.js";
import { button, icon } from "../../canvas/player.js";
import { Controls } from "./controls.js";
import { Game, outlook, TIME_STEP } from "./game.js";
import { GameGrid } from "./grid.js";
import { KeptGames } from "./kept.js";
import { DistanceTrack, distance, EigenPlane, LinePicture } from "./parts.js";
import { Portrait } from "./plane.js";

const STEPS = 500; // of a way
const PACE = 70; // steps a second
const GONE = 1e-9; // a distance below which nothing more is measured
const LOCUS = 48; // strengths at which the eigenvalues are shown faintly

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(DiracStage, component);

class DiracStage {
  constructor(parent) {
    this.root = parent.querySelector(".dirac_gan_canvas");
    this.root.classList.add("stage");
    this.kept = [];
    this.build();
    startFrames(this, this.root, {
      frame: (now) => {
        this.tick(now);
      },
      resized: () => {
        this.isDirty = true;
      },
    });
    globalThis.genlabStage = this; // for tests, and for measuring latency from outside
  }

  build() {
    this.portrait = new Portrait({
      moved: (start) => this.move(start),
      settled: () => {
        this.play();
        this.report();
      },
    });
    this.controls = new Controls({
      choose: (changes) => {
        this.change(changes);
        this.play();
        this.report();
      },
      turn: (changes) => {
        this.change(changes);
        this.showAll();
      },
      settled: () => this.report(),
    });
    this.line = new LinePicture();
    this.eigen = new EigenPlane();
    this.track = new DistanceTrack({
      seek: (at) => {
        this.isPlaying = false;
        this.at = at;
        this.isDirty = true;
      },
    });
    this.grid = new GameGrid({
      take: (changes) => {
        this.change(changes);
        this.play();
        this.report();
        this.root.scrollIntoView({ behavior: wantsStillness() ? "auto" : "smooth", block: "start" });
      },
    });
    this.verdict = element("p", { className: "verdict" });
    this.measured = element("p", { className: "measured num" });
    this.verdict.setAttribute("role", "status");
    this.playButton = button("play", "Play or pause (space)", () => {
      if (this.isPlaying) this.isPlaying = false;
      else if (this.at >= STEPS) this.play();
      else this.isPlaying = true;
      this.isDirty = true;
    });
    this.playButton.classList.add("main");
    this.where = element("div", { className: "num" });
    this.keptList = new KeptGames(this);
    this.titleTag = element("span", { className: "tag" });
    this.momentTag = element("span", { className: "tag num" });
    const player = element(
      "div",
      { className: "walkplayer" },
      element(
        "div",
        { className: "transport" },
        button("first", "Back to the start (Home)", () => {
          this.isPlaying = false;
          this.at = 0;
          this.isDirty = true;
        }),
        this.playButton,
      ),
      this.track.canvas,
      element("div", { className: "readout" }, this.where),
    );
    player.onkeydown = (event) => this.onKey(event);
    this.root.replaceChildren(
      element(
        "div",
        { className: "duo" },
        element(
          "section",
          { className: "card main" },
          element("h3", {}, element("span", {}, "Phase portrait"), this.titleTag),
          this.portrait.canvas,
          player,
          this.keptList.root,
        ),
        element(
          "div",
          { className: "sides" },
          this.controls.root,
          element("section", { className: "card words" }, this.verdict, this.measured),
          element(
            "div",
            { className: "pair" },
            element(
              "section",
              { className: "card" },
              element("h3", {}, element("span", {}, "Generator and discriminator"), this.momentTag),
              this.line.canvas,
            ),
            element(
              "section",
              { className: "card" },
              element("h3", {}, element("span", {}, "Eigenvalues")),
              this.eigen.canvas,
            ),
          ),
        ),
      ),
      element(
        "section",
        { className: "card all" },
        element(
          "h3",
          {},
          element("span", {}, "Every loss with every cure, from the same start"),
          element("span", { className: "tag" }, "click one to take it"),
        ),
        this.grid.root,
      ),
    );
  }

  // ---- what Python sends ----

  update({ numbers }) {
    const isNewVisit = numbers.visit !== this.numbers?.visit;
    this.numbers = numbers;
    this.colours = themeColours(this.root, numbers.themes);
    setColours(this.root, this.colours);
    this.controls.build(numbers);
    this.grid.build(numbers);
    if (isNewVisit) {
      this.game = new Game(numbers.game, numbers.nodes);
      this.start = numbers.start;
      this.kept = numbers.kept.map((game) => new Game(game, numbers.nodes));
      this.change({});
      this.play();
    }
    this.hasNewGrid = true;
    this.keptList.show();
  }

  // ---- what the visitor does ----

  change(changes) {
    this.game = this.game.with(changes);
    this.controls.show(this.game);
    const { title, is_kink: isKink } = this.cureOf(this.game);
    this.look = outlook(this.game, isKink);
    this.locus = this.findLocus(isKink);
    this.verdict.textContent = this.look.sentence;
    this.verdict.dataset.kind = this.look.kind;
    this.titleTag.textContent = `${this.titleOf(this.game)}`;
    this.keptList.keepButton.title = `Stay with ${title} as a second way, and change this one`;
    this.hasNewGrid = true;
    this.walk();
  }

  move(start) {
    this.start = start;
    this.wasDragged = true;
    this.hasNewGrid = true;
    this.walk();
    this.showAll();
  }

  /** All ways from the start, anew. */
  walk() {
    const way = (game, hue, isOwn) => ({
      places: game.trajectory(this.start, STEPS),
      hue,
      isOwn,
      isFlow: game.dynamics === "flow",
    });
    this.ways = [
      ...this.kept.map((game, i) => way(game, this.hueOf(i), false)),
      way(this.game, this.colours.model, true),
    ];
    this.measured.textContent = this.measure(this.ways.at(-1).places);
    this.isDirty = true;
  }

  /** By what the distance was multiplied in a step, over the way that is shown. */
  measure(places) {
    let last = STEPS;
    while (last > 1 && distance(places, last) < GONE) last--;
    const first = distance(places, 0),
      end = distance(places, last),
      isFlow = this.game.dynamics === "flow";
    if (!(first > 0)) return "The game begins at its rest and stays there.";
    const over = isFlow ? last * TIME_STEP : last,
      factor = (end / first) ** (1 / over);
    const span = isFlow ? `${over.toFixed(0)} units of time` : `${last} steps`;
    return (
      `Measured on this way, ${span}: distance ${short(first)} → ${short(end)}, ` +
      `× ${factor.toFixed(4)} ${isFlow ? "a unit" : "a step"}.`
    );
  }

  findLocus(isKink) {
    if (isKink || !this.cureOf(this.game).symbol) return [];
    const { low, high } = this.numbers.fields.find(({ name }) => name === "strength");
    return Array.from({ length: LOCUS }, (_, i) =>
      this.game.with({ strength: low + ((high - low) * i) / (LOCUS - 1) }).eigenvalues(),
    ).flat();
  }

  play() {
    this.at = wantsStillness() ? STEPS : 0;
    this.isPlaying = !wantsStillness();
    this.isDirty = true;
  }

  showAll() {
    this.isPlaying = false;
    this.at = STEPS;
    this.isDirty = true;
  }

  onKey(event) {
    const by = stepsOf(event),
      to = keyedTo(event, by < 0 ? Math.ceil(this.at) : Math.floor(this.at), 0, STEPS);
    if (event.key === " " && event.target.tagName !== "BUTTON") {
      event.preventDefault();
      this.playButton.click();
    }
    if (to === null) return;
    event.preventDefault();
    this.isPlaying = false;
    this.at = to;
    this.isDirty = true;
  }

  // ---- words and colours ----

  cureOf({ cure }) {
    return this.numbers.cures.find(({ key }) => key === cure);
  }

  titleOf(game) {
    const { title, symbol } = this.cureOf(game),
      loss = this.numbers.losses.find(({ key }) => key === game.loss).title;
    const steps = this.numbers.dynamics.find(({ key }) => key === game.dynamics).title;
    return [loss, symbol ? `${title} ${symbol} ${game.strength}` : "", steps].filter(Boolean).join(" · ");
  }

  hueOf(i) {
    return [this.colours.data, this.colours.ink, this.colours.error, this.colours.base][i];
  }

  // ---- painting ----

  tick(now) {
    const seconds = Math.min(0.1, (now - (this.last ?? now)) / 1000);
    this.last = now;
    if (!this.ways || !this.colours) return;
    if (this.isPlaying) {
      this.at = Math.min(STEPS, this.at + PACE * seconds);
      if (this.at >= STEPS) this.isPlaying = false;
      this.isDirty = true;
    }
    this.frames = (this.frames ?? 0) + 1;
    const { game, colours } = this,
      isFlow = game.dynamics === "flow";
    if (this.isDirty || !wantsStillness())
      this.portrait.paint({
        game,
        ways: this.ways,
        at: this.at,
        start: this.start,
        colours,
        wasDragged: this.wasDragged,
      });
    if (!this.isDirty) return;
    this.isDirty = false;
    this.paintSides(isFlow);
    if (this.hasNewGrid) {
      this.hasNewGrid = false;
      this.grid.paint({ game, start: this.start, colours });
    }
  }

  paintSides(isFlow) {
    const { colours, look } = this,
      { places } = this.ways.at(-1),
      i = Math.min(STEPS, Math.round(this.at));
    const [theta, psi] = [places[2 * i], places[2 * i + 1]];
    this.line.paint({ theta, psi, push: this.game.field(theta, psi, [0, 0])[0], colours });
    this.eigen.paint({ look, locus: this.locus, isFlow, colours });
    this.track.paint({
      ways: this.ways,
      at: this.at,
      factor: isFlow && look.factor ? look.factor ** TIME_STEP : look.factor,
      colours,
      unit: isFlow ? "time" : "step",
    });
    this.playButton.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
    const bold = (text) => element("b", {}, text);
    this.where.replaceChildren(
      ...(isFlow ? ["time ", bold((i * TIME_STEP).toFixed(1))] : ["step ", bold(String(i))]),
      " · distance ",
      bold(short(distance(places, i))),
    );
    this.momentTag.textContent = `θ ${theta.toFixed(2)} · ψ ${psi.toFixed(2)}`.replaceAll("-", "−");
  }

  // ---- where the visitor is ----

  plain({ loss, cure, strength, dynamics, h, ratio, momentum, n_critic }) {
    return { loss, cure, strength, dynamics, h, ratio, momentum, n_critic };
  }

  report() {
    this.tell.state("moment", {
      visit: this.numbers.visit,
      game: this.plain(this.game),
      start: this.start,
      kept: this.kept.map((game) => this.plain(game)),
    });
  }

  async copyLink() {
    this.report();
    this.keptList.copy(await linkSoon());
  }

  close() {
    stopFrames(this);
  }
}

const short = (v) => (v >= 100 ? v.toFixed(0) : v >= 0.01 ? v.toFixed(2) : powerText(v));
