// One run as a canvas follows it: its pictures as they come, which of them is shown, and the player under it.

import { watchRun } from "../live.js";
import { Player } from "../player.js";
import { lostWords, standingWords, statusWords } from "./words.js";

/**
 * A kind has stepsAsked, showPicture(picture), refresh(), report(), copyLink(), say(text), and ended(name) for when a
 * training that was followed has come to its end; it may have pictureOf(blob), stood(message, before), lost(code,
 * reason) and opened().
 */
export class RunFollower {
  /** Forget the run; a kind forgets what it holds of it too. */
  reset() {
    this.snapshots = [];
    this.tail = [];
    this.index = 0;
    this.following = true;
    this.live = this.standing = this.picture = null;
  }

  /** What kind of player stands under it. */
  get Player() {
    return Player;
  }

  buildPlayer() {
    this.player = new this.Player({
      seek: (index) => this.standAt(index),
      follow: () => {
        this.following = true;
        this.showPicture(this.live);
      },
      command: (word) => this.command(word),
      settled: () => this.report(),
      copyLink: () => this.copyLink(),
    });
  }

  /** Pause, step or stop the run in training. */
  command(word) {
    this.socket?.send({ do: word });
  }

  isAnother({ run, attempt }) {
    return run !== this.digest || attempt !== this.attempt;
  }

  /** Leave the run for another one, which `listen` begins to hear. */
  turnTo({ run, attempt }) {
    this.socket?.close();
    this.digest = run;
    this.attempt = attempt;
    this.reset();
    this.player?.forget();
    this.say("");
  }

  listen() {
    if (!this.digest) return;
    this.socket = watchRun(this.digest, {
      opened: () => {
        this.snapshots = [];
        this.tail = [];
        this.opened();
        this.say("");
      },
      blob: (blob) => this.take(blob),
      text: (message) => this.hear(message),
      lost: (code, reason) => this.lost(code, reason),
    });
  }

  opened() {}

  lost(code, reason) {
    this.say(lostWords(code, reason));
  }

  /** What each picture of a run has; a kind adds its own. */
  pictureOf({ numbers }) {
    return {
      step: numbers.step,
      seconds: numbers.seconds,
      loss: this.lossOf(numbers.losses),
      metrics: numbers.metrics,
      keeps: numbers.has_weights,
    };
  }

  /** The loss that the track shows. */
  lossOf({ loss }) {
    return loss;
  }

  take(blob) {
    const picture = this.pictureOf(blob);
    this.keep(picture, blob.numbers.is_frame);
    this.updates = (this.updates ?? 0) + 1;
    if (this.following) this.showPicture(picture);
    else this.refresh();
  }

  keep(picture, isFrame) {
    this.live = picture;
    if (isFrame) {
      if (Number.isFinite(picture.loss)) this.tail.push(picture);
      return;
    }
    if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop(); // it may come twice when a watch begins
    this.snapshots.push(picture);
    this.tail = [];
  }

  hear(message) {
    const before = this.standing;
    if (message.type === "error") {
      this.say(message.text);
      return;
    }
    this.standing = message;
    if (message.ended && before && !before.ended && !message.stored) this.ended(`${this.digest}/${message.state}`);
    this.stood(message, before);
    const words = standingWords(message, before);
    if (words !== null) this.say(words);
    this.refresh();
  }

  stood(message) {
    if (message.ended) this.toEnd();
  }

  /** A run that has ended stands at its end. */
  toEnd() {
    this.standAt(this.snapshots.length - 1);
  }

  standAt(index) {
    this.following = false;
    this.index = index;
    this.showPicture(this.snapshots[index]);
  }

  /** Whether the end of a run that has ended is shown: there the model itself can be asked. */
  get isAtEnd() {
    return !!this.standing?.ended && this.index === this.snapshots.length - 1;
  }

  get lastStep() {
    const s = this.standing;
    return (s?.ended && this.snapshots.at(-1)?.step) || s?.steps || this.stepsAsked;
  }

  /** The step of the picture that is shown; -1: none. */
  get shownStep() {
    return this.picture?.step ?? -1;
  }

  /** The measures of the last snapshot up to the shown step that has this one. */
  lastMeasured(name) {
    return this.snapshots.findLast(({ step, metrics }) => step <= this.shownStep && metrics?.[name] !== undefined)
      ?.metrics;
  }

  /** more: colours, and whatever else the player shows. */
  showPlayer(more) {
    const { standing: s } = this;
    this.player.show({
      snapshots: this.snapshots,
      tail: this.tail,
      index: this.index,
      step: this.picture?.step ?? 0,
      steps: this.lastStep,
      live: !!s && !s.stored,
      ended: s?.ended ?? false,
      following: this.following,
      paused: s?.state === "paused",
      status: this.status(),
      ...more,
    });
  }

  status() {
    return statusWords(this);
  }
}
