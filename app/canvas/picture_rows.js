// Tabs of a lower stage, each with rows of pictures that answer one question.

import { fontOf } from "./base_canvas.js";
import { element, sharpen } from "./live.js";
import { stamp } from "./pictures.js";

/**
 * owner: has `colours`, and report() for where the visitor is; titles: of the tabs. A kind has `painters`, which paint
 * a tab in a width, and refresh(), which asks for what the open tab shows.
 */
export class PictureRows {
  constructor(owner, titles, tab) {
    Object.assign(this, { owner, titles, tab });
    this.spots = []; // squares that can be clicked
    this.buttons = Object.fromEntries(
      Object.entries(titles).map(([key, title]) => {
        const button = element("button", { type: "button", className: "tab", onclick: () => this.open(key) }, title);
        button.setAttribute("role", "tab");
        return [key, button];
      }),
    );
    this.canvas = element("canvas", { className: "strip" });
    this.canvas.setAttribute("role", "img");
    this.canvas.onclick = (event) => this.click(event);
    this.tools = element("div", { className: "tools" });
    this.caption = element("div", { className: "cap" });
    const tabs = element("div", { className: "tabs" }, ...Object.values(this.buttons));
    tabs.setAttribute("role", "tablist");
    this.root = element("section", { className: "card wide" }, tabs, this.tools, this.canvas, this.caption);
  }

  open(tab) {
    this.tab = tab;
    this.isUserChoice = true;
    this.refresh();
    this.owner.report();
  }

  refreshTabs() {
    for (const [key, button] of Object.entries(this.buttons))
      button.setAttribute("aria-selected", String(key === this.tab));
  }

  click(event) {
    const box = this.canvas.getBoundingClientRect(),
      x = event.clientX - box.left,
      y = event.clientY - box.top;
    this.spots.find((s) => x >= s.x && x < s.x + s.size && y >= s.y && y < s.y + s.size)?.use();
  }

  paint() {
    const width = this.canvas.clientWidth;
    if (!width || !this.owner.colours) return;
    this.spots = [];
    this.caption.textContent = "";
    this.painters[this.tab](width);
    this.canvas.setAttribute("aria-label", `${this.titles[this.tab]}. ${this.caption.textContent}`);
  }

  /** Make the canvas as tall as its rows; returns a fresh context. */
  tall(height) {
    if (this.canvas.clientHeight !== Math.round(height)) this.canvas.style.height = `${Math.round(height)}px`;
    const { context, width } = sharpen(this.canvas);
    context.clearRect(0, 0, width, height);
    context.font = fontOf(this.canvas, "12px");
    context.fillStyle = this.owner.colours.soft;
    context.textAlign = "left";
    return context;
  }

  /** A picture of a row; a click on it calls use(). */
  place(c, bitmap, x, y, size, use) {
    stamp(c, bitmap, x, y, size);
    if (use) this.spots.push({ x, y, size, use });
  }
}
