// The player of a game: its track shows the losses of both players.

import { fontOf } from "../../canvas/base_canvas.js";
import { Player } from "../../canvas/player.js";
import { NOTHING, NOTHING_TEXT } from "./optimal.js";

export class GamePlayer extends Player {
  /** losses: pictures with `loss` of the discriminator and `generator`; both on one scale. */
  drawCurve(c, losses, x, _, height, colours) {
    if (losses.length < 2) return;
    const { game } = this.state,
      both = losses
        .flatMap((s) => [s.loss, s.generator])
        .filter(Number.isFinite)
        .sort((a, b) => a - b);
    const nothing = NOTHING[game],
      low = Math.min(both[Math.floor(0.02 * both.length)], nothing),
      high = Math.max(both[Math.floor(0.97 * (both.length - 1))], nothing, low + 1e-3);
    const y = (v) => height - 11 - (height - 32) * Math.min(1.08, Math.max(-0.05, (v - low) / (high - low)));
    c.font = fontOf(this.track);
    c.textAlign = "right";
    c.setLineDash([4, 4]);
    c.strokeStyle = colours.soft;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(0, y(nothing));
    c.lineTo(c.canvas.clientWidth, y(nothing));
    c.stroke();
    c.setLineDash([]);
    for (const [name, colour] of [
      ["loss", colours.field],
      ["generator", colours.model],
    ]) {
      c.beginPath();
      for (const s of losses) if (Number.isFinite(s[name])) c.lineTo(x(s.step), y(s[name]));
      c.strokeStyle = colour;
      c.lineWidth = 1.5;
      c.stroke();
    }
    const width = c.canvas.clientWidth,
      [d, g] = ["loss", "generator"].map((name) => losses.findLast((s) => Number.isFinite(s[name])));
    c.textAlign = "left";
    c.fillStyle = colours.field;
    c.fillText("D's loss", 4, 11);
    c.fillStyle = colours.model;
    c.fillText("G's loss", 56, 11);
    c.fillStyle = colours.soft;
    c.fillText(`dashed: ${NOTHING_TEXT[game]}, D can tell nothing`, 108, 11);
    this.losses = { d: d?.loss, g: g?.generator, width };
  }
}
