// One model of a sweep: what the run sends of it, the portrait of its latent space, and what it is asked.

import { DEAD } from "../../canvas/latents/list.js";
import { rounded } from "../../canvas/latents/ways.js";
import { toBitmaps } from "../../canvas/pictures.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { namesOf, readPortrait, rowsOf } from "./portrait.js";

const ENDS_DELAY = 120; // ms

/**
 * A bench with `planeCard`, `list` and `strips`, which its kind builds and paints; `member` is the model that is open.
 */
export class SweepBench extends RunBench {
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
    if (!this.portrait) this.axes = this.planeCard.strongest();
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
    this.planeCard.project();
  }

  restorePortrait() {
    this.codes = this.portrait.codes;
    this.takeKl(this.portrait.kl);
    this.planeCard.project();
  }

  // ---- the portrait of a stored model ----

  openPortrait() {
    this.askMember("portrait", { what: "portrait" }, (blob) => {
      this.portrait = readPortrait(blob);
      this.names = namesOf(this.portrait, this.numbers.factors, DEAD);
      this.strips.ends = [0, this.portrait.farthest(0)];
      this.planeCard.pca = [...Array(2).keys()].map((i) =>
        blob.axes.values.subarray(i * this.portrait.codes.z, (i + 1) * this.portrait.codes.z),
      );
      this.takeKl(this.portrait.kl);
      if (this.axes !== "pca") this.axes = this.planeCard.strongest();
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

  /** The step of this model's best held-out bound, if training went on well beyond it. */
  overfitMarks() {
    const bounds = this.snapshots
      .filter((s) => s.metrics.bound)
      .map((s) => ({ step: s.step, bound: s.metrics.bound[this.member] }));
    if (bounds.length < 5) return [];
    const best = bounds.reduce((a, b) => (b.bound > a.bound ? b : a));
    return best.bound - bounds.at(-1).bound > 0.5 ? [{ step: best.step, text: "overfits from here" }] : [];
  }

  whyNoDecoding() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.standing?.ended)
      return "The model can be asked when its training has ended; until then its pictures are under All models.";
    if (this.index < this.snapshots.length - 1)
      return "Weights are kept for the last step: move the player to its end to ask the model.";
    return "asking the model …";
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
    this.askMember(channel, { what: "decode", z: rows.map(rounded), label: this.label }, (blob) =>
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
}
