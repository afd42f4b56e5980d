// The noise dial: one slider for sigma, even in its logarithm, that acts while it is dragged, wheeled or keyed.

import { element } from "../../canvas/live.js";

const STEPS = 1000;
const WHEEL = 0.0006; // of the whole range for each pixel of a wheel

export class NoiseDial {
  /** handlers: turn(sigma) while a hand turns it, settled() when it lets go */
  constructor(handlers) {
    this.handlers = handlers;
    this.range = [0.02, 5];
    this.input = element("input", {
      type: "range",
      min: "0",
      max: String(STEPS),
      step: "1",
      title: "Noise σ: drag, wheel or arrow keys",
    });
    this.input.setAttribute("aria-label", "Noise sigma");
    this.input.reading = () => sigmaText(this.sigmaAt(+this.input.value / STEPS));
    this.input.oninput = () => this.turn(+this.input.value / STEPS);
    this.input.onchange = () => handlers.settled();
    this.value = element("b", { className: "num" });
    this.least = element("small", { className: "num" });
    this.most = element("small", { className: "num" });
    this.root = element(
      "label",
      { className: "dial" },
      element("span", { className: "name" }, "noise σ"),
      this.least,
      this.input,
      this.most,
      this.value,
    );
    this.root.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
  }

  onWheel(event) {
    event.preventDefault();
    this.turn(Math.min(1, Math.max(0, this.share - WHEEL * (event.deltaY || event.deltaX))));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.handlers.settled(), 300);
  }

  get share() {
    return Math.log(this.sigma / this.range[0]) / Math.log(this.range[1] / this.range[0]);
  }

  sigmaAt(share) {
    const [low, high] = this.range;
    return low * (high / low) ** share;
  }

  turn(share) {
    this.show(this.sigmaAt(share), this.range, this.trained);
    this.handlers.turn(this.sigma);
  }

  /** trained: the levels that the network knows, marked on the track. */
  show(sigma, range, trained) {
    this.range = range;
    this.trained = trained;
    this.sigma = Math.min(range[1], Math.max(range[0], sigma));
    this.input.value = Math.round(STEPS * this.share);
    this.input.setAttribute("aria-valuetext", `sigma ${sigmaText(this.sigma)}`);
    this.input.style.setProperty("--share", `${100 * this.share}%`);
    this.value.textContent = sigmaText(this.sigma);
    this.least.textContent = sigmaText(range[0]);
    this.most.textContent = sigmaText(range[1]);
  }
}

/** A noise level with three digits. */
export const sigmaText = (v) => (v >= 10 ? v.toFixed(1) : v >= 1 ? v.toFixed(2) : v.toFixed(3));
