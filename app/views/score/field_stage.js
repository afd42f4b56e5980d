// The learned field of a score network: that of a snapshot, and the whole one of a step that keeps its weights.

import { wantsStillness } from "../../canvas/live.js";
import { Stage } from "../../canvas/stage.js";
import { blend } from "../../canvas/stage_card.js";
import { Field } from "./field.js";

/** A stage whose kind has releaseIfWanted(), for when there is a field to walk in. */
export class FieldStage extends Stage {
  /** Another run. */
  forgetField() {
    this.full = new Map();
    this.refused = null; // the step whose field could not be had
    this.coarse = null;
  }

  pictureOf(blob) {
    return { ...super.pictureOf(blob), field: blob.field ?? null };
  }

  aim(picture) {
    super.aim(picture);
    if (picture.field) this.target.field = picture.field;
    this.isGroundDirty = this.isDirty = true;
  }

  /** The whole field of this step, where its weights are kept. */
  askDensity() {
    this.isSharp = true;
    if (this.isTraining || !this.digest) return;
    const step = this.aimed?.keeps ? this.aimed.step : null;
    if (step === null) {
      this.releaseIfWanted();
      return;
    }
    if (this.full.has(step) || this.refused === step) {
      this.releaseIfWanted();
      return;
    }
    const digest = this.digest,
      asked = performance.now();
    this.decoder.ask(
      "field",
      { run: digest, step, what: "field" },
      (blob) => {
        if (this.digest !== digest) return;
        this.full.set(
          step,
          new Field({
            values: blob.field.values,
            sigmas: blob.sigmas.values,
            boxes: blob.boxes.values,
            side: blob.field.shape[1],
          }),
        );
        this.fieldLatency = performance.now() - asked;
        this.isGroundDirty = this.isDirty = true;
        this.refresh();
        this.releaseIfWanted();
      },
      (error) => {
        this.refused = step;
        this.say(error.message);
        this.releaseIfWanted();
      },
    );
  }

  get isTraining() {
    return !!this.standing && !this.standing.ended && !this.standing.stored;
  }

  /** The learned field that is shown: whole where it has come, else the snapshot's own. */
  get learned() {
    return (!this.player.isPlaying && this.full.get(this.aimed?.step)) || this.coarse;
  }

  /**
   * The learned field on all of the noised data: a snapshot's own ends at the window, and no error can be read off it.
   */
  get wholeField() {
    return this.learned === this.coarse ? null : this.learned;
  }

  /** Why the network itself cannot be asked now; "" if it can. */
  get silence() {
    if (!this.digest || !this.aimed) return "Train first: the network itself is asked for this.";
    if (this.failures > 1) return "This needs the live lane.";
    if (this.isTraining) return "It is asked of the network when the training has ended.";
    if (!this.aimed.keeps)
      return `Weights are kept only at steps ${this.snapshots
        .filter((s) => s.keeps)
        .map((s) => s.step.toLocaleString("en"))
        .join(", ")}.`;
    return "";
  }

  approach(dt) {
    const share = wantsStillness() ? 1 : 1 - Math.exp(-dt / 70),
      { field, samples } = this.target;
    this.shown ??= {};
    if (field && this.coarse?.values.length !== field.values.length) {
      this.coarse = this.coarseField(field);
      this.isGroundDirty = this.isDirty = true;
    } else if (field && blend(this.coarse.values, field.values, share, 1e-3)) this.isGroundDirty = this.isDirty = true;
    if (!samples) return;
    if (this.shown.samples?.length !== samples.length) {
      this.shown.samples = Float32Array.from(samples);
      this.isDirty = true;
    } else if (blend(this.shown.samples, samples, share, 1e-3)) this.isDirty = true;
  }

  /** The snapshot's own field: few cells of the window at few levels. */
  coarseField({ shape: [levels, side], values }) {
    const [low, high] = this.numbers.trained;
    const sigmas =
      levels > 1 ? Array.from({ length: levels }, (_, i) => high * (low / high) ** (i / (levels - 1))) : [low];
    return new Field({
      values: Float32Array.from(values),
      sigmas,
      boxes: Float32Array.from(sigmas.flatMap(() => this.window)),
      side,
    });
  }
}
