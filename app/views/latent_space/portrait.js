// The portrait of a latent space: where held-out examples lie in it, what each latent carries, and what it follows.

import { difference, toBitmap, toBitmaps } from "../../canvas/pictures.js";

/** The rows of a (K, Z) array. */
export function rowsOf(array) {
  if (!array) return null;
  const [rows, columns] = array.shape;
  return Array.from({ length: rows }, (_, i) => array.values.subarray(i * columns, (i + 1) * columns));
}

const apart = (a, b) => a.reduce((sum, v, d) => sum + (v - b[d]) ** 2, 0);

/** What the live lane says of a stored model's latent space. */
export function readPortrait(blob) {
  const [count, z] = blob.means.shape,
    row = (array, i) => array.values.subarray(i * z, (i + 1) * z);
  const originals = toBitmaps(blob.originals),
    shape = blob.originals.shape.slice(1);
  const noise = (i) =>
    Math.sqrt(-2 * Math.log(((((i * 2654435761) >>> 0) % 99991) + 1) / 99993)) *
    Math.cos((2 * Math.PI * ((((i + 7) * 2246822519) >>> 0) % 99989)) / 99989);
  const sampleNorms = Array.from({ length: count }, (_, i) =>
    Math.sqrt(
      Array.from(
        { length: z },
        (_, d) => (row(blob.means, i)[d] + row(blob.stds, i)[d] * noise(i * z + d)) ** 2,
      ).reduce((a, b) => a + b, 0),
    ),
  );
  return {
    codes: { values: blob.means.values, stds: blob.stds.values, z, count },
    mean: (i) => row(blob.means, i),
    std: (i) => row(blob.stds, i),
    kl: blob.kl.values,
    originals,
    reconstructions: toBitmaps(blob.reconstructions),
    errors: originals.map((_, i) =>
      toBitmap(difference(blob.originals.values, blob.reconstructions.values, shape, i).values, [
        1,
        shape[1],
        shape[2],
      ]),
    ),
    distortions: blob.distortions.values,
    rates: blob.rates.values,
    labels: blob.labels?.values ?? null,
    information: blob.information ?? null,
    farthest: (i) =>
      originals.reduce(
        (best, _, j) =>
          apart(row(blob.means, i), row(blob.means, j)) > apart(row(blob.means, i), row(blob.means, best)) ? j : best,
        0,
      ),
    follows: blob.follows ? Array.from(blob.follows.values) : new Array(z).fill(-1),
    sampleNorms,
  };
}

/**
 * Each latent's name: the factor that it follows, if it carries anything; a second one of the same factor is marked.
 */
export function namesOf({ follows, kl }, factors, least) {
  const seen = {},
    names = new Array(follows.length).fill("");
  for (const d of [...kl.keys()].sort((a, b) => kl[b] - kl[a])) {
    if (follows[d] < 0 || kl[d] < least) continue;
    const name = factors[follows[d]];
    seen[name] = (seen[name] ?? 0) + 1;
    names[d] = seen[name] > 1 ? `${name} (${seen[name]})` : name;
  }
  return names;
}
