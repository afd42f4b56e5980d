// What is wrong with a game, in one sentence each, from the measures of one snapshot; a healthy one is silent.

const RARE = 0.2; // of its true share: a class below is missing
const COPIES = 0.5; // of the distance that held-out pictures have
const BY_HEART = 1.5; // logits between pictures trained on and held out
const WON = 8; // logits between real and made
const FAR = 0.1; // of the coverage of true pictures
const LATE = 0.5; // share of the training from which pictures should be near the data
export const FIRST = 0.15; // share of the training before which nothing is said: everybody begins badly

/**
 * metrics: of a snapshot; classes and shares: names and true shares, or empty; share: how much of the training is done.
 * Returns {kind, text, cures} for each thing that is wrong; cures are changes of settings by name.
 */
export function alarms(metrics, { classes, shares, share }) {
  if (!metrics || share < FIRST) return [];
  const lost = [collapse(metrics, classes, shares), modes(metrics, share)].filter(Boolean);
  return [...lost, lost.length ? null : far(metrics, share), copies(metrics), byHeart(metrics), won(metrics)].filter(
    Boolean,
  );
}

function collapse({ classes: found }, classes, shares) {
  if (!found?.length || !classes.length) return null;
  const missing = classes.filter((_, k) => found[k] < RARE * shares[k]),
    most = found.indexOf(Math.max(...found));
  if (!missing.length) return null;
  const much = found[most] > 0.3 ? ` ${Math.round(100 * found[most])} % of all samples are a ${classes[most]}.` : "";
  return {
    kind: "collapse",
    text:
      "Mode collapse: " +
      `${missing.length === 1 ? `there is hardly a ${missing[0]}` : `hardly any ${list(missing)}`}.${much}`,
    cures: ["rate", "minibatch_std", "pack"],
  };
}

function modes({ modes: found, n_modes_of: of }, share) {
  if (found === undefined || share < 0.5) return null;
  const expected = 1000 * (1 - Math.exp(-of / 1000));
  return found < 0.9 * expected
    ? {
        kind: "collapse",
        text:
          `Mode collapse: ${found} of 1,000 kinds of pictures are made; ` +
          `a perfect sampler shows ${Math.round(expected)} in as many samples.`,
        cures: ["rate", "pack"],
      }
    : null;
}

/** What was looked at and found to be in order, in one sentence. */
export function healthy({ coverage, coverage_of_truth: truth }, { classes, share }) {
  const reached =
    coverage === undefined || share < LATE
      ? ""
      : `${percent(coverage)} of the held-out pictures have a sample near ` +
        `them${truth ? `, where true pictures would reach ${percent(truth)}` : ""}; `;
  return (
    `No alarm: ${reached}${classes.length ? "no kind is missing, " : ""}nothing ` +
    "is copied, and neither player has won."
  );
}

function far({ coverage, coverage_of_truth: truth }, share) {
  if (coverage === undefined || share < LATE || coverage >= FAR * (truth ?? 1)) return null;
  const wanted = truth ? `; as many true pictures would reach ${percent(truth)}` : "";
  return {
    kind: "far",
    text:
      `Far from the data: ${percent(coverage)} of the held-out pictures have a ` +
      `sample near them${wanted}. A longer training or wider nets come nearer.`,
    cures: [],
  };
}

function copies({ neighbour_ratio: ratio }) {
  return ratio < COPIES
    ? {
        kind: "copies",
        text:
          `Copies: samples lie ${ratio.toFixed(2)} times as far ` +
          "from the training pictures as held-out pictures do.",
        cures: [],
      }
    : null;
}

function byHeart({ logit_seen: seen, logit_held_out: held }) {
  return seen - held > BY_HEART
    ? {
        kind: "by_heart",
        text:
          "The discriminator knows its pictures by heart: it takes those that it was trained " +
          `on for real (${seen.toFixed(1)}), held-out ones less so (${held.toFixed(1)}).`,
        cures: ["penalty"],
      }
    : null;
}

function won({ logit_held_out: held, logit_fake: fake }) {
  return held - fake > WON
    ? {
        kind: "won",
        text:
          `The discriminator has won by ${(held - fake).toFixed(0)} logits: ` +
          "where it is that sure, its slope is flat and teaches little.",
        cures: ["penalty", "steps"],
      }
    : null;
}

const percent = (share) => `${Math.round(100 * share)} %`;

const list = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0]);
