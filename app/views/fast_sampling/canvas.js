// The stage of shortcuts: several ways from the same noise to the same data, side by side, under one dial of calls.

import { copied, linkWith, setColours, startFrames, stopFrames, unusual } from "../../canvas/base_canvas.js";
import { GRID, toGrid } from "../../canvas/density.js";
import { Decoder, element, ramp, themeColours } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { distanceText, faintDensity, hueColours, Way, WayPanel } from "../../canvas/way_panel.js";
import { CallsBar, WaysTime } from "./bar.js";
import { LiveRun } from "./live_run.js";

const KEPT = 90; // answers that are kept for a dial that comes back

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(Shortcuts, component);

class Shortcuts {
  constructor(parent) {
    this.root = parent.querySelector(".fast_sampling_canvas");
    this.root.classList.add("stage");
    this.decoder = new Decoder();
    this.kept = new Map(); // key of an answer -> Way
    this.runs = {}; // model -> LiveRun
    startFrames(this, this.root, {
      frame: (now) => {
        this.time?.tick(now);
        if (this.isDirty && this.colours) this.paint();
      },
      resized: () => {
        this.isDirty = true;
      },
    });
    globalThis.genlabStage = this; // for tests, and for measuring latency from outside
  }

  // ---- building ----

  build({ stops, ways }) {
    this.calls = new CallsBar(stops, ways, { turned: () => this.turned(), settled: () => this.report() });
    this.time = new WaysTime({
      moved: () => {
        this.isDirty = true;
      },
      settled: () => this.report(),
      copyLink: () => this.copyLink(),
    });
    this.panels = Object.fromEntries(Object.entries(ways).map(([key, way]) => [key, new WayPanel(key, way)]));
    this.grid = element("div", { className: "ways" });
    this.about = element("div", { className: "about" });
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
    this.ledger = element("section", { className: "card trainings" });
    this.root.replaceChildren(this.calls.root, this.grid, this.about, this.note, this.time.root, this.ledger);
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNewVisit = numbers.visit !== this.numbers?.visit;
    if (!this.numbers) this.build(numbers);
    this.colours = themeColours(this.root, numbers.themes);
    setColours(this.root, this.colours);
    this.numbers = numbers;
    this.noise = blob.noise.values;
    this.takeTheme(blob);
    if (isNewVisit) this.open(numbers.place);
    for (const [model, told] of Object.entries(numbers.models)) {
      this.runs[model] ??= new LiveRun(this);
      this.runs[model].turnTo(told, numbers.attempt);
    }
    this.attempt = numbers.attempt;
    this.takeAnswers(blob);
    if (numbers.is_blocked) this.blocked();
    this.turned();
    if (isNewVisit && numbers.place.time === 1) this.opens = true; // plays as soon as something has come
  }

  takeTheme(blob) {
    const isDark = this.colours === this.numbers.themes.dark,
      density = toGrid(blob.truth);
    this.scene = {
      colours: this.colours,
      window: this.numbers.window,
      mean: this.numbers.mean,
      hues: hueColours(isDark),
      faint: hueColours(isDark, isDark ? 0.4 : 0.33),
      density: faintDensity(
        density,
        GRID,
        ramp(this.colours.panel, this.colours.data),
        density.reduce((a, b) => Math.max(a, b), 0),
      ),
    };
  }

  open({ calls, time, ways, seed }) {
    this.calls.set(calls);
    this.calls.setShown(ways);
    this.calls.seed = seed;
    this.time.pause();
    this.time.set(time);
  }

  /** Answers that the page has asked for itself, because no WebSocket comes through. */
  takeAnswers(blob) {
    for (const way of Object.keys(this.numbers.ways))
      if (blob[`${way}.states`])
        this.keep(
          this.keyOf(way),
          new Way(
            { states: blob[`${way}.states`], calls: blob[`${way}.calls`], facts: blob[`${way}.facts`] },
            { seed: this.calls.seed, n_points: this.numbers.n_points },
          ),
        );
  }

  ended(name) {
    this.tell.trigger("ended", name);
  }

