// A row of targets, each with its own density as a picture. Arrow keys move, a click or Enter chooses.

import { setColours } from "./base_canvas.js";
import { element, ramp, themeColours, unpack } from "./live.js";

const pickers = new WeakMap();

export function mount({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".picker");
  const blob = unpack(data);
  const colours = themeColours(root, blob.numbers.themes);
  setColours(root, colours);
  const before = pickers.get(parentElement);
  const key = JSON.stringify([blob.numbers.items, colours.panel]);
  if (before?.key === key) {
    choose(before.tiles, blob.numbers.selected, false);
    return;
  }
  const tiles = build(root, blob, colours, (chosen) => {
    choose(tiles, chosen, true);
    setStateValue("target", chosen);
  });
  pickers.set(parentElement, { key, tiles });
  choose(tiles, blob.numbers.selected, false);
  requestAnimationFrame(() =>
    tiles.get(blob.numbers.selected)?.scrollIntoView({ block: "nearest", inline: "nearest" }),
  );
}

function build(root, blob, colours, onChoose) {
  const table = ramp(colours.panel, colours.data);
  const tiles = new Map();
  const rows = { ready: element("div", { className: "ready" }), yours: element("div", { className: "yours" }) };
  for (const item of blob.numbers.items) {
    const tile = element(
      "button",
      { type: "button", className: "tile", title: item.idea, onclick: () => onChoose(item.key) },
      thumbnail(blob[`thumb_${item.key}`], table),
      element("span", {}, item.title),
    );
    tile.setAttribute("role", "radio");
    tiles.set(item.key, tile);
    (item.group === "yours" ? rows.yours : rows.ready).append(tile);
  }
  root.setAttribute("role", "radiogroup");
  root.setAttribute("aria-label", "Target");
  root.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const keys = [...tiles.keys()],
      at = keys.findIndex((k) => tiles.get(k).getAttribute("aria-checked") === "true");
    const next = keys[(at + by + keys.length) % keys.length];
    tiles.get(next).focus();
    onChoose(next);
  };
  root.replaceChildren(rows.ready, rows.yours);
  return tiles;
}

function choose(tiles, selected, scroll) {
  for (const [key, tile] of tiles) {
    tile.setAttribute("aria-checked", String(key === selected));
    tile.tabIndex = key === selected ? 0 : -1;
  }
  if (scroll) tiles.get(selected)?.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "smooth" });
}

function thumbnail({ shape: [size, , depth], values }, table) {
  const canvas = element("canvas", { width: size, height: size });
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d"),
    image = context.createImageData(size, size),
    words = new Uint32Array(image.data.buffer);
  if (depth === 3)
    words.forEach((_, i) => {
      words[i] = (255 << 24) | (values[3 * i + 2] << 16) | (values[3 * i + 1] << 8) | values[3 * i];
    });
  else
    for (let r = 0; r < size; r++)
      for (let c = 0; c < size; c++) words[r * size + c] = table[values[(size - 1 - r) * size + c]];
  context.putImageData(image, 0, 0);
  return canvas;
}
