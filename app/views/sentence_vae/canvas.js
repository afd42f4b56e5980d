// The lab of names: a slider from one name to another, a map of all names, what is near, what the prior draws.

import { linkWith, startFrames } from "../../canvas/base_canvas.js";
import { between, dot, norm, pathBetween } from "../../canvas/latents/ways.js";
import { Decoder, element, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { CodeCard, NearList, Plates, RebuiltList, StepsList } from "./lists.js";
import { NameMap } from "./map.js";
import { principal, rowsOf } from "./paths.js";
import { BigWord, spelling, titled } from "./word.js";

const STEPS = 9;
const SHOWN = 12; // names of the prior, and names rebuilt
const VARIANTS = 14;
const NEAREST = 8;
const GLIDE = 2600; // ms
const COLLAPSED = 1; // nats: a code that carries less is out of use
const REST = 160; // ms of rest before letters are drawn for a new place
const fixed = (v, digits = 2) => (Number.isFinite(v) ? v.toFixed(digits) : "–").replace("-", "−");
const rounded = (z) => Array.from(z, (v) => Math.round(v * 1000) / 1000);

/** Streamlit calls this at each change of data or theme; the lab itself lives as long as the page. */
export const mount = (component) => mountStage(NameLab, component);

class NameLab extends RunBench {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".sentence_vae_canvas");
    this.decoder = new Decoder();
    this.t = 0;
    this.way = "straight";
    this.temperature = 0.7;
    this.seed = 1;
    this.reset();
    this.build();
    startFrames(this, this.root, {
      frame: (now) => {
        this.frame(now);
      },
      resized: () => {
        this.isDirty = this.word.isMoving = true;
      },
    });
    globalThis.genlabNames = this; // for measuring frame rate and latency from outside
  }

  reset() {
    super.reset();
    this.ends = this.z = this.codes = this.axes = this.liveAxes = this.steps = this.drawn = null;
    this.near = [];
    this.isOff = false;
  }

  // ---- building ----

  build() {
    this.word = new BigWord();
    this.map = new NameMap({
      move: (p, q) => this.moveTo(p, q),
      settled: () => this.settled(),
      open: (i) => this.openName(i),
      looked: () => {
        this.isDirty = true;
      },
    });
    this.stepsList = new StepsList(
      {
        choose: (t, way) => {
          this.way = way;
          this.setT(t);
          this.settled();
        },
      },
      STEPS,
    );
    this.rebuilt = new RebuiltList(SHOWN);
    this.prior = new Plates(2 * SHOWN, "plates two");
    this.variants = new Plates(VARIANTS);
    this.nearList = new NearList({ open: (index) => this.openName(index) }, NEAREST);
    this.code = new CodeCard();
    this.buildWay();
    this.buildTools();
    this.buildPlayer();
    this.root.replaceChildren(this.between, this.buildCards(), this.note, this.player.root, this.buildLower());
  }

  /** The word, the slider under it, and the two names at its ends. */
  buildWay() {
    this.slider = element("input", { type: "range", className: "main", min: 0, max: 1, step: 0.001, value: 0 });
    this.slider.setAttribute("aria-label", "From the first name to the second");
    this.slider.oninput = () => this.setT(+this.slider.value);
    this.slider.onchange = () => this.settled();
    this.wordTag = element("span", { className: "tag" });
    this.ways = Object.fromEntries(
      [
        ["straight", "straight"],
        ["round", "round"],
      ].map(([way, title]) => {
        const hint =
          way === "round"
            ? "Along the sphere: the length of z changes evenly, as if the prior were a thin shell"
            : "Straight: z passes nearer to 0";
        const button = element(
          "button",
          {
            type: "button",
            className: "tag",
            title: hint,
            onclick: () => {
              this.way = way;
              this.setT(this.t);
              this.settled();
            },
          },
          title,
        );
        return [way, button];
      }),
    );
    this.told = element("div", { className: "told num" });
    this.endNodes = ["end left", "end right"].map((className) => element("div", { className }));
    this.slide = element("div", { className: "slide" }, this.slider, this.told);
    this.between = element(
      "section",
      { className: "card between" },
      heading("Decoded name", this.wordTag, ...Object.values(this.ways)),
      this.word.canvas,
      element("div", { className: "way" }, this.endNodes[0], this.slide, this.endNodes[1]),
    );
  }

  buildTools() {
    this.heat = element("input", { type: "range", min: 0, max: 1.5, step: 0.05, value: this.temperature });
    this.heat.setAttribute("aria-label", "Temperature of the letters");
    this.heatValue = element("b", { className: "num" }, fixed(this.temperature));
    this.heat.style.setProperty("--share", `${(100 * this.temperature) / 1.5}%`);
    this.heat.oninput = () => this.setTemperature(+this.heat.value);
    this.again = element(
      "button",
      {
        type: "button",
        className: "quiet",
        onclick: () => {
          this.seed = (this.seed % 9999) + 1;
          this.askVariants();
          if (this.drawn) this.askPrior();
        },
      },
      "draw again",
    );
    this.heatTools = element(
      "div",
      { className: "tools" },
      element(
        "label",
        {
          className: "temperature",
          title: "T of p^(1/T) for each letter: 0 takes the likeliest each time; 1 draws from the model",
        },
        element("span", {}, "temperature"),
        this.heat,
        this.heatValue,
      ),
      this.again,
    );
    this.drawButton = element(
      "button",
      {
        type: "button",
        className: "tag",
        title: "New codes from the prior, letters at the temperature below",
        onclick: () => this.togglePrior(),
      },
      "draw others",
    );
  }

  buildCards() {
    this.mapTag = element("span", { className: "tag" });
    this.mapCap = element("div", { className: "cap" });
    this.stepsTitle = element("span", {}, "Linear and spherical interpolation");
    this.stepsTag = element("span", { className: "tag" });
    this.priorTag = element("span", { className: "tag" });
    this.priorCap = element("div", { className: "cap" });
    return element(
      "div",
      { className: "cards" },
      element("section", { className: "card" }, heading("Map of names", this.mapTag), this.map.canvas, this.mapCap),
      element(
        "section",
        { className: "card" },
        element("h3", {}, this.stepsTitle, element("span", { className: "tags" }, this.stepsTag)),
        this.stepsList.root,
        this.rebuilt.root,
      ),
      element(
        "section",
        { className: "card" },
        heading("Drawn from the prior", this.priorTag, this.drawButton),
        this.prior.root,
        this.priorCap,
      ),
    );
  }

  buildLower() {
    this.aroundTag = element("span", { className: "tag" });
    this.around = element(
      "div",
      { className: "around" },
      element("div", {}, element("h4", {}, "real names with the nearest codes"), this.nearList.root),
      element("div", {}, this.heatTools, this.variants.root),
    );
    this.codeTag = element("span", { className: "tag" });
    this.aroundCard = element("section", { className: "card" }, heading("Nearest names", this.aroundTag), this.around);
    this.lower = element(
      "div",
      { className: "lower" },
      this.aroundCard,
      element("section", { className: "card" }, heading("KL per latent", this.codeTag), this.code.root),
    );
    return this.lower;
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      old = this.numbers;
    this.takeColours(numbers);
    this.numbers = numbers;
    this.symbols = numbers.symbols;
    this.probe = rowsOf(blob.probe).map((tokens) => titled(spelling(tokens, this.symbols)));
    const isNewVisit = numbers.visit !== old?.visit;
    if (isNewVisit) {
      this.t = numbers.t ?? 0;
      this.way = numbers.way;
      this.wantedZ = numbers.z;
      this.wantsGlide = numbers.t === null && !numbers.z && !wantsStillness();
    }
    if (this.isAnother(numbers)) {
      this.turnTo(numbers);
      this.listen();
    } else if (isNewVisit || old.a !== numbers.a || old.b !== numbers.b) {
      this.isOff = false;
      this.askEnds();
    }
    this.word.isMoving = true;
    this.refresh();
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    const names = (array) => rowsOf(array).map((tokens) => titled(spelling(tokens, this.symbols)));
    return {
      ...super.pictureOf(blob),
      samples: names(blob.samples),
      rebuilt: names(blob.reconstructions),
      first: rowsOf(blob.samples)[0],
      kl: blob.kl.values,
      means: rowsOf(blob.means),
    };
  }

  stood(message, before) {
    if (!message.ended || before?.ended) return;
    this.toEnd();
    this.askEnds();
    this.askMap(0);
  }

  showPicture(picture) {
    if (!picture) return;
    const wasAsked = this.canAsk;
    this.picture = picture;
    this.drawn = null;
    if (!this.canAsk) {
      this.word.aim({ tokens: picture.first }, this.symbols);
      this.isSpelt = false;
    } else if (this.z && (!wasAsked || !this.isSpelt)) this.askWord();
    this.project();
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canAsk() {
    return this.isAtEnd && this.snapshots.length > 0 && !this.following;
  }

  // ---- questions to the model ----

  ask(channel, request, use) {
    if (this.canAsk) this.askModel(channel, request, use);
  }

  askEnds() {
    this.ask("ends", { what: "name_code", names: [this.numbers.a, this.numbers.b] }, (blob) => {
      const means = rowsOf(blob.mean),
        back = rowsOf(blob.rebuilt);
      this.ends = means.map((mean, i) => ({
        mean,
        rate: blob.rate.values[i],
        distortion: blob.distortion.values[i],
        back: titled(spelling(back[i], this.symbols)),
      }));
      if (this.wantedZ?.length === means[0].length) this.setZ(Float32Array.from(this.wantedZ), true);
      else this.setT(this.t);
      this.wantedZ = null;
      if (this.wantsGlide) this.glide = performance.now() + 500;
      this.wantsGlide = false;
      this.map.labels = null;
      this.askSteps();
      this.settled(false);
    });
  }

  askSteps() {
    const ways = ["straight", "round"].map((way) =>
      pathBetween(this.ends[0].mean, this.ends[1].mean, way === "round", STEPS),
    );
    this.ask("steps", { what: "spell", z: ways.flat().map(rounded) }, (blob) => {
      const names = rowsOf(blob.tokens).map((tokens) => titled(spelling(tokens, this.symbols)));
      this.steps = {
        names: { straight: names.slice(0, STEPS), round: names.slice(STEPS) },
        lengths: { straight: ways[0].map(norm), round: ways[1].map(norm) },
        ways,
      };
      this.refresh();
    });
  }

  /** The held-out names first, then the others, part after part, so that nobody waits long. */
  askMap(part) {
    this.ask("map", { what: "name_map", part }, (blob) => {
      if (part === 0) {
        this.codes = { means: [], names: [], held: blob.means.shape[0], known: new Set() };
        this.axes = rowsOf(blob.axes);
      }
      this.codes.means.push(...rowsOf(blob.means));
      for (const tokens of rowsOf(blob.tokens)) {
        const name = titled(spelling(tokens, this.symbols));
        this.codes.names.push(name);
        this.codes.known.add(name);
      }
      this.codes.isWhole = part + 1 >= blob.n_parts.values[0];
      if (part === 0) this.project();
      if (this.codes.isWhole) this.showDraws();
      else this.askMap(part + 1);
      this.findNear();
      this.refresh();
    });
  }

  askWord() {
    const asked = performance.now();
    this.ask("word", { what: "spell", z: [rounded(this.z)] }, (blob) => {
      this.latency = performance.now() - asked;
      this.answers = (this.answers ?? 0) + 1;
      this.isSpelt = true;
      this.word.aim(
        { tokens: blob.tokens.values, letters: blob.letters.values, shares: blob.shares.values },
        this.symbols,
      );
      this.logProb = blob.log_prob.values[0];
      this.refreshWay();
    });
  }

  askVariants() {
    if (!this.z) return;
    this.ask(
      "variants",
      { what: "name_draw", z: rounded(this.z), temperature: this.temperature, n: VARIANTS, seed: this.seed },
      (blob) => {
        this.variantNames = rowsOf(blob.tokens).map((tokens) => titled(spelling(tokens, this.symbols)));
        this.showDraws();
      },
    );
  }

  askPrior() {
    this.ask("prior", { what: "name_draw", temperature: this.temperature, n: 2 * SHOWN, seed: this.seed }, (blob) => {
      this.drawn = rowsOf(blob.tokens).map((tokens) => titled(spelling(tokens, this.symbols)));
      this.refresh();
    });
  }

  togglePrior() {
    this.seed = (this.seed % 9999) + 1;
    this.askPrior();
  }

  // ---- where the visitor is ----

  setT(t, isGliding = false) {
    if (!isGliding) this.glide = null;
    this.t = t;
    this.isOff = false;
    if (this.ends) this.setZ(between(this.ends[0].mean, this.ends[1].mean, t, this.way === "round"), false);
    else this.refresh();
  }

  setZ(z, isOff) {
    if (isOff) this.glide = null;
    this.z = z;
    this.isOff = isOff;
    this.askWord();
    this.findNear();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.askVariants(), REST);
    this.refresh();
  }

  /** Move in the plane of the map; what z is beside it stays. */
  moveTo(p, q) {
    if (!this.z || !this.axes || !this.canAsk) return;
    const [u, v] = this.axes,
      dp = p - dot(this.z, u),
      dq = q - dot(this.z, v);
    this.setZ(
      this.z.map((value, d) => value + dp * u[d] + dq * v[d]),
      true,
    );
  }

  openName(i) {
    if (!this.canAsk || !this.codes) return;
    this.setZ(Float32Array.from(this.codes.means[i]), true);
    this.settled();
  }

  setTemperature(value) {
    this.temperature = value;
    this.heatValue.textContent = fixed(value);
    this.heat.style.setProperty("--share", `${(100 * value) / 1.5}%`);
    this.askVariants();
    if (this.drawn) this.askPrior();
  }

  settled(isReport = true) {
    this.refresh();
    if (isReport) this.report();
  }

  /** Real names whose codes are nearest to z, in all latents. */
  findNear() {
    if (!this.codes || !this.z) {
      this.near = [];
      return;
    }
    const { means, names } = this.codes,
      best = [];
    for (let i = 0; i < means.length; i++) {
      let far = 0;
      const row = means[i];
      for (let d = 0; d < row.length; d++) far += (row[d] - this.z[d]) ** 2;
      if (best.length < NEAREST || far < best.at(-1).far) {
        const at = best.findIndex((b) => far < b.far);
        best.splice(at < 0 ? best.length : at, 0, { far, index: i });
        if (best.length > NEAREST) best.pop();
      }
    }
    this.near = best.map(({ far, index }) => ({ index, name: names[index], distance: Math.sqrt(far) }));
  }

  // ---- the map ----

  placeOf(z) {
    const [u, v] = this.shownAxes ?? [];
    return u && u.length === z.length ? { p: dot(z, u), q: dot(z, v) } : null;
  }

  /** Points of the map: all held-out names of a model that can be asked, else those that pictures bring along. */
  project() {
    if (this.canAsk && this.codes) {
      this.shownAxes = this.axes;
      this.map.setPoints(
        this.codes.means.slice(0, this.codes.held).map((z, i) => ({ ...this.placeOf(z), name: this.codes.names[i] })),
      );
    } else if (this.picture) {
      const { means } = this.picture;
      this.liveAxes = this.axes ?? principal(means, this.liveAxes);
      this.shownAxes = this.liveAxes;
      this.map.setPoints(
        means.map((z, i) => ({ ...this.placeOf(z), name: this.probe[i] })),
        true,
      );
    }
    this.isDirty = true;
  }

  paintMap() {
    const isAsked = this.canAsk && this.axes,
      place = (z) => this.placeOf(z);
    const ends =
      isAsked && this.ends
        ? this.ends.map(({ mean }, i) => ({ ...place(mean), name: titled([this.numbers.a, this.numbers.b][i]) }))
        : [];
    const paths =
      isAsked && this.steps ? (this.way === "round" ? [1, 0] : [0, 1]).map((k) => this.steps.ways[k].map(place)) : [];
    const near = isAsked
      ? this.near
          .filter(({ name }) => ends.every((end) => end.name !== name))
          .slice(0, 3)
          .map(({ index, name }) => ({ ...place(this.codes.means[index]), name }))
      : [];
    this.map.paint({
      place: isAsked && this.z ? place(this.z) : null,
      ends,
      paths,
      near,
      avoid: ends,
      colours: this.colours,
    });
    const more = isAsked
      ? "drag the cross; double-click a name to go there"
      : this.picture
        ? "unseen names, where the encoder puts them now"
        : "";
    this.mapCap.replaceChildren(element("span", {}, more));
    this.mapTag.textContent = this.axes || !this.picture ? "principal axes 1 × 2" : "principal axes, as they turn";
    this.mapTag.title =
      "The two directions along which the codes of unseen names differ most; the rings are 1, 2 and 3 standard deviations of the prior";
  }

  // ---- what is shown ----

  frame(now) {
    const dt = now - (this.last ?? now);
    this.last = now;
    this.player.tick(now);
    if (!this.colours) return;
    if (this.glide && now > this.glide) this.glideOn(now);
    if (this.word.tick(dt) || this.isWordDirty) {
      this.isWordDirty = false;
      this.word.paint(
        this.colours,
        this.picture ? "" : this.digest ? "opening the run …" : "Not trained yet: press Train.",
      );
      this.painted = { answers: this.answers ?? 0, at: performance.now() };
    }
    if (this.isDirty) {
      this.isDirty = false;
      this.paintMap();
      this.code.paint(this.picture?.kl, this.lastMetrics(), this.colours);
    }
  }

  /** At first the lab shows the way by itself: from the first name to the middle. */
  glideOn(now) {
    const share = Math.min(1, (now - this.glide) / GLIDE);
    this.setT(0.5 * (3 * share ** 2 - 2 * share ** 3), true);
    if (share === 1) this.glide = null;
  }

  refresh() {
    if (!this.colours) return;
    this.isDirty = this.isWordDirty = true;
    this.refreshWay();
    const isAsked = this.canAsk;
    this.stepsTitle.textContent = isAsked ? "Linear and spherical interpolation" : "Read, and written again";
    this.stepsTag.textContent = isAsked ? "likeliest letters" : "wrong letters marked";
    this.stepsList.root.hidden = !isAsked;
    this.rebuilt.root.hidden = isAsked;
    if (isAsked)
      this.stepsList.show({
        names: this.steps?.names,
        lengths: this.steps?.lengths,
        t: this.isOff ? null : this.t,
        way: this.way,
      });
    else if (this.picture) this.rebuilt.show(this.probe, this.picture.rebuilt);
    this.aroundCard.hidden = !isAsked;
    this.lower.classList.toggle("alone", !isAsked);
    this.nearList.show(this.near);
    this.showDraws();
    const rate = this.picture?.kl.reduce((sum, v) => sum + v, 0),
      isCollapsed = rate < COLLAPSED && this.picture.step > 0;
    this.codeTag.textContent = !this.picture
      ? ""
      : isCollapsed
        ? "collapsed: the writer does without it"
        : "KL of each latent";
    this.codeTag.classList.toggle("bad", isCollapsed);
    this.showPlayer();
  }

  refreshWay() {
    const isAsked = this.canAsk && !!this.ends,
      { a, b } = this.numbers;
    [a, b].forEach((name, i) => {
      const end = isAsked ? this.ends[i] : null,
        back = end
          ? [
              element("span", {}, "rebuilt ", element("span", { className: "model" }, end.back || "(empty)")),
              element("br"),
              element(
                "span",
                { className: "num" },
                `KL ${fixed(end.rate, 1)} · bound ${fixed(-end.rate - end.distortion, 1)} nats`,
              ),
            ]
          : [];
      this.endNodes[i].replaceChildren(element("b", {}, titled(name)), ...back);
    });
    this.slider.disabled = !isAsked;
    if (document.activeElement !== this.slider || this.isOff || +this.slider.value !== this.t)
      this.slider.value = this.t;
    this.slider.style.setProperty("--share", `${100 * this.t}%`);
    this.slide.classList.toggle("off", this.isOff);
    this.slider.setAttribute(
      "aria-valuetext",
      this.word.name ? `${Math.round(100 * this.t)} %, ${this.word.name}` : "",
    );
    for (const [way, button] of Object.entries(this.ways)) {
      button.setAttribute("aria-pressed", String(way === this.way));
      button.hidden = !isAsked;
    }
    this.wordTag.textContent = !this.picture
      ? ""
      : isAsked
        ? this.isOff
          ? "off the way: move the slider to come back"
          : "likeliest letters"
        : "the same noise at every step";
    const length = this.z ? norm(this.z) : 0,
      usual = Math.sqrt(this.z?.length ?? 1);
    const fact = (text, value) => element("span", {}, text, element("b", {}, value));
    this.told.replaceChildren(
      ...(isAsked && this.z
        ? [
            fact("|z| = ", fixed(length)),
            fact("usual ", fixed(usual, 1)),
            fact("p(name | z) = ", percent(this.logProb)),
          ]
        : [element("span", {}, this.whyNot())]),
    );
  }

  showDraws() {
    const known = this.codes?.isWhole ? this.codes.known : null,
      isDrawn = this.drawn && this.canAsk;
    this.prior.show(isDrawn ? this.drawn : (this.picture?.samples ?? []), known);
    this.priorTag.textContent = isDrawn ? `temperature ${fixed(this.temperature)}` : this.picture ? "fixed noise" : "";
    this.priorTag.title = isDrawn
      ? "New codes from the prior; letters are drawn at this temperature"
      : "The same codes at every step of the training, and the likeliest letters";
    this.drawButton.hidden = !this.canAsk;
    this.priorCap.textContent =
      known && this.canAsk ? "• stands in the list of real names; the others are invented" : "";
    this.variants.show(this.canAsk ? (this.variantNames ?? []) : [], known);
    this.aroundTag.textContent =
      this.canAsk && this.z ? (this.isOff ? "at the cross" : `${Math.round(100 * this.t)} % of the way`) : "";
  }

  whyNot() {
    if (!this.digest || !this.standing) return "";
    if (!this.standing.ended)
      return "The slider answers when the training has ended. Until then, watch how it learns to spell.";
    return this.canAsk ? "" : "Weights are kept for the last step: move the player to its end, and the slider answers.";
  }

  lastMetrics() {
    const step = this.picture?.step ?? -1;
    return this.snapshots.filter((s) => s.step <= step && s.metrics.rate).at(-1)?.metrics;
  }

  /** Tell Python where the visitor is, for the link; called when a hand lets go, never while it moves. */
  report() {
    this.tellMoment({ t: this.t, way: this.way, z: this.isOff && this.z ? rounded(this.z) : null });
  }

  copyLink() {
    this.report();
    const { a, b } = this.numbers,
      z = this.isOff && this.z ? rounded(this.z).join(" ") : null;
    this.player.copy(linkWith({ a, b, t: this.t, way: this.way, z }));
  }

  close() {
    clearTimeout(this.resting);
    super.close();
  }
}

const heading = (title, ...tags) =>
  element("h3", {}, element("span", {}, title), element("span", { className: "tags" }, ...tags));

const superscript = (text) => Array.from(text, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[+c])).join("");

/** A probability as people read it. */
function percent(logProb) {
  if (!Number.isFinite(logProb)) return "–";
  const p = 100 * Math.exp(logProb);
  return p >= 1
    ? `${p.toFixed(0)} %`
    : p >= 0.01
      ? `${p.toFixed(2)} %`
      : `10${superscript((logProb / Math.LN10).toFixed(0))}`;
}