  blocked() {
    if (this.isBlocked) return;
    this.isBlocked = true;
    if (!this.numbers.is_blocked) this.tell.state("lane", "blocked");
    this.say(
      "WebSockets of the live lane are blocked on the way here. " +
        "The ways come through the page instead: let go of the dial and wait a moment.",
    );
  }

  say(text) {
    [this.note.textContent, this.note.hidden] = [text, !text];
  }

  // ---- questions to the models ----

  /** What a way can do that is nearest to the dial. */
  callsOf(way) {
    const { fewest, most } = this.numbers.ways[way];
    return Math.min(most, Math.max(fewest, this.calls.calls));
  }

  keyOf(way) {
    const run = this.runs[this.numbers.ways[way].model];
    return [run?.asked, way, this.callsOf(way), this.calls.seed, this.attempt].join("/");
  }

  /** The answer for what the dial says; null if it has not come. */
  wayOf(way) {
    return this.kept.get(this.keyOf(way)) ?? null;
  }

  canAsk(way) {
    const run = this.runs[this.numbers.ways[way].model];
    return !!run?.asked && !run.isLive;
  }

  /** The dial, the noise or the ways have changed, or a run has ended. */
  turned() {
    const { shown } = this.calls;
    if (shown.join() !== this.inGrid) {
      this.grid.replaceChildren(...shown.map((way) => this.panels[way].root));
      this.inGrid = shown.join();
      this.grid.style.setProperty("--n", columnsFor(shown.length));
    }
    for (const way of shown) if (this.canAsk(way) && !this.wayOf(way) && !this.isBlocked) this.ask(way);
    this.refresh();
  }

