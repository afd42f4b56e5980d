// What is said of a game: the alarm with its cures, and the facts of the discriminator.

import { element } from "../../canvas/live.js";
import { PERFECT } from "./monitor.js";

const signed = (v) => `${v < 0 ? "\u2212" : "+"}${Math.abs(v).toFixed(2)}`;

const MEAGRE = 0.5; // share of samples of high quality

export class AlarmCard {
  /** handlers: cure(name, value) */
  constructor(handlers) {
    this.handlers = handlers;
    this.sentence = element("p", { className: "alarmtext" });
    this.sentence.setAttribute("role", "alert");
    this.cures = element("div", { className: "cures" });
    this.quiet = element("p", { className: "quiet" });
    this.root = element("section", { className: "card alarm" }, this.sentence, this.quiet, this.cures);
  }

  show({ metrics, numbers, canFork, step, shownStep }) {
    const alarm = metrics && metrics.alarm >= 0 ? numbers.alarms[metrics.alarm] : null;
    const text = alarm ? fill(alarm.sentence, metrics, numbers) : "";
    if (this.sentence.textContent !== text) this.sentence.textContent = text; // said once, not at every frame
    this.root.classList.toggle("raised", !!alarm);
    this.quiet.replaceChildren(
      ...(alarm ? [] : [element("b", {}, metrics ? "No alarm." : ""), `${doubts(metrics)} ${numbers.watched}`]),
    );
    const key = alarm
      ? `${alarm.key} ${step} ${step === shownStep} ${canFork} ${alarm.cures.map((c) => c.text).join()}`
      : "";
    if (key === this.key) return;
    this.key = key;
    this.cures.replaceChildren(
      ...(alarm && canFork && alarm.cures.length
        ? [
            element(
              "span",
              {},
              "Fork at step " +
                `${(step ?? 0).toLocaleString("en")}${step === shownStep ? "" : ", whose weights are kept,"} with `,
            ),
            ...alarm.cures.map((cure) => this.button(cure)),
          ]
        : []),
    );
  }

  button({ name, value, text, support }) {
    return element(
      "button",
      {
        type: "button",
        className: "chip",
        title:
          `Start a fork of this run with ${text}, and watch both futures. ` +
          `In the stored sweep, from a collapsing game: ${support}`,
        onclick: () => this.handlers.cure(name, value),
      },
      text,
      element("small", {}, ` (${support})`),
    );
  }
}

/** What is not good yet though no rule is broken. */
function doubts(metrics) {
  const quality = metrics?.high_quality;
  return quality < MEAGRE
    ? ` But only ${(100 * quality).toFixed(0)} % of the samples lie near ` +
        `a mode; a perfect sampler has ${(100 * PERFECT).toFixed(1)} %.`
    : "";
}

function fill(sentence, metrics, { modes }) {
  const values = {
    found: metrics.modes_fair,
    modes: modes.length,
    quality: Number.isFinite(metrics.high_quality) ? (100 * metrics.high_quality).toFixed(1) : "–",
    accuracy: (100 * metrics.accuracy).toFixed(1),
  };
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "?");
}

/** The discriminator in numbers. */
export function factsOf({ metrics, losses, game }) {
  if (!metrics || metrics.accuracy === undefined) return [element("span", {}, "\u00a0")];
  const parts = [
    [
      "D is right",
      `${(100 * metrics.accuracy).toFixed(0)} %`,
      game.key === "wasserstein" || game.key === "relativistic"
        ? "Share of pairs in which the real point gets the higher answer"
        : "Share of right answers over 1,000 real and 1,000 generated points; 50 % if it can tell nothing",
    ],
    ["mean on real", signed(metrics.real), "Mean answer on real points"],
    ["on fakes", signed(metrics.fake), "Mean answer on generated points"],
  ];
  const loss = losses?.discriminator_game;
  if (Number.isFinite(loss) && (game.key === "non_saturating" || game.key === "minimax"))
    parts.push([
      "D's loss says JS \u2265",
      Math.max(0, Math.log(2) - loss / 2).toFixed(3),
      "A bound: log 2 minus half of D's loss. The best discriminator's " +
        "loss would reach the Jensen-Shannon divergence itself.",
    ]);
  if (metrics.js !== undefined)
    parts.push([
      "JS \u2248",
      metrics.js.toFixed(3),
      "Estimate: Jensen-Shannon divergence of both densities after the same blur, " +
        "exact p and q from 1,000 samples; 0 if equal, at most log 2 = 0.693 nats",
    ]);
  return parts.map(([name, value, title]) => element("span", { title }, `${name} `, element("b", {}, value)));
}
