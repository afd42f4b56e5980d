// The stage of sound: real waves, the teacher's and the student's, to be looked at and heard; spectra, and where they
// differ.

import { Decoder, element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { powerText } from "../../canvas/number_text.js";
import { WatchedStage } from "../../canvas/watching/watched_stage.js";
import { Loudspeaker, playedWords } from "./speaker.js";
import { Bars, Lines, WaveStack } from "./waves.js";
import { lossOf } from "./words.js";

const WHO = {
  data: { role: "data", title: "Real tones" },
  teacher: { role: "field", title: "Teacher" },
  student: { role: "model", title: "Student" },
};

/** Streamlit calls this at each change of data or theme; the stage itself lives as long as the page. */
export const mount = (component) => mountStage(SoundStage, component);

class SoundStage extends WatchedStage {
  constructor(parent) {
    super(parent.querySelector(".distillation_sound"));
    this.decoder = new Decoder();
    this.speaker = new Loudspeaker();
    this.build();
    this.startPainting();
  }

  lossOf(losses) {
    return lossOf(losses, this.numbers.entropy);
  }

  build() {
    this.cards = Object.fromEntries(
      Object.entries(WHO).map(([who, { role, title }]) => [who, this.buildCard(who, role, title)]),
    );
    this.spectra = new Lines();
    this.gaps = new Bars();
    this.spectraKey = element(
      "div",
      { className: "cap" },
      ...Object.entries(WHO).map(([who, { role, title }]) =>
        element("span", {}, element("i", { className: `dot ${role}` }), who === "data" ? "real" : title.toLowerCase()),
      ),
    );
    this.gapValue = element("span", { className: "num" }, "–");
    this.another = element(
      "button",
      {
        type: "button",
        className: "chip",
        title: "Teacher and student make new waves from new noise",
        onclick: () => this.draw(),
      },
      "other noise",
    );
    this.about = element("p", { className: "about" });
    this.root.replaceChildren(
      element("div", { className: "cards" }, ...Object.values(this.cards).map((c) => c.root)),
      element("div", { className: "heard" }, this.about, this.another),
      element(
        "div",
        { className: "proofs" },
        element(
          "section",
          { className: "card" },
          element("h3", {}, "Mean magnitude at each frequency"),
          this.spectra.canvas,
          this.spectraKey,
        ),
        element(
          "section",
          { className: "card" },
          element("h3", {}, "Student against teacher, sample by sample"),
          this.gaps.canvas,
          element("div", { className: "cap" }, element("span", {}, "KL(student ‖ teacher)"), this.gapValue),
        ),
      ),
      this.note,
      this.run.player.root,
    );
  }

  buildCard(who, role, title) {
    const stack = new WaveStack(title, (i) => this.play(who, i));
    const clock = element("span", { className: "num" }, "–"),
      likely = element("span", { className: "num" }, "–"),
      tag = element("span", { className: "tag" });
    const root = element(
      "section",
      { className: "card" },
      element("h3", {}, element("span", {}, element("i", { className: `dot ${role}` }), title), tag),
      stack.canvas,
      element("div", { className: "cap" }, element("span", {}, who === "data" ? "entropy" : "1,000 waves"), clock),
      element("div", { className: "cap" }, element("span", {}, who === "data" ? "loudness" : "held-out tones"), likely),
    );
    return { root, stack, clock, likely, tag, role };
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob;
    this.takeNumbers(numbers);
    this.waves = { ...this.waves, data: blob.waves };
    if (this.run.isAnother(numbers)) {
      this.own = null;
      this.run.open(numbers.run, numbers.attempt, numbers.steps, numbers.at);
    }
    this.about.textContent = playedWords(blob.waves.shape[1], numbers.rate);
    this.refresh();
  }

  // ---- sound ----

  /** Play a wave of a card, or stop it. */
  play(who, i) {
    const { values, shape } = this.waves[who] ?? {};
    if (!values) return;
    const [, size] = shape,
      name = `${who}/${i}`;
    const isNew = this.speaker.toggle(name, values.slice(i * size, (i + 1) * size), this.numbers.rate, () =>
      this.showPlaying(),
    );
    this.played = isNew ? name : "";
    this.showPlaying();
  }

  showPlaying() {
    for (const [who, { stack }] of Object.entries(this.cards))
      stack.playing = this.speaker.name?.startsWith(`${who}/`) ? +this.speaker.name.split("/")[1] : -1;
    this.isDirty = true;
  }

  /** New waves of the shown run's end, from new noise. */
  draw() {
    this.seed = (this.seed ?? 0) + 1;
    const { digest } = this.run;
    this.another.disabled = true;
    this.decoder.ask(
      "waves",
      { run: digest, step: null, what: "waves", seed: this.seed, n: this.waves.data.shape[0] },
      (blob) => {
        this.another.disabled = false;
        if (digest !== this.run.digest) return;
        this.own = { student: blob.student, teacher: blob.teacher };
        this.answers = (this.answers ?? 0) + 1;
        this.refresh();
      },
      (error) => {
        this.another.disabled = false;
        this.say(error.message);
      },
    );
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.run.showPlayer({
      colours: this.colours,
      floor: 0,
      floorText: "0 nats, the least possible",
      marks: this.numbers.marks,
    });
    const { picture, metrics, isAtEnd } = this.run;
    if (!isAtEnd) this.own = null;
    const { samples: student, teacher_samples: teacher } = picture?.arrays ?? {};
    this.waves = { data: this.waves.data, student, teacher, ...(this.own ?? {}) };
    this.another.hidden = !isAtEnd;
    this.showNumbers(metrics, picture);
    this.isDirty = true;
  }

  showNumbers(m, picture) {
    const { data, teacher, student } = this.cards,
      { entropy, entropy_error: error, handover } = this.numbers,
      size = this.waves.data.shape[1];
    data.tag.textContent = "held out";
    data.clock.textContent = `${fixed(entropy / size, 3)} ± ${(error / size).toFixed(3)} nats a sample`;
    data.likely.textContent = m ? fixed(m.data_loudness, 3) : "–";
    const clock = (who) =>
      m?.[`${who}_sample_ms`]
        ? `${m[`${who}_sample_ms`].toPrecision(3)} ms, ` +
          `${m[`${who}_sample_passes`]} pass${m[`${who}_sample_passes`] > 1 ? "es" : ""}`
        : "timed at the end";
    const at = picture?.step ?? 0;
    teacher.tag.textContent = !picture ? "" : at < handover ? "learns from data" : "frozen";
    student.tag.textContent = !picture ? "" : at <= handover ? "waits" : "learns from the teacher";
    teacher.clock.textContent = clock("teacher");
    student.clock.textContent = clock("student");
    const likely = (nll) =>
      nll === undefined
        ? "–"
        : Math.abs(nll) > 1e4
          ? `${powerText(nll, 1)} nats a sample`
          : `${fixed(nll, 3)} nats a sample`;
    teacher.likely.textContent = likely(m?.teacher_nll);
    student.likely.textContent = likely(m?.nll);
    this.gapValue.textContent = m
      ? `${fixed(m.distilled_kl, 2)} ± ${m.distilled_kl_error.toFixed(2)} nats a wave`
      : "–";
    for (const [who, { stack }] of Object.entries(this.cards)) stack.about(m?.[`${who}_loudness`]);
    this.spectra.about(
      m &&
        `Mean magnitude at each frequency; loudness of real tones ${fixed(m.data_loudness, 2)}, ` +
          `of the teacher's ${fixed(m.teacher_loudness, 2)}, of the student's ${fixed(m.student_loudness, 2)}`,
    );
    this.gaps.about(m && `KL from student to teacher for each sample, ${fixed(m.distilled_kl, 2)} nats together`);
  }

  paint() {
    this.isDirty = false;
    const { metrics: m, digest } = this.run,
      { colours } = this,
      empty = digest ? "opening the run …" : "Not trained yet: press Train.";
    for (const [who, { stack, role }] of Object.entries(this.cards))
      stack.paint(this.waves[who], colours[role], colours, empty);
    const curves = m
      ? Object.entries(WHO).map(([who, { role }]) => ({
          values: m[`${who}_spectrum`],
          colour: colours[role],
          dash: { data: [], teacher: [5, 3], student: [] }[who],
          width: who === "student" ? 2.2 : 1.5,
        }))
      : [];
    this.spectra.paint(curves, this.numbers.rate / 2, colours);
    this.gaps.paint(m?.distilled_by_sample ?? [], colours);
  }

  // ---- where the visitor is ----

  close() {
    super.close();
    this.speaker.close();
    this.decoder.close();
  }
}

const fixed = (v, digits) => v.toFixed(digits).replace("-", "−");
