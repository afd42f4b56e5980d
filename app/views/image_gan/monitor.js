// The monitor: which kinds are made, how well real pictures are covered, and an alarm with its cures.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { alarms, FIRST, healthy } from "./alarm.js";

const CURES = {
  minibatch_std: "let it see the batch",
  pack: "two pictures at once",
  rate: "equal pace",
  penalty: "stronger penalty",
  steps: "one step each",
};
const BADGES = {
  collapse: "mode collapse",
  far: "far from the data",
  copies: "copies",
  by_heart: "learned by heart",
  won: "discriminator has won",
};

/** cure(name) is called when a cure is chosen. `bars` may stand apart from the rest. */
export class Monitor {
  constructor(cure) {
    this.cure = cure;
    this.canvas = element("canvas", { className: "bars" });
    this.canvas.setAttribute("role", "img");
    this.badge = element("span", { className: "tag" });
    this.title = element("span", {}, "");
    this.bars = element("div", { className: "kinds" }, element("h3", {}, this.title, this.badge), this.canvas);
    this.facts = element("div", { className: "facts" });
    this.words = element("div", { className: "verdict" });
    this.words.setAttribute("role", "status");
    this.root = element(
      "section",
      { className: "card monitor" },
      element("div", {}, element("h3", {}, "Verdict at this step"), this.words),
      element("div", {}, element("h3", {}, "Measured at this step"), this.facts),
    );
  }

  /** picture: the snapshot; numbers: what Python sent; share: of the training that is done. */
  paint({ picture, numbers, share, colours, canCure }) {
    const metrics = picture?.metrics ?? null,
      { classes, true_shares: shares } = numbers;
    this.title.textContent =
      numbers.dataset === "digits"
        ? "Which digits it makes"
        : classes.length
          ? "Which kinds it makes"
          : numbers.is_stacked
            ? "Which of 1,000 kinds it makes"
            : "Where it lies among held-out pictures";
    this.paintBars(metrics ? this.barsOf(metrics, numbers) : [], colours);
    this.facts.replaceChildren(
      ...this.factsOf(metrics).map(([name, value, title]) =>
        element(
          "div",
          { className: "fact", title },
          element("span", {}, name),
          element("b", { className: "num" }, value),
        ),
      ),
    );
    const found = alarms(metrics, { classes, shares, share });
    this.found = found;
    this.badge.textContent = found.length ? BADGES[found[0].kind] : "";
    const key = JSON.stringify([
      found,
      metrics && share >= FIRST ? healthy(metrics, { classes, share }) : !!metrics,
      canCure,
    ]);
    if (key === this.key) return;
    this.key = key;
    this.words.replaceChildren(...this.verdict(found, metrics, { classes, share }, canCure));
  }

  verdict(found, metrics, { classes, share }, canCure) {
    if (!metrics) return [element("p", { className: "soft" }, "The monitor speaks once there is a run.")];
    if (share < FIRST)
      return [
        element("p", { className: "soft" }, "Too early to judge: every generator begins with one kind of picture."),
      ];
    if (!found.length) return [element("p", {}, healthy(metrics, { classes, share }))];
    return found.flatMap(({ text, cures, kind }) => [
      element("p", { className: "alarm" }, text),
      ...(canCure && cures.length
        ? [
            element(
              "div",
              { className: "tools" },
              element("span", { className: "soft small" }, "train again with"),
              ...cures.map((name) =>
                element(
                  "button",
                  { type: "button", className: "quiet", onclick: () => this.cure(name, kind) },
                  CURES[name],
                ),
              ),
            ),
          ]
        : []),
    ]);
  }

