// The bench of denoising: many chains from noise to picture and back, what the denoiser believes, one chain as a film.

import { linkWith, startPainting, unusual } from "../../canvas/base_canvas.js";
import { Decoder, element, wantsStillness } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { toBitmaps } from "../../canvas/pictures.js";
import { RunBench } from "../../canvas/watching/bench.js";
import { Chains } from "./chains.js";
import { Film } from "./film.js";
import { Novelty } from "./novelty.js";
import { PictureCard } from "./picture.js";
import { TimeBar } from "./time.js";
import { Tools } from "./tools.js";
import { groupsOf, Way } from "./way.js";

/** Streamlit calls this at each change of data or theme; the bench itself lives as long as the page. */
export const mount = (component) => mountStage(Bench, component);

class Bench extends RunBench {
  constructor(parent) {
    super();
    this.root = parent.querySelector(".image_diffusion_canvas");
    this.root.classList.add("studio");
    this.decoder = new Decoder();
    this.frame = 0;
    this.chain = 0;
    this.reset();
    this.build();
    startPainting(this, this.root);
    globalThis.genlabDenoising = this; // for tests, and for measuring latency from outside
  }

  tick(now) {
    super.tick(now);
    this.time.tick(now);
  }

  reset() {
    super.reset();
    this.way = this.wayKey = null;
  }

  build() {
    const choose = (chain) => {
      this.chain = chain;
      this.changed();
    };
    this.tools = new Tools(
      () => this.ask(),
      () => this.report(),
    );
    this.states = new Chains("Noisy input", choose);
    this.beliefs = new Chains("Denoised estimate", choose);
    this.novelty = new Novelty();
    this.source = new PictureCard(this);
    this.film = new Film(
      (frame) => {
        this.time.play(0);
        this.seek(frame);
      },
      () => this.report(),
    );
    this.time = new TimeBar(
      (frame) => this.seek(frame),
      () => this.report(),
    );
    this.buildPlayer();
    this.root.replaceChildren(
      this.tools.root,
      this.note,
      element("div", { className: "cards" }, this.states.root, this.beliefs.root, this.novelty.root, this.source.root),
      this.time.root,
      this.film.root,
      this.player.root,
    );
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob,
      isNew = this.isAnother(numbers),
      isFirst = !this.numbers;
    this.takeColours(numbers);
    this.numbers = numbers;
    this.tools.describe(numbers);
    this.source.describe(numbers, blob.originals);
    if (isFirst) {
      this.tools.set(numbers.place);
      this.source.set(numbers.place);
      this.wanted = { at: numbers.place.at, chain: numbers.place.chain };
    }
    if (isNew) {
      this.turnTo(numbers);
      this.listen();
    }
    if (blob.own && numbers.own_id !== this.ownId) {
      this.ownId = numbers.own_id;
      if (this.tools.task === "noise") this.tools.setTask("picture");
      this.source.open(blob.own.values);
    }
    this.refresh();
  }

  // ---- what the run sends ----

  pictureOf(blob) {
    return {
      ...super.pictureOf(blob),
      samples: blob.samples,
    };
  }

  stood(message) {
    if (message.ended) {
      this.toEnd();
      this.ask();
    }
  }

  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canAsk() {
    return this.isAtEnd;
  }

