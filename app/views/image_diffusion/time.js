// The scrubber of denoising time: both ways, played or dragged.

import { fontOf } from "../../canvas/base_canvas.js";
import { followDrag } from "../../canvas/dragging.js";
import { keyedTo } from "../../canvas/keys.js";
import { element, sharpen } from "../../canvas/live.js";

const FRAMES_PER_SECOND = 12;
const AT_LEAST = 1.2; // seconds from end to end

export class TimeBar {
  constructor(seek, settled) {
    [this.seek, this.settled, this.direction] = [seek, settled, 0];
    const button = (title, sign, direction) =>
      element(
        "button",
        {
          type: "button",
          className: "quiet go",
          title,
          "aria-label": title,
          onclick: () => this.play(this.direction === direction ? 0 : direction),
        },
        sign,
      );
    this.back = button("Play backwards: back into noise", "◀", -1);
    this.forth = button("Play: from noise to pictures", "▶", 1);
    this.track = element("canvas", { className: "timeline", tabIndex: 0 });
    this.track.setAttribute("role", "slider");
    this.track.setAttribute("aria-label", "Denoising time");
    this.words = element("div", { className: "readout num" });
    this.root = element(
      "section",
      { className: "card timebar" },
      element("div", { className: "transport2" }, this.back, this.forth),
      this.track,
      this.words,
    );
    followDrag(this.track, { move: (event) => this.scrub(event), settled: () => this.settled() });
    this.track.onkeydown = (event) => this.key(event);
  }

  get length() {
    return this.state?.way?.length ?? 0;
  }

  scrub(event) {
    this.play(0);
    const box = this.track.getBoundingClientRect();
    if (this.length) this.go(Math.round(((event.clientX - box.left - 8) / (box.width - 16)) * (this.length - 1)));
  }

  /** It counts at once, not when it is painted: of two quick key presses none is lost. */
  go(frame) {
    if (this.length) this.state.frame = Math.max(0, Math.min(this.length - 1, frame));
    this.seek(frame);
  }

  key(event) {
    const to = keyedTo(event, this.state?.frame ?? 0, 0, this.length - 1);
    if (event.key === " ") {
      event.preventDefault();
      this.play(this.direction ? 0 : 1);
      return;
    }
    if (to === null) return;
    event.preventDefault();
    this.play(0);
    this.go(to);
    this.settled();
  }

  /** 1: towards pictures, -1: towards noise, 0: stop; from its beginning if it stands at the end. */
  play(direction, fromStart = false) {
    if (direction && !this.length) return;
    const last = this.length - 1,
      { frame } = this.state ?? {};
    if (direction === 1 && (fromStart || frame >= last)) this.go(0);
    if (direction === -1 && frame <= 0) this.go(last);
    const was = this.direction;
    this.direction = direction;
    this.clock = performance.now();
    this.back.setAttribute("aria-pressed", String(direction < 0));
    this.forth.setAttribute("aria-pressed", String(direction > 0));
    if (was && !direction) this.settled();
  }

  tick(now) {
    if (!this.direction || !this.state?.way) return;
    const pace = Math.max(1000 / FRAMES_PER_SECOND, Math.min(250, (1000 * AT_LEAST) / this.length));
    if (now - this.clock < pace) return;
    this.clock = now;
    const to = this.state.frame + this.direction;
    if (to < 0 || to >= this.length) this.play(0);
    else this.go(to);
  }

  paint({ way, frame, colours, isAsking }) {
    this.state = { way, frame };
    this.back.disabled = this.forth.disabled = !way;
    const { context: c, width, height } = sharpen(this.track);
    c.clearRect(0, 0, width, height);
    if (!width) return;
    const y = 13,
      x = (i) => 8 + ((width - 16) * i) / Math.max(1, (way?.length ?? 2) - 1);
    c.fillStyle = colours.line;
    c.fillRect(8, y - 2, width - 16, 4);
    this.words.textContent = isAsking ? "asking the model …" : "";
    if (!way) return;
    c.fillStyle = colours.base;
    for (let i = 0; i < way.length; i++) c.fillRect(x(i) - 0.75, y - 5, 1.5, 10);
    c.fillStyle = colours.model;
    c.fillRect(8, y - 2, x(frame) - 8, 4);
    c.beginPath();
    c.arc(x(frame), y, 7.5, 0, 7);
    c.fill();
    c.font = fontOf(this.track);
    c.fillStyle = colours.soft;
    c.textAlign = "left";
    c.fillText("noise", 4, height - 3);
    c.textAlign = "right";
    c.fillText("picture", width - 4, height - 3);
    const calls = `${way.calls[frame]} of ${way.calls.at(-1)} network calls`;
    if (!isAsking) this.words.textContent = `state ${frame + 1} of ${way.length} · ${calls}`;
    this.track.setAttribute("aria-valuemin", "1");
    this.track.setAttribute("aria-valuemax", String(way.length));
    this.track.setAttribute("aria-valuenow", String(frame + 1));
    this.track.setAttribute(
      "aria-valuetext",
      `state ${frame + 1} of ${way.length}, noise ${way.sigmas[frame].toFixed(3)}`,
    );
  }
}
