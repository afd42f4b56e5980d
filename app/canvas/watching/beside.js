// A second run beside the first: its pictures as they come, for whoever shows them next to his own.

import { watchRun } from "../live.js";

/** A kind has read(blob), the picture of a snapshot with its `step`; it may have missing() and changed(). */
export class BesideRun {
  reset() {
    this.snapshots = [];
    this.live = this.picture = this.standing = null;
  }

  /** Watch a run, or none (""), if it is another one or another try than before; whether it is. */
  follow(digest, attempt = 0) {
    if (digest === this.digest && attempt === this.attempt) return false;
    this.socket?.close();
    Object.assign(this, { digest, attempt });
    this.reset();
    if (digest)
      this.socket = watchRun(digest, {
        opened: () => this.opened(),
        blob: (blob) => this.take(blob),
        text: (message) => this.hear(message),
        lost: (code, reason) => this.lost(code, reason),
      });
    return true;
  }

  take(blob) {
    const picture = this.read(blob);
    if (!blob.numbers.is_frame) {
      if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop(); // it may come twice when a watch begins
      this.snapshots.push(picture);
    }
    this.live = picture;
    this.changed();
  }

  hear(message) {
    if (message.ended !== undefined) this.standing = message;
    this.changed();
  }

  opened() {
    this.reset();
  }

  lost(code) {
    if (code === 4404) this.missing();
  }

  missing() {}

  changed() {}

  /** Whether its training goes on. */
  get isRunning() {
    return !!this.standing && !this.standing.ended;
  }

  close() {
    this.socket?.close();
  }
}
