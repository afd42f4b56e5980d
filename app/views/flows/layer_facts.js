// What is said under the film: what each direction costs, what the square measures, and the way there and back.

import { element } from "../../canvas/live.js";
import { nats, powerText } from "../../canvas/number_text.js";
import { signed } from "./ledger.js";

const COST =
  "For 1,000 points in single precision, on this server, measured when the page asked first; the best of three";

export class LayerFacts {
  constructor() {
    this.latent = element("span", { title: COST });
    this.data = element("span", { title: COST });
    this.square = element("span", {
      className: "num",
      title: "Measured on the square's own corners, against what the layers say of themselves",
    });
    this.round = element("span", {
      className: "num",
      title: "Distance between the point and to_data(to_latent(point)), in double precision",
    });
    this.root = element("div", { className: "facts" }, this.latent, this.data, this.square, this.round);
  }

  /** film, ledger: null where there is none; ways: how the model goes in each direction. */
  show({ film, ledger, ways }) {
    const costs = film
      ? [...film.cost].map((v) => `, ${v < 10 ? v.toFixed(1) : Math.round(v)} ms per 1,000`)
      : ["", ""];
    this.latent.replaceChildren(element("b", {}, "x → z"), ` for densities: ${ways[0]}${costs[0]}`);
    this.data.replaceChildren(element("b", {}, "z → x"), ` for samples: ${ways[1]}${costs[1]}`);
    this.square.textContent = ledger ? squareWords(ledger) : "";
    this.round.textContent = ledger ? `there and back: off by ${tiny(ledger.roundTrip)}` : "";
  }
}

function squareWords({ area: [before, after, ratio], volume }) {
  if (!Number.isFinite(ratio)) return "square: too far out to be measured";
  const areas = `area ${powerText(before, 3)} in the data, ${powerText(after, 3)} in the base`;
  return `square: ${areas}; log of the ratio ${signed(ratio, 4)}, sum of log|det| ${signed(volume, 4)}`;
}

function tiny(v) {
  if (!Number.isFinite(v)) return "more than can be told";
  return v === 0 ? "0" : v >= 0.01 ? nats(v, 2) : powerText(v);
}
