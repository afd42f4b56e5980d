// The table of the human discriminator: a question at a time, a clock, and the score of all judges.

import { fontOf, setColours } from "../../canvas/base_canvas.js";
import { drawTicks } from "../../canvas/density.js";
import { Decoder, element, sharpen, themeColours } from "../../canvas/live.js";
import { mountStage } from "../../canvas/mounting.js";
import { dot } from "../../canvas/stage_card.js";
import { errorOf, score, summary } from "./score.js";

const JUDGES = [
  ["you", "You", "field"],
  ["logits", "The trained discriminator", "model"],
  ["optimal", "The best of all discriminators", "data"],
];

const games = new Map(); // run/step/seed -> a game that is being played: it outlives its canvas

export const mount = (component) => mountStage(Quiz, component);

class Quiz {
  constructor(parent) {
    this.root = parent.querySelector(".human_discriminator_canvas");
    this.decoder = new Decoder(() =>
      this.say(
        "WebSockets of the live lane are blocked on the way here, " +
          "so that no question can be asked: a proxy in between must let them through.",
      ),
    );
    this.phase = "waiting"; // then "ready", "playing", "done"
    this.build();
    this.root.tabIndex = -1; // takes the keys of a game, and is no stop of its own
    this.root.onkeydown = (event) => this.onKey(event);
    this.resizing = new ResizeObserver(() => this.paint());
    this.resizing.observe(this.root);
    globalThis.genlabQuiz = this; // for tests
  }

  build() {
    this.scene = element("canvas", { className: "scene" });
    this.verdict = element("div", { className: "verdict" });
    this.verdict.setAttribute("role", "status");
    this.buttons = { fake: this.answerButton("fake", "Generated", "F"), real: this.answerButton("real", "Real", "R") };
    this.bar = element("i", {});
    this.clock = element("div", { className: "clock" }, this.bar);
    this.start = element("button", { type: "button", className: "start", onclick: () => this.begin() }, "Start");
    this.again = element("button", { type: "button", hidden: true, onclick: () => this.askAnew() }, "New questions");
    this.unhurried = element("input", { type: "checkbox" });
    this.title = element("h3", {});
    this.words = element("p", {});
    this.judges = element("div", { className: "judges" });
    const question = element(
      "section",
      { className: "card question" },
      this.title,
      this.scene,
      this.clock,
      this.verdict,
      element("div", { className: "answers" }, this.buttons.fake, this.buttons.real),
    );
    this.root.replaceChildren(
      question,
      element(
        "section",
        { className: "card" },
        element("h3", {}, "Right answers"),
        this.judges,
        this.words,
        element("div", { className: "row" }, this.start, this.again),
        element("label", {}, this.unhurried, "without the clock"),
      ),
    );
  }

  answerButton(kind, title, key) {
    return element(
      "button",
      { type: "button", className: kind, disabled: true, onclick: () => this.answer(kind === "real") },
      title,
      element("kbd", {}, key),
    );
  }

  // ---- what Python sends ----

  update(blob) {
    this.colours = themeColours(this.root, blob.numbers.themes);
    setColours(this.root, this.colours);
    const place = ["run", "step", "seed"].map((name) => blob.numbers[name]).join("/");
    this.numbers = blob.numbers;
    if (place !== this.place) {
      this.place = place;
      this.load();
    } else this.paint();
  }

  load() {
    const { run, step, seed } = this.numbers;
    this.stop("waiting");
    this.answers = [];
    this.quiz = null;
    this.say(run ? "Drawing the questions …" : "No generator is stored here.");
    this.refresh();
    if (!run) return;
    this.decoder.ask(
      "quiz",
      { run, step, seed, what: "quiz" },
      (quiz) => {
        this.quiz = quiz;
        this.stop("ready");
        this.say("");
        this.resume();
        this.refresh();
      },
      (error) => this.say(error.message),
    );
  }

  // ---- the game ----

  begin() {
    if (this.phase === "done") {
      this.askAnew(true);
      return;
    }
    this.phase = "playing";
    this.answers = [];
    this.startedAt = performance.now();
    games.set(this.place, { answers: this.answers, startedAt: this.startedAt });
    this.say("");
    this.root.focus({ preventScroll: true });
    this.tick();
    this.refresh();
    this.scene.scrollIntoView({ block: "nearest" }); // on a phone the button stands below the question
  }

  /** Go on with a game whose canvas has left the page and come back. */
  resume() {
    const game = games.get(this.place);
    if (!game || this.phase !== "ready") return;
    Object.assign(this, game, { phase: "playing" });
    this.root.focus({ preventScroll: true });
    this.tick();
  }

  askAnew(startsAtOnce = false) {
    this.startsAtOnce = startsAtOnce;
    this.tell.state("result", { seed: (this.numbers.seed + 1) % 10000 });
  }

