// A run that a stage of CycleGAN watches: its pictures as they come, which of them is shown, and the player under it.

import { watchRun } from "./live.js";
import { Player } from "./player.js";
import { lostWords, standingWords, statusWords } from "./run_words.js";

const BLOCKED = "WebSockets of the live lane are blocked on the way here, so that this stage can show no run: a proxy in between must let them through. Numbers, charts and code below come with the page and are there.";

/** owner: shown() when another picture is to be seen, say(text), ended(text), settled(), copyLink(). */
export class WatchedRun {
  constructor(owner) {
    this.owner = owner;
    this.reset();
    this.player = new Player({
      seek: (index) => { this.following = false; this.index = index; this.show(this.snapshots[index]); },
      follow: () => { this.following = true; this.show(this.live); },
      command: (word) => this.socket?.send({ do: word }), settled: () => owner.settled(), copyLink: () => owner.copyLink(),
    });
  }

  reset() {
    this.snapshots = [];
    this.tail = [];
    this.index = 0;
    this.following = true;
    this.live = this.standing = this.picture = null;
  }

  /** at: a step to open a stored run at; null: its end. */
  open(digest, attempt, steps, at) {
    this.socket?.close();
    Object.assign(this, { digest, attempt, steps, at });
    this.reset();
    Object.assign(this, { wasOpen: false, failures: 0 });
    this.owner.say("");
    if (!digest) return;
    this.socket = watchRun(digest, {
      opened: () => { this.wasOpen = true; this.snapshots = []; this.tail = []; this.owner.say(""); },
      blob: (blob) => this.take(blob), text: (message) => this.hear(message), lost: (code, reason) => this.onLost(code, reason),
    });
  }

  /** Two failures before any success are no broken connection: something on the way lets no socket through. */
  onLost(code, reason) {
    if (!this.wasOpen) this.failures += 1;
    this.owner.say(this.failures > 1 && code < 4400 ? BLOCKED : lostWords(code, reason));
  }

  take({ numbers, ...arrays }) {
    const picture = { step: numbers.step, seconds: numbers.seconds, loss: numbers.losses.generator_loss, losses: numbers.losses, metrics: numbers.metrics, keeps: numbers.has_weights, arrays };
    if (numbers.is_frame) this.tail.push(picture);
    else { if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop(); this.snapshots.push(picture); this.tail = []; }
    this.updates = (this.updates ?? 0) + 1;
    this.live = picture;
    if (this.following) this.show(picture);
  }

  hear(message) {
    const before = this.standing;
    if (message.type === "shared") { this.owner.say("Others watch this run, so it goes on."); return; }
    this.standing = message;
    if (message.ended && before && !before.ended && !message.stored) this.owner.ended(`${this.digest}/${message.state}/${this.attempt}`);
    if (message.ended) this.toEnd();
    const words = standingWords(message, before);
    if (words !== null) this.owner.say(words);
    this.owner.shown();
  }

  toEnd() {
    this.following = false;
    const wanted = this.at === null ? -1 : this.snapshots.findIndex(({ step }) => step >= this.at);
    this.index = wanted >= 0 ? wanted : this.snapshots.length - 1;
    this.show(this.snapshots[this.index]);
  }

  show(picture) {
    if (!picture) return;
    this.picture = picture;
    this.owner.shown();
  }

  /** Whether the end of a run that has ended is shown: there the model itself can be asked. */
  get isAtEnd() { return !!this.standing?.ended && this.index === this.snapshots.length - 1; }

  /** Step for the link; null: the end. */
  get step() { return this.standing?.ended && !this.isAtEnd && this.picture ? this.picture.step : null; }

  /** Measures of the shown picture, or of the last one before it that was measured. */
  get metrics() { return this.picture?.metrics && Object.keys(this.picture.metrics).length ? this.picture.metrics : this.snapshots.findLast(({ step, metrics }) => step <= (this.picture?.step ?? 0) && Object.keys(metrics ?? {}).length)?.metrics ?? null; }

  refresh(colours) {
    const { standing: s } = this;
    this.player.show({
      snapshots: this.snapshots, tail: this.tail, index: this.index, step: this.picture?.step ?? 0, steps: (s?.ended && this.snapshots.at(-1)?.step) || s?.steps || this.steps,
      live: !!s && !s.stored, ended: s?.ended ?? false, following: this.following, paused: s?.state === "paused", status: this.status(), colours,
    });
  }

  status() { return statusWords(this); }

  close() { this.socket?.close(); }
}
