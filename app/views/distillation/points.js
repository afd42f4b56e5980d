// The stage of distillation in the plane: data, teacher, student, and where student and teacher differ.

import { GRID, toGrid } from "../../canvas/density.js";
import { element, ramp, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { powerText, withError } from "../../canvas/number_text.js";
import { Stage } from "../../canvas/stage.js";
import { blend, card, dot, EMPTY } from "../../canvas/stage_card.js";
import { waitingWords } from "../../canvas/watching/words.js";
import { HandoverPlayer, lossOf } from "./words.js";

const SMOOTHING = 70; // ms, as on every stage

/** Streamlit calls this at each change of data or theme. */
export function mount(component) {
  component.parentElement.querySelector(".distillation_points").classList.add("stage");
  return mountStage(DistillationStage, component);
}

class DistillationStage extends Stage {
  get Player() {
    return HandoverPlayer;
  }

  buildCards() {
    const cards = {
      data: card("data", "Data", "exact density", "entropy"),
      teacher: card("field", "Teacher", "", "KL(data ‖ teacher)"),
      model: card("model", "Student", "", "KL(data ‖ student)"),
      difference: card("", "Student − teacher", "", "student ‖ teacher"),
    };
    cards.teacher.foot.append((this.teacherClock = element("div", { className: "cap" })));
    cards.difference.foot.append(
      element(
        "div",
        { className: "cap" },
        element("span", {}, dot("field"), "teacher has more"),
        element("span", {}, dot("model"), "student has more"),
      ),
    );
    return cards;
  }

  update(blob) {
    this.player.turns = blob.numbers.marks;
    super.update(blob);
    this.tables.teacher = ramp(this.colours.panel, this.colours.field);
    this.isDirty = true;
  }

  watch(digest, attempt) {
    this.taught = this.shownTaught = null;
    super.watch(digest, attempt);
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    const picture = super.pictureOf(blob),
      { teacher_log_prob: log, teacher_samples: samples } = blob;
    return {
      ...picture,
      loss: lossOf(blob.numbers.losses, this.numbers.entropy),
      taught: log ? toGrid(log) : null,
      taughtSamples: samples?.values ?? null,
    };
  }

  aim(picture) {
    super.aim(picture);
    this.taught ??= { density: null, samples: null };
    if (picture.taught) this.taught.density = picture.taught;
    if (picture.taughtSamples) this.taught.samples = picture.taughtSamples;
  }

  askDensity() {
    const step = this.aimed?.keeps ? this.aimed.step : null,
      aimed = this.aimed;
    this.isSharp = true;
    if (step === null || !this.digest) return;
    this.decoder.ask("density", { run: this.digest, step, what: "log_prob", n: GRID }, (blob) => {
      if (this.aimed !== aimed || !this.target) return;
      this.target.density = aimed.density = toGrid(blob.log_prob);
      this.taught.density = aimed.taught = toGrid(blob.teacher_log_prob);
    });
  }

  // ---- what is shown ----

  approach(dt) {
    super.approach(dt);
    const { density, samples } = this.taught ?? {},
      share = wantsStillness() ? 1 : 1 - Math.exp(-dt / SMOOTHING);
    if (!density) return;
    if (!this.shownTaught) this.shownTaught = { density: Float32Array.from(density), samples: null };
    if (blend(this.shownTaught.density, density, share, this.top * 1e-3)) this.isDirty = true;
    if (!samples) return;
    if (this.shownTaught.samples?.length !== samples.length) {
      this.shownTaught.samples = Float32Array.from(samples);
      this.isDirty = true;
    } else if (blend(this.shownTaught.samples, samples, share, 1e-3)) this.isDirty = true;
  }

  paintModel(common) {
    super.paintModel(common);
    const { panel } = this.cards.teacher;
    panel.paintDensity(this.shownTaught?.density ?? EMPTY, this.tables.teacher ?? this.tables.model, this.top);
    panel.show({ ...common, dots: this.shownTaught?.samples, dotColour: this.dotColour(0.55) });
    if (!this.shownTaught) panel.write(waitingWords(this), this.colours.soft);
  }

  paintThird(common) {
    const { panel } = this.cards.difference;
    if (this.shown && this.shownTaught && this.tables.teacher)
      panel.paintDifference(
        this.shown.density,
        this.shownTaught.density,
        this.tables.model,
        this.tables.teacher,
        this.top * 0.6,
      );
    else panel.paintDensity(EMPTY, this.tables.data, 1);
    panel.show(common);
  }

  // ---- words and numbers ----

  get floor() {
    return 0;
  }

  get floorText() {
    return "0 nats, the least possible";
  }

  showMetrics(metrics) {
    const { data, teacher, model, difference } = this.cards,
      at = this.current?.step ?? 0;
    const text = (name) =>
      Number.isFinite(metrics?.[`${name}kl`])
        ? `${withError(metrics[`${name}kl`], metrics[`${name}kl_error`])} nats`
        : "–";
    [teacher.value.textContent, model.value.textContent, difference.value.textContent] = [
      "teacher_",
      "",
      "distilled_",
    ].map(text);
    teacher.tag.textContent = !this.digest ? "" : at < this.numbers.handover ? "learns from data" : "frozen";
    model.tag.textContent = !this.digest
      ? "not trained yet"
      : at <= this.numbers.handover
        ? "waits"
        : "learns from the teacher";
    difference.tag.textContent = metrics ? "KL is an estimate" : "";
    data.tag.textContent = "exact density";
    this.teacherClock.textContent = this.digest ? this.provenance() : "";
  }

  describe(picture, metrics) {
    super.describe(picture, metrics);
    const { teacher, model, difference } = this.cards;
    const at = picture ? ` at step ${picture.step}` : "";
    teacher.canvas.setAttribute(
      "aria-label",
      picture
        ? `Teacher's density and samples${at}${metrics ? `, KL from the data ${short(metrics.teacher_kl)} nats` : ""}`
        : "No teacher yet",
    );
    model.canvas.setAttribute(
      "aria-label",
      picture
        ? `Student's density and samples${at}${metrics ? `, KL from the data ${short(metrics.kl)} nats` : ""}`
        : "No student yet",
    );
    difference.canvas.setAttribute(
      "aria-label",
      picture
        ? "Student's density minus the " +
            `teacher's${at}${metrics ? `, KL from student to teacher ${short(metrics.distilled_kl)} nats` : ""}`
        : "No difference yet",
    );
  }
}

const short = (v) => (Math.abs(v) >= 1e4 ? powerText(v, 1) : v.toFixed(Math.abs(v) < 0.1 ? 4 : 3)).replace("-", "−");
