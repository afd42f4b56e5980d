// Over the panels: the dial of calls, and which ways are shown. Under them: the time from noise to data, played or
// dragged.

import { element } from "../../canvas/live.js";
import { button, icon } from "../../canvas/player.js";

const SECONDS = 3; // from noise to data
const share = (input, value) => input.style.setProperty("--share", `${100 * value}%`);

/** The dial of network calls, which acts while it is dragged, and a chip for each way. */
export class CallsBar {
  /** handlers: turned(), settled(). */
  constructor(stops, ways, handlers) {
    [this.stops, this.ways, this.handlers] = [stops, ways, handlers];
    this.input = element("input", { type: "range", min: "0", max: String(stops.length - 1), step: "1" });
    this.input.setAttribute("aria-label", "Network calls that each way may make");
    this.value = element("b", { className: "num" });
    this.input.oninput = () => {
      this.set(stops[+this.input.value]);
      handlers.turned();
    };
    this.input.onchange = () => handlers.settled();
    const marks = element(
      "div",
      { className: "marks", ariaHidden: "true" },
      ...stops.map((stop) => element("span", {}, String(stop))),
    );
    this.chips = Object.fromEntries(
      Object.entries(ways).map(([key, { title, idea }]) => [key, this.buildChip(key, title, idea)]),
    );
    const again = element(
      "button",
      {
        type: "button",
        className: "chip again",
        title: "Draw other noise, the same for every way",
        onclick: () => {
          this.seed = (this.seed + 1) % 10000;
          handlers.turned();
          handlers.settled();
        },
      },
      "other noise",
    );
    this.root = element(
      "section",
      { className: "card callsbar" },
      element(
        "div",
        { className: "first" },
        element(
          "label",
          { className: "temperature dial" },
          element("span", {}, "network calls (NFE)"),
          element("div", { className: "slide" }, this.input, marks),
          this.value,
        ),
        again,
      ),
      element(
        "div",
        { className: "chips", role: "group", ariaLabel: "Ways that are shown" },
        ...Object.values(this.chips),
      ),
    );
  }

  buildChip(key, title, idea) {
    return element(
      "button",
      { type: "button", className: "chip", title: idea, onclick: () => this.toggle(key) },
      title,
    );
  }

  toggle(key) {
    const shown = this.shown.includes(key)
      ? this.shown.filter((way) => way !== key)
      : Object.keys(this.ways).filter((way) => way === key || this.shown.includes(way));
    if (!shown.length) return; // one stays
    this.setShown(shown);
    this.handlers.turned();
    this.handlers.settled();
  }

  set(calls) {
    this.calls = calls;
    const at = this.stops.indexOf(calls);
    this.input.value = String(at);
    this.input.setAttribute("aria-valuetext", `${calls} network call${calls > 1 ? "s" : ""}`);
    this.value.textContent = String(calls);
    share(this.input, at / (this.stops.length - 1));
  }

  setShown(shown) {
    this.shown = shown;
    for (const [key, chip] of Object.entries(this.chips))
      chip.setAttribute("aria-pressed", String(shown.includes(key)));
  }
}

/** The time that carries all panels from noise to data. */
export class WaysTime {
  /** handlers: moved(), settled(), copyLink(). */
  constructor(handlers) {
    this.handlers = handlers;
    this.play = button("play", "Play from noise to data, or pause (space)", () => this.toggle());
    this.play.classList.add("main");
    this.input = element("input", { type: "range", min: "0", max: "1", step: "0.001" });
    this.input.setAttribute("aria-label", "Time from noise to data");
    this.input.oninput = () => {
      this.pause();
      this.set(+this.input.value);
      handlers.moved();
    };
    this.input.onchange = () => handlers.settled();
    this.words = element("div", { className: "readout num" });
    const ends = element(
      "div",
      { className: "ends", ariaHidden: "true" },
      element("span", {}, "noise"),
      element("span", {}, "data"),
    );
    this.root = element(
      "section",
      { className: "card waystime" },
      element(
        "div",
        { className: "transport" },
        this.play,
        button("link", "Copy a link to exactly this", () => handlers.copyLink()),
      ),
      element("label", { className: "temperature" }, element("div", { className: "slide" }, this.input, ends)),
      this.words,
    );
    this.root.onkeydown = (event) => {
      if (event.key === " " && event.target.tagName !== "BUTTON") {
        event.preventDefault();
        this.toggle();
      }
    };
    this.set(1);
  }

  set(time) {
    this.time = time;
    this.input.value = String(time);
    this.input.setAttribute(
      "aria-valuetext",
      time <= 0 ? "noise" : time >= 1 ? "data" : `${Math.round(100 * time)} percent of the way`,
    );
    share(this.input, time);
  }

  toggle() {
    if (this.isPlaying) {
      this.pause();
      this.handlers.settled();
    } else this.start();
  }

  /** From the start if it stands at the end. */
  start() {
    if (this.time >= 1) this.set(0);
    this.isPlaying = true;
    this.clock = performance.now();
    this.play.replaceChildren(icon("pause"));
    this.handlers.moved();
  }

  pause() {
    this.isPlaying = false;
    this.play.replaceChildren(icon("play"));
  }

  /** At its end, and still, until a hand plays it. */
  open() {
    this.pause();
    this.set(1);
  }

  tick(now) {
    if (!this.isPlaying) return;
    this.set(Math.min(1, this.time + Math.max(0, now - this.clock) / 1000 / SECONDS));
    this.clock = now;
    if (this.time >= 1) {
      this.pause();
      this.handlers.settled();
    }
    this.handlers.moved();
  }

  flash(text) {
    this.words.textContent = text;
    this.flashing = setTimeout(() => {
      this.flashing = null;
      this.handlers.moved();
    }, 2000);
  }

  say(text) {
    if (!this.flashing) this.words.textContent = text;
  }
}
