// All codes for one cell: what each would draw there, sorted by how likely the prior finds it.

import { fontOf } from "../../canvas/base_canvas.js";
import { element, sharpen } from "../../canvas/live.js";
import { stamp } from "../../canvas/pictures.js";

const SMALL = 46,
  LARGE = 84,
  GAP = 6,
  LINE = 16,
  FEW_ROWS = 3;
const percent = (share) =>
  share >= 0.0995 ? `${(100 * share).toFixed(0)} %` : share >= 0.001 ? `${(100 * share).toFixed(1)} %` : "< 0.1 %";

/** handlers: choose(code), hover(code or null). */
export class CodePalette {
  constructor(handlers) {
    this.handlers = handlers;
    this.order = "prior";
    this.title = element("span");
    this.canvas = element("canvas", { className: "strip palette", tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.onpointermove = (event) => this.point(this.codeAt(event));
    this.canvas.onpointerleave = () => this.point(null);
    this.canvas.onclick = (event) => {
      const code = this.codeAt(event);
      if (code !== null) this.handlers.choose(code);
    };
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.sort = element("button", {
      type: "button",
      className: "tag",
      onclick: () => {
        this.order = { prior: "use", use: "number", number: "prior" }[this.order];
        this.paint(this.state);
      },
    });
    this.more = element("button", {
      type: "button",
      className: "tag",
      onclick: () => {
        this.isOpen = !this.isOpen;
        this.paint(this.state);
      },
    });
    this.caption = element("div", { className: "cap" });
    this.root = element(
      "section",
      { className: "card palette-card" },
      element("h3", {}, this.title, element("span", { className: "tags" }, this.sort, this.more)),
      this.canvas,
      this.caption,
    );
    this.spots = [];
    this.focused = null;
  }

  codeAt(event) {
    const { side } = this;
    const box = this.canvas.getBoundingClientRect(),
      x = event.clientX - box.left,
      y = event.clientY - box.top;
    return this.spots.find((s) => x >= s.x && x < s.x + side + GAP && y >= s.y && y < s.y + side + LINE)?.code ?? null;
  }

  point(code) {
    if (code === this.focused) return;
    this.focused = code;
    this.handlers.hover(code);
    this.paint(this.state);
  }

  onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    const at = this.spots.findIndex((s) => s.code === this.focused);
    if (event.key === "Enter" && at >= 0) this.handlers.choose(this.focused);
    if (!step || !this.spots.length) return;
    event.preventDefault();
    this.point(this.spots[Math.max(0, Math.min(this.spots.length - 1, at + step))].code);
  }

  sorted({ shares, usage }) {
    const codes = [...shares.keys()],
      key = { prior: shares, use: usage, number: null }[this.order];
    return key ? codes.sort((a, b) => key[b] - key[a]) : codes;
  }

  /** state: title, patches (bitmaps), shares, usage, current, why (if there is nothing to show), colours */
  paint(state) {
    this.state = state;
    if (!state?.colours) return;
    this.title.textContent = state.title;
    this.sort.textContent = { prior: "likeliest first", use: "most used first", number: "by number" }[this.order];
    const width = this.canvas.clientWidth;
    if (!width) return;
    const room = Math.floor(width / Math.max(1, state.shares?.length ?? 1)) - GAP;
    const side = (this.side = Math.max(SMALL, Math.min(LARGE, room)));
    this.columns = Math.max(1, Math.floor((width + GAP) / (side + GAP)));
    const order = state.patches ? this.sorted(state) : [],
      most = this.columns * FEW_ROWS;
    this.more.hidden = order.length <= most;
    this.more.textContent = this.isOpen ? "show fewer" : `show all ${order.length}`;
    const codes = this.isOpen ? order : order.slice(0, most),
      rows = Math.max(1, Math.ceil(codes.length / this.columns));
    this.canvas.style.height = `${rows * (side + LINE + 2)}px`;
    const { context: c } = sharpen(this.canvas),
      { colours } = state;
    c.clearRect(0, 0, width, rows * (side + LINE + 2));
    c.font = fontOf(this.canvas);
    this.spots = codes.map((code, i) => ({
      code,
      x: (i % this.columns) * (side + GAP),
      y: Math.floor(i / this.columns) * (side + LINE + 2),
    }));
    for (const { code, x, y } of this.spots) this.paintOne(c, code, x, y, state);
    if (!state.patches) {
      c.fillStyle = colours.soft;
      c.font = fontOf(this.canvas, "13px");
      c.textAlign = "left";
      c.fillText(state.why, 2, 30);
    }
    this.say(state);
  }

  paintOne(c, code, x, y, { patches, shares, usage, current, colours }) {
    const isDead = !(usage[code] > 0),
      side = this.side;
    stamp(c, patches[code], x + 2, y + 2, side - 4, side - 4, isDead ? 0.55 : 1);
    c.lineWidth = code === current ? 3 : 1.5;
    c.strokeStyle = code === current ? colours.data : code === this.focused ? colours.ink : colours.line;
    c.strokeRect(x + 2, y + 2, side - 4, side - 4);
    if (isDead) {
      c.strokeStyle = colours.error;
      c.lineWidth = 1.5;
      c.beginPath();
      c.moveTo(x + 4, y + side - 4);
      c.lineTo(x + side - 4, y + 4);
      c.stroke();
    }
    c.fillStyle = code === current ? colours.ink : colours.soft;
    c.textAlign = "center";
    c.fillText(isDead ? "dead" : percent(shares[code]), x + side / 2, y + side + 11);
  }

  say({ patches, shares, usage, current }) {
    const code = this.focused ?? current;
    if (!patches || code === null || code === undefined) {
      this.caption.replaceChildren();
      return;
    }
    const used =
      usage[code] > 0
        ? `makes up ${percent(usage[code])} of all held-out codes`
        : "is dead: no held-out picture uses it";
    this.caption.replaceChildren(
      element("span", {}, `code ${code}${code === current ? ", the one that stands here," : ""} ${used}`),
      element("span", { className: "num" }, `prior ${percent(shares[code])} here, given the codes before`),
    );
    this.canvas.setAttribute(
      "aria-label",
      `Codes for this cell. Code ${code}: prior ${percent(shares[code])}. Enter puts it there.`,
    );
  }
}
