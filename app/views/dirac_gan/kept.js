// The games that are kept beside the one in hand, as chips, and the button that copies a link to all of them.

import { copied } from "../../canvas/base_canvas.js";
import { element } from "../../canvas/live.js";

const MOST_KEPT = 4;
const chip = (properties, ...parts) =>
  element("button", { type: "button", className: "chip", ...properties }, ...parts);

/** stage: the owner; it has game, kept, walk(), report(), copyLink(), titleOf(game) and hueOf(index). */
export class KeptGames {
  constructor(stage) {
    this.stage = stage;
    this.root = element("div", { className: "kept" });
    this.keepButton = chip({ onclick: () => this.keep() }, "Keep this one beside");
    this.linkButton = chip({ onclick: () => stage.copyLink() }, "Copy link");
  }

  keep() {
    const { kept, game } = this.stage;
    if (kept.length >= MOST_KEPT) kept.shift();
    kept.push(game.with({}));
    this.changed();
  }

  drop(i) {
    this.stage.kept.splice(i, 1);
    this.changed();
  }

  changed() {
    this.stage.walk();
    this.show();
    this.stage.report();
  }

  show() {
    const { stage } = this;
    const chips = stage.kept.map((game, i) => {
      const dash = element("i", {});
      dash.style.background = stage.hueOf(i);
      return chip({ title: "Remove", onclick: () => this.drop(i) }, dash, `${stage.titleOf(game)} ×`);
    });
    this.root.replaceChildren(this.keepButton, ...chips, this.linkButton);
  }

  async copy(href) {
    if (await copied(href)) this.linkButton.textContent = "Link copied";
    setTimeout(() => {
      this.linkButton.textContent = "Copy link";
    }, 1500);
  }
}
