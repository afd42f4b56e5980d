// Every loss with every cure as a little portrait: what becomes of the same start. One click takes a game to the stage.

import { element, sharpen } from "../../canvas/live.js";
import { outlook } from "./game.js";
import { SPAN } from "./plane.js";

const STEPS = 300; // of a little way
const WORDS = { in: "in", out: "out", circles: "circles", halts: "halts", kink: "kink" };

export class GameGrid {
  /** handlers: take({loss, cure}) */
  constructor(handlers) {
    this.handlers = handlers;
    this.root = element("div", { className: "games", role: "group" });
    this.root.setAttribute("aria-label", "Every loss with every cure");
  }

  /** losses, cures: [{key, title}, ...] */
  build({ losses, cures }) {
    if (this.tiles) return;
    this.kinks = new Set(cures.filter(({ is_kink: isKink }) => isKink).map(({ key }) => key));
    this.tiles = losses.flatMap(({ key: loss, title }) =>
      cures.map(({ key: cure, title: cureTitle }) => this.tile(loss, cure, `${title}, ${cureTitle}`)),
    );
    const rows = losses.flatMap(({ title }, i) => [
      element("div", { className: "rowname" }, title),
      ...this.tiles.slice(i * cures.length, (i + 1) * cures.length).map(({ root }) => root),
    ]);
    this.root.replaceChildren(
      element("div", {}),
      ...cures.map(({ title }) => element("div", { className: "colname" }, title)),
      ...rows,
    );
    this.root.style.setProperty("--n", cures.length);
  }

  tile(loss, cure, title) {
    const canvas = element("canvas", {}),
      word = element("span", { className: "word num" });
    const root = element(
      "button",
      { type: "button", className: "game", title, onclick: () => this.handlers.take({ loss, cure }) },
      canvas,
      word,
    );
    root.dataset.game = `${loss}/${cure}`;
    return { loss, cure, title, canvas, word, root };
  }

  /** Anything but loss and cure may have changed: all ways anew. */
  paint({ game, start, colours }) {
    for (const tile of this.tiles) {
      const own = game.with({ loss: tile.loss, cure: tile.cure }),
        look = outlook(own, this.kinks.has(tile.cure));
      this.draw(tile, own.trajectory(start, STEPS), look, colours);
      tile.word.textContent = WORDS[look.kind];
      tile.root.dataset.kind = look.kind;
      tile.root.setAttribute("aria-label", `${tile.title}: ${look.sentence}`);
      tile.root.setAttribute("aria-pressed", String(tile.loss === game.loss && tile.cure === game.cure));
    }
  }

  draw({ canvas }, places, _look, colours) {
    const { context: c, width, height } = sharpen(canvas);
    if (!width) return;
    const scale = Math.min(width, height) / (2 * SPAN),
      x = (v) => width / 2 + v * scale,
      y = (v) => height / 2 - v * scale;
    c.clearRect(0, 0, width, height);
    c.strokeStyle = colours.model;
    c.lineWidth = 1.2;
    c.beginPath();
    for (let i = 0; i < places.length; i += 2) c.lineTo(x(places[i]), y(places[i + 1]));
    c.stroke();
    c.fillStyle = colours.data;
    c.beginPath();
    c.arc(x(0), y(0), 2.6, 0, 7);
    c.fill();
    c.fillStyle = colours.model;
    c.beginPath();
    c.arc(x(places.at(-2)), y(places.at(-1)), 2.6, 0, 7);
    c.fill();
  }
}
