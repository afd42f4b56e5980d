// The bench of denoising: many chains from noise to picture and back, what the denoiser believes, one chain as a film.

import { Decoder, element, themeColours, wantsStillness, watchRun } from "./live.js";
import { Chains } from "./denoise_chains.js";
import { Film } from "./denoise_film.js";
import { Novelty } from "./denoise_novelty.js";
import { PictureCard } from "./denoise_picture.js";
import { TimeBar } from "./denoise_time.js";
import { Tools } from "./denoise_tools.js";
import { Way, groupsOf } from "./denoise_way.js";
import { toBitmaps } from "./pictures.js";
import { Player } from "./player.js";
import { lostWords, standingWords } from "./run_words.js";
import { mountStage } from "./mounting.js";

/** Streamlit calls this at each change of data or theme; the bench itself lives as long as the page. */
export const mount = (component) => mountStage(Bench, component);

class Bench {
  constructor(parent) {
    this.root = parent.querySelector(".denoising");
    this.root.classList.add("studio");
    this.decoder = new Decoder();
    this.frame = 0;
    this.chain = 0;
    this.reset();
    this.build();
    this.loop = (now) => { this.player.tick(now); this.time.tick(now); if (this.isDirty && this.colours) this.paint(); this.raf = requestAnimationFrame(this.loop); };
    this.raf = requestAnimationFrame(this.loop);
    this.resizing = new ResizeObserver(() => { this.isDirty = true; });
    this.resizing.observe(this.root);
    globalThis.genlabDenoising = this; // for tests, and for measuring latency from outside
  }

  reset() {
    this.snapshots = [];
    this.tail = [];
    this.index = 0;
    this.following = true;
    this.live = this.standing = this.picture = this.way = this.wayKey = null;
  }

  build() {
    const choose = (chain) => { this.chain = chain; this.changed(); };
    this.tools = new Tools(() => this.ask(), () => this.report());
    this.states = new Chains("Under noise", choose);
    this.beliefs = new Chains("What the denoiser believes", choose);
    this.novelty = new Novelty();
    this.source = new PictureCard(this);
    this.film = new Film((frame) => { this.time.play(0); this.seek(frame); }, () => this.report());
    this.time = new TimeBar((frame) => this.seek(frame), () => this.report());
    this.note = element("div", { className: "note", hidden: true });
    this.note.setAttribute("role", "status");
    this.player = new Player({
      seek: (index) => { this.following = false; this.index = index; this.showPicture(this.snapshots[index]); },
      follow: () => { this.following = true; this.showPicture(this.live); },
      command: (word) => this.socket?.send({ do: word }), settled: () => this.report(), copyLink: () => this.copyLink(),
    });
    this.root.replaceChildren(this.tools.root, this.note, element("div", { className: "cards" }, this.states.root, this.beliefs.root, this.novelty.root, this.source.root), this.time.root, this.film.root, this.player.root);
  }

  // ---- what Python sends ----

  update(blob) {
    const { numbers } = blob, isNew = numbers.run !== this.digest || numbers.attempt !== this.attempt, isFirst = !this.numbers;
    this.colours = themeColours(this.root, numbers.themes);
    this.root.style.cssText = Object.entries(this.colours).map(([k, v]) => `--${k}:${v}`).join(";");
    this.numbers = numbers;
    this.tools.describe(numbers);
    this.source.describe(numbers, blob.originals);
    if (isFirst) {
      this.tools.set(numbers.place);
      this.source.set(numbers.place);
      this.wanted = { at: numbers.place.at, chain: numbers.place.chain };
    }
    if (isNew) this.watch();
    if (blob.own && numbers.own_id !== this.ownId) {
      this.ownId = numbers.own_id;
      if (this.tools.task === "noise") this.tools.setTask("picture");
      this.source.open(blob.own.values);
    }
    this.refresh();
  }

  watch() {
    this.socket?.close();
    this.digest = this.numbers.run;
    this.attempt = this.numbers.attempt;
    this.reset();
    this.say("");
    if (!this.digest) return;
    this.socket = watchRun(this.digest, {
      opened: () => { this.snapshots = []; this.tail = []; this.say(""); },
      blob: (blob) => this.take(blob), text: (message) => this.hear(message), lost: (code, reason) => this.say(lostWords(code, reason)),
    });
  }

  say(text) { [this.note.textContent, this.note.hidden] = [text, !text]; }

  // ---- what the run sends ----

  take(blob) {
    const { numbers } = blob;
    const picture = { step: numbers.step, seconds: numbers.seconds, loss: numbers.losses.loss, metrics: numbers.metrics, keeps: numbers.has_weights, samples: blob.samples };
    if (numbers.is_frame) this.tail.push(picture);
    else { if (this.snapshots.at(-1)?.step === picture.step) this.snapshots.pop(); this.snapshots.push(picture); this.tail = []; }
    this.updates = (this.updates ?? 0) + 1;
    this.live = picture;
    if (this.following) this.showPicture(picture); else this.refresh();
  }

  hear(message) {
    const before = this.standing;
    if (message.type === "shared") { this.say("Others watch this run, so it goes on."); return; }
    this.standing = message;
    if (message.ended && before && !before.ended && !message.stored) this.tell.trigger("ended", `${this.digest}/${message.state}`);
    if (message.ended) { this.following = false; this.index = this.snapshots.length - 1; this.showPicture(this.snapshots.at(-1)); this.ask(); }
    const words = standingWords(message, before);
    if (words !== null) this.say(words);
    this.refresh();
  }

  showPicture(picture) {
    if (!picture) return;
    this.picture = picture;
    this.refresh();
  }

