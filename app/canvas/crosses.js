// Crosses that mark a chosen place, with a rim in the colour of the panel, so that they are seen on every ground.

const RING = 7; // pixels
const SIDES = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
];

/** Stroke a path twice: as a rim, then as the line itself. */
export function strokeRimmed(c, colours, path, { role = "ink", rim = 5, line = 2 } = {}) {
  for (const [colour, weight] of [
    [colours.panel, rim],
    [colours[role], line],
  ]) {
    c.strokeStyle = colour;
    c.lineWidth = weight;
    c.beginPath();
    path();
    c.stroke();
  }
  c.lineWidth = 1;
}

/** The cross that a hand moves over a plane of codes. */
export function drawCross(c, [x, y], colours) {
  strokeRimmed(c, colours, () => {
    c.moveTo(x - 11, y);
    c.lineTo(x + 11, y);
    c.moveTo(x, y - 11);
    c.lineTo(x, y + 11);
  });
}

/** How the chosen point of a density map is drawn. */
export const CHOSEN = { role: "error", rim: 4.5 };

/** The chosen point of a density map: a cross in a circle. */
export function drawRingedCross(c, [x, y], colours) {
  strokeRimmed(
    c,
    colours,
    () => {
      c.arc(x, y, RING, 0, 2 * Math.PI);
      for (const [dx, dy] of SIDES) {
        c.moveTo(x + 4 * dx, y + 4 * dy);
        c.lineTo(x + 12 * dx, y + 12 * dy);
      }
    },
    CHOSEN,
  );
}
