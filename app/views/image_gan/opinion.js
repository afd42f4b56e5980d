// How to read a discriminator's answers.

/** Its scale at a step: its middle, the means of three kinds, and logits as -1 ... 1. */
export function scaleOf(picture, loss) {
  const m = picture?.metrics,
    held = m?.logit_held_out,
    fake = m?.logit_fake;
  const isBetween = ["wasserstein", "relativistic"].includes(loss) && Number.isFinite(held);
  const middle = loss === "least_squares" ? 0.5 : isBetween ? (held + fake) / 2 : 0;
  const reach = Math.max(
    0.5,
    ...[m?.logit_seen, held, fake, ...(picture?.logits?.values ?? [])]
      .filter(Number.isFinite)
      .map((v) => Math.abs(v - middle)),
  );
  return {
    middle,
    held_out: held,
    seen: m?.logit_seen,
    fake,
    opinion: (v) => Math.max(-1, Math.min(1, (v - middle) / reach)),
  };
}
