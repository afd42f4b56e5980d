// Ways between two codes, and noise that comes back.

export const norm = (z) => Math.sqrt(z.reduce((sum, v) => sum + v * v, 0));
export const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);

/** A code with as many digits as the live lane and a link need. */
export const rounded = (z) => Array.from(z, (v) => Math.round(v * 1000) / 1000);

/** The code at a share t of the way from a to b: straight, or along the sphere with the length changing evenly. */
export function between(a, b, t, isRound) {
  const [la, lb] = [norm(a), norm(b)];
  const angle = la && lb ? Math.acos(Math.max(-1, Math.min(1, dot(a, b) / (la * lb)))) : 0;
  if (!isRound || angle < 1e-4) return a.map((v, d) => v + t * (b[d] - v));
  const [wa, wb] = [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  const length = la + t * (lb - la);
  return a.map((v, d) => length * ((wa * v) / la + (wb * b[d]) / lb));
}

/** So many codes on the way from a to b, both ends among them. */
export const pathBetween = (a, b, isRound, count) =>
  Array.from({ length: count }, (_, i) => between(a, b, i / (count - 1), isRound));

/** Numbers of a seeded standard normal, so that the same picture comes back. */
export function normals(count, seed) {
  let s = seed >>> 0;
  const uniform = () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
