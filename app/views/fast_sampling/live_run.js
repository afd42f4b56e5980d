// The run of one of the models: while it trains it is watched; a stored one is only asked.

import { BesideRun } from "../../canvas/watching/beside.js";
import { lostWords, standingWords } from "../../canvas/watching/words.js";

const SILENCE = 2500; // ms without a picture after which its samplers are being measured

/**
 * stage: the owner; it has refresh(), say(text), blocked(), and ended(name) for when a training has come to its end.
 */
export class LiveRun extends BesideRun {
  constructor(stage) {
    super();
    this.stage = stage;
    this.asked = this.digest = "";
    this.reset();
  }

  reset() {
    super.reset();
    this.isSilent = false;
    this.ways = {}; // of the picture that was seen last
    this.seen = null;
  }

  /** run: the one that is asked; it is watched only while it trains. */
  turnTo({ digest: run, is_live: isLive }, attempt) {
    if (run === this.asked && isLive === this.isLive && attempt === this.attempt) return;
    Object.assign(this, { asked: run, isLive, failures: 0, wasOpen: false });
    clearTimeout(this.silence);
    this.follow(isLive ? run : "", attempt);
  }

  opened() {
    this.wasOpen = true;
    this.failures = 0;
    this.stage.say("");
  }

  take(blob) {
    this.picture = blob;
    this.isSilent = false; // at the end it is measured, for which nothing is heard of it
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.isSilent = true;
      this.stage.refresh();
    }, SILENCE);
    this.stage.updates = (this.stage.updates ?? 0) + 1;
    this.stage.refresh();
  }

  hear(message) {
    if (message.type !== "standing") return;
    const words = standingWords(message, this.standing);
    if (message.ended && !this.standing?.ended) this.stage.ended(`${this.digest}/${message.state}/${this.attempt}`);
    this.standing = message;
    if (words !== null && (message.reason || !words)) this.stage.say(words);
    this.stage.refresh();
  }

  lost(code, reason) {
    this.failures += 1;
    if (!this.wasOpen && this.failures === 2) this.stage.blocked();
    else if (this.failures < 2) this.stage.say(lostWords(code, reason));
  }

  close() {
    super.close();
    clearTimeout(this.silence);
  }
}
