// What is seen of a game, on its way to the newest picture: particles, arrows, grid and maps move there smoothly.

import { GRID, resample } from "../../canvas/density.js";
import { blend } from "../../canvas/stage_card.js";

const NAMES = ["samples", "arrows", "warp", "logits", "fake"];
const MAPS = new Set(["logits", "fake"]);
const LOWEST = -40; // log density below which there is nothing

/** The picture of a blob, its maps on GRID x GRID cells. */
export function readGame(blob) {
  const { logits, fake_log_density: fake, member_samples: dots, member_logits: maps } = blob;
  return {
    samples: blob.samples?.values ?? null,
    arrows: blob.arrows?.values ?? null,
    warp: blob.warp?.values ?? null,
    logits: logits ? resample(logits.values, ...logits.shape) : null,
    fake: fake
      ? resample(
          fake.values.map((v) => Math.max(v, LOWEST)),
          ...fake.shape,
        )
      : null,
    trace: blob.trace ?? null,
    members: dots && maps ? { dots, maps } : null,
  };
}

export class Motion {
  constructor() {
    this.clear();
  }

  clear() {
    this.goal = {};
    this.shown = {};
    this.isGroundDirty = true;
  }

  /** Move towards a picture; what it has none of stays. */
  aim(picture) {
    for (const name of NAMES) if (picture[name]) this.goal[name] = picture[name];
    if (picture.members) {
      this.members = picture.members;
      this.areMembersDirty = true;
    }
  }

  /** One step on the way; whether anything moved. */
  approach(share) {
    let moved = false;
    for (const name of NAMES) {
      const goal = this.goal[name];
      if (!goal) continue;
      if (this.shown[name]?.length !== goal.length) {
        this.shown[name] = begin(this.shown[name], goal);
        moved = true;
        if (MAPS.has(name)) this.isGroundDirty = true;
      }
      if (!blend(this.shown[name], goal, share, MAPS.has(name) ? 5e-3 : 1e-3)) continue;
      moved = true;
      if (MAPS.has(name)) this.isGroundDirty = true;
    }
    return moved;
  }
}

/** Particles that were there before go on from where they were. */
function begin(old, goal) {
  const values = Float32Array.from(goal);
  if (old) values.set(old.subarray(0, Math.min(old.length, goal.length)));
  return values;
}

export const ease = (u) => u * u * (3 - 2 * u);

export function mix(a, b, u) {
  const out = new Float32Array(Math.min(a.length, b.length));
  for (let i = 0; i < out.length; i++) out[i] = a[i] + (b[i] - a[i]) * u;
  return out;
}

export const CELLS = GRID * GRID;
