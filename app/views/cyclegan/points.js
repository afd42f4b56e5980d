// The stage of CycleGAN in the plane: points that fly to another density and back, with the cycle and without.

import { Choice } from "../../canvas/controls.js";
import { element, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { BesideRun } from "../../canvas/watching/beside.js";
import { domainOf, FlightPanel, huesOf, wheelOf } from "./flight.js";
import { CycleStage } from "./stage.js";

// measures, points there, points back
const WAYS = { there: ["to_b", "samples", "back"], back: ["to_a", "to_a", "again"] };

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(PointsStage, component);

/** The run beside, whose last picture is shown. */
class BesidePoints extends BesideRun {
  constructor(stage) {
    super();
    this.stage = stage;
  }

  read({ numbers, ...arrays }) {
    return { step: numbers.step, arrays, metrics: numbers.metrics };
  }

  changed() {
    if (this.standing) this.stage.refresh();
  }
}

class PointsStage extends CycleStage {
  constructor(parent) {
    super(parent.querySelector(".cyclegan_points"), ["", "", ""]);
    this.way = "there";
    this.follower = new BesidePoints(this);
    this.build();
    this.startPainting();
  }

  build() {
    this.ways = new Choice("Direction", (way) => {
      this.way = way;
      this.turn();
      this.time.play();
      this.report();
    });
    this.panels = { shown: new FlightPanel("This run"), beside: new FlightPanel("Beside it") };
    this.root.replaceChildren(
      element("div", { className: "above card" }, this.ways.root, this.time.root),
      this.note,
      element("div", { className: "flights" }, this.panels.shown.root, this.panels.beside.root),
      element(
        "p",
        { className: "about" },
        "Colour: where a point began. Arrows: where some of them are sent. Red: " +
          "how far from its start a point comes back. Drag the slider, or play.",
      ),
      this.run.player.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNewVisit = this.takeNumbers(numbers);
    const domains = ["a", "b"].map((name, i) => domainOf(blob[`truth_${name}`], numbers.domains[i], this.colours));
    this.points = [blob.points_a.values, blob.points_b.values];
    this.scene = { domains, colours: this.colours, ...huesOf(this.colours === numbers.themes.dark) };
    this.wheels = this.points.map((points, i) => wheelOf(points, numbers.domains[i].window));
    this.ways.fill([
      ["there", "A → B → A", "Points of A there and back"],
      ["back", "B → A → B", "Points of B there and back"],
    ]);
    if (isNewVisit) {
      this.way = numbers.place.way;
      this.time.set(numbers.place.time);
    }
    if (this.run.isAnother(numbers))
      this.watch(isNewVisit ? numbers.place.step : null, isNewVisit && numbers.place.time === 1);
    this.follower.follow(numbers.beside);
    this.turn();
  }

  watch(at, opens) {
    this.opens = opens && !wantsStillness();
    this.run.open(this.numbers.run, this.numbers.attempt, this.numbers.steps, at);
  }

  /** Picture of the run beside, once it has come. */
  get beside() {
    return this.follower.live;
  }

  // ---- what is shown ----

  turn() {
    this.ways.show(this.way);
    this.time.label(this.way === "there" ? ["in A", "sent to B", "back in A"] : ["in B", "sent to A", "back in B"]);
    this.refresh();
  }

  refresh() {
    if (!this.scene) return;
    this.run.showPlayer({ colours: this.colours });
    const { numbers } = this,
      weight = (w) => (w ? `with the cycle, λ = ${w}` : "without the cycle");
    this.panels.shown.title.textContent = `This run: ${weight(numbers.weight)}`;
    this.panels.shown.tag.textContent = this.run.picture ? `step ${this.run.picture.step.toLocaleString("en")}` : "";
    this.panels.beside.title.textContent = `Beside it: ${weight(numbers.beside_weight)}`;
    this.panels.beside.tag.textContent = this.beside ? "stored" : "";
    this.panels.shown.say(this.facts(this.run.metrics));
    this.panels.beside.say(this.facts(this.beside?.metrics));
    if (this.run.picture && this.run.standing?.ended) this.playOnce();
    this.isDirty = true;
  }

  facts(metrics) {
    const way = WAYS[this.way][0],
      get = (name) => metrics?.[`${name}_${way}`];
    if (get("energy") === undefined) return [["measured at the kept steps of a run", "–", null, ""]];
    const rows = [
      [
        "distance from the other domain",
        `${get("energy").toFixed(3)} (true samples: ${get("band").toFixed(3)})`,
        get("energy") <= get("band") ? true : null,
        "Energy distance of 800 sent points from as many true ones, " +
          "and the highest that true ones have among each other",
      ],
      [
        "error of the way there and back, good\u00a0below\u00a00.1",
        `${get("cycle").toFixed(3)} widths`,
        get("cycle") < 0.1,
        "Median over 800 points, in standard deviations of the domain",
      ],
      [
        "folded: neighbours from far apart, good\u00a0below\u00a05\u00a0%",
        `${(100 * get("folded")).toFixed(0)} %`,
        get("folded") < 0.05,
        "Share of points whose nearest neighbour after the flight began more than half a width away: many to one",
      ],
    ];
    if (get("n_modes") !== undefined)
      rows.push([
        "modes sent one to one",
        `${get("kept_modes")} of ${get("n_modes")}`,
        get("kept_modes") === get("n_modes"),
        "With 80 % of their points or more to a mode that no other goes to",
      ]);
    return rows;
  }

  paint() {
    this.isDirty = false;
    const { arrays } = this.run.picture ?? {},
      home = this.way === "there" ? 0 : 1;
    const common = {
      ...this.scene,
      time: this.time.time,
      isBackwards: home === 1,
      home: this.points[home],
      wheel: this.wheels[home],
    };
    const empty = this.numbers.run ? "opening the run …" : "Not trained yet: press Train.";
    this.panels.shown.paint({ ...common, ...this.flight(arrays), words: arrays ? "" : empty });
    const missing = this.numbers.beside
      ? "opening …"
      : `No stored run of the same ${this.numbers.beside_weight ? "with" : "without"} ` +
        "the cycle.\nChoose it under Model and press Train: then it stands here.";
    this.panels.beside.paint({ ...common, ...this.flight(this.beside?.arrays), words: this.beside ? "" : missing });
  }

  flight(arrays) {
    const [, there, back] = WAYS[this.way];
    return arrays?.[there] ? { there: arrays[there].values, back: arrays[back].values } : {};
  }

  // ---- where the visitor is ----

  where() {
    return { ...super.where(), way: this.way };
  }

  close() {
    super.close();
    this.follower.close();
  }
}
