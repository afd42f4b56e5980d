// The workbench of discrete codes: a picture, its two maps of codes, what else could stand in a cell, and how codes are
// used.

import { linkWith, startPainting } from "../../canvas/base_canvas.js";
import { Decoder, element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { PaintPad } from "../../canvas/paint_pad.js";
import { difference, toBase64, toBitmap, toBitmaps } from "../../canvas/pictures.js";
import { heading } from "../../canvas/stage_card.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { fromText, toText } from "./link.js";
import { cellWords, LEVELS, MapCard } from "./map_card.js";
import { CodePalette } from "./palette.js";
import { CodePicture, readAtlas, same } from "./picture.js";
import { CodeRows } from "./rows.js";
import { CodeUsage } from "./usage.js";

/** Streamlit calls this at each change of data or theme; the workbench itself lives as long as the page. */
export const mount = (component) => mountStage(Bench, component);

class Bench extends RunBench {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".vq_vae_canvas");
    this.decoder = new Decoder();
    this.level = 1;
    this.cell = 0;
    this.reset();
    this.build();
    startPainting(this, this.root);
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    globalThis.genlabCodes = this; // for measuring latency from outside
  }

  reset() {
    super.reset();
    this.atlas = this.maps = this.origin = this.original = this.bitmap = this.preview = this.options = this.rate = null;
    this.past = [];
    this.example = 0;
    this.hovered = null;
  }

  build() {
    this.mapCard = new MapCard(this);
    this.palette = new CodePalette({ choose: (code) => this.put(code), hover: (code) => this.tryCode(code) });
    this.usage = new CodeUsage();
    this.pad = new PaintPad({ encode: (pixels) => this.encode(pixels) });
    this.rows = new CodeRows(this);
    this.show = new CodePicture(this);
    this.buildPlayer();
    this.root.replaceChildren(
      element(
        "div",
        { className: "cards" },
        element("section", { className: "card" }, heading("Decoded", this.show.tag), ...this.show.parts),
        this.mapCard.root,
        element(
          "section",
          { className: "card" },
          heading("Codebook usage", element("span", { className: "tag" }, "all held-out pictures")),
          this.usage.root,
        ),
      ),
      this.note,
      this.palette.root,
      this.player.root,
      this.rows.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = this.isAnother(numbers);
    this.takeColours(numbers);
    const isFirst = !this.numbers;
    this.numbers = numbers;
    this.originals = toBitmaps(blob.originals);
    this.pad.setShape(numbers.event_shape);
    if (isNew) this.watch(numbers, isFirst);
    if (blob.own && numbers.own_id !== this.ownId) {
      this.ownId = numbers.own_id;
      this.pad.load(blob.own.values);
      this.encode(blob.own.values);
    }
    this.refresh();
  }

  watch(numbers, isFirst) {
    const { example } = this,
      { place } = numbers;
    this.turnTo(numbers);
    if (isFirst) {
      [this.example, this.level, this.cell, this.wanted] = [place.example, place.level, place.cell, place.codes];
      if (place.tab) {
        this.rows.tab = place.tab;
        this.rows.isUserChoice = true;
      }
      this.rows.seed = place.seed;
      this.rows.setTemperature(place.temperature);
    } else this.example = Math.max(0, example);
    this.cell = Math.min(this.cell, this.cells(this.level) - 1);
    this.listen();
  }

  cells(level) {
    const [rows, columns] = this.numbers.shapes[level];
    return rows * columns;
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    const list = (array) => array && Array.from(array.values);
    return {
      ...super.pictureOf(blob),
      reconstructions: blob.reconstructions,
      samples: blob.samples,
      usages: blob.top_usage && [list(blob.top_usage), list(blob.bottom_usage)],
      maps: blob.top_codes && [
        list(blob.top_codes).slice(0, this.cells(0)),
        list(blob.bottom_codes).slice(0, this.cells(1)),
      ],
    };
  }

  lossOf({ codes_loss: loss }) {
    return loss;
  }

  stood(message, before) {
    if (message.ended && !before?.ended) {
      this.toEnd();
      this.openAtlas();
    }
    if (!message.ended && !before && !this.rows.isUserChoice) this.rows.tab = "live";
  }

  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canAsk() {
    return !!this.atlas && this.isAtEnd;
  }

  whyNot() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.standing?.ended) return "The model can be asked when its training has ended; until then see This step.";
    if (this.index < this.snapshots.length - 1)
      return "Weights are kept for the last step: move the player to its end to ask the model.";
    return "asking the model …";
  }

  // ---- questions to the model ----

  openAtlas() {
    this.askModel("atlas", { what: "atlas" }, (blob) => {
      this.atlas = readAtlas(blob);
      this.example = Math.min(this.example, this.atlas.originals.length - 1);
      if (this.rows.tab === "live" && !this.rows.isUserChoice) this.rows.tab = "drawn";
      this.openExample(this.example, this.wanted);
      this.wanted = null;
      if (this.own) this.encode(this.own);
    });
  }

  // ---- the maps under the hand ----

  /** Open a held-out example, with its own codes or those of a link. */
  openExample(i, text = "") {
    if (!this.atlas) return;
    const maps = [this.atlas.tops[i], this.atlas.bottoms[i]],
      linked = text ? fromText(text, maps[0].length) : null;
    this.example = i;
    this.openCodes(maps, this.atlas.originals[i], this.atlas.rates[i]);
    if (linked) this.change(linked);
  }

  /** Start anew with these maps; without an original they are a draw, and belong to no example. */
  openCodes(maps, original, rate = null) {
    this.origin = maps;
    this.original = original;
    this.maps = maps.map((map) => [...map]);
    this.past = [];
    this.firstRate = rate;
    this.changed();
  }

  /** Change the maps in a way that can be taken back. */
  change(maps) {
    if (!this.maps || !maps || same(maps, this.maps)) return;
    this.past.push(this.maps);
    this.maps = maps.map((map) => [...map]);
    this.changed();
  }

  undo() {
    if (!this.past.length) return;
    this.maps = this.past.pop();
    this.changed();
  }

  put(code) {
    if (!this.canAsk || !this.maps) return;
    const maps = this.maps.map((map) => [...map]);
    maps[this.level][this.cell] = code;
    this.change(maps);
  }

  changed() {
    this.preview = null;
    this.askPicture();
    this.askPalette();
    this.refresh();
    this.report();
  }

  choose(cell) {
    this.cell = cell;
    this.options = null;
    if (this.canAsk) this.askPalette();
    this.isDirty = true;
    this.report();
  }

  setLevel(level) {
    if (level === this.level) return;
    const [from, to] = [this.numbers.shapes[this.level], this.numbers.shapes[level]];
    const [row, column] = [Math.floor(this.cell / from[1]), this.cell % from[1]];
    this.level = level;
    this.hovered = null;
    this.choose(Math.floor((row * to[0]) / from[0]) * to[1] + Math.floor((column * to[1]) / from[1]));
  }

  hover(cell) {
    if (cell === this.hovered) return;
    this.hovered = cell;
    this.isDirty = true;
  }

  key(event) {
    const tag = event.composedPath()[0]?.tagName;
    if (
      !(event.ctrlKey || event.metaKey) ||
      event.key.toLowerCase() !== "z" ||
      tag === "INPUT" ||
      tag === "TEXTAREA" ||
      !this.past.length
    )
      return;
    event.preventDefault();
    this.undo();
  }

  askPicture() {
    const asked = performance.now(),
      isFirst = same(this.maps, this.origin);
    this.askModel("picture", { what: "codes", top: [this.maps[0]], bottom: [this.maps[1]] }, (blob) => {
      this.bitmap = toBitmap(blob.pictures.values, blob.pictures.shape);
      this.rate = blob.rates.values[0];
      if (isFirst) this.firstRate = this.rate;
      this.answers = (this.answers ?? 0) + 1;
      this.latency = performance.now() - asked;
      this.isDirty = true;
    });
  }

  askPalette() {
    const { level, cell } = this;
    this.askModel("palette", { what: "palette", top: this.maps[0], bottom: this.maps[1], level, cell }, (blob) => {
      if (level !== this.level || cell !== this.cell) return;
      this.options = { patches: toBitmaps(blob.patches), shares: Array.from(blob.shares.values) };
      this.isDirty = true;
    });
  }

  /** Show the whole picture with another code, as long as the pointer rests on it. */
  tryCode(code) {
    this.preview = null;
    this.isDirty = true;
    this.tried = code;
    if (code === null || !this.canAsk || code === this.maps[this.level][this.cell]) return;
    const maps = this.maps.map((map) => [...map]);
    maps[this.level][this.cell] = code;
    this.askModel("preview", { what: "codes", top: [maps[0]], bottom: [maps[1]] }, (blob) => {
      if (this.tried === code) {
        this.preview = toBitmap(blob.pictures.values, blob.pictures.shape);
        this.isDirty = true;
      }
    });
  }

  encode(pixels) {
    this.own = pixels;
    if (!this.canAsk) {
      if (this.digest) this.say("Your picture is kept; it is encoded when the run has ended.");
      return;
    }
    const shape = this.numbers.event_shape;
    this.askModel("encode", { what: "code_encode", pixels: toBase64(pixels) }, (blob) => {
      this.say("");
      this.example = -1;
      this.openCodes(
        [Array.from(blob.top.values), Array.from(blob.bottom.values)],
        toBitmap(pixels, shape),
        blob.rate.values[0],
      );
      const error = toBitmap(difference(pixels, blob.reconstruction.values, shape).values, [1, shape[1], shape[2]]),
        [distortion, rate] = [blob.distortion.values[0], blob.rate.values[0]];
      this.pad.answer(toBitmap(blob.reconstruction.values, shape), error, distortion, rate);
      this.pad.words.textContent = `distortion ${distortion.toFixed(1)} · rate ${rate.toFixed(1)} nats`;
    });
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.rows.refresh();
    this.showPlayer();
    this.isDirty = true;
  }

  /** Maps on show: those under the hand, or those that a snapshot brings of its first picture. */
  get shownMaps() {
    return this.canAsk ? this.maps : (this.picture?.maps ?? null);
  }

  paint() {
    this.isDirty = false;
    const { level, cell, numbers, canAsk, colours } = this,
      shape = numbers.shapes[level],
      maps = this.shownMaps;
    this.mapCard.paint();
    this.show.paint();
    this.palette.paint({
      title: `What could stand in ${cellWords(cell, shape)} of the ${LEVELS[level]} map`,
      patches: canAsk ? this.options?.patches : null,
      shares: this.options?.shares,
      usage: this.atlas?.usages[level],
      current: canAsk ? maps[level][cell] : null,
      why: this.whyNot(),
      colours,
    });
    this.usage.paint({
      usages: canAsk ? this.atlas.usages : this.picture?.usages,
      patches: canAsk ? this.atlas.patches : null,
      metrics: this.lastMeasured("rate"),
      colours,
      current: maps && [maps[level][cell], level],
    });
    if (this.paintedWidth !== this.root.clientWidth || this.paintedColours !== colours) this.rows.paint();
    [this.paintedWidth, this.paintedColours] = [this.root.clientWidth, colours];
  }

  /** Where the visitor is, for the link; codes stand in it only if they are not those of the example. */
  where() {
    const own =
      this.atlas && this.example >= 0 ? [this.atlas.tops[this.example], this.atlas.bottoms[this.example]] : null;
    const codes = this.maps && !same(this.maps, own) ? toText(this.maps) : "";
    return {
      example: Math.max(0, this.example),
      codes,
      level: this.level,
      cell: this.cell,
      tab: this.rows.isUserChoice ? this.rows.tab : "",
      seed: this.rows.seed,
      temperature: this.rows.temperature,
    };
  }

  report() {
    if (this.atlas || this.rows.isUserChoice)
      this.tellMoment({ ...this.where(), ...(this.atlas ? {} : { codes: this.wanted ?? "" }) });
  }

  copyLink() {
    this.report();
    const said = Object.entries(this.where()).filter(([, value]) => value !== "");
    this.player.copy(linkWith(Object.fromEntries(said)));
  }

  close() {
    document.removeEventListener("keydown", this.onKey);
    super.close();
  }
}
