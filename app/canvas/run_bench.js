// What every bench shares: it watches one run, whose pictures the player shows, and asks its model once it has ended.

import { element, themeColours, watchRun } from "./live.js";
import { Player } from "./player.js";
import { lostWords, standingWords, statusWords } from "./run_words.js";

/**
 * A kind builds `root`, `decoder` and `resizing`, and has pictureOf(blob), showPicture(picture), refresh(), report(),
 * copyLink(), and stood(message, before) for when the run stands otherwise than before.
 */
export class RunBench {
  /** Forget the run; a kind forgets what it holds of it too. */
  reset() {
    this.snapshots = [];
    this.tail = [];
    this.index = 0;
    this.following = true;
    this.live = this.standing = this.picture = null;
  }

  buildPlayer() {
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
    this.player = new Player({
      seek: (index) => { this.following = false; this.index = index; this.showPicture(this.snapshots[index]); },
      follow: () => { this.following = true; this.showPicture(this.live); },
      command: (word) => this.socket?.send({ do: word }), settled: () => this.report(), copyLink: () => this.copyLink(),
    });
  }

  takeColours({ themes }) {
    this.colours = themeColours(this.root, themes);
    this.root.style.cssText = Object.entries(this.colours).map(([k, v]) => `--${k}:${v}`).join(";");
  }

  // ---- the run ----

  isAnother({ run, attempt }) { return run !== this.digest || attempt !== this.attempt; }

  /** Leave the run for another one, which `listen` begins to hear. */
  turnTo({ run, attempt }) {
    this.socket?.close();
    this.digest = run;
    this.attempt = attempt;
    this.reset();
    this.say("");
  }

  listen() {
    if (!this.digest) return;
    this.socket = watchRun(this.digest, {
      opened: () => { this.snapshots = []; this.tail = []; this.say(""); },
      blob: (blob) => this.take(blob), text: (message) => this.hear(message), lost: (code, reason) => this.say(lostWords(code, reason)),
    });
  }

  say(text) { [this.note.textContent, this.note.hidden] = [text, !text]; }

  take(blob) {
    const picture = this.pictureOf(blob);
    if (blob.numbers.is_frame) this.tail.push(picture);
    else { if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop(); this.snapshots.push(picture); this.tail = []; }
    this.updates = (this.updates ?? 0) + 1;
    this.live = picture;
    if (this.following) this.showPicture(picture); else this.refresh();
  }

  hear(message) {
    const before = this.standing;
    if (message.type === "shared") { this.say("Others watch this run, so it goes on."); return; }
    this.standing = message;
    if (message.ended && before && !before.ended && !message.stored) this.tell.trigger("ended", `${this.digest}/${message.state}`);
    this.stood(message, before);
    const words = standingWords(message, before);
    if (words !== null) this.say(words);
    this.refresh();
  }

  /** A run that has ended stands at its end. */
  toEnd() {
    this.following = false;
    this.index = this.snapshots.length - 1;
    this.showPicture(this.snapshots.at(-1));
  }

  get isAtEnd() { return !!this.standing?.ended && this.index === this.snapshots.length - 1; }

  get lastStep() { const s = this.standing; return (s?.ended && this.snapshots.at(-1)?.step) || s?.steps || this.numbers.steps; }

  showPlayer(more = {}) {
    const { standing: s } = this;
    this.player.show({
      snapshots: this.snapshots, tail: this.tail, index: this.index, step: this.picture?.step ?? 0, steps: this.lastStep,
      live: !!s && !s.stored, ended: s?.ended ?? false, following: this.following, paused: s?.state === "paused", status: this.status(), colours: this.colours, ...more,
    });
  }

  status() { return statusWords(this); }

  close() {
    cancelAnimationFrame(this.raf);
    this.resizing.disconnect();
    this.socket?.close();
    this.decoder.close();
  }
}