  ask(way) {
    const key = this.keyOf(way),
      seed = this.calls.seed,
      n = this.numbers.n_points,
      asked = performance.now();
    this.decoder.ask(
      way,
      {
        run: this.runs[this.numbers.ways[way].model].asked,
        step: null,
        what: "ways",
        way,
        n_calls: this.callsOf(way),
        n,
        seed,
      },
      (blob) => {
        this.keep(key, new Way(blob, { seed, n_points: n }));
        this.latency = performance.now() - asked;
        this.answers = (this.answers ?? 0) + 1;
        this.refresh();
      },
      (error) => this.say(error.message),
    );
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      if (!this.answers && !this.decoder.lane.isOpen) this.blocked();
    }, 4000);
  }

  keep(key, way) {
    this.kept.delete(key);
    this.kept.set(key, way);
    while (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
  }

  // ---- what is shown ----

  /**
   * What a panel shows: an answer for the dial, the last one until it comes, or what its run in training looks like.
   */
  lookAt(key) {
    const { model, live, title } = this.numbers.ways[key],
      run = this.runs[model],
      panel = this.panels[key];
    if (!run.asked) return { words: "Not trained yet:\npress Train the three." };
    if (run.isLive) return this.lookAtLive(run, live, title);
    const way = this.wayOf(key);
    if (way) panel.last = { way, digest: run.asked };
    const last = panel.last?.digest === run.asked ? panel.last.way : null;
    return {
      way: way ?? last,
      isOld: !way,
      words: way || last ? "" : this.isBlocked ? "waiting for the page …" : "asking the network …",
    };
  }

  lookAtLive(run, live, title) {
    const { standing, picture } = run;
    if (!picture || standing?.state === "queued")
      return { words: standing?.state === "queued" ? "waiting for a worker …" : "training begins …", tag: "queued" };
    const tag = `step ${picture.numbers.step.toLocaleString("en")}`;
    if (!live || !picture[live]) return { words: `${title}\nwhen training has ended`, tag };
    if (run.seen !== picture) {
      run.seen = picture;
      run.ways = {};
    }
    run.ways[live] ??= Way.ofLive(this.noise, picture[live].values, this.numbers);
    return { way: run.ways[live], isLive: true, words: "", tag };
  }

  refresh() {
    this.looks = Object.fromEntries(this.calls.shown.map((key) => [key, this.lookAt(key)]));
    this.fastest = this.reference();
    for (const [key, look] of Object.entries(this.looks)) {
      const { model, most } = this.numbers.ways[key],
        { isLive } = this.runs[model];
      this.panels[key].show({
        way: look.isOld ? null : look.way,
        tag: look.tag ?? "",
        isLive,
        most,
        calls: this.calls.calls,
        fastest: this.fastest,
      });
    }
    this.showAbout();
    this.showTrainings();
    if (this.opens && Object.values(this.looks).every(({ way, words }) => way || words.startsWith("Not"))) {
      this.opens = false;
      this.time.open();
    }
    this.isDirty = true;
  }

  /** Milliseconds of annealed Langevin dynamics with all its calls, from any answer of the score network. */
  reference() {
    const of = Object.entries(this.looks).filter(
      ([key, { way }]) => this.numbers.ways[key].model === "score_field" && way?.ofLangevin,
    );
    if (of.length)
      this.langevin = {
        digest: this.runs.score_field.asked,
        milliseconds: Math.min(...of.map(([, { way }]) => way.ofLangevin)),
      };
    return this.langevin?.digest === this.runs.score_field.asked ? this.langevin.milliseconds : null;
  }

  /** What the numbers under the panels mean. */
  showAbout() {
    const band = Object.values(this.looks).find(({ way }) => way?.high)?.way.high;
    this.about.textContent =
      "Colour: where a particle began. Lines: whole ways, as a flow sees them. " +
      (band
        ? "Distance: energy distance from as many true samples; " +
          `one true sample in twenty has more than ${distanceText(band)}, the band. ` +
          "It is an estimate: for good samples it scatters around 0 and may be negative."
        : "");
  }

  /** How each of the models stands. */
  showTrainings() {
    this.ledger.replaceChildren(
      ...Object.entries(this.numbers.models).map(([model, told]) => {
        const { standing: s, isLive, isSilent } = this.runs[model],
          done = isLive ? (s?.step ?? 0) / (s?.steps || told.steps) : told.digest ? 1 : 0;
        const bar = element(
          "div",
          {
            className: "progress",
            role: "progressbar",
            ariaLabel: `Training of ${told.title}`,
            ariaValueNow: String(Math.round(100 * done)),
            ariaValueMin: "0",
            ariaValueMax: "100",
          },
          element("i", {}),
        );
        bar.firstChild.style.width = `${100 * done}%`;
        return element(
          "div",
          { className: "training" },
          element(
            "div",
            { className: "cap" },
            element("b", {}, told.title),
            element(
              "span",
              { className: "num" },
              isLive ? (isSilent && done > 0.9 ? "its samplers are being measured" : liveWords(s, told)) : told.words,
            ),
          ),
          bar,
        );
      }),
    );
  }

  paint() {
    this.isDirty = false;
    const { time } = this.time;
    for (const [key, look] of Object.entries(this.looks))
      this.panels[key].paint({ ...this.scene, way: look.way, words: look.words, time });
    const where = Object.values(this.looks)
      .filter(({ way, isLive }) => way && !isLive)
      .map(({ way }) => way.callsAt(time));
    this.time.say(
      time <= 0
        ? "the same noise in all"
        : time >= 1
          ? "all calls are made"
          : where.length
            ? `after ${[...new Set(where)].sort((a, b) => a - b).join(" | ")} calls`
            : "",
    );
  }

  // ---- where the visitor is ----

  where() {
    const { calls, shown, seed } = this.calls;
    return { calls, time: this.time.isPlaying ? 1 : Math.round(1000 * this.time.time) / 1000, ways: shown, seed };
  }

  report() {
    this.tell.state("moment", { visit: this.numbers.visit, ...this.where() });
  }

  async copyLink() {
    this.report();
    if (await copied(linkWith(unusual(this.where(), this.numbers.usual)))) this.time.flash("link copied");
  }

  close() {
    stopFrames(this);
    clearTimeout(this.patience);
    for (const run of Object.values(this.runs)) run.close();
    this.decoder.close();
  }
}

/** So many that the last row is not nearly empty. */
const columnsFor = (n) => (n <= 5 ? n : n === 6 ? 3 : n <= 8 ? 4 : 5);

function liveWords(s, { steps }) {
  const words = {
    queued: s?.ahead ? `${s.ahead} ahead in the queue` : "waiting for a worker",
    running: `step ${(s?.step ?? 0).toLocaleString("en")} of ${(s?.steps || steps).toLocaleString("en")}`,
    paused: "paused",
  };
  return words[s?.state] ?? s?.state ?? "begins";
}
