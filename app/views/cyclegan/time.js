// The slider through a mapping: from home (0) to the other domain (1) and back again (2), dragged or played.

import { element, wantsStillness } from "../../canvas/live.js";
import { button, icon } from "../../canvas/player.js";

const SECONDS = 2.4; // from one end to the other
const REST = 0.7; // seconds at each stop

export class MappingTime {
  /** handlers: moved(), settled() */
  constructor(handlers, labels) {
    this.handlers = handlers;
    this.time = 1;
    this.isPlaying = false;
    this.input = element("input", { type: "range", min: "0", max: "2", step: "0.005" });
    this.input.setAttribute("aria-label", "Way through the mapping");
    this.input.oninput = () => {
      this.isPlaying = false;
      this.set(+this.input.value);
      handlers.moved();
    };
    this.input.onchange = () => handlers.settled();
    this.playButton = button("play", "Play the way there and back", () => this.toggle());
    this.ends = element("div", { className: "ends" }, ...labels.map((text) => element("span", {}, text)));
    this.root = element(
      "div",
      { className: "mapping" },
      element("div", { className: "transport" }, this.playButton),
      element("div", { className: "slide" }, this.input, this.ends),
    );
    this.set(1);
  }

  label(texts) {
    [...this.ends.children].forEach((node, i) => {
      node.textContent = texts[i];
    });
  }

  set(time) {
    this.time = Math.min(2, Math.max(0, time));
    this.input.value = String(this.time);
    this.input.style.setProperty("--share", `${50 * this.time}%`);
    this.input.setAttribute(
      "aria-valuetext",
      this.time < 0.05 ? "home" : this.time > 1.95 ? "there and back" : `${this.time.toFixed(2)} of the way`,
    );
    this.playButton.replaceChildren(icon(this.isPlaying ? "pause" : "play"));
  }

  toggle() {
    this.isPlaying = !this.isPlaying;
    if (this.isPlaying) this.play();
    else {
      this.set(this.time);
      this.handlers.settled();
    }
  }

  /** From the start to where it stands still: the other domain, then back. */
  play(until = 2) {
    if (wantsStillness()) {
      this.isPlaying = false;
      this.set(until);
      this.handlers.moved();
      return;
    }
    [this.isPlaying, this.until, this.rest] = [true, until, 0];
    if (this.time >= until) this.time = 0;
    this.set(this.time);
  }

  tick(now) {
    const seconds = Math.min(0.05, (now - (this.last ?? now)) / 1000);
    this.last = now;
    if (!this.isPlaying) return;
    if (this.rest > 0) {
      this.rest -= seconds;
      return;
    }
    const before = this.time,
      next = Math.min(this.until, before + (2 * seconds) / SECONDS / 1.6);
    if (before < 1 && next >= 1 && this.until > 1) {
      this.rest = REST;
      this.set(1);
    } else this.set(next);
    if (next >= this.until) {
      this.isPlaying = false;
      this.set(this.until);
      this.handlers.settled();
    }
    this.handlers.moved();
  }
}

/** Even at both ends: where a flight at a share of its way stands. */
export const eased = (share) => share * share * (3 - 2 * share);
