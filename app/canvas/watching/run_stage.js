// A stage around one run: how it opens and replays, what it says of how it stands, and where its visitor is.

import { linkWith } from "../base_canvas.js";
import { element, unpack, wantsStillness } from "../live.js";
import { RunFollower } from "./follower.js";
import { endWords, keptWords, lostWords, trainingWords } from "./words.js";

const BLOCKED =
  "WebSockets of the live lane are blocked on the way here. " +
  "The pictures come through the page instead, once a second; " +
  "temperature does not answer.";

/**
 * A kind has aim(picture), which lets what is shown move towards a picture, refresh(), and `temperature` of its
 * samples.
 */
export class RunStage extends RunFollower {
  reset() {
    super.reset();
    this.updates = 0;
  }

  buildPlayer() {
    super.buildPlayer();
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
  }

  say(text) {
    [this.note.textContent, this.note.hidden] = [text, !text];
  }

  // ---- what Python sends ----

  watch(run, attempt) {
    this.aimed = null;
    this.turnTo({ run, attempt });
    this.listen();
  }

  /** Without WebSockets the snapshots come with the page's own data: 8-byte length and blob, again and again. */
  takeReplay(bytes, standing) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const length = Number(view.getBigUint64(at, true));
      const blob = unpack(bytes.subarray(at + 8, at + 8 + length));
      if (blob.numbers.step > (this.snapshots.at(-1)?.step ?? -1)) this.take(blob);
      at += 8 + length;
    }
    this.hear(standing);
  }

  // ---- what the run sends ----

  opened() {
    this.wasOpen = true;
    this.reset();
  }

  lost(code, reason) {
    this.failures = this.wasOpen ? 0 : (this.failures ?? 0) + 1;
    if (this.failures === 2) {
      this.tell.state("lane", "blocked");
      this.say(BLOCKED);
    }
    if (this.failures > 1) return;
    this.say(lostWords(code, reason));
  }

  keep(picture, isFrame) {
    super.keep(picture, isFrame);
    this.rate = this.rateOf(picture);
  }

  /** Steps a second over the last second or so. */
  rateOf(picture) {
    this.marks = (this.marks ?? []).filter((m) => picture.seconds - m.seconds < 1.5 && m.seconds <= picture.seconds);
    this.marks.push(picture);
    const first = this.marks[0];
    return picture.seconds > first.seconds
      ? (picture.step - first.step) / (picture.seconds - first.seconds)
      : this.rate;
  }

  ended(name) {
    this.tell.trigger("ended", name);
  }

  stood(message, before) {
    if (message.stored && !before) this.startReplay();
    else if (message.state === "diverged" && !before?.ended) this.standAtLastGood(message.step);
  }

  standAtLastGood(step) {
    this.standAt(this.lastUpTo(step));
  }

  /** A stored run opens where its link says, or plays from the start. */
  startReplay() {
    const wanted = this.wantedIndex;
    this.following = false;
    if (wanted >= 0) this.standAt(wanted);
    else if (wantsStillness() || !this.numbers.autoplay) this.standAt(this.snapshots.length - 1);
    else {
      this.standAt(0);
      this.player.setPlaying(true);
    }
  }

  /** The snapshot that a link asks for; -1: none. */
  get wantedIndex() {
    const { at } = this.numbers;
    return at === null ? -1 : this.snapshots.findIndex(({ step }) => step >= at);
  }

  // ---- what is shown ----

  get current() {
    return this.following ? this.live : this.snapshots[this.index];
  }

  get shownStep() {
    return this.current?.step ?? -1;
  }

  showPicture(picture) {
    if (picture) this.aim(picture);
    this.refresh();
  }

  get stepsAsked() {
    return this.numbers.steps;
  }

  lastUpTo(step) {
    return Math.max(
      0,
      this.snapshots.findLastIndex((s) => s.step <= step),
    );
  }

  // ---- words ----

  /** How the model's density is known. */
  get certainty() {
    return "exact";
  }

  provenance() {
    if (!this.digest) return "not trained yet";
    const s = this.standing;
    if (!s) return "opening …";
    if (s.state === "queued") return "waiting";
    if (s.stored) return [this.certainty, keptWords(s), endWords(s)].filter(Boolean).join(", ");
    return `${this.certainty}, ${s.ended ? "trained now" : "training"}`;
  }

  status() {
    const s = this.standing;
    if (!s) return this.digest ? "opening the run" : "press Train to begin";
    const others = s.watchers > 1 ? ` · ${s.watchers} watching` : "";
    if (s.state === "running" && !this.following) return `training goes on · play to catch up${others}`;
    const rate = this.rate ? ` · ${Math.round(this.rate)} steps/s` : "";
    if (s.state === "running") return `${trainingWords(this)}${rate} · ${s.device}${others}`;
    const words = {
      queued: "waiting in the queue",
      paused: "training is paused",
      finished: `${this.seconds()} s of training`,
      stopped: "stopped",
      diverged: "diverged",
      failed: "failed",
    };
    return `${words[s.state]} · ${s.device || "no device yet"}${others}`;
  }

  seconds() {
    return (this.snapshots.at(-1)?.seconds ?? 0).toFixed(1);
  }

  // ---- where the visitor is ----

  /** The step that a link says; null: the end, or what is newest. */
  get chosenStep() {
    return this.following || this.player.isPlaying ? null : (this.current?.step ?? null);
  }

  /** Tell Python where the visitor is, for the link; called when a hand lets go, never while it moves. */
  report() {
    this.tell.state("moment", {
      of: `${this.digest}/${this.attempt}`,
      step: this.chosenStep,
      shown: this.current?.step ?? null, // of a run in training too, for what begins at this very step
      temperature: this.temperature,
      ...this.ownPlace(),
    });
  }

  /** What else this kind of stage tells of where the visitor is. */
  ownPlace() {
    return {};
  }

  /** What else a copied link says: parameter -> text, or null for none. */
  ownLink() {
    return {};
  }

  /** The page's address with this very step and temperature in it. */
  copyLink() {
    const temperature = this.temperature === 1 ? null : this.temperature;
    this.player.copy(linkWith({ at: this.chosenStep, temperature, ...this.ownLink() }));
  }
}
