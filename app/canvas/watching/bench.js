// What every bench shares: it is one canvas around one run, whose model it asks once the run has ended.

import { setColours, stopFrames } from "../base_canvas.js";
import { element, themeColours } from "../live.js";
import { RunFollower } from "./follower.js";

/** A kind builds `root`, `decoder` and `resizing`, besides what a `RunFollower` asks for. */
export class RunBench extends RunFollower {
  buildPlayer() {
    super.buildPlayer();
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
  }

  tick(now) {
    this.player.tick(now);
  }

  takeColours({ themes }) {
    this.colours = themeColours(this.root, themes);
    setColours(this.root, this.colours);
  }

  say(text) {
    [this.note.textContent, this.note.hidden] = [text, !text];
  }

  ended(name) {
    this.tell.trigger("ended", name);
  }

  /** Tell Python where the visitor is, for the link; called when a hand lets go, never while it moves. */
  tellMoment(place) {
    const of = `${this.digest}/${this.attempt}`;
    this.tell.state("moment", { of, shown: this.picture?.step ?? null, ...place });
  }

  /** Ask this run's model, at its end unless the request says a step; an answer counts while the run is shown. */
  askModel(channel, request, use, failed = () => {}) {
    const run = this.digest;
    this.decoder.ask(
      channel,
      { run, step: null, ...request },
      (blob) => {
        if (run === this.digest) use(blob);
      },
      (error) => {
        failed();
        this.say(error.message);
      },
    );
  }

  get stepsAsked() {
    return this.numbers.steps;
  }

  showPlayer(more = {}) {
    super.showPlayer({ colours: this.colours, ...more });
  }

  close() {
    stopFrames(this);
    this.socket?.close();
    this.decoder.close();
  }
}
