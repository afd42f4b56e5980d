// The player: step, play, scrub over a run, live or stored. Its track is the loss curve itself.

import { copied, fontOf } from "./base_canvas.js";
import { followDrag } from "./dragging.js";
import { stepsOf } from "./keys.js";
import { element, sharpen } from "./live.js";

const SPEEDS = [0.5, 1, 2, 4];
const SECONDS_PER_SNAPSHOT = 0.16;

const ICONS = {
  first: "M5 4v12M16 4l-8 6 8 6z",
  back: "M13 4l-8 6 8 6z",
  play: "M6 4l10 6-10 6z",
  pause: "M6 4v12M13 4v12",
  forward: "M7 4l8 6-8 6z",
  stop: "M5 5h10v10H5z",
  link: "M8.5 11.5l3-3M7 9l-2.2 2.2a2.8 2.8 0 0 0 4 4L11 13M13 11l2.2-2.2a2.8 2.8 0 0 0-4-4L9 7",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function button(name, title, action) {
  const node = element("button", { type: "button", title, onclick: action });
  node.setAttribute("aria-label", title);
  node.append(icon(name));
  return node;
}

/**
 * handlers: seek(index), follow() when the newest is wanted again, command(word) to a run in training.
 * The owner calls `show(state)` whenever something changed.
 */
export class Player {
  constructor(handlers) {
    this.handlers = handlers;
    this.speed = 1;
    this.isPlaying = false;
    this.state = { snapshots: [], index: 0, live: false, following: false, paused: false };
    this.build();
  }

  build() {
    this.playButton = button("play", "Play or pause (space)", () => this.toggle());
    this.playButton.classList.add("main");
    this.track = element("canvas", { className: "track", tabIndex: 0 });
    this.track.setAttribute("role", "slider");
    this.track.setAttribute("aria-label", "Training step");
    this.where = element("div", { className: "where num" });
    this.status = element("div", { className: "status" });
    this.speedButton = element(
      "button",
      { type: "button", className: "speed num", title: "Speed of the replay", onclick: () => this.nextSpeed() },
      "1×",
    );
    this.root = element(
      "div",
      { className: "player card" },
      element(
        "div",
        { className: "transport" },
        button("first", "Back to the untrained model (Home)", () => this.first()),
        button("back", "Step back (left arrow)", () => this.step(-1)),
        this.playButton,
        button("forward", "Step forward (right arrow)", () => this.step(1)),
        (this.stopButton = button("stop", "Stop the training; what it has made is kept", () =>
          this.handlers.command("stop"),
        )),
        this.speedButton,
        (this.linkButton = button("link", "Copy a link to exactly this", () => this.handlers.copyLink())),
      ),
      this.track,
      element("div", { className: "readout" }, this.where, this.status),
    );
    followDrag(this.track, { move: (event) => this.scrub(event), settled: () => this.handlers.settled?.() });
    this.root.onkeydown = (event) => this.onKey(event);
    this.big = button("play", "Play the training from its start", () => this.playFromStart());
    this.big.classList.add("bigplay");
    this.big.hidden = true;
  }

  /**
   * Lay the large play button over the middle of a picture, for a stored run that nobody has played yet. Where none is
   * laid, since a hand works on the picture, the button below is the large one.
   */
  standOver(picture) {
    const hold = element("div", { className: "holdsplay" });
    picture.replaceWith(hold);
    hold.append(picture, this.big);
  }

  playFromStart() {
    this.go(0);
    this.setPlaying(true);
    this.playButton.focus(); // the large one is gone
  }

  /** Another run has come, which nobody has played yet. */
  forget() {
    this.isTouched = this.isPlaying = false;
  }

  /** It counts at once, not when the owner has painted: of two quick key presses none is lost. */
  go(index) {
    this.isTouched = true;
    const at = Math.max(0, Math.min(this.state.snapshots.length - 1, index));
    Object.assign(this.state, { index: at, following: false, step: this.state.snapshots[at]?.step ?? 0 });
    this.handlers.seek(at);
  }

  /** Index of the shown snapshot; a live picture after a snapshot stands one further than that. */
  get shownIndex() {
    const { index, snapshots, following, step } = this.state;
    return following ? snapshots.findLastIndex((s) => s.step < step) + 1 : index;
  }

  onKey(event) {
    if (event.target.tagName === "INPUT") return;
    const by = stepsOf(event);
    if (event.key === " " ? event.target.tagName === "BUTTON" : by === undefined) return;
    event.preventDefault();
    if (event.key === " ") this.toggle();
    else if (Number.isFinite(by)) this.step(by);
    else if (by < 0) this.first();
    else this.last();
  }

  get isTraining() {
    return this.state.live && !this.state.ended;
  }

  toggle() {
    if (this.isTraining && this.state.following) {
      this.handlers.command(this.state.paused ? "resume" : "pause");
      return;
    }
    if (this.isTraining && this.state.index >= this.state.snapshots.length - 1) {
      this.handlers.follow();
      return;
    }
    this.isTouched = true;
    if (!this.isPlaying && this.state.index >= this.state.snapshots.length - 1) this.go(0);
    this.setPlaying(!this.isPlaying);
  }

  setPlaying(isPlaying) {
    this.isPlaying = isPlaying && this.state.snapshots.length > 1;
    this.isTouched ||= this.isPlaying;
    this.clock = performance.now();
    this.show(this.state);
    if (!this.isPlaying) this.handlers.settled?.();
  }

  step(by) {
    this.isPlaying = false;
    const { snapshots, following, paused } = this.state,
      index = this.shownIndex;
    if (this.isTraining && following && by > 0) {
      if (!paused) this.handlers.command("pause");
      else this.handlers.command("step");
      return;
    }
    if (this.isTraining && by > 0 && index >= snapshots.length - 1) this.handlers.follow();
    else this.go(index + by);
    this.handlers.settled?.();
  }

  first() {
    this.isPlaying = false;
    this.go(0);
    this.handlers.settled?.();
  }

  last() {
    this.isPlaying = false;
    if (this.isTraining) this.handlers.follow();
    else this.go(this.state.snapshots.length - 1);
    this.handlers.settled?.();
  }

  nextSpeed() {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length];
    this.speedButton.textContent = `${this.speed === 0.5 ? "½" : this.speed}×`;
  }

  /** Called at each animation frame; moves on while playing. */
  tick(now) {
    if (!this.isPlaying || now - this.clock < (1000 * SECONDS_PER_SNAPSHOT) / this.speed) return;
    this.clock = now;
    const { index, snapshots } = this.state;
    if (index < snapshots.length - 1) this.handlers.seek(index + 1);
    else if (this.isTraining) {
      this.isPlaying = false;
      this.handlers.follow();
    } else this.setPlaying(false);
  }

  scrub(event) {
    this.isPlaying = false;
    const box = this.track.getBoundingClientRect(),
      { snapshots, steps } = this.state;
    if (!snapshots.length) return;
    const wanted = ((event.clientX - box.left - 2) / (box.width - 4)) * steps;
    let best = 0;
    snapshots.forEach((s, i) => {
      if (Math.abs(s.step - wanted) < Math.abs(snapshots[best].step - wanted)) best = i;
    });
    this.go(best);
  }

  /**
   * state: snapshots [{step, loss, keeps}], index, step, steps, live, ended, following, paused, status, floor, tail,
   * marks [{step, text}]
   */
  show(state) {
    this.state = state;
    const runs = this.isPlaying || (this.isTraining && state.following && !state.paused);
    this.playButton.replaceChildren(icon(runs ? "pause" : "play"));
    const isThere = state.snapshots.length > 0 || state.step > 0;
    const count = (n) => n.toLocaleString("en");
    this.stopButton.hidden = !this.isTraining;
    const invites = !this.isTouched && !runs && !this.isTraining && state.ended && state.snapshots.length > 1;
    this.big.hidden = !invites;
    this.playButton.classList.toggle("invites", invites && !this.big.isConnected);
    this.where.replaceChildren(
      "step ",
      element("b", {}, isThere ? count(state.step ?? 0) : "–"),
      ` of ${count(state.steps ?? 0)}`,
    );
    this.status.textContent = state.status ?? "";
    this.track.setAttribute("aria-valuemin", "0");
    this.track.setAttribute("aria-valuemax", String(state.steps ?? 0));
    this.track.setAttribute("aria-valuenow", String(state.step ?? 0));
    this.draw();
  }

  async copy(href) {
    if (await copied(href)) this.flash("link copied");
  }

  /** Say something for two seconds where the status stands. */
  flash(text) {
    this.status.textContent = text;
    setTimeout(() => {
      this.status.textContent = this.state.status ?? "";
    }, 2000);
  }

  draw() {
    const { context: c, width, height } = sharpen(this.track);
    const { snapshots, steps, step, floor, tail, colours } = this.state;
    c.clearRect(0, 0, width, height);
    if (!width || !colours || !steps) return;
    const losses = [...snapshots.filter((s) => Number.isFinite(s.loss)), ...(tail ?? [])];
    const values = losses.map((s) => s.loss).sort((a, b) => a - b);
    const low = Math.min(floor ?? Infinity, values[0] ?? 0),
      high = Math.max(values[Math.floor(values.length * 0.97)] ?? 1, low + 1e-3);
    const x = (s) => 2 + ((width - 4) * s) / steps;
    const y = (v) => height - 12 - (height - 22) * Math.min(1.08, (v - low) / (high - low));
    this.drawCurve(c, losses, x, y, height, colours);
    if (floor !== undefined && losses.length > 1) this.drawFloor(c, y(floor), width, colours, this.state.floorText);
    (this.state.marks ?? []).forEach((mark, i) =>
      this.drawMark(c, x(mark.step), mark.text, 11 + 13 * i, width, height, colours),
    );
    for (const s of snapshots) {
      c.fillStyle = colours.soft;
      c.globalAlpha = s.keeps ? 0.9 : 0.4;
      c.fillRect(x(s.step) - 0.5, height - (s.keeps ? 8 : 5), 1, s.keeps ? 8 : 5);
    }
    c.globalAlpha = 1;
    c.fillStyle = colours.ink;
    c.fillRect(x(step ?? 0) - 1, 0, 2, height);
  }

  drawCurve(c, losses, x, y, height, colours) {
    if (losses.length < 2) return;
    c.beginPath();
    losses.forEach((s, i) => (i ? c.lineTo(x(s.step), y(s.loss)) : c.moveTo(x(s.step), y(s.loss))));
    c.strokeStyle = colours.model;
    c.lineWidth = 1.6;
    c.stroke();
    c.lineTo(x(losses.at(-1).step), height);
    c.lineTo(x(losses[0].step), height);
    c.globalAlpha = 0.14;
    c.fillStyle = colours.model;
    c.fill();
    c.globalAlpha = 1;
  }

  /** Where the words of a mark end. */
  endOf(c, { step, text }, width) {
    return (width * step) / this.state.steps + 5 + c.measureText(text).width;
  }

  drawMark(c, x, text, y, width, height, colours) {
    c.fillStyle = colours.error;
    c.fillRect(x - 0.75, 0, 1.5, height);
    c.font = fontOf(this.track);
    c.textAlign = x > width * 0.7 ? "right" : "left";
    c.fillText(text, x + (x > width * 0.7 ? -5 : 5), y);
  }

  drawFloor(c, y, width, colours, text) {
    c.setLineDash([4, 4]);
    c.strokeStyle = colours.data;
    c.lineWidth = 1.2;
    c.beginPath();
    c.moveTo(0, y);
    c.lineTo(width, y);
    c.stroke();
    c.setLineDash([]);
    c.font = fontOf(this.track);
    c.fillStyle = colours.data;
    c.textAlign = "right";
    const words = `dashed: ${text}`,
      first = (this.state.marks ?? [])[0];
    // a narrow screen has no room for both
    if (first && c.measureText(words).width > width - this.endOf(c, first, width) - 20) return;
    c.fillText(words, width - 6, 11); // at the top: there a curve that falls leaves room
  }
}
