// Moves by hand from a kept step, and one iteration in slow motion.

import { element } from "../../canvas/live.js";
import { readGame } from "./motion.js";
import { Slow } from "./slow.js";

const MOST_MOVES = 200;

export class Bout {
  constructor(stage) {
    this.stage = stage;
    this.moves = "";
    this.answers = new Map(); // moves -> picture, from the step they began at
    this.slow = new Slow(this);
    this.build();
  }

  build() {
    const button = (text, title, action) =>
      element("button", { type: "button", className: "chip", title, onclick: action }, text);
    this.buttons = {
      D: button("Step D", "One update of the discriminator alone, from the shown step", () => this.press("D")),
      G: button("Step G", "One update of the generator alone, from the shown step", () => this.press("G")),
      undo: button("Undo", "Take back the last move", () => this.undo()),
      slow: button(
        "One iteration, slowly",
        "Narrated: noise, generator, discriminator, arrows, one part after the other",
        () => (this.isNarrating ? this.slow.leave() : this.narrate()),
      ),
    };
    this.text = element("div", { className: "bouttext num" });
    this.text.setAttribute("role", "status");
    const { D, G, undo, slow } = this.buttons;
    this.root = element(
      "div",
      { className: "bout" },
      element("div", { className: "moves" }, element("span", { className: "name" }, "By hand"), D, G, undo, slow),
      this.text,
      this.slow.root,
    );
  }

  get isNarrating() {
    return this.slow.isOpen;
  }

  get isActive() {
    return this.moves !== "" || this.isNarrating;
  }

  /** What the moves have led to, as soon as it is here; null without moves. */
  get picture() {
    return this.moves ? (this.answers.get(this.moves) ?? this.last ?? null) : null;
  }

  /** Why no move can be made now; "" if one can. */
  get silence() {
    const { stage } = this;
    if (!stage.digest || !stage.aimed) return "Train first.";
    if (stage.failures > 1) return "Moves by hand need the live lane.";
    if (stage.nearestKept() === null) return "No step of this run keeps its weights yet.";
    return "";
  }

  // ---- moves ----

  press(move) {
    if (this.silence || this.moves.length >= MOST_MOVES || this.isNarrating) return;
    this.begin();
    this.go(this.moves + move);
  }

  undo() {
    if (!this.moves || this.isNarrating) return;
    this.go(this.moves.slice(0, -1));
  }

  /** Moves begin at a step that keeps its weights: go there. */
  begin() {
    const { stage } = this;
    if (this.moves) return;
    const step = stage.nearestKept(),
      index = stage.snapshots.findIndex((s) => s.step === step);
    stage.player.isPlaying = false;
    if (stage.following || stage.snapshots[stage.index]?.step !== step) stage.standAt(index);
    this.step = step;
    this.answers.clear();
  }

  restore(moves) {
    if (this.silence) return;
    this.begin();
    this.go(moves);
  }

  go(moves) {
    this.last = this.picture;
    this.moves = moves;
    if (moves) this.ask(moves, () => this.show());
    else this.stage.motion.aim(this.stage.aimed);
    this.show();
    this.stage.refresh();
    this.stage.report();
  }

  /** The picture of moves from this step; `use` is called when it is here, and still wanted. */
  ask(moves, use) {
    const { stage, step } = this,
      digest = stage.digest,
      known = this.answers.get(moves);
    const arrived = (picture) => {
      if (stage.digest !== digest || this.step !== step) return;
      this.answers.set(moves, picture);
      if (this.moves === moves && !this.isNarrating) {
        stage.motion.aim(picture);
        stage.refresh();
      }
      use(picture);
    };
    if (known) {
      arrived(known);
      return;
    }
    stage.decoder.ask(
      `bout ${moves}`,
      { run: digest, step, what: "bout", moves },
      (blob) => arrived(read(blob)),
      (error) => {
        stage.say(error.message);
        this.slow.leave();
      },
    );
  }

  /** The visitor went elsewhere: the moves go, the run is shown as it is. */
  drop() {
    this.slow.leave(true);
    this.moves = "";
    this.last = null;
    this.answers.clear();
    this.step = null;
    this.show();
  }

  // ---- slow motion ----

  narrate() {
    const { stage } = this;
    if (this.silence || this.moves.length >= MOST_MOVES - 11) return;
    this.begin();
    const n = stage.numbers.settings.n_discriminator,
      first = `${this.moves}${"D".repeat(n)}`,
      second = `${first}G`;
    this.slow.open();
    if (this.moves) this.ask(this.moves, (picture) => this.slow.have("before", picture));
    else this.slow.have("before", stage.aimed);
    this.ask(first, (picture) => this.slow.have("judged", picture));
    this.ask(second, (picture) => {
      this.slow.have("moved", picture);
      this.slow.moves = second;
    });
    this.show();
  }

  /** The slow iteration is over: its moves count. */
  took(moves) {
    this.go(moves);
  }

  tick(dt) {
    return this.slow.tick(dt);
  }

  paint() {
    this.slow.paint(this.stage);
  }

  // ---- words ----

  show() {
    const silence = this.silence,
      { D, G, undo, slow } = this.buttons;
    for (const node of [D, G]) {
      node.disabled = !!silence || this.isNarrating;
    }
    undo.disabled = !this.moves || this.isNarrating;
    slow.disabled = !!silence;
    slow.textContent = this.isNarrating ? "Leave slow motion" : "One iteration, slowly";
    this.text.hidden = this.stage.facts.hidden = this.isNarrating;
    this.text.textContent = this.isNarrating ? "" : this.said();
  }

  said() {
    const { moves, step } = this;
    if (!moves) return "From the shown step, off the plan: the run itself stays as it is.";
    const long = moves.length > 14 ? `… ${moves.slice(-12)}` : moves,
      [d, g] = this.picture?.losses ?? [NaN, NaN];
    const losses = [
      Number.isFinite(d) ? `D's loss ${d.toFixed(3)}` : "",
      Number.isFinite(g) ? `G's loss ${g.toFixed(3)}` : "",
    ]
      .filter(Boolean)
      .join(", ");
    return (
      `Step ${step.toLocaleString("en")} and ${moves.length} move${moves.length > 1 ? "s" : ""} ` +
      `by hand: ${long}${losses ? ` · ${losses}` : ""}. The run itself is untouched.`
    );
  }
}

/** An answer as a picture, with the batch of its last move. */
function read(blob) {
  const values = (name) => blob[name]?.values ?? null;
  return {
    ...readGame(blob),
    losses: [...blob.losses.values],
    real: values("batch_real"),
    made: values("batch_fake"),
    noise: blob.batch_noise ?? null,
    realLogits: values("real_logits"),
    fakeLogits: values("fake_logits"),
  };
}
