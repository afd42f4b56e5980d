// The studio of a game about pictures: wall, picture in hand, tools, monitor, player.

import { linkWith, startPainting, unusual } from "../../canvas/base_canvas.js";
import { pathBetween } from "../../canvas/latents/ways.js";
import { Decoder, element } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { toBitmaps } from "../../canvas/pictures.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { statusWords } from "../../canvas/watching/words.js";
import { Monitor } from "./monitor.js";
import { scaleOf } from "./opinion.js";
import { PictureInHand } from "./picture.js";
import { Tools } from "./tools.js";
import { Wall } from "./wall.js";

const REST = 140; // milliseconds without a change after which the costly questions are asked

/** Streamlit calls this at each change of data or theme; the studio itself lives as long as the page. */
export const mount = (component) => mountStage(GameStudio, component);

class GameStudio extends RunBench {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".image_gan_canvas");
    this.root.classList.add("studio");
    this.decoder = new Decoder();
    this.seed = 0;
    this.build();
    this.reset();
    startPainting(this, this.root);
    globalThis.genlabGame = this; // for tests, and for measuring latency from outside
  }

  reset() {
    super.reset();
    this.latents = this.hand = this.near = this.z = this.other = this.latentsKey = null;
    this.tools.forget();
  }

  build() {
    this.wall = new Wall((k, isSecond) => this.choose(k, isSecond));
    this.inHand = new PictureInHand();
    this.tools = new Tools(this);
    this.monitor = new Monitor((name) => this.tell.trigger("cure", `${this.digest}/${name}/${Date.now()}`));
    this.wall.root.append(this.monitor.bars);
    this.buildPlayer();
    this.player.track.title = "The discriminator's loss by step";
    this.root.replaceChildren(
      this.note,
      element("div", { className: "cards" }, this.wall.root, this.inHand.root, this.tools.root),
      this.player.root,
      this.monitor.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = this.isAnother(numbers),
      isFirst = !this.numbers;
    this.takeColours(numbers);
    const changed = !isFirst && (numbers.model !== this.numbers.model || numbers.dataset !== this.numbers.dataset);
    this.numbers = numbers;
    if (isFirst || changed) this.enter(changed ? numbers.usual : numbers.place);
    if (isNew) {
      this.turnTo(numbers);
      this.listen();
    }
    this.refresh();
  }

  /** Take up a place: what a link says, or the usual one. */
  enter(place) {
    this.place = { ...place };
    this.wanted = place.at >= 0 ? place.at : null;
    this.moves = Object.fromEntries(
      (place.moved ? place.moved.split(",") : []).map((part) => part.split(":").map(Number)),
    );
    this.tools.tab = place.tab === "styles" && !this.isStyled ? "latents" : place.tab;
  }

  get isStyled() {
    return (this.numbers?.sides.length ?? 0) > 0;
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    const { is_frame: isFrame, losses, metrics } = blob.numbers;
    return {
      ...super.pictureOf(blob),
      losses,
      metrics: isFrame ? this.snapshots.at(-1)?.metrics : metrics,
      samples: blob.samples,
      logits: blob.logits,
    };
  }

  lossOf({ discriminator_loss: loss }) {
    return loss;
  }

  stood(message) {
    if (!message.ended) return;
    this.following = false;
    this.index = this.wanted === null ? this.snapshots.length - 1 : this.nearestTo(this.wanted);
    this.wanted = null;
    this.showPicture(this.snapshots[this.index]);
  }

  nearestTo(step) {
    return this.snapshots.reduce(
      (best, s, i) => (Math.abs(s.step - step) < Math.abs(this.snapshots[best].step - step) ? i : best),
      0,
    );
  }

  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    if (this.canAsk) this.meet();
    this.refresh();
  }

  get isLast() {
    return this.index === this.snapshots.length - 1;
  }

  /** The model can be asked at the end of a run that has ended, and at steps that keep its weights. */
  get canAsk() {
    return !!this.standing?.ended && !!this.picture && !this.player.isPlaying && (this.isLast || this.picture.keeps);
  }

  whyNot() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.picture) return "opening the run …";
    if (!this.standing?.ended) return "While it trains, the wall follows; the selected sample is taken from it.";
    return (
      "No weights are kept for this step: the selected sample is " +
      "taken from the wall. At the end of the run all of this moves."
    );
  }

  // ---- the latents in hand ----

  /** Learn the noises of the wall, and what each latent moves, once for each run and step. */
  meet() {
    const key = `${this.digest}/${this.isLast ? "end" : this.picture.step}`;
    if (key === this.latentsKey) {
      if (this.latents) this.changed();
      return;
    }
    this.latentsKey = key;
    this.put("latents", { what: "game_latents" }, (blob) => {
      if (key !== this.latentsKey) return;
      this.latents = blob;
      this.tools.describe(blob.moves.values);
      this.pickUp();
      this.changed();
      this.settled();
    });
  }

  noiseOf(k) {
    const { shape, values } = this.latents.wall,
      n = shape[1],
      at = Math.min(k, shape[0] - 1);
    return Array.from(values.subarray(at * n, (at + 1) * n));
  }

  pickUp() {
    this.place.pick = Math.min(this.place.pick, this.latents.wall.shape[0] - 1);
    this.place.second = Math.min(this.place.second, this.latents.wall.shape[0] - 1);
    this.z = this.noiseOf(this.place.pick);
    for (const [d, v] of Object.entries(this.moves)) if (d < this.z.length) this.z[d] = v;
    this.other = this.noiseOf(this.place.second);
  }

  choose(k, isSecond) {
    if (isSecond) this.place.second = k;
    else {
      this.place.pick = k;
      this.moves = {};
    }
    this.place.levels = isSecond ? this.place.levels : 0;
    if (this.latents) this.pickUp();
    this.changed();
    this.settled();
  }

  move(changes) {
    if (!this.z) return;
    for (const [d, v] of Object.entries(changes)) this.z[d] = this.moves[d] = Math.round(100 * v) / 100;
    this.changed();
  }

  goHome() {
    this.move(Object.fromEntries(this.z.map((_, d) => [d, 0])));
    this.settled();
  }

  unmove() {
    this.moves = {};
    this.pickUp();
    this.changed();
    this.settled();
  }

  nextSecond() {
    const n = this.latents?.wall.shape[0] ?? 1;
    let k = (this.place.second + 1) % n;
    if (k === this.place.pick) k = (k + 1) % n;
    this.choose(k, true);
  }

  swap() {
    const { pick, second } = this.place;
    this.moves = {};
    [this.place.pick, this.place.second] = [second, pick];
    if (this.latents) this.pickUp();
    this.changed();
    this.settled();
  }

  wayRows(count) {
    return pathBetween(this.z, this.other, true, count);
  }

  tabOpened() {
    this.changed();
    this.settled();
  }

  // ---- questions to the model ----

  put(channel, request, use) {
    this.askModel(channel, { step: this.isLast ? null : this.picture.step, ...request }, use);
  }

  /** What is asked for the picture in hand now. */
  question(rows, isMixed) {
    const { levels, noises, truncation } = this.place,
      ask = { what: "game_decode", z: rows };
    if (!this.isStyled) return ask;
    return {
      ...ask,
      truncation: Math.round(100 * truncation),
      noises,
      seed: this.seed % 10000,
      ...(isMixed && levels ? { other: this.other, levels } : {}),
    };
  }

  current() {
    return this.tools.tab === "between"
      ? pathBetween(this.z, this.other, true, 201)[Math.round(200 * this.place.t)]
      : this.z;
  }

  /** Something moved: ask for the picture in hand at once, and for the rest when it rests. */
  changed() {
    this.isDirty = true;
    clearTimeout(this.resting);
    if (!this.canAsk || !this.z) return;
    this.resting = setTimeout(() => this.settled(), REST);
    const asked = performance.now(),
      ask = this.question([this.current()], this.tools.tab === "styles");
    this.put("hand", ask, (blob) => {
      this.latency = performance.now() - asked;
      this.answers = (this.answers ?? 0) + 1;
      this.hand = {
        bitmap: toBitmaps(blob.pictures)[0],
        logit: blob.logits.values[0],
        chances: blob.chances ? Array.from(blob.chances.values.subarray(0, 10)) : null,
      };
      this.isDirty = true;
    });
  }

  /** All rests: ask for what stands beside the picture in hand. */
  settled() {
    clearTimeout(this.resting);
    this.report();
    if (!this.canAsk || !this.z) return;
    const ask = this.question([this.current()], this.tools.tab === "styles");
    this.put("near", { ...ask, what: "game_nearest" }, (blob) => {
      this.near = blob;
      this.isDirty = true;
    });
    const wish = this.tools.wish();
    if (wish) this.put(wish.key, this.question(wish.rows, false), (blob) => wish.use(toBitmaps(blob.pictures)));
    if (this.tools.tab === "styles")
      this.tools.styles.variants().forEach((levels, k) =>
        this.put(
          `mix${k}`,
          { ...this.question([this.z], false), ...(levels ? { other: this.other, levels } : {}) },
          (blob) => {
            this.tools.styles.keep(k, toBitmaps(blob.pictures)[0]);
            this.isDirty = true;
          },
        ),
      );
  }

  // ---- what is shown ----

  dirty() {
    this.isDirty = true;
  }

  refresh() {
    if (!this.colours) return;
    this.showPlayer();
    this.isDirty = true;
  }

  status() {
    return statusWords(this, 0);
  }

  paint() {
    this.isDirty = false;
    const { numbers, colours, picture, place, canAsk } = this,
      { event_shape: shape } = numbers,
      scale = scaleOf(picture, numbers.loss);
    const needsB = ["between", "styles"].includes(this.tools.tab);
    this.wall.paint({
      picture,
      pick: place.pick,
      second: place.second,
      showsSecond: needsB,
      shape,
      opinion: scale.opinion,
      colours,
      empty: this.digest ? "opening the run …" : "press Train to begin",
    });
    const fromWall = picture?.samples
      ? {
          bitmap: this.wall.bitmapsOf(picture.samples)[Math.min(place.pick, picture.samples.shape[0] - 1)],
          logit: picture.logits?.values[place.pick] ?? 0,
          tag: "from the wall",
        }
      : null;
    this.inHand.paint({
      hand: canAsk && this.hand ? this.hand : fromWall,
      near: canAsk ? this.near : null,
      shape,
      scale: picture ? scale : null,
      classes: numbers.classes,
      colours,
      words: this.whyNot(),
    });
    this.tools.paint({ colours, canAsk, words: this.whyNot() });
    this.monitor.paint({
      picture,
      numbers,
      share: picture ? picture.step / Math.max(1, this.lastStep) : 0,
      colours,
      canCure: !!this.standing?.ended && numbers.model === "picture_gan",
    });
  }

  /** Where the visitor is, for the link. */
  where() {
    const moved = Object.entries(this.moves)
      .map(([d, v]) => `${d}:${v}`)
      .join(",");
    return {
      ...this.place,
      tab: this.tools.tab,
      moved,
      at: this.standing?.ended && !this.isLast ? (this.picture?.step ?? -1) : (this.wanted ?? -1),
    };
  }

  report() {
    if (this.numbers) this.tellMoment(this.where());
  }

  copyLink() {
    this.report();
    this.player.copy(linkWith(unusual(this.where(), this.numbers.usual)));
  }

  close() {
    clearTimeout(this.resting);
    super.close();
  }
}
