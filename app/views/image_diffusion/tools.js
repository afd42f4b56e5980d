// The controls over the chains: from what they begin, who denoises, how, how often it is asked, and what it is told.

import { element } from "../../canvas/live.js";

export const TASKS = { noise: "From noise", picture: "From a picture", fill: "Fill in" };
const CALLS = [1, 3, 5, 7, 9, 13, 19, 27, 39, 59, 99, 149, 199, 299, 499, 999];
const ANNEALED_CALLS = 199;
export const NOT_TOLD = -1,
  EACH = -2;

/** A labelled slider that shows its value: { root, set(value) }; use(value) is called while it moves. */
export function slider(title, help, { min, max, step, format }, use, settled) {
  const input = element("input", { type: "range", min, max, step, title: help, "aria-label": title }),
    value = element("b", { className: "num" });
  const set = (v) => {
    input.value = v;
    input.style.setProperty("--share", `${(100 * (v - min)) / (max - min)}%`);
    value.textContent = format(v);
    input.setAttribute("aria-valuetext", format(v));
  };
  input.oninput = () => {
    set(+input.value);
    use(+input.value);
  };
  input.onchange = settled;
  return {
    root: element("label", { className: "knob", title: help }, element("span", {}, title), input, value),
    set,
    input,
  };
}

export class Tools {
  constructor(ask, settled) {
    [this.ask, this.settled] = [ask, settled];
    Object.assign(this, {
      task: "noise",
      source: "network",
      sampler: "heun",
      calls: 19,
      label: EACH,
      guidance: 1,
      temperature: 1,
      seed: 1,
    });
    this.build();
  }

  build() {
    this.tabs = Object.fromEntries(
      Object.entries(TASKS).map(([key, title]) => [
        key,
        element(
          "button",
          { type: "button", className: "tab", role: "tab", onclick: () => this.turn({ task: key }) },
          title,
        ),
      ]),
    );
    const list = element("div", { className: "tabs", role: "tablist" }, ...Object.values(this.tabs));
    this.sources = { network: "trained network", empirical: "perfect on its training set" };
    this.sourceButtons = Object.entries(this.sources).map(([key, title]) => {
      const help =
        key === "network"
          ? "The net that was trained"
          : "The closed-form minimiser of the training loss: " +
            "the mean of training pictures, weighted by how well each fits";
      return [
        key,
        element(
          "button",
          { type: "button", className: "tag", title: help, onclick: () => this.turn({ source: key }) },
          title,
        ),
      ];
    });
    this.select = element("select", { "aria-label": "Sampler", onchange: () => this.choose(this.select.value) });
    const settled = () => this.settled(),
      turn = (name) => (value) => this.turn({ [name]: value });
    this.callsKnob = slider(
      "network calls",
      "How often the denoiser is asked on the way",
      { min: 0, max: CALLS.length - 1, step: 1, format: (i) => String(CALLS[i]) },
      (i) => this.turn({ calls: CALLS[i] }),
      settled,
    );
    this.guidanceKnob = slider(
      "guidance",
      "1: as the class says; more: more typical of it; 0: as if it were not told",
      { min: 0, max: 8, step: 0.5, format: (v) => v.toFixed(1) },
      turn("guidance"),
      settled,
    );
    this.warmthKnob = slider(
      "temperature",
      "A factor on the variance of the noise that is drawn on the way: T of p^(1/T)",
      { min: 0, max: 1.5, step: 0.05, format: (v) => v.toFixed(2) },
      turn("temperature"),
      settled,
    );
    this.again = element(
      "button",
      {
        type: "button",
        className: "quiet",
        title: "The same, from another noise",
        onclick: () => this.turn({ seed: (this.seed % 999) + 1 }),
      },
      "other noise",
    );
    this.chips = element("div", { className: "classes" });
    this.idea = element("div", { className: "soft small idea" });
    this.root = element(
      "section",
      { className: "card denoise-tools" },
      element(
        "div",
        { className: "tools first" },
        list,
        element("span", { className: "tags" }, ...this.sourceButtons.map(([, button]) => button)),
      ),
      element(
        "div",
        { className: "tools second" },
        element("label", { className: "knob" }, element("span", {}, "sampler"), this.select),
        this.callsKnob.root,
        this.warmthKnob.root,
        this.again,
        this.idea,
      ),
      element("div", { className: "tools third" }, this.chips, this.guidanceKnob.root),
    );
  }

