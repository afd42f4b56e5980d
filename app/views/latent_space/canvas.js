// The studio of a latent space: a plane to drag in, what is decoded there, what each latent carries, what a sweep trades.

import { linkWith, startFrames } from "../../canvas/base_canvas.js";
import { DEAD, LatentList } from "../../canvas/latents/list.js";
import { REACH } from "../../canvas/latents/square.js";
import { Decoder, element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { PaintPad } from "../../canvas/paint_pad.js";
import { difference, toBase64, toBitmap, toBitmaps } from "../../canvas/pictures.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { DecodedCard } from "./decoded_card.js";
import { LatentPlane, SIDE } from "./latent_plane.js";
import { namesOf, readPortrait, rowsOf } from "./portrait.js";
import { Strips } from "./strips.js";
import { Tradeoff } from "./tradeoff.js";

const ENDS_DELAY = 120; // ms
const STRIPS_EVERY = 300; // ms
const spreadAlong = (std, direction) => Math.sqrt(std.reduce((sum, s, d) => sum + (s * direction[d]) ** 2, 0));
const round = (rows) => rows.map((row) => Array.from(row, (v) => Math.round(v * 1000) / 1000));

/** Streamlit calls this at each change of data or theme; the studio itself lives as long as the page. */
export const mount = (component) => mountStage(Studio, component);

class Studio extends RunBench {
  constructor(parent) {
    super();
    this.parent = parent;
    this.root = parent.querySelector(".latent_space_canvas");
    this.decoder = new Decoder();
    this.member = 0;
    this.label = -1;
    this.reset();
    this.build();
    startFrames(this, this.root, {
      frame: (now) => {
        this.player.tick(now);
        if (this.isDirty && this.colours) this.paint();
        else if (this.isStripDirty && this.colours) this.paintStrips();
      },
      resized: () => {
        this.isDirty = true;
      },
    });
    globalThis.genlabStudio = this; // for measuring frame rate and latency from outside
  }

  reset() {
    super.reset();
    this.portrait = this.z = this.holes = this.chosen = this.ellipse = null;
    this.names = [];
    this.kl = [];
    this.axes = [0, 1];
  }

  build() {
    this.plane = new LatentPlane({
      move: (p, q) => this.moveTo(p, q),
      settled: () => this.settled(),
      pick: (i) => this.pick(i),
    });
    this.list = new LatentList({
      move: (d, v) => this.setLatent(d, v, false),
      settled: () => this.settled(),
      axis: (d, which) => this.setAxis(d, which),
    });
    this.tradeoff = new Tradeoff({ choose: (k) => this.choose(k) });
    this.pad = new PaintPad({ encode: (pixels) => this.encode(pixels) });
    this.strips = new Strips(this);
    this.decoded = new DecodedCard(this);
    this.slider = element("input", { type: "range", min: 0, max: 0, step: 1 });
    this.slider.oninput = () => this.choose(+this.slider.value);
    this.sliderName = element("b", { className: "num" });
    this.stops = element("div", { className: "stops" });
    this.dialTitle = element("span", { className: "soft" });
    this.dial = element(
      "label",
      { className: "dial card" },
      this.dialTitle,
      element("div", { className: "rail" }, this.slider, this.stops),
      this.sliderName,
    );
    this.planeTag = element("button", { type: "button", className: "tag", onclick: () => this.toggleAxes() });
    this.holesButton = element(
      "button",
      {
        type: "button",
        className: "tag",
        title: "Where the codes of the data are denser (blue) and thinner (red) than the prior",
        onclick: () => this.toggleHoles(),
      },
      "holes",
    );
    this.planeCap = element("div", { className: "cap" });
    this.buildPlayer();
    const heading = (title, ...tags) =>
      element("h3", {}, element("span", {}, title), element("span", { className: "tags" }, ...tags));
    this.root.replaceChildren(
      this.dial,
      element(
        "div",
        { className: "cards" },
        element(
          "section",
          { className: "card" },
          heading("Latent plane", this.holesButton, this.planeTag),
          this.plane.canvas,
          this.planeCap,
        ),
        element(
          "section",
          { className: "card" },
          heading("Decoded", this.decoded.tag),
          this.decoded.canvas,
          this.decoded.caption,
          this.decoded.classes,
          this.decoded.tools,
        ),
        element(
          "section",
          { className: "card" },
          heading("Latents by what they carry", element("span", { className: "tag" }, "KL, nats")),
          this.list.root,
        ),
      ),
      this.note,
      this.player.root,
      element("div", { className: "lower" }, this.tradeoff.root, this.strips.root),
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = this.isAnother(numbers);
    this.takeColours(numbers);
    const old = this.numbers;
    this.numbers = numbers;
    this.members = numbers.members;
    this.originals = toBitmaps(blob.originals);
    this.pad.setShape(numbers.event_shape, numbers.levels);
    this.slider.max = this.members.length - 1;
    this.slider.setAttribute("aria-label", numbers.axis_title);
    this.dialTitle.textContent = numbers.axis_title;
    this.dial.hidden = this.members.length < 2;
    this.ticks();
    if (isNew) this.watch(numbers, old);
    if (blob.own && numbers.own_id !== this.ownId) {
      this.ownId = numbers.own_id;
      this.own = blob.own.values;
      this.pad.load(this.own);
      this.strips.open("yours");
      this.encode(this.own);
    }
    this.decoded.buildClasses();
    this.isDirty = true;
  }

  ticks() {
    const last = Math.max(1, this.members.length - 1);
    this.stops.replaceChildren(
      ...this.members.map(({ short }, k) => {
        const stop = element("span", {}, short);
        stop.style.left = `${(100 * k) / last}%`;
        return stop;
      }),
    );
  }

  watch(numbers, old) {
    const isFirst = !old;
    this.turnTo(numbers);
    if (isFirst || this.member >= this.members.length)
      this.member = Math.min(numbers.member ?? 0, this.members.length - 1);
    if (isFirst && numbers.tab) this.strips.tab = numbers.tab;
    this.wantedZ = isFirst ? numbers.z : null;
    this.label = numbers.classes.length && numbers.is_conditional ? 0 : -1;
    if (!this.digest) this.refresh();
    this.listen();
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    return {
      ...super.pictureOf(blob),
      reconstructions: blob.reconstructions,
      samples: blob.samples,
      kl: rowsOf(blob.kl),
      means: blob.means,
    };
  }

  stood(message, before) {
    if (message.ended) {
      this.toEnd();
      this.openPortrait();
    }
    if (!message.ended && !before && !this.strips.isUserChoice) this.strips.tab = "sweep";
  }

  /** Show a snapshot or live picture: what a stored model cannot be asked for, it brings along. */
  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    this.takeKl(picture.kl?.[this.member]);
    if (!this.canDecode) this.takeMeans(picture);
    else this.restorePortrait();
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canDecode() {
    return !!this.portrait && this.isAtEnd;
  }

  takeKl(kl) {
    if (!kl) return;
    this.kl = Float32Array.from(kl);
    if (!this.portrait) {
      this.axes = [...kl.keys()].sort((a, b) => kl[b] - kl[a]).slice(0, 2);
      if (this.axes.length < 2) this.axes = [0, 0];
    }
    this.list.build(this.kl, this.names);
  }

  takeMeans({ means }) {
    if (!means) return;
    const {
        values,
        shape: [, count, z],
      } = means,
      start = this.member * count * z;
    this.codes = { values: values.subarray(start, start + count * z), z, count };
    this.project();
  }

  restorePortrait() {
    this.codes = this.portrait.codes;
    this.takeKl(this.portrait.kl);
    this.project();
  }

  // ---- the portrait of a stored model ----

  openPortrait() {
    this.askMember("portrait", { what: "portrait" }, (blob) => {
      this.portrait = readPortrait(blob);
      this.names = namesOf(this.portrait, this.numbers.factors, DEAD);
      this.strips.ends = [0, this.portrait.farthest(0)];
      this.pca = [...Array(2).keys()].map((i) =>
        blob.axes.values.subarray(i * this.portrait.codes.z, (i + 1) * this.portrait.codes.z),
      );
      this.takeKl(this.portrait.kl);
      const order = [...this.kl.keys()].sort((a, b) => this.kl[b] - this.kl[a]);
      if (this.axes !== "pca") this.axes = order.length > 1 ? [order[0], order[1]] : [order[0], order[0]];
      const start = [this.wantedZ, this.z].find((z) => z?.length === this.portrait.codes.z);
      this.wantedZ = null;
      this.restorePortrait();
      if (this.own) this.encode(this.own);
      else if (start) this.setZ(Float32Array.from(start));
      else this.pick(0);
      this.settled();
    });
  }

  /** Open another model of the sweep at the place where the visitor is. */
  choose(member) {
    if (member === this.member) return;
    this.member = member;
    this.portrait = this.ellipse = this.holes = this.chosen = null;
    this.names = [];
    this.strips.forget();
    if (this.picture) {
      this.takeKl(this.picture.kl?.[member]);
      this.takeMeans(this.picture);
    }
    if (this.standing?.ended) this.openPortrait();
    this.refresh();
    this.report();
  }

  // ---- where the visitor is ----

  directions() {
    const z = this.codes?.z ?? this.z?.length ?? 0;
    if (this.axes === "pca" && this.pca) return this.pca;
    const axes = this.axes === "pca" ? [0, 1] : this.axes;
    return axes.map((a, i) =>
      Float32Array.from({ length: z }, (_, d) => (d === a && !(i === 1 && axes[0] === axes[1]) ? 1 : 0)),
    );
  }

  along(z, direction) {
    return z.reduce((sum, v, d) => sum + v * direction[d], 0);
  }

  project() {
    if (!this.codes) return;
    const { values, stds, z, count } = this.codes,
      [u, v] = this.directions();
    this.plane.points = Array.from({ length: count }, (_, i) => {
      const row = values.subarray(i * z, (i + 1) * z),
        std = stds?.subarray(i * z, (i + 1) * z);
      return {
        p: this.along(row, u),
        q: this.along(row, v),
        sp: std && spreadAlong(std, u),
        sq: std && spreadAlong(std, v),
      };
    });
    this.isDirty = true;
  }

  moveTo(p, q) {
    if (!this.z) return;
    const [u, v] = this.directions(),
      dp = p - this.along(this.z, u),
      dq = q - this.along(this.z, v);
    this.setZ(
      this.z.map((value, d) => value + dp * u[d] + dq * v[d]),
      false,
    );
  }

  setLatent(d, value, isSettled = true) {
    if (!this.z) return;
    const z = Float32Array.from(this.z);
    z[d] = value;
    this.setZ(z);
    if (isSettled) this.settled();
  }

  /** Go to a latent; the plane's background changes only if z leaves the plane. */
  setZ(z, leavesPlane = true) {
    this.z = Float32Array.from(z);
    this.ellipse = this.chosen = null;
    this.askPicture();
    if (leavesPlane) this.askGrid();
    this.list.show(this.z, this.axes);
    this.askEndsSoon();
    this.isDirty = true;
  }

  settled() {
    if (!this.z) return;
    this.askGrid();
    this.strips.refresh();
    this.report();
  }

  setAxis(d, which) {
    const before =
      this.axes === "pca" ? [...this.kl.keys()].sort((a, b) => this.kl[b] - this.kl[a]).slice(0, 2) : [...this.axes];
    if (before[1 - which] === d) before[1 - which] = before[which];
    before[which] = d;
    this.axes = before;
    this.turned();
  }

  toggleAxes() {
    this.axes = this.axes === "pca" ? [...this.kl.keys()].sort((a, b) => this.kl[b] - this.kl[a]).slice(0, 2) : "pca";
    this.turned();
  }

  turned() {
    this.project();
    this.holes = null;
    if (this.wantsHoles) this.askHoles();
    if (this.z) {
      this.list.show(this.z, this.axes);
      this.askGrid();
    }
    this.refresh();
  }

  toggleHoles() {
    this.wantsHoles = !this.wantsHoles;
    this.holes = null;
    if (this.wantsHoles) this.askHoles();
    this.holesButton.setAttribute("aria-pressed", String(this.wantsHoles));
    this.isDirty = true;
  }

  goHome() {
    this.setZ(new Float32Array(this.z?.length ?? 0));
    this.settled();
  }

  /** Tell the decoder another class; the code stays. */
  setClass(label) {
    this.label = label;
    this.decoded.buildClasses();
    if (this.z) {
      this.setZ(this.z);
      this.settled();
    }
  }

  /** Open the code of a held-out example: the cross, its posterior, its pictures. */
  pick(i) {
    const { portrait } = this;
    if (!portrait) return;
    if (this.numbers.is_conditional && portrait.labels) {
      this.label = portrait.labels[i];
      this.decoded.buildClasses();
    }
    this.setZ(portrait.mean(i));
    this.chosen = i < portrait.originals.length ? i : null;
    this.openEllipse(portrait.mean(i), portrait.std(i));
    this.settled();
  }

  openEllipse(mean, std) {
    this.posterior = { mean, std };
    const [u, v] = this.directions();
    this.ellipse = { p: this.along(mean, u), q: this.along(mean, v), sp: spreadAlong(std, u), sq: spreadAlong(std, v) };
    this.isDirty = true;
  }

  drawPosterior() {
    if (!this.posterior) return;
    const { mean, std } = this.posterior,
      chosen = this.chosen;
    const noise = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    this.setZ(mean.map((m, d) => m + std[d] * noise()));
    this.chosen = chosen;
    this.openEllipse(mean, std);
    this.settled();
  }

  encode(pixels) {
    if (!this.digest || !this.standing?.ended) {
      this.say("Your picture is kept; it is encoded when the run has ended.");
      this.own = pixels;
      return;
    }
    this.own = pixels;
    this.askMember("encode", { what: "encode", pixels: toBase64(pixels), label: this.label }, (blob) => {
      this.setZ(blob.mean.values);
      this.chosen = null;
      this.openEllipse(blob.mean.values, blob.std.values);
      const shape = this.numbers.event_shape;
      this.pad.answer(
        toBitmap(blob.reconstruction.values, shape),
        toBitmap(difference(pixels, blob.reconstruction.values, shape).values, [1, shape[1], shape[2]]),
        blob.distortion.values[0],
        blob.rate.values[0],
      );
      this.settledSoon();
    });
  }

  settledSoon() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.askGrid();
      this.report();
    }, 250);
  }

  // ---- questions to the model ----

  /** Ask the model of the sweep that is open. */
  askMember(channel, request, use) {
    const { member } = this;
    this.askModel(channel, { member, ...request }, (blob) => {
      if (member === this.member) use(blob);
    });
  }

  /** Pictures of rows of latents; the newest question of a channel wins. */
  ask(channel, rows, use) {
    if (!this.canDecode || !rows.length) return;
    this.askMember(channel, { what: "decode", z: round(rows), label: this.label }, (blob) =>
      use(toBitmaps(blob.pictures), blob),
    );
  }

  askPicture() {
    const asked = performance.now();
    this.ask("picture", [this.z], (bitmaps) => {
      this.bigBitmap = bitmaps[0];
      this.answers = (this.answers ?? 0) + 1;
      this.latency = performance.now() - asked;
      this.isDirty = true;
    });
  }

  /** The small pictures may lag behind: they must not delay the large one while a hand moves. */
  askEndsSoon() {
    this.endsTimer ??= setTimeout(() => {
      this.endsTimer = null;
      if (this.z) this.askEnds();
    }, ENDS_DELAY);
  }

  askEnds() {
    if (this.list.shown?.length)
      this.ask("ends", this.list.endRows(this.z).slice(0, 200), (bitmaps) => this.list.paintEnds(bitmaps));
  }

  askGrid() {
    const [u, v] = this.directions(),
      rows = [],
      p0 = this.along(this.z, u),
      q0 = this.along(this.z, v);
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++) {
        const p = (((j + 0.5) / SIDE) * 2 - 1) * REACH - p0,
          q = (((i + 0.5) / SIDE) * 2 - 1) * REACH - q0;
        rows.push(this.z.map((value, d) => value + p * u[d] + q * v[d]));
      }
    this.ask("grid", rows, (bitmaps) => {
      this.plane.bitmaps = bitmaps;
      this.isDirty = true;
    });
  }

  askHoles() {
    if (!this.canDecode) return;
    this.askMember("holes", { what: "aggregate", axes: round(this.directions()), reach: 3 }, (blob) => {
      this.holes = blob.holes;
      this.isDirty = true;
    });
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.slider.value = this.member;
    this.slider.style.setProperty("--share", `${(100 * this.member) / Math.max(1, this.members.length - 1)}%`);
    this.sliderName.textContent = this.members[this.member]?.name ?? "";
    if (!this.portrait && this.kl.length) this.list.build(this.kl, this.names);
    if (!this.canDecode && this.strips.tab !== "sweep") this.strips.refresh();
    this.isStripDirty = true;
    this.showPlayer({ marks: this.overfitMarks() });
    this.isDirty = true;
  }

  /** The step of this model's best held-out bound, if training went on well beyond it. */
  overfitMarks() {
    const bounds = this.snapshots
      .filter((s) => s.metrics.bound)
      .map((s) => ({ step: s.step, bound: s.metrics.bound[this.member] }));
    if (bounds.length < 5) return [];
    const best = bounds.reduce((a, b) => (b.bound > a.bound ? b : a));
    return best.bound - bounds.at(-1).bound > 0.5 ? [{ step: best.step, text: "overfits from here" }] : [];
  }

  lastMetrics() {
    const step = this.picture?.step ?? -1;
    return this.snapshots.filter((s) => s.step <= step && s.metrics.rate).at(-1)?.metrics;
  }

  whyNoDecoding() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.standing?.ended)
      return "The model can be asked when its training has ended; until then its pictures are under All models.";
    if (this.index < this.snapshots.length - 1)
      return "Weights are kept for the last step: move the player to its end to ask the model.";
    return "asking the model …";
  }

  paint() {
    this.isDirty = false;
    this.paintPlane();
    this.decoded.paint();
    this.tradeoff.paint({
      members: this.members,
      member: this.member,
      metrics: this.lastMetrics(),
      scores: this.numbers.scores,
      axisTitle: this.numbers.axis_title,
      kl: this.picture?.kl,
      information: this.canDecode ? this.portrait.information : null,
      factors: this.numbers.factors,
      names: this.names,
      colours: this.colours,
    });
    this.paintStrips();
    this.painted = { answers: this.answers ?? 0, at: performance.now() };
  }

  /** All models' pictures are many: while a run trains they are painted a few times a second, not at every update. */
  paintStrips() {
    const now = performance.now(),
      isNew = this.paintedWidth !== this.root.clientWidth || this.paintedColours !== this.colours;
    if (!isNew && !(this.isStripDirty && this.strips.tab === "sweep")) return;
    if (!isNew && this.player.isTraining && now - this.stripsAt < STRIPS_EVERY) return;
    this.strips.refreshTabs();
    this.strips.paint();
    this.isStripDirty = false;
    this.stripsAt = now;
    this.paintedWidth = this.root.clientWidth;
    this.paintedColours = this.colours;
  }

  paintPlane() {
    const [u, v] = this.directions(),
      z = this.z ?? new Float32Array(u.length);
    const names =
      this.axes === "pca"
        ? ["principal axis 1", "2"]
        : this.axes.map((a) => `z${a + 1}${this.names[a] ? ` ${this.names[a]}` : ""}`);
    this.planeTag.textContent = names.join(" × ");
    this.planeTag.title =
      this.axes === "pca" ? "Show the two latents that carry most" : "Show the two principal directions of the codes";
    if (!this.canDecode) this.plane.bitmaps = null;
    const labels = this.portrait && this.canDecode ? this.portrait.labels : this.numbers.probe_labels;
    this.plane.marks = this.numbers.classes;
    this.plane.paint({
      place: { p: this.along(z, u), q: this.along(z, v) },
      ellipse: this.ellipse,
      labels,
      holes: this.wantsHoles && this.canDecode ? this.holes : null,
      colours: this.colours,
    });
    this.planeCap.replaceChildren(
      element(
        "span",
        {},
        this.wantsHoles
          ? "blue: more codes than the prior, red: fewer"
          : "drag the cross; double-click a code to open it",
      ),
      element("span", { className: "num" }, `(${this.along(z, u).toFixed(2)}, ${this.along(z, v).toFixed(2)})`),
    );
  }

  report() {
    this.tellMoment({ member: this.member, z: this.z ? round([this.z])[0] : null, tab: this.strips.tab });
  }

  copyLink() {
    this.report();
    const z = this.z ? { z: round([this.z])[0].join(" ") } : {};
    this.player.copy(linkWith({ member: this.member, ...z, tab: this.strips.tab }));
  }
}
