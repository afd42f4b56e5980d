// A square of latents around 0, with the prior's circles and a cross that is dragged, or moved by the arrow keys.

import { drawCross } from "../crosses.js";
import { followDrag, inside, nudged, placeUnder } from "../dragging.js";
import { element, sharpen } from "../live.js";

export const REACH = 3.2; // shown from -REACH to REACH, in standard deviations of the prior
const WINDOW = [-REACH, REACH, -REACH, REACH];
const KEY_STEP = 0.1;

/**
 * handlers: move(p, q) while the cross is dragged, settled() when it is let go. A kind may have look(event), for a
 * pointer that is over the square and drags nothing.
 */
export class LatentSquare {
  constructor(label, handlers) {
    this.handlers = handlers;
    this.canvas = element("canvas", { className: "square", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-label", label);
    followDrag(this.canvas, {
      move: (event) => this.drag(event),
      settled: () => this.handlers.settled(),
      hover: (event) => this.look(event),
    });
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.place = { p: 0, q: 0 };
  }

  drag(event) {
    this.handlers.move(...inside(this.under(event), WINDOW));
  }

  look() {}

  /** Where a pointer is: p and q. */
  under(event) {
    return placeUnder(event, WINDOW);
  }

  onKey(event) {
    const to = nudged([this.place.p, this.place.q], event, KEY_STEP, WINDOW);
    if (!to) return;
    event.preventDefault();
    this.place = { p: to[0], q: to[1] }; // at once, so that no quick press is lost
    this.handlers.move(...to);
    this.handlers.settled();
  }

  /** An empty square to paint on: its context and width; the width is 0 while it is not laid out. */
  clear(colours) {
    const { context, width } = sharpen(this.canvas);
    this.scale = width / (2 * REACH);
    context.fillStyle = colours.panel;
    context.fillRect(0, 0, width, width);
    return { context, width };
  }

  at(width, { p, q }) {
    return [width / 2 + p * this.scale, width / 2 - q * this.scale];
  }

  /** The prior's circles at one, two and three standard deviations. */
  paintPrior(c, width, colour) {
    c.setLineDash([4, 4]);
    c.strokeStyle = colour;
    for (const radius of [1, 2, 3]) {
      c.beginPath();
      c.arc(width / 2, width / 2, radius * this.scale, 0, 2 * Math.PI);
      c.stroke();
    }
    c.setLineDash([]);
  }

  paintCross(c, width, { place, colours }) {
    drawCross(c, this.at(width, place), colours);
  }
}
