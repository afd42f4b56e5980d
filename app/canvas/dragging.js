// A point on a canvas, dragged by a finger or a mouse, or moved by the arrow keys.

import { stepsOf } from "./keys.js";

const REST = 400; // milliseconds without a key after which a point counts as let go

/** Call move(event) while a canvas is dragged, settled() when it is let go, hover(event) else. */
export function followDrag(canvas, { move, settled = () => {}, hover = () => {} }) {
  let isDragging = false;
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    isDragging = true;
    move(event);
  };
  canvas.onpointermove = (event) => (isDragging ? move : hover)(event);
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (isDragging) {
      isDragging = false;
      settled();
    }
  };
}

/** Where a pointer is over its canvas, which shows [x0, x1, y0, y1]. */
export function placeUnder(event, [x0, x1, y0, y1]) {
  const box = event.target.getBoundingClientRect();
  return [
    x0 + ((event.clientX - box.left) / box.width) * (x1 - x0),
    y1 - ((event.clientY - box.top) / box.height) * (y1 - y0),
  ];
}

/** The nearest point of a window [x0, x1, y0, y1]. */
export const inside = ([x, y], [x0, x1, y0, y1]) => [Math.min(x1, Math.max(x0, x)), Math.min(y1, Math.max(y0, y))];

const ALONG_Y = ["ArrowUp", "ArrowDown", "PageUp", "PageDown"];

/**
 * How many steps a key moves along x and along y, upwards positive: an end is far away. Undefined for any other key.
 */
export function arrowOf(event) {
  const by = stepsOf(event);
  return by === undefined ? undefined : ALONG_Y.includes(event.key) ? [0, by] : [by, 0];
}

/**
 * A point one step along an arrow key (five with Shift), ten up or down by a page key, or at an end of its window
 * [x0, x1, y0, y1]; null for any other key. Its canvas says where the point goes.
 */
export function nudged([x, y], event, step, shown) {
  const by = arrowOf(event),
    far = step * (event.shiftKey ? 5 : 1);
  if (!by) return null;
  const to = keyedPlace([x, y], by, far, shown);
  event.currentTarget.setAttribute("aria-description", `at ${to.map((v) => v.toFixed(2)).join(", ")}`);
  return to;
}

function keyedPlace([x, y], by, far, shown) {
  const low = [Math.min(x, shown[0]), Math.min(y, shown[2])], // a point that stands outside is not thrown back
    high = [Math.max(x, shown[1]), Math.max(y, shown[3])];
  return Number.isFinite(by[0])
    ? inside([x + far * by[0], y + far * by[1]], [low[0], high[0], low[1], high[1]])
    : [by[0] < 0 ? shown[0] : shown[1], y];
}

/** Keys have no end, as a drag has: settled() once none has come for a while. */
export function afterKeys(settled) {
  let resting;
  return () => {
    clearTimeout(resting);
    resting = setTimeout(settled, REST);
  };
}

/** A point to be moved on a canvas of the plane: shown() is its window, under(event) the place that a pointer means. */
export function holdPoint(canvas, { shown, point, under, move, settled }) {
  canvas.classList.add("drags");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  followDrag(canvas, { move: (event) => move(under(event)), settled });
  const rest = afterKeys(settled);
  canvas.onkeydown = (event) => {
    const [x0, x1] = shown(),
      to = nudged(point(), event, (x1 - x0) / 100, shown());
    if (!to) return;
    event.preventDefault();
    move(to);
    rest();
  };
}