  /** The model can be asked at the end of a run that has ended. */
  get canAsk() { return !!this.standing?.ended && this.index === this.snapshots.length - 1; }

  whyNot() {
    if (!this.digest) return "Not trained yet: press Train.";
    if (!this.standing?.ended) return "While it trains, what a few noises become at this step is shown.";
    if (this.index < this.snapshots.length - 1) return "Weights are kept for the last step: move the lower player to its end.";
    return "asking the model …";
  }

  // ---- questions to the model ----

  put(channel, request, use) {
    const run = this.digest;
    this.decoder.ask(channel, { run, step: null, ...request }, (blob) => { if (run === this.digest) use(blob); },
      (error) => { if (error.message === "lost") return; this.isAsking = false; this.say(error.message); this.isDirty = true; });
  }

  /** Ask for the chains that the controls describe, in as many questions as keep each short. */
  ask() {
    this.source.show(this.tools.task);
    if (!this.canAsk || !this.numbers) { this.refresh(); return; }
    const { tools } = this, request = { what: "denoise_path", ...tools.request(), ...this.source.request(tools.task) };
    const key = JSON.stringify([this.digest, request]);
    if (key === this.wayKey) { this.refresh(); return; }
    this.wayKey = key;
    if (tools.task === "picture") this.source.ask();
    const missing = this.source.missing(tools.task);
    if (missing) { this.way = null; this.say(missing); this.refresh(); return; }
    this.isAsking = true;
    this.askedAt = performance.now();
    const groups = groupsOf(this.numbers, tools), way = new Way(this.numbers, tools.sampler, request);
    const next = (i) => this.put("path", { ...request, ...groups[i] }, (blob) => {
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
      if (this.wanted) { this.frame = Math.round(this.wanted.at * (way.length - 1)); this.chain = this.wanted.chain; this.wanted = null; }
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

  changed() { this.isDirty = true; this.report(); }

  // ---- what is shown ----

  refresh() {
    if (!this.colours) return;
    const { picture, standing: s } = this;
    this.player.show({
      snapshots: this.snapshots, tail: this.tail, index: this.index, step: picture?.step ?? 0, steps: (s?.ended && this.snapshots.at(-1)?.step) || s?.steps || this.numbers.steps,
      live: !!s && !s.stored, ended: s?.ended ?? false, following: this.following, paused: s?.state === "paused", status: this.status(), colours: this.colours,
    });
    this.isDirty = true;
  }

  status() {
    const s = this.standing;
    if (!s) return this.digest ? "opening the run" : "press Train to begin";
    const words = { running: this.following ? "training" : "training goes on · play to catch up", queued: "waiting in the queue", paused: "training is paused", finished: `${(this.snapshots.at(-1)?.seconds ?? 0).toFixed(1)} s of training`, stopped: "stopped", diverged: "diverged", failed: "failed" };
    const kind = s.stored ? `stored ${new Date(1000 * s.started).toISOString().slice(0, 10)} · ` : "";
    return `${kind}${words[s.state]} · ${s.device || "no device yet"}${s.watchers > 1 ? ` · ${s.watchers} watching` : ""}`;
  }

  paint() {
    this.isDirty = false;
    const { numbers, colours, canAsk, tools } = this, way = canAsk ? this.way : null, { frame, chain } = this;
    this.source.show(tools.task);
    this.novelty.root.hidden = tools.task !== "noise";
    const sigma = way?.sigmas[frame], grid = { columns: numbers.columns, count: numbers.n_chains, shape: numbers.event_shape, chosen: chain, colours };
    if (way) {
      const [low, high] = numbers.sigmas, isOut = sigma > high * 1.001 || (sigma < low * 0.999 && sigma > 0);
      this.states.paint({ ...grid, atlas: way.atlas("states", frame), tag: sigma ? `σ ${short(sigma)}` : "no noise left", words: isOut ? "outside the noise that it was trained on" : tools.describeStart() });
      this.beliefs.paint({ ...grid, atlas: way.atlas("beliefs", frame), tag: tools.source === "empirical" ? "closed form" : "network", words: way.believes(frame) });
    } else {
      const samples = this.picture?.samples, shown = samples && { bitmaps: this.bitmapsOf(samples) };
      this.states.paint({ ...grid, chosen: null, bitmaps: shown?.bitmaps, tag: shown ? `step ${this.picture.step.toLocaleString("en")}` : "", words: shown ? "what the same noises become at this step" : "", empty: this.whyNot() });
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
    const at = this.way ? this.frame / Math.max(1, this.way.length - 1) : this.wanted?.at ?? 1;
    return { ...this.tools.where(), ...this.source.where(), at: Math.round(100 * at) / 100, chain: this.wanted?.chain ?? this.chain };
  }

  report() { if (this.numbers) this.tell.state("moment", { of: `${this.digest}/${this.attempt}`, ...this.where() }); }

  async copyLink() {
    this.report();
    const url = new URL(location.href), usual = this.numbers.usual;
    for (const [name, value] of Object.entries(this.where())) if (value !== usual[name]) url.searchParams.set(name, value); else url.searchParams.delete(name);
    try { await navigator.clipboard.writeText(url.href); this.player.flash("link copied"); } catch { prompt("Copy this link:", url.href); }
  }

  close() {
    cancelAnimationFrame(this.raf);
    this.resizing.disconnect();
    this.socket?.close();
    this.decoder.close();
  }
}

const short = (v) => (v >= 10 ? v.toFixed(1) : v >= 1 ? v.toFixed(2) : v.toFixed(3));
