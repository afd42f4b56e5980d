// The card of a stage, and what all stages draw with: values that move towards a goal, and a KL in words.

import { GRID, Panel } from "./density.js";
import { element } from "./live.js";
import { withError } from "./number_text.js";

export const EMPTY = new Float32Array(GRID * GRID);

/** Move values towards a goal by a share; whether any moved visibly. */
export function blend(values, goal, share, small) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const d = goal[i] - values[i];
    const a = Math.abs(d);
    if (a > most) most = a;
    values[i] += d * share;
  }
  if (most < small && most > 0) values.set(goal);
  return most > 0;
}

export const dot = (role) => element("i", { className: `dot ${role}` });

export const klText = (metrics) => (metrics ? `${withError(metrics.kl, metrics.kl_error)} nats` : "–");

/** The title of a card, with what stands beside it at the right. */
export const heading = (title, ...tags) =>
  element("h3", {}, element("span", {}, title), element("span", { className: "tags" }, ...tags));

/** A card: title with a dot of its role, a canvas, a number with its label, and a foot. */
export function card(role, title, tag, label) {
  const canvas = element("canvas", {});
  canvas.setAttribute("role", "img");
  const parts = {
    canvas,
    panel: new Panel(canvas),
    tag: element("span", { className: "tag" }, tag),
    value: element("span", { className: "num" }, "–"),
    foot: element("div", { className: "foot" }),
  };
  parts.root = element(
    "section",
    { className: "card" },
    element("h3", {}, element("span", {}, ...(role ? [dot(role)] : []), title), parts.tag),
    canvas,
    element("div", { className: "cap" }, element("span", {}, label), parts.value),
    parts.foot,
  );
  return parts;
}