  /** {name, value, mark} with value and mark as shares of the height. */
  barsOf(metrics, { classes, true_shares: shares, is_stacked: isStacked }) {
    if (classes.length && metrics.classes) {
      const top = Math.max(...shares, ...metrics.classes) * 1.1;
      return classes.map((name, k) => ({
        name,
        value: metrics.classes[k] / top,
        mark: shares[k] / top,
        isLow: metrics.classes[k] < 0.2 * shares[k],
        said: `${Math.round(100 * metrics.classes[k])} %`,
      }));
    }
    if (isStacked && metrics.modes !== undefined) {
      const expected = 1 - Math.exp(-metrics.n_modes_of / 1000);
      return [
        {
          name: "kinds found",
          value: metrics.modes / 1000,
          mark: expected,
          said: metrics.modes.toLocaleString("en"),
          isLow: metrics.modes < 900 * expected,
        },
      ];
    }
    return ["density", "coverage"]
      .filter((name) => metrics[name] !== undefined)
      .map((name) => ({
        name,
        value: Math.min(1.2, metrics[name]) / 1.2,
        mark: (name === "density" ? 1 : (metrics.coverage_of_truth ?? 0.97)) / 1.2,
        said: metrics[name].toFixed(2),
      }));
  }

  paintBars(bars, colours) {
    const { context: c, width, height } = sharpen(this.canvas),
      foot = 16,
      head = 14;
    c.clearRect(0, 0, width, height);
    if (!bars.length || !width) return;
    const cell = Math.min(110, width / bars.length),
      full = height - foot - head;
    c.font = fontOf(this.canvas);
    c.textAlign = "center";
    bars.forEach(({ name, value, mark, isLow, said }, k) => {
      const x = k * cell + cell * 0.16,
        w = cell * 0.68,
        h = Math.max(1, full * value),
        y = head + full * (1 - mark);
      c.fillStyle = isLow ? colours.error : colours.model;
      c.fillRect(x, head + full - h, w, h);
      c.strokeStyle = colours.data;
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(x - 3, y);
      c.lineTo(x + w + 3, y);
      c.stroke();
      c.fillStyle = isLow ? colours.error : colours.soft;
      c.fillText(said, x + w / 2, Math.min(head + full - h, y) - 4);
      c.fillStyle = colours.ink;
      c.fillText(name, x + w / 2, height - 3);
    });
    if (cell * bars.length < width - 150) {
      c.strokeStyle = colours.data;
      c.beginPath();
      c.moveTo(cell * bars.length + 20, head + 8);
      c.lineTo(cell * bars.length + 44, head + 8);
      c.stroke();
      c.fillStyle = colours.soft;
      c.textAlign = "left";
      c.fillText("true samples", cell * bars.length + 50, head + 12);
    }
    this.canvas.title = "The line across each bar: its share among held-out pictures";
    this.canvas.setAttribute("aria-label", bars.map((bar) => `${bar.name}: ${bar.said}`).join(", "));
  }

  factsOf(metrics) {
    if (!metrics) return [];
    const rows = [];
    const put = (name, title, words, digits = 2) => {
      if (metrics[name] !== undefined) rows.push([words, metrics[name].toFixed(digits), title]);
    };
    put(
      "class_kl",
      "Reverse KL to the shares among held-out pictures; one digit alone: log 10 = 2.30",
      "KL of the kinds, nats",
      3,
    );
    put("mode_kl", "Reverse KL of the 1,000 modes to equal shares", "KL of the modes, nats", 3);
    put(
      "frechet",
      "Fréchet distance to the held-out digits on our own " +
        "classifier's features; the training digits themselves have 9.3",
      "Fréchet distance",
      1,
    );
    const { coverage_of_truth: reached } = metrics;
    put(
      "coverage",
      "Share of held-out pictures that have a sample within the ball of their fifth neighbour" +
        (reached ? `; as many true pictures reach ${reached.toFixed(2)}` : ""),
      "coverage of held-out pictures",
    );
    put("sure", "Share of samples whose class the classifier is at least 90 % sure of", "sure classes");
    put(
      "neighbour_ratio",
      "Median distance to the nearest training picture, over that of held-out pictures: 0 for copies",
      "newness, held out = 1",
    );
    const apart = metrics.logit_held_out - metrics.logit_fake;
    if (Number.isFinite(apart))
      rows.push([
        "discriminator's lead, logits",
        apart.toFixed(1),
        "Mean logit of held-out pictures less that of made ones: 0 if it cannot tell",
      ]);
    return rows;
  }
}
