// A run beside a stage that shows more than it: the stage is told when there is another picture to be seen.

import { RunFollower } from "./follower.js";
import { lostWords } from "./words.js";

const BLOCKED =
  "WebSockets of the live lane are blocked on the way here, so that this stage can show no run: " +
  "a proxy in between must let them through. Numbers, charts and code below come with the page and are there.";

/**
 * owner: shown() when another picture is to be seen, say(text), ended(text), settled(), copyLink(); lossOf(losses): the
 * loss on the track.
 */
export class WatchedRun extends RunFollower {
  constructor(owner, lossOf) {
    super();
    Object.assign(this, { owner, lossOf });
    this.reset();
    this.buildPlayer();
  }

  /** at: a step to open a stored run at; null: its end. */
  open(run, attempt, stepsAsked, at) {
    this.turnTo({ run, attempt });
    Object.assign(this, { stepsAsked, at, wasOpen: false, failures: 0 });
    this.listen();
  }

  opened() {
    this.wasOpen = true;
  }

  /** Two failures before any success are no broken connection: something on the way lets no socket through. */
  lost(code, reason) {
    if (!this.wasOpen) this.failures += 1;
    this.say(this.failures > 1 && code < 4400 ? BLOCKED : lostWords(code, reason));
  }

  pictureOf(blob) {
    const { numbers, ...arrays } = blob;
    return { ...super.pictureOf(blob), losses: numbers.losses, arrays };
  }

  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    this.refresh();
  }

  toEnd() {
    const wanted = this.at === null ? -1 : this.snapshots.findIndex(({ step }) => step >= this.at);
    this.standAt(wanted >= 0 ? wanted : this.snapshots.length - 1);
  }

  refresh() {
    this.owner.shown();
  }

  report() {
    this.owner.settled();
  }

  copyLink() {
    this.owner.copyLink();
  }

  say(text) {
    this.owner.say(text);
  }

  ended(name) {
    this.owner.ended(`${name}/${this.attempt}`);
  }

  /** Step for the link; null: the end. */
  get step() {
    return this.standing?.ended && !this.isAtEnd && this.picture ? this.picture.step : null;
  }

  /** Measures of the shown picture, or of the last one before it that was measured. */
  get metrics() {
    return this.picture?.metrics && Object.keys(this.picture.metrics).length
      ? this.picture.metrics
      : (this.snapshots.findLast(
          ({ step, metrics }) => step <= (this.picture?.step ?? 0) && Object.keys(metrics ?? {}).length,
        )?.metrics ?? null);
  }

  close() {
    this.socket?.close();
  }
}