  /** What Python knows: the samplers and the classes. */
  describe(numbers) {
    if (
      this.numbers?.classes.join() === numbers.classes.join() &&
      this.numbers.samplers.length === numbers.samplers.length
    ) {
      this.numbers = numbers;
      return;
    }
    this.numbers = numbers;
    this.select.replaceChildren(...numbers.samplers.map(({ key, title }) => element("option", { value: key }, title)));
    const chip = (label, title, help) => {
      const button = element("button", { type: "button", title: help, onclick: () => this.turn({ label }) }, title);
      button.label = label;
      return button;
    };
    const classes = numbers.classes.map((name, i) => chip(i, name, `Only the class ${name}`));
    this.chips.replaceChildren(
      ...(classes.length
        ? [
            element("span", { className: "soft small" }, "class "),
            chip(NOT_TOLD, "not told", "The net is not told any class"),
            chip(EACH, "each", "Every class in turn"),
            ...classes,
          ]
        : []),
    );
    if (this.label >= classes.length) this.label = EACH;
    this.show();
  }

  set(place) {
    for (const name of ["task", "source", "sampler", "calls", "label", "guidance", "temperature", "seed"])
      this[name] = place[name];
    if (this.label >= this.numbers.classes.length) this.label = EACH;
    this.show();
  }

  /** What the denoiser is told: a picture has a class of its own, so that no other is told in turn beside it. */
  get told() {
    return !this.numbers.classes.length || (this.label === EACH && this.task !== "noise") ? NOT_TOLD : this.label;
  }

  setTask(task) {
    this.task = task;
    this.show();
  }

  choose(sampler) {
    const wasSlow = this.sampler === "annealed",
      isSlow = sampler === "annealed";
    const calls = isSlow && this.calls < 99 ? ANNEALED_CALLS : wasSlow && this.calls > 99 ? 19 : this.calls;
    this.turn({ sampler, calls });
  }

  turn(changes) {
    Object.assign(this, changes);
    this.wasTouched =
      !("calls" in changes && Object.keys(changes).length === 1) &&
      !("guidance" in changes) &&
      !("temperature" in changes);
    this.show();
    this.ask();
    this.settled();
  }

  get spec() {
    return this.numbers.samplers.find(({ key }) => key === this.sampler);
  }

  show() {
    for (const [key, button] of Object.entries(this.tabs))
      button.setAttribute("aria-selected", String(key === this.task));
    for (const [key, button] of this.sourceButtons) button.setAttribute("aria-pressed", String(key === this.source));
    for (const chip of this.chips.children)
      if ("label" in chip) chip.setAttribute("aria-pressed", String(chip.label === this.told));
    this.select.value = this.sampler;
    const nearest = CALLS.reduce(
      (best, v, i) =>
        Math.abs(Math.log(v / Math.max(1, this.calls))) < Math.abs(Math.log(CALLS[best] / Math.max(1, this.calls)))
          ? i
          : best,
      0,
    );
    this.callsKnob.set(nearest);
    this.guidanceKnob.set(this.guidance);
    this.warmthKnob.set(this.temperature);
    for (const chip of this.chips.children) chip.hidden = chip.label === EACH && this.task !== "noise";
    const hasClasses = !!this.numbers?.classes.length;
    this.chips.parentElement.hidden = !hasClasses;
    this.guidanceKnob.root.hidden = this.told === NOT_TOLD || this.source === "empirical";
    this.warmthKnob.root.hidden = !this.spec?.is_random;
    this.idea.textContent = this.spec ? `${this.spec.idea}` : "";
  }

  describeStart() {
    return {
      noise: "every chain begins as noise of its own",
      picture: "every chain begins as the picture under other noise",
      fill: "known pixels are kept, under noise of the same level",
    }[this.task];
  }

  /** The part of a question that these controls say. */
  request() {
    const { source, sampler, told: label, guidance, temperature, seed } = this,
      isRandom = this.spec?.is_random;
    return {
      source,
      sampler,
      n_calls: this.calls,
      label,
      guidance: label === NOT_TOLD || source === "empirical" ? 1 : guidance,
      temperature: isRandom ? temperature : 1,
      seed,
    };
  }

  where() {
    const { task, source, sampler, calls, label, guidance, temperature, seed } = this;
    return { task, source, sampler, calls, label, guidance, temperature, seed };
  }
}
