// Is it new? The nearest training picture of each end, and a gauge: how far ends are from what was seen.

import { element } from "../../canvas/live.js";
import { Chains } from "./chains.js";

const TOP = 1.6; // right end of the gauge

export class Novelty {
  constructor() {
    this.chains = new Chains("Nearest training pictures", () => {});
    this.root = this.chains.root;
    this.value = element("b", { className: "num" });
    this.needle = element("span", { className: "needle" });
    this.one = element("span", { className: "one" });
    this.bar = element("div", { className: "novelty" }, this.one, this.needle);
    this.verdict = element("div", { className: "soft small" });
    this.root.append(
      element("div", { className: "cap" }, element("span", {}, "distance to them, held-out pictures = 1"), this.value),
      this.bar,
      element(
        "div",
        { className: "scale soft num" },
        element("span", {}, "0 copies"),
        element("span", { className: "mid" }, "1 as new as held-out"),
        element("span", {}, ""),
      ),
      this.verdict,
    );
    this.one.style.left = `${100 / TOP}%`;
    this.bar.setAttribute("role", "img");
  }

  paint({ way, grid, source, note }) {
    this.chains.paint({
      ...grid,
      chosen: null,
      atlas: way?.atlas("nearest"),
      tag: way ? "of the ends" : "",
      words: "",
      empty: "",
    });
    const ratio = way?.ratio ?? NaN,
      isKnown = Number.isFinite(ratio);
    this.value.textContent = isKnown ? ratio.toFixed(2) : "";
    this.needle.hidden = !isKnown;
    this.needle.style.left = `${(100 * Math.min(TOP, ratio || 0)) / TOP}%`;
    this.verdict.textContent = !isKnown
      ? ""
      : ratio < 0.3
        ? `Copies. ${source === "empirical" ? note : ""}`
        : ratio < 0.85
          ? "Drawn towards what it has seen."
          : ratio < 1.2
            ? "As far from the training set as held-out pictures are."
            : "Unlike all that it has seen: new, or not yet good.";
    this.bar.setAttribute(
      "aria-label",
      isKnown
        ? `Memorization check: ${ratio.toFixed(2)}; 1 for held-out pictures, 0 for copies.`
        : "Memorization check",
    );
  }
}
