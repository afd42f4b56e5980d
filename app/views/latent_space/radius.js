// How long codes are: of the data, of the prior, and of the place where the visitor is.

import { norm } from "../../canvas/latents/ways.js";
import { stamp } from "../../canvas/pictures.js";

const BINS = 42;
const HEIGHT = 150; // of the chart, without the pictures under it

/** Paint lengths of codes, and what is drawn at some lengths along z; returns what is to be said of it. */
export function paintRadius(rows, width, { z, colours, lengths }) {
  const dims = z.length,
    most = Math.max(6, 2.6 * Math.sqrt(dims)),
    size = Math.min(84, width / 6 - 8),
    c = rows.tall(HEIGHT + size + 62);
  const x = (r) => 6 + ((width - 12) * r) / most;
  paintLengths(c, { lengths, dims, most, x, width, colours });
  paintOwn(c, norm(z), { most, x, width, colours });
  rows.fresh("radius")?.radii.forEach((r, i) => {
    const left = i * (size + 8) + 4;
    stamp(c, rows.content.bitmaps[i], left, HEIGHT + 26, size);
    c.textAlign = "center";
    c.fillStyle = colours.soft;
    c.fillText(`|z| ${r.toFixed(1)}`, left + size / 2, HEIGHT + size + 42);
  });
  return (
    `Grey line: length of the prior's ${dims}-dimensional noise. Blue: codes drawn for held-out examples. ` +
    "z = 0 is the densest point, yet hardly anything lies near it: " +
    `almost all mass has |z| around ${Math.sqrt(dims).toFixed(1)}.`
  );
}

/** Lengths of the data's codes as bars, and the prior's density as a line, on one scale. */
function paintLengths(c, { lengths, dims, most, x, width, colours }) {
  const counts = new Array(BINS).fill(0);
  lengths.forEach((r) => {
    const bin = Math.floor((r / most) * BINS);
    if (bin < BINS) counts[bin]++;
  });
  const shares = counts.map((v) => v / (lengths.length * (most / BINS))),
    peak = 1.1 * Math.max(...shares, chiDensity(Math.sqrt(Math.max(0.2, dims - 1)), dims)),
    y = (v) => HEIGHT - (HEIGHT - 16) * (v / peak);
  c.fillStyle = colours.data;
  c.globalAlpha = 0.45;
  shares.forEach((v, b) => c.fillRect(x((b * most) / BINS) + 1, y(v), (width - 12) / BINS - 2, HEIGHT - y(v)));
  c.globalAlpha = 1;
  c.strokeStyle = colours.base;
  c.lineWidth = 2;
  c.beginPath();
  for (let i = 0; i <= 200; i++) c.lineTo(x((most * i) / 200), y(chiDensity((most * i) / 200, dims)));
  c.stroke();
  c.lineWidth = 1;
}

/** Where the visitor's own z stands, and the ends of the axis. */
function paintOwn(c, length, { most, x, width, colours }) {
  const isFar = length > most * 0.7;
  c.fillStyle = colours.ink;
  c.fillRect(x(length) - 1, 10, 2, HEIGHT - 10);
  c.textAlign = isFar ? "right" : "left";
  c.fillText(`your z, |z| = ${length.toFixed(2)}`, x(length) + (isFar ? -6 : 6), 20);
  c.fillStyle = colours.soft;
  c.textAlign = "left";
  c.fillText("0", 4, HEIGHT + 14);
  c.textAlign = "right";
  c.fillText(`|z| = ${most.toFixed(1)}`, width - 6, HEIGHT + 14);
}

/** Density of the length of standard-normal noise in n dimensions. */
function chiDensity(r, n) {
  if (r <= 0) return n === 1 ? Math.sqrt(2 / Math.PI) : 0;
  return Math.exp((n - 1) * Math.log(r) - (r * r) / 2 - (n / 2 - 1) * Math.LN2 - logGamma(n / 2));
}

/** log of the gamma function at whole and half numbers, by its recursion. */
function logGamma(x) {
  let sum = x % 1 === 0 ? 0 : 0.5 * Math.log(Math.PI);
  for (let k = x % 1 === 0 ? 1 : 0.5; k < x; k++) sum += Math.log(k);
  return sum;
}
