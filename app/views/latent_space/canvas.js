// The studio of a latent space: a plane to drag in, what is decoded there, what each latent carries, what a sweep
// trades.

import { linkWith, startFrames } from "../../canvas/base_canvas.js";
import { LatentList } from "../../canvas/latents/list.js";
import { rounded } from "../../canvas/latents/ways.js";
import { Decoder, element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { PaintPad } from "../../canvas/paint_pad.js";
import { difference, toBase64, toBitmap, toBitmaps } from "../../canvas/pictures.js";
import { heading } from "../../canvas/stage_card.js";
import { DecodedCard } from "./decoded_card.js";
import { MemberDial } from "./dial.js";
import { PlaneCard } from "./plane_card.js";
import { Strips } from "./strips.js";
import { SweepBench } from "./sweep_bench.js";
import { Tradeoff } from "./tradeoff.js";

const STRIPS_EVERY = 300; // ms

/** Streamlit calls this at each change of data or theme; the studio itself lives as long as the page. */
export const mount = (component) => mountStage(Studio, component);

class Studio extends SweepBench {
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
    this.planeCard = new PlaneCard(this);
    this.plane = this.planeCard.plane;
    this.list = new LatentList({
      move: (d, v) => this.setLatent(d, v, false),
      settled: () => this.settled(),
      axis: (d, which) => this.planeCard.setAxis(d, which),
    });
    this.tradeoff = new Tradeoff({ choose: (k) => this.choose(k) });
    this.pad = new PaintPad({ encode: (pixels) => this.encode(pixels) });
    this.strips = new Strips(this);
    this.decoded = new DecodedCard(this);
    this.dial = new MemberDial((member) => this.choose(member));
    this.buildPlayer();
    this.root.replaceChildren(
      this.dial.root,
      element(
        "div",
        { className: "cards" },
        this.planeCard.root,
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
    this.dial.describe(this.members, numbers.axis_title);
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

  // ---- where the visitor is ----

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
    if (leavesPlane) this.planeCard.askGrid();
    this.list.show(this.z, this.axes);
    this.askEndsSoon();
    this.isDirty = true;
  }

  settled() {
    if (!this.z) return;
    this.planeCard.askGrid();
    this.strips.refresh();
    this.report();
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
    this.ellipse = this.planeCard.spreadOf(mean, std);
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
      this.planeCard.askGrid();
      this.report();
    }, 250);
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.dial.show(this.member);
    if (!this.portrait && this.kl.length) this.list.build(this.kl, this.names);
    if (!this.canDecode && this.strips.tab !== "sweep") this.strips.refresh();
    this.isStripDirty = true;
    this.showPlayer({ marks: this.overfitMarks() });
    this.isDirty = true;
  }

  lastMetrics() {
    return this.lastMeasured("rate");
  }

  paint() {
    this.isDirty = false;
    this.planeCard.paint();
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

  report() {
    this.tellMoment({ member: this.member, z: this.z ? rounded(this.z) : null, tab: this.strips.tab });
  }

  copyLink() {
    this.report();
    const z = this.z ? { z: rounded(this.z).join(" ") } : {};
    this.player.copy(linkWith({ member: this.member, ...z, tab: this.strips.tab }));
  }
}