  whyNot() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.standing?.ended) return "While it trains, what a few noises become at this step is shown.";
    if (this.index < this.snapshots.length - 1)
      return "Weights are kept for the last step: move the lower player to its end.";
    return "asking the model …";
  }

  // ---- questions to the model ----

  put(channel, request, use) {
    this.askModel(channel, request, use, () => {
      this.isAsking = false;
      this.isDirty = true;
    });
  }

  /** Ask for the chains that the controls describe, in as many questions as keep each short. */
  ask() {
    this.source.show(this.tools.task);
    if (!this.canAsk || !this.numbers) {
      this.refresh();
      return;
    }
    const { tools } = this,
      request = { what: "denoise_path", ...tools.request(), ...this.source.request(tools.task) };
    const key = JSON.stringify([this.digest, request]);
    if (key === this.wayKey) {
      this.refresh();
      return;
    }
    this.wayKey = key;
    if (tools.task === "picture") this.source.ask();
    const missing = this.source.missing(tools.task);
    if (missing) {
      this.way = null;
      this.say(missing);
      this.refresh();
      return;
    }
    this.isAsking = true;
    this.askedAt = performance.now();
    const groups = groupsOf(this.numbers, tools),
      way = new Way(this.numbers, tools.sampler, request);
    const next = (i) =>
      this.put("path", { ...request, ...groups[i] }, (blob) => {
        if (key !== this.wayKey) return;
        way.add(blob);
        this.takeWay(way, i === groups.length - 1);
        if (i + 1 < groups.length) next(i + 1);
      });
    next(0);
  }

  takeWay(way, isWhole) {
    const share = this.way ? this.frame / Math.max(1, this.way.length - 1) : 1;
    if (way !== this.way) {
      this.say("");
      this.frame = Math.round(share * (way.length - 1));
      if (this.wanted) {
        this.frame = Math.round(this.wanted.at * (way.length - 1));
        this.chain = this.wanted.chain;
        this.wanted = null;
      }
      this.chain = Math.min(this.chain, this.numbers.n_chains - 1);
    }
    this.way = way;
    if (isWhole) {
      this.isAsking = false;
      this.answers = (this.answers ?? 0) + 1;
      this.latency = performance.now() - this.askedAt;
      if (this.tools.wasTouched && !wantsStillness()) this.time.play(1, true);
    }
    this.changed();
  }

  seek(frame) {
    if (!this.way) return;
    this.frame = Math.max(0, Math.min(this.way.length - 1, frame));
    this.isDirty = true;
  }

  changed() {
    this.isDirty = true;
    this.report();
  }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    this.showPlayer();
    this.isDirty = true;
  }

  paint() {
    this.isDirty = false;
    const { numbers, colours, canAsk, tools } = this,
      way = canAsk ? this.way : null,
      { frame, chain } = this;
    this.source.show(tools.task);
    this.novelty.root.hidden = tools.task !== "noise";
    const sigma = way?.sigmas[frame],
      grid = { columns: numbers.columns, count: numbers.n_chains, shape: numbers.event_shape, chosen: chain, colours };
    if (way) {
      const [low, high] = numbers.sigmas,
        isOut = sigma > high * 1.001 || (sigma < low * 0.999 && sigma > 0);
      this.states.paint({
        ...grid,
        atlas: way.atlas("states", frame),
        tag: sigma ? `σ ${short(sigma)}` : "no noise left",
        words: isOut ? "outside the noise that it was trained on" : tools.describeStart(),
      });
      this.beliefs.paint({
        ...grid,
        atlas: way.atlas("beliefs", frame),
        tag: tools.source === "empirical" ? "closed form" : "network",
        words: way.believes(frame),
      });
    } else {
      const samples = this.picture?.samples,
        shown = samples && { bitmaps: this.bitmapsOf(samples) };
      this.states.paint({
        ...grid,
        chosen: null,
        bitmaps: shown?.bitmaps,
        tag: shown ? `step ${this.picture.step.toLocaleString("en")}` : "",
        words: shown ? "what the same noises become at this step" : "",
        empty: this.whyNot(),
      });
      this.beliefs.paint({ ...grid, chosen: null, tag: "", words: "", empty: shown ? this.whyNot() : "" });
    }
    this.novelty.paint({ way, grid, source: tools.source, colours, note: numbers.empirical });
    this.source.paint(colours, sigma);
    this.time.paint({ way, frame, colours, isAsking: this.isAsking && canAsk });
    this.film.paint({ way, frame, chain, shape: numbers.event_shape, colours, empty: this.whyNot() });
  }

  bitmapsOf(samples) {
    if (this.cut?.samples !== samples) this.cut = { samples, bitmaps: toBitmaps(samples) };
    return this.cut.bitmaps;
  }

  /** Where the visitor is, for the link. */
  where() {
    const at = this.way ? this.frame / Math.max(1, this.way.length - 1) : (this.wanted?.at ?? 1);
    return {
      ...this.tools.where(),
      ...this.source.where(),
      at: Math.round(100 * at) / 100,
      chain: this.wanted?.chain ?? this.chain,
    };
  }

  report() {
    if (this.numbers) this.tellMoment(this.where());
  }

  copyLink() {
    this.report();
    this.player.copy(linkWith(unusual(this.where(), this.numbers.usual)));
  }
}

const short = (v) => (v >= 10 ? v.toFixed(1) : v >= 1 ? v.toFixed(2) : v.toFixed(3));