  tick() {
    if (this.phase !== "playing") return;
    const share = this.unhurried.checked ? 1 : 1 - (performance.now() - this.startedAt) / (1000 * this.numbers.seconds);
    this.bar.style.transform = `scaleX(${Math.max(0, share)})`;
    if (share <= 0) this.finish();
    else this.raf = requestAnimationFrame(() => this.tick());
  }

  answer(saysReal) {
    if (this.phase !== "playing") return;
    const k = this.answers.length,
      isReal = !!this.quiz.is_real.values[k];
    this.answers.push(saysReal);
    const isRight = saysReal === isReal;
    this.verdict.replaceChildren(
      element("b", { className: isRight ? "right" : "wrong" }, isRight ? "✓ Right" : "✗ Wrong"),
      `: it was ${isReal ? "real" : "generated"}.`,
    );
    if (this.answers.length === this.quiz.is_real.values.length) this.finish();
    this.refresh();
  }

  finish() {
    games.delete(this.place);
    this.stop("done");
    this.say(this.answers.length ? "Time is up." : "Time is up, and nothing was answered.");
    this.refresh();
  }

  stop(phase) {
    this.phase = phase;
    cancelAnimationFrame(this.raf);
    this.bar.style.transform = "scaleX(1)";
    if (phase === "ready" && this.startsAtOnce) {
      this.startsAtOnce = false;
      this.begin();
    }
  }

