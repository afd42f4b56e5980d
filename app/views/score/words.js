// What has to be said about what the stage of a score network shows.

import { sigmaText } from "./noise_dial.js";
import { isHeld } from "./walkers.js";

/** In a sentence; "" where there is nothing to say. */
export function wordsOf(stage) {
  const { walk, walker, sigma, numbers } = stage,
    [low, high] = numbers.trained;
  if (walker.isLost) {
    const held = isHeld(walk.kind),
      step = held ? walk.step : walk.share * sigma ** 2;
    return (
      "The particles have left all bounds, and the walk has stopped: a step of " +
      `${+step.toPrecision(2)} is too large where the slope is this steep. ` +
      "It must stay below about twice the squared width of the narrowest part; try a tenth."
    );
  }
  if (stage.beyond) return stage.beyond;
  if (!stage.learned && walk.view !== "exact")
    return stage.digest ? "" : "Not trained yet: press Train, or look at the exact field.";
  if (walk.kind === "metropolis" && walk.view !== "exact")
    return "Metropolis compares densities, which a score network does not have: its particles follow the exact field.";
  if (walk.view !== "exact" && (sigma < low * 0.999 || sigma > high * 1.001)) {
    const known =
      low === high ? `has only seen σ = ${sigmaText(low)}` : `has seen σ from ${sigmaText(low)} to ${sigmaText(high)}`;
    return (
      `This network ${known}; its field at ${sigmaText(sigma)} is that of ` +
      `${sigmaText(sigma < low ? low : high)}. The density and the exact field move on.`
    );
  }
  return "";
}
