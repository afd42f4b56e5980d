// The gallery of stored flows: rows are models, columns are targets; a click puts a run on the stage above.

import { setColours } from "../../canvas/base_canvas.js";
import { element, ramp, themeColours, unpack } from "../../canvas/live.js";

const galleries = new WeakMap();

export function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".flow_compare_gallery");
  const held = galleries.get(parentElement) ?? { side: 0, count: 0 };
  galleries.set(parentElement, held);
  const blob = unpack(data),
    { numbers } = blob;
  const colours = themeColours(root, numbers.themes);
  setColours(root, colours);
  held.tell = setStateValue;
  const key = JSON.stringify([numbers.cells, colours.panel]);
  if (held.key !== key) {
    held.key = key;
    build(root, blob, colours, held);
  }
  mark(held, numbers.marked);
}

function build(root, blob, colours, held) {
  const { cells, titles, targets } = blob.numbers;
  const tables = { truth: ramp(colours.panel, colours.data), model: ramp(colours.panel, colours.model) };
  const models = Object.keys(titles).filter((name) => cells.some((cell) => cell.model === name));
  const best = Object.fromEntries(
    targets.map((target) => [target, Math.min(...cells.filter((c) => c.target === target).map((c) => c.kl))]),
  );
  held.buttons = new Map();
  const head = element(
    "thead",
    {},
    element("tr", {}, element("th", {}), ...targets.map((t) => heading(titles[t], "col"))),
  );
  const truth = element(
    "tr",
    {},
    heading("exact density", "row"),
    ...targets.map((t) => element("td", {}, tile("div", "cell truth", blob[`map_truth/${t}`], tables.truth, "data"))),
  );
  const rows = models.map((model) =>
    element(
      "tr",
      {},
      heading(titles[model], "row"),
      ...targets.map((target) => {
        const cell = cells.find((c) => c.model === model && c.target === target);
        if (!cell) return element("td", {});
        const button = tile(
          "button",
          `cell${cell.kl === best[target] ? " best" : ""}`,
          blob[`map_${model}/${target}`],
          tables.model,
          cell.kl < 0.1 ? cell.kl.toFixed(4) : cell.kl.toFixed(3),
        );
        button.type = "button";
        button.title =
          `${titles[model]} on ${titles[target]}: KL ${cell.kl.toFixed(4)} ± ` +
          `${cell.error.toFixed(4)} nats, ${cell.n_parameters.toLocaleString("en")} weights`;
        button.setAttribute("aria-label", button.title);
        button.onclick = () => held.tell("choice", { model, target, side: held.side, count: ++held.count });
        held.buttons.set(`${model}/${target}`, button);
        return element("td", {}, button);
      }),
    ),
  );
  root.replaceChildren(sides(held), element("table", {}, head, element("tbody", {}, truth, ...rows)));
}

/** Which side of the stage a click fills. */
function sides(held) {
  const box = element("span", { className: "sides" });
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "A click puts the flow");
  const buttons = ["left", "right"].map((name, side) =>
    element("button", { type: "button", onclick: () => choose(side) }, name),
  );
  const choose = (side) => {
    held.side = side;
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(i === side)));
  };
  choose(held.side);
  box.append(...buttons);
  return element("div", {}, element("span", { className: "lead" }, "A click puts the flow on the"), box);
}

function heading(text, scope) {
  const th = element("th", {}, text);
  th.scope = scope;
  return th;
}

function tile(tag, className, { shape: [size], values }, table, words) {
  const canvas = element("canvas", { width: size, height: size });
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d"),
    image = context.createImageData(size, size),
    pixels = new Uint32Array(image.data.buffer);
  for (let r = 0; r < size; r++)
    for (let c = 0; c < size; c++) pixels[r * size + c] = table[values[(size - 1 - r) * size + c]];
  context.putImageData(image, 0, 0);
  return element(tag, { className }, canvas, element("span", { className: "num" }, words));
}

function mark(held, marked) {
  for (const [name, button] of held.buttons) {
    button.classList.toggle("left", name === marked[0].join("/"));
    button.classList.toggle("right", name === marked[1].join("/"));
  }
}
