// The card of the code maps: which of both is shown and how, and what was changed in it by hand.

import { element } from "../../canvas/live.js";
import { heading } from "../../canvas/stage_card.js";
import { CodeMap } from "./map.js";
import { same } from "./picture.js";

export const LEVELS = ["coarse", "fine"];

/** The place of a cell in words. */
export const cellWords = (cell, [, columns]) => `row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1}`;

/**
 * bench: the owner; it has choose(cell), hover(cell), setLevel(level), undo() and change(maps), and holds both maps.
 */
export class MapCard {
  constructor(bench) {
    this.bench = bench;
    this.map = new CodeMap({ choose: (cell) => bench.choose(cell), hover: (cell) => bench.hover(cell) });
    const quiet = (text, title, action) =>
      element("button", { type: "button", className: "quiet", title, onclick: action }, text);
    this.undoButton = quiet("undo", "Take the last change back (Ctrl-Z)", () => bench.undo());
    this.resetButton = quiet("reset", "Back to the codes that the encoder chose", () => bench.change(bench.origin));
    this.cap = element("div", { className: "cap" });
    this.view = element("button", {
      type: "button",
      className: "tag",
      title: "Show what the codes draw, or their numbers",
      onclick: () => {
        this.numbersShown = !this.numbersShown;
        bench.isDirty = true;
      },
    });
    this.levelButtons = LEVELS.map((_, level) =>
      element("button", { type: "button", className: "tag", onclick: () => bench.setLevel(level) }),
    );
    this.root = element(
      "section",
      { className: "card" },
      heading("Code maps", ...this.levelButtons, this.view),
      this.map.canvas,
      this.cap,
      element("div", { className: "tools" }, this.undoButton, this.resetButton),
    );
  }

  paint() {
    const {
        level,
        cell,
        numbers,
        canAsk,
        colours,
        shownMaps: maps,
        origin,
        atlas,
        hovered,
        show,
        picture,
      } = this.bench,
      shape = numbers.shapes[level];
    this.showButtons();
    this.map.paint({
      shape,
      codes: maps?.[level],
      origin: canAsk ? origin[level] : null,
      cell,
      hovered,
      patches: canAsk ? atlas.patches[level] : show.patches(picture),
      isByCell: !canAsk,
      numbers: this.numbersShown,
      angles: atlas?.angles[level],
      count: numbers.n_codes,
      colours,
      title: `Map of ${LEVELS[level]} codes`,
    });
    const at = hovered ?? cell,
      count = this.countChanged();
    this.cap.replaceChildren(
      element("span", {}, maps ? `${cellWords(at, shape)}: code ${maps[level][at]}` : ""),
      element("span", { className: "num" }, count ? `${count} of ${maps.flat().length} changed` : "click a cell"),
    );
  }

  showButtons() {
    const { level, numbers, canAsk, past, maps, origin } = this.bench;
    this.levelButtons.forEach((button, k) => {
      button.textContent = `${LEVELS[k]} ${numbers.shapes[k].join(" × ")}`;
      button.setAttribute("aria-pressed", String(k === level));
    });
    this.view.textContent = this.numbersShown ? "numbers" : "patches";
    this.undoButton.disabled = !canAsk || !past.length;
    this.resetButton.disabled = !canAsk || same(maps, origin);
  }

  /** How many codes differ from those that the encoder chose. */
  countChanged() {
    const { canAsk, maps, origin } = this.bench;
    if (!canAsk) return 0;
    return maps.reduce((n, map, l) => n + map.reduce((m, code, i) => m + (code !== origin[l][i]), 0), 0);
  }
}
