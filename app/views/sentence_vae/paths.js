// Rows of codes, and the two directions along which they differ most.

import { dot, norm } from "../../canvas/latents/ways.js";

/** The rows of an array of shape (N, Z). */
export const rowsOf = ({ values, shape }) =>
  Array.from({ length: shape.at(-2) }, (_, i) => values.subarray(i * shape.at(-1), (i + 1) * shape.at(-1)));

/**
 * The two directions of largest spread of some rows, by power iteration from the ones before, so that a picture that
 * is drawn along them turns slowly.
 */
export function principal(rows, before) {
  const z = rows[0].length,
    mean = new Float64Array(z);
  for (const row of rows)
    row.forEach((v, d) => {
      mean[d] += v / rows.length;
    });
  const centred = rows.map((row) => Float64Array.from(row, (v, d) => v - mean[d]));
  const turned = (v) => {
    const out = new Float64Array(z);
    for (const row of centred) {
      const s = dot(row, v);
      for (let d = 0; d < z; d++) out[d] += s * row[d];
    }
    return out;
  };
  const axes = [];
  for (let k = 0; k < 2; k++) {
    let v = Float64Array.from({ length: z }, (_, d) => before?.[k]?.[d] ?? (d % 2 === k ? 1 : 0.3));
    for (let i = 0; i < (before ? 4 : 60); i++) {
      v = turned(v);
      for (const axis of axes) {
        const s = dot(v, axis);
        v = v.map((x, d) => x - s * axis[d]);
      }
      const length = norm(v);
      if (length < 1e-12) {
        v = new Float64Array(z);
        v[Math.min(k, z - 1)] = 1;
        break;
      }
      v = v.map((x) => x / length);
    }
    axes.push(v);
  }
  return axes;
}

/** The rows nearest to a code: [{ index, distance }], the nearest first. */
export function nearestTo(z, rows, count) {
  const best = [];
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index];
    let far = 0;
    for (let d = 0; d < row.length; d++) far += (row[d] - z[d]) ** 2;
    if (best.length < count || far < best.at(-1).far) {
      const at = best.findIndex((b) => far < b.far);
      best.splice(at < 0 ? best.length : at, 0, { far, index });
      if (best.length > count) best.pop();
    }
  }
  return best.map(({ far, index }) => ({ index, distance: Math.sqrt(far) }));
}