  onKey(event) {
    const kind = { f: false, ArrowLeft: false, r: true, ArrowRight: true }[
      event.key.length === 1 ? event.key.toLowerCase() : event.key
    ];
    if (kind === undefined || this.phase !== "playing" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // R is also Streamlit's key for running the page anew
    this.answer(kind);
  }

  // ---- what is seen ----

  say(text) {
    this.verdict.textContent = text;
  }

  refresh() {
    const isPlaying = this.phase === "playing";
    for (const button of Object.values(this.buttons)) button.disabled = !isPlaying;
    this.start.textContent = this.phase === "done" ? "Play again" : "Start";
    this.start.disabled = this.phase === "waiting" || isPlaying;
    this.again.hidden = this.phase !== "ready";
    this.clock.style.visibility = isPlaying && !this.unhurried.checked ? "visible" : "hidden";
    this.showJudges();
    this.paint();
  }

  showJudges() {
    const { quiz, answers, numbers } = this;
    const key = (role, text) => element("span", { className: "kind" }, dot(role), text);
    this.title.replaceChildren(
      element("span", {}, numbers.title),
      ...(numbers.window ? [key("data", "real"), key("model", "generated")] : []),
    );
    const found = quiz ? score(quiz, answers) : {};
    this.judges.replaceChildren(
      ...JUDGES.filter(([key]) => !quiz || key !== "optimal" || quiz.optimal).map(([key, name, role]) =>
        this.judge(name, role, found[key]),
      ),
      element("div", { className: "scale" }, element("span", {}, "50 %: a coin"), element("span", {}, "100 %")),
    );
    this.words.textContent = summary(quiz, answers, this.phase);
  }

  judge(name, role, result) {
    const share = result?.n ? result.right / result.n : null,
      limit = this.quiz?.ceiling?.values;
    const bar = element(
      "div",
      { className: "bar" },
      element("i", { style: `width:${share === null ? 0 : Math.max(0, 200 * (share - 0.5))}%;--own:var(--${role})` }),
    );
    if (limit)
      bar.append(
        element("u", { style: `left:${200 * (limit[0] - 0.5)}%`, title: "What nobody beats in the long run" }),
      );
    const text =
      share === null
        ? "–"
        : `${result.right} of ${result.n} · ${Math.round(100 * share)} ` +
          `% ± ${Math.round(100 * errorOf(share, result.n))}`;
    return element(
      "div",
      { className: "judge" },
      element("div", { className: "name" }, element("span", {}, dot(role), name), element("span", {}, text)),
      bar,
    );
  }

  paint() {
    if (!this.colours || !this.numbers) return;
    const { context: c, width, height } = sharpen(this.scene);
    c.clearRect(0, 0, width, height);
    if (!this.quiz || !width) return;
    const what = this.numbers.window ? "points of the plane" : "pictures";
    this.scene.setAttribute("role", "img");
    this.scene.setAttribute(
      "aria-label",
      `Labelled ${what}, real and ` +
        `generated${this.phase === "playing" ? `, and question ${this.answers.length + 1}` : ""}`,
    );
    if (this.numbers.window) this.paintPlane(c, width, height);
    else this.paintPictures(c, width, height);
  }

  paintPlane(c, width, height) {
    const { quiz, colours, answers } = this,
      [x0, x1, y0, y1] = this.numbers.window,
      size = Math.min(width, height);
    const left = (width - size) / 2,
      at = (values, k) => [
        left + ((values[2 * k] - x0) / (x1 - x0)) * size,
        size - ((values[2 * k + 1] - y0) / (y1 - y0)) * size,
      ];
    c.fillStyle = colours.panel;
    c.fillRect(left, 0, size, size);
    if (this.phase === "done") this.paintBorder(c, left, size);
    const isDone = this.phase === "done";
    for (const [name, colour, shape] of [
      ["real", colours.data, "disc"],
      ["fake", colours.model, "square"],
    ])
      for (let k = 0; k < quiz[name].shape[0]; k++)
        mark(c, at(quiz[name].values, k), 2.6, colour, shape, isDone ? 0.25 : 0.75);
    if (isDone)
      for (let k = 0; k < answers.length; k++) {
        const isRight = answers[k] === !!quiz.is_real.values[k];
        mark(c, at(quiz.x.values, k), 5, isRight ? colours.field : colours.error, isRight ? "disc" : "cross", 1);
      }
    if (this.phase === "playing") {
      const place = at(quiz.x.values, answers.length);
      mark(c, place, 6, colours.ink, "disc", 1);
      c.beginPath();
      c.arc(...place, 15, 0, 7);
      c.lineWidth = 2.5;
      c.strokeStyle = colours.ink;
      c.stroke();
    }
    c.save();
    c.translate(left, 0);
    drawTicks(c, this.numbers.window, size, size, colours.soft);
    c.restore();
  }

  /** Where the trained discriminator says real, as a tint. */
  paintBorder(c, left, size) {
    const {
        shape: [rows, columns],
        values,
      } = this.quiz.map,
      { data, model } = this.colours,
      cell = size / columns;
    for (let r = 0; r < rows; r++)
      for (let k = 0; k < columns; k++) {
        c.globalAlpha = 0.16;
        c.fillStyle = values[r * columns + k] > 0 ? data : model;
        c.fillRect(left + k * cell, size - (r + 1) * cell, cell + 0.6, cell + 0.6);
      }
    c.globalAlpha = 1;
  }

  paintPictures(c, width, height) {
    const { quiz, colours } = this,
      side = Math.min(width, height),
      small = side / 7,
      gap = 6;
    c.font = fontOf(this.scene, "12px");
    for (const [name, title, colour, column] of [
      ["real", "real", colours.data, 0],
      ["fake", "generated", colours.model, 1],
    ]) {
      const left = column ? (width + side) / 2 - small : (width - side) / 2;
      c.fillStyle = colour;
      c.textAlign = column ? "right" : "left";
      c.fillText(title, column ? left + small : left, 12);
      for (let k = 0; k < 5; k++) this.picture(c, quiz[name], k, left, 20 + k * (small + gap), small);
    }
    const large = side - 2 * small - 6 * gap,
      k = Math.min(this.answers.length, quiz.x.shape[0] - 1);
    if (this.phase === "playing") this.picture(c, quiz.x, k, (width - large) / 2, (side - large) / 2, large);
    else {
      c.fillStyle = colours.soft;
      c.textAlign = "center";
      c.fillText("← examples →", width / 2, side / 2);
    }
  }

  picture(c, { shape: [, channels, rows, columns], values }, k, x, y, size) {
    const image = new ImageData(columns, rows),
      plane = rows * columns,
      from = k * channels * plane;
    for (let i = 0; i < plane; i++) {
      for (let channel = 0; channel < 3; channel++)
        image.data[4 * i + channel] = values[from + (channels === 1 ? 0 : channel) * plane + i];
      image.data[4 * i + 3] = 255;
    }
    this.spare ??= document.createElement("canvas");
    this.spare.width = columns;
    this.spare.height = rows;
    this.spare.getContext("2d").putImageData(image, 0, 0);
    c.imageSmoothingEnabled = false;
    c.drawImage(this.spare, x, y, size, size);
  }

  close() {
    this.stop("waiting");
    this.decoder.close();
    this.resizing.disconnect();
  }
}

function mark(c, [x, y], r, colour, shape, alpha) {
  c.globalAlpha = alpha;
  c.fillStyle = c.strokeStyle = colour;
  c.beginPath();
  if (shape === "disc") {
    c.arc(x, y, r, 0, 7);
    c.fill();
  } else if (shape === "square") c.fillRect(x - r, y - r, 2 * r, 2 * r);
  else {
    c.lineWidth = 2.2;
    c.moveTo(x - r, y - r);
    c.lineTo(x + r, y + r);
    c.moveTo(x + r, y - r);
    c.lineTo(x - r, y + r);
    c.stroke();
  }
  c.globalAlpha = 1;
}
