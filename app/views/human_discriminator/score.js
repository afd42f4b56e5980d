// How the judges did on the questions that the visitor has answered.

/** Right answers of each judge among the answered questions: { you, logits, optimal }, each { right, n }. */
export function score(quiz, answers) {
  const truth = quiz.is_real.values,
    n = answers.length;
  const count = (says) => answers.reduce((sum, _, k) => sum + (says(k) === !!truth[k]), 0);
  const found = {
    you: { right: count((k) => answers[k]), n },
    logits: { right: count((k) => quiz.logits.values[k] > 0), n },
  };
  return quiz.optimal ? { ...found, optimal: { right: count((k) => quiz.optimal.values[k] > 0), n } } : found;
}

/** Standard error of a share of n. */
export const errorOf = (share, n) => Math.sqrt(Math.max(share * (1 - share), 0.25 / n) / n);

/** What is to be said. */
export function summary(quiz, answers, phase) {
  if (!quiz) return "";
  const limit = quiz.ceiling?.values;
  const best = limit
    ? ` In the long run nobody is right in more than ${(100 * limit[0]).toFixed(1)} ` +
      `% (the line across each bar; estimated, ± ${(100 * limit[1]).toFixed(1)}).`
    : " For pictures nobody knows the best of all discriminators: the density of the data is not known.";
  if (phase !== "done")
    return (
      "Half of the questions are real, half are generated. " +
      `You have a minute; the others judge the same ones.${best}`
    );
  if (!answers.length) return best.trim();
  const { you, logits } = score(quiz, answers),
    apart = you.right - logits.right;
  const sure = errorOf(you.right / you.n, you.n) + errorOf(logits.right / logits.n, logits.n);
  const verdict =
    Math.abs(apart) / you.n < sure
      ? "no difference that so few answers could show"
      : apart > 0
        ? "you are the better discriminator"
        : "the net sees more than you do";
  return `You and the trained discriminator: ${verdict}.${best}`;
}
