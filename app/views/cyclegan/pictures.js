// The stage of CycleGAN on pictures: each picture, what it is turned into, its way back, and its true counterpart.

import { fontOf } from "../../canvas/base_canvas.js";
import { Decoder, element, sharpen, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { difference, stamp, toBase64, toBitmap, toBitmaps } from "../../canvas/pictures.js";
import { CycleStage } from "./stage.js";

const SHOWN = 4; // pictures of each domain

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(PicturesStage, component);

class PicturesStage extends CycleStage {
  constructor(parent) {
    super(parent.querySelector(".cyclegan_pictures"), ["original", "translated", "there and back"]);
    this.decoder = new Decoder();
    this.first = 0;
    this.forget();
    this.build();
    this.startPainting();
  }

  forget() {
    this.answers = [null, null];
    this.ownAnswers = [null, null];
    this.askedFor = "";
  }

  build() {
    this.idea = element("p", { className: "idea" });
    this.moreButton = element(
      "button",
      {
        type: "button",
        className: "chip",
        onclick: () => {
          this.first = (this.first + SHOWN) % 60;
          this.forget();
          this.refresh();
        },
      },
      "Other faces",
    );
    this.lanes = [0, 1].map((way) => this.lane(way));
    this.root.replaceChildren(
      element("div", { className: "above card" }, element("div", {}, this.idea, this.moreButton), this.time.root),
      this.note,
      element("div", { className: "lanes" }, ...this.lanes.map(({ root }) => root)),
      element(
        "p",
        { className: "about" },
        "Between the ends each pixel is blended, x + t (G(x) − x): the network " +
          "itself makes only the ends. True counterpart: the same face rendered " +
          "with the one factor changed; no training has seen the two as a pair.",
      ),
      this.run.player.root,
    );
  }

  lane(way) {
    const title = element("span", {}),
      tag = element("span", { className: "tag num" }),
      canvas = element("canvas", { className: "faces" }),
      facts = element("div", { className: "facts" });
    canvas.setAttribute("role", "img");
    return {
      way,
      title,
      tag,
      canvas,
      facts,
      root: element("section", { className: "card" }, element("h3", {}, title, tag), canvas, facts),
    };
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNewVisit = this.takeNumbers(numbers);
    if (isNewVisit) this.time.set(numbers.place.time);
    if (this.run.isAnother(numbers)) {
      this.forget();
      this.opens = isNewVisit && numbers.place.time === 1 && !wantsStillness();
      this.run.open(numbers.run, numbers.attempt, numbers.steps, isNewVisit ? numbers.place.step : null);
    }
    if (blob.own && numbers.own_id !== this.ownId) {
      this.ownId = numbers.own_id;
      this.own = blob.own.values;
      this.forget();
    }
    if (!blob.own) this.own = this.ownId = null;
    this.idea.textContent = numbers.idea;
    const [a, b] = numbers.words;
    [this.lanes[0].title.textContent, this.lanes[1].title.textContent] = [`${a} → ${b}`, `${b} → ${a}`];
    this.refresh();
  }

  // ---- questions to the model ----

  ask() {
    const key = `${this.run.digest}/${this.run.attempt}/${this.first}/${this.ownId}`;
    if (!this.run.isAtEnd || key === this.askedFor) return;
    this.askedFor = key;
    const put = (channel, request, use) =>
      this.decoder.ask(
        channel,
        { run: this.run.digest, step: null, what: "translate", ...request },
        (blob) => {
          if (key === this.askedFor) {
            use(blob);
            this.refresh();
          }
        },
        (error) => this.say(error.message),
      );
    for (const way of [0, 1]) {
      put(`faces ${way}`, { way, n: SHOWN, first: this.first }, (blob) => {
        this.answers[way] = cut(blob);
      });
      if (this.own)
        put(`own ${way}`, { way, n: 1, pixels: toBase64(this.own) }, (blob) => {
          this.ownAnswers[way] = cut(blob);
        });
    }
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.run.showPlayer({ colours: this.colours });
    this.ask();
    for (const lane of this.lanes) this.showFacts(lane);
    if (this.answers[0]) this.playOnce();
    this.isDirty = true;
  }

  showFacts({ way, tag, facts }) {
    const { metrics, picture } = this.run,
      get = (name) => metrics?.[`${name}_${way ? "to_a" : "to_b"}`];
    tag.textContent = picture ? `step ${picture.step.toLocaleString("en")}` : "";
    const fact = (name, value, isGood, title) => {
      const node = element(
        "div",
        { className: "fact", title },
        element("span", {}, name),
        element("b", { className: "num" }, value),
      );
      node.dataset.good = String(isGood);
      return node;
    };
    facts.replaceChildren(
      ...(get("gained") === undefined
        ? []
        : [
            fact(
              "of the needed change made, good\u00a0above\u00a050\u00a0%",
              `${(100 * get("gained")).toFixed(0)} %`.replace("-", "−"),
              get("gained") > 0.5,
              "1 − |made − truth| / |original − truth| over held-out faces; " +
                "below 0: worse than leaving the picture as it was",
            ),
            fact(
              "nearer to the counterpart than to the original, good\u00a0above\u00a050\u00a0%",
              `${(100 * get("arrived")).toFixed(0)} %`,
              get("arrived") > 0.5,
              "Share of held-out faces",
            ),
            fact(
              "change where there should be none, good\u00a0below\u00a05",
              `${get("beside").toFixed(1)} of 255`,
              get("beside") < 5,
              "Mean over pixels in which original and counterpart agree",
            ),
            fact(
              "error there and back, good\u00a0below\u00a05",
              `${get("cycle").toFixed(1)} of 255`,
              get("cycle") < 5,
              "Mean over all pixels",
            ),
          ]),
    );
  }

  paint() {
    this.isDirty = false;
    for (const lane of this.lanes) this.paintLane(lane);
  }

  paintLane({ way, canvas }) {
    const { context: c, width, height } = sharpen(canvas);
    if (!width) return;
    c.clearRect(0, 0, width, height);
    c.font = fontOf(canvas, "12px");
    c.fillStyle = this.colours.soft;
    c.textAlign = "center";
    const own = this.run.isAtEnd ? this.ownAnswers[way] : null,
      faces = this.run.isAtEnd ? this.answers[way] : null;
    if (!faces) {
      this.paintTraining(c, way, width, height);
      return;
    }
    const tiles = [
      ...(own ? [{ answer: own, i: 0, isOwn: true }] : []),
      ...faces.x.map((_, i) => ({ answer: faces, i })),
    ].slice(0, SHOWN);
    const cell = width / SHOWN,
      large = Math.min(cell - 8, 0.5 * height - 22),
      small = Math.min(large * 0.62, (height - large - 56) / 2);
    tiles.forEach(({ answer, i, isOwn }, k) => {
      const x = (k + 0.5) * cell;
      this.blend(c, answer, i, x - large / 2, 2, large);
      if (isOwn) {
        c.fillText("yours", x, large + 16);
        return;
      }
      stamp(c, answer.truth[i], x - small / 2, large + 24, small);
      stamp(c, answer.error[i], x - small / 2, large + 48 + small, small);
    });
    c.textAlign = "left";
    c.fillText("true counterpart", 2, large + 19);
    c.fillText("error of the translation (twice as strong)", 2, large + 43 + small);
    canvas.setAttribute(
      "aria-label",
      `${tiles.length} faces, ${this.numbers.words[way]} turned into ${this.numbers.words[1 - way]}`,
    );
  }

  /** x + t (G(x) - x), and from 1 to 2 on to F(G(x)). */
  blend(c, { x, made, back }, i, left, top, size) {
    const { time } = this.time,
      [under, over, share] = time <= 1 ? [x, made, time] : [made, back, time - 1];
    stamp(c, under[i], left, top, size);
    if (share > 0) stamp(c, over[i], left, top, size, size, share);
  }

  /** While it trains, and at earlier steps: the one picture of each domain that a snapshot holds. */
  paintTraining(c, way, width, height) {
    const samples = this.run.picture?.arrays.samples,
      size = Math.min(0.6 * height, width / 3);
    if (samples) {
      stamp(c, toBitmap(samples.values, samples.shape, way), width / 2 - size / 2, 6, size);
    }
    const words = !this.run.digest
      ? "Not trained yet: press Train."
      : !samples
        ? "opening the run …"
        : this.run.isAtEnd
          ? "asking the model …"
          : "one held-out face, translated at this step; more at the end of the run";
    c.fillText(words, width / 2, samples ? size + 26 : height / 2);
  }

  // ---- where the visitor is ----

  where() {
    return { ...super.where(), way: "there" };
  }

  close() {
    super.close();
    this.decoder.close();
  }
}

/** An answer as bitmaps; the error where the truth is known. */
function cut(blob) {
  const bitmaps = (name) => (blob[name] ? toBitmaps(blob[name]) : []);
  const found = { x: bitmaps("x"), made: bitmaps("made"), back: bitmaps("back"), truth: bitmaps("truth"), error: [] };
  if (blob.truth)
    found.error = found.truth.map((_, i) => {
      const { shape, values } = difference(blob.made.values, blob.truth.values, blob.made.shape, i);
      return toBitmap(values, shape);
    });
  return found;
}
