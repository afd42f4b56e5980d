// A stage that shows a watched run and is not one itself: its note, its player, and where its visitor is.

import { linkSoon, setColours, startPainting, stopFrames } from "../base_canvas.js";
import { element, themeColours } from "../live.js";
import { WatchedRun } from "./watched.js";

/**
 * A kind has lossOf(losses) for the track, refresh() when there is another picture to be seen, and paint(); it builds
 * itself and then calls startPainting(). It may have tick(now), and where() for what else a link says.
 */
export class WatchedStage {
  constructor(root) {
    this.root = root;
    this.root.classList.add("stage");
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
    this.run = new WatchedRun(
      {
        shown: () => this.refresh(),
        say: (text) => this.say(text),
        ended: (text) => this.tell.trigger("ended", text),
        settled: () => this.report(),
        copyLink: () => this.copyLink(),
      },
      (losses) => this.lossOf(losses),
    );
    globalThis.genlabStage = this; // for tests, and for measuring latency from outside
  }

  startPainting() {
    startPainting(this, this.root);
  }

  tick(now) {
    this.run.player.tick(now);
  }

  /** Take what Python sends; whether it is of another visit. */
  takeNumbers(numbers) {
    const isNewVisit = numbers.visit !== this.numbers?.visit;
    this.numbers = numbers;
    this.colours = themeColours(this.root, numbers.themes);
    setColours(this.root, this.colours);
    return isNewVisit;
  }

  say(text) {
    [this.note.textContent, this.note.hidden] = [text, !text];
  }

  where() {
    return {};
  }

  report() {
    if (this.numbers)
      this.tell.state("moment", {
        of: `${this.numbers.run}/${this.numbers.attempt}`,
        ...this.where(),
        step: this.run.step,
      });
  }

  async copyLink() {
    this.report();
    this.run.player.copy(await linkSoon());
  }

  close() {
    stopFrames(this);
    this.run.close();
  }
}
